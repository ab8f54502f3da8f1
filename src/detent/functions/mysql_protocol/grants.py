"""Grants, each taken apart into what can be given and taken by itself, and how two accounts come to have the same."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from detent.functions.mysql_protocol.connection import Run

NAME: Final = r"`(?:[^`]|``)*`"
TEXT: Final = r"'(?:[^'\\]|''|\\.)*'"
PRIVILEGE: Final = rf"[A-Z][A-Z_ ]*[A-Z](?: \({NAME}(?:, {NAME})*\))?"
OBJECT: Final = rf"(?:[A-Z ]+ )?(?:\*|{NAME})\.(?:\*|{NAME})"
ACCOUNT: Final = f"{NAME}@{NAME}"
_PROXY: Final = re.compile(rf"GRANT PROXY ON (?P<on>{ACCOUNT}) TO {ACCOUNT}(?P<more> WITH GRANT OPTION)?", re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One thing that an account may do. ``given`` and ``taken``: the statements, but for the account in between."""

    rank: int  # in which order they are given
    name: str
    given: tuple[str, str]
    taken: tuple[str, str]

    def give(self, account: str) -> str:
        """Write the statement that gives it."""
        return account.join(self.given)

    def take(self, account: str) -> str:
        """Write the statement that takes it away."""
        return account.join(self.taken)


def converge(run: Run, source: str, target: str, read: Callable[[Iterable[str]], frozenset[Grant]]) -> None:
    """Give the target what the source has, and take what it has besides; both are written as in statements.

    ``read`` reads the rows of the server's SHOW GRANTS.
    """

    def shown(account: str) -> frozenset[Grant]:
        return read(row[0] for row in run(f"SHOW GRANTS FOR {account}"))

    wanted = shown(source)
    _give(run, wanted - shown(target), target)
    surplus = sorted(shown(target) - wanted, reverse=True)
    for statement in dict.fromkeys(grant.take(target) for grant in surplus):  # PROXY goes with its grant option
        run(statement)
    _give(run, wanted - shown(target), target)  # to take ALL PRIVILEGES takes those to be kept too


def _give(run: Run, missing: frozenset[Grant], target: str) -> None:
    for grant in sorted(missing):
        run(grant.give(target))


def privileges(what: str, on: str, tail: str) -> Iterator[Grant]:
    """Take a grant of privileges apart; ``tail`` is what stands behind the account."""
    for entry in re.findall(PRIVILEGE, what, re.DOTALL):
        privilege, _, columns = entry.partition(" (")
        for single in re.findall(NAME, columns, re.DOTALL) or [""]:
            one = f"{privilege} ({single})" if single else privilege
            if one != "USAGE":  # no right at all
                yield Grant(0, f"{one} on {on}", (f"GRANT {one} ON {on} TO ", ""), (f"REVOKE {one} ON {on} FROM ", ""))
    if "GRANT OPTION" in tail:
        given = (f"GRANT USAGE ON {on} TO ", " WITH GRANT OPTION")
        yield Grant(1, f"grant option on {on}", given, (f"REVOKE GRANT OPTION ON {on} FROM ", ""))


def proxy(row: str) -> list[Grant] | None:
    """Read a grant of PROXY; None where the row is none."""
    found = _PROXY.fullmatch(row)
    return None if found is None else list(_proxy(found))


def _proxy(found: re.Match[str]) -> Iterator[Grant]:
    on = found["on"]
    give, taken = f"GRANT PROXY ON {on} TO ", (f"REVOKE PROXY ON {on} FROM ", "")
    yield Grant(2, f"proxy of {on}", (give, ""), taken)
    if found["more"]:
        yield Grant(3, f"grant option of proxy of {on}", (give, " WITH GRANT OPTION"), taken)
