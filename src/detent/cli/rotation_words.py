"""Rotation in one word: `postgres/alternating-users every 30d for 3h`. What rotates, when, and in how long a window."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from detent.functions.builtin import BUILTIN
from detent.functions.choosing import facts_of

_FORM: Final = "ENGINE/STRATEGY every 30d, or every 12h, or cron(…) or rate(…), and perhaps for 3h"
_WHEN: Final = re.compile(
    r"(?P<what>[^\s()]+)"
    r"(?:\s+(?:every\s+(?P<count>[0-9]{1,6})\s*(?P<unit>d|days?|h|hours?)|(?P<expression>(?:cron|rate)\([^()]*\))))?"
    r"(?:\s+for\s+(?P<length>[0-9]{1,2})\s*(?:h|hours?))?"
)


class NotUnderstood(Exception):
    """The words say no rotation; the message says what is wrong and what would be right."""


@dataclass(frozen=True)
class Wish:
    """A function, by its name or ARN, and AWS's `RotationRules`; `rules` is empty where no time was named."""

    function: str
    rules: Mapping[str, Any]

    def of(self, secret: str) -> "Wish":
        """Give it with the function's ARN: a name alone is of the account and region of a secret's ARN."""
        if self.function.startswith("arn:"):
            return self
        partition, _, region, account = secret.split(":")[1:5]
        return Wish(f"arn:{partition}:lambda:{region}:{account}:function:{self.function}", self.rules)

    def __str__(self) -> str:
        """Say it in the words of `read`."""
        name = self.function.rpartition(":function:")[2]
        return f"{name} {_when(self.rules)}"


def read(words: str) -> Wish:
    """Understand the words. Raises NotUnderstood."""
    found = _WHEN.fullmatch(words.strip())
    if found is None:
        raise NotUnderstood(f"{words!r} is no rotation: write {_FORM}")
    rules = _rules(found)
    if found["length"] and not rules:
        raise NotUnderstood(f"{words!r} says how long, but not when: write {_FORM}")
    return Wish(_function(found["what"]), {**rules, **_duration(found["length"])})


def echoed(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Give the rules that DescribeSecret shows as they were sent: the days that AWS derives (D.2) are left out."""
    derived = "AutomaticallyAfterDays" if "ScheduleExpression" in rules else ""
    return {name: value for name, value in rules.items() if name != derived}


def _when(rules: Mapping[str, Any]) -> str:
    if "ScheduleExpression" in rules:
        when = rules["ScheduleExpression"]
    else:
        when = f"every {rules['AutomaticallyAfterDays']}d" if "AutomaticallyAfterDays" in rules else "on demand"
    return f"{when} for {rules['Duration']}" if "Duration" in rules else when


def _rules(found: re.Match[str]) -> dict[str, Any]:
    if found["expression"]:
        return {"ScheduleExpression": found["expression"]}
    if not found["count"]:
        return {}
    count = int(found["count"])
    if found["unit"].startswith("d"):
        return {"AutomaticallyAfterDays": count}
    return {"ScheduleExpression": f"rate({count} hour{'s' if count != 1 else ''})"}


def _duration(hours: str | None) -> dict[str, str]:
    return {"Duration": f"{int(hours)}h"} if hours else {}


def _function(what: str) -> str:
    """Name the function: an engine alone means the one of its functions that is recommended; else it is the user's."""
    engine, slash, strategy = what.partition("/")
    if what.startswith("arn:"):
        return what
    of_engine = [name for name, function in BUILTIN.items() if engine in facts_of(function).names]
    if not of_engine:
        if slash:
            raise NotUnderstood(f"there is no engine {engine!r}; there are {', '.join(_engines())}")
        return what
    if not slash:
        return of_engine[0]
    strategies = {BUILTIN[name].strategy.name: name for name in of_engine}
    if strategy not in strategies:
        raise NotUnderstood(f"{engine} has no strategy {strategy!r}; it has {', '.join(strategies)}")
    return strategies[strategy]


def _engines() -> list[str]:
    return sorted({function.engine for function in BUILTIN.values()})
