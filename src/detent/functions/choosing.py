"""Which built-in function suits a secret, and what it asks for: for people who choose one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detent.functions.builtin import BUILTIN
from detent.functions.contract import RotationFunction
from detent.functions.engines import Engine, Facts, engine_named
from detent.functions.errors import StepFailed
from detent.functions.values import COMMON_KEYS

_WITHOUT_OVERLAP = "single-user"


@dataclass(frozen=True, slots=True)
class Choice:
    """A function, and why it is recommended; the others of the engine, the best first."""

    name: str
    reason: str
    others: tuple[str, ...]


def recommended(value: Mapping[str, Any]) -> Choice:
    """Choose by the key ``engine`` the function that has an overlap. Raises StepFailed for an unknown engine."""
    named = value.get("engine")
    names = [name for name, function in BUILTIN.items() if named in facts_of(function).names]
    if not names:
        known = sorted({alias for function in BUILTIN.values() for alias in facts_of(function).names})
        raise StepFailed(f'the secret\'s "engine" is {named!r}; there are functions for {", ".join(known)}')
    best = names[0]
    return Choice(best, _reason(BUILTIN[best], names), tuple(names[1:]))


def facts_of(function: RotationFunction) -> Facts:
    """Give the facts of a function's engine."""
    return _engine(function).FACTS


def keys_of(function: RotationFunction) -> dict[str, str]:
    """Give the keys of the secret's JSON, those that must be there first, with their meaning."""
    facts = facts_of(function)
    host = f"the service's host; {facts.default_host} where it is missing" if facts.default_host else "its host"
    keys = {
        "engine": " or ".join(facts.names),
        "host": host,
        "port": f"{facts.default_port} where it is missing",
        "username": "the user",
        **({facts.key_id: "the id of the issued key"} if facts.key_id else {}),
        facts.password_key: "the secret part of the credential: what is rotated",
    }
    common = {key: said for key, said in COMMON_KEYS.items() if key != "usernames" or _alternates(function)}
    return {**keys, **facts.keys, **common}


def _engine(function: RotationFunction) -> Engine:
    return engine_named(function.engine)


def _alternates(function: RotationFunction) -> bool:
    return function.strategy.name == "alternating-users"


def _reason(function: RotationFunction, names: list[str]) -> str:
    about, facts = function.strategy.about, facts_of(function)
    least = facts.privileges[function.strategy.name]
    admin = " It needs an admin secret." if least.own is None else ""
    if function.strategy.name == _WITHOUT_OVERLAP and len(names) == 1:
        return f"{about} Nothing of this engine gives an overlap.{admin}"
    why = "A user of this engine has one password at a time, so " if _alternates(function) else ""
    return f"{why}{about[0].lower() + about[1:] if why else about}{admin}"
