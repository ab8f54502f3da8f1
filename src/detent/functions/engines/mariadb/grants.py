"""Grants as ``SHOW GRANTS`` tells of them, each taken apart into what can be given and taken by itself."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from detent.functions.engines.mariadb.accounts import NAME, TEXT
from detent.functions.errors import EngineUnavailable

_PRIVILEGE: Final = rf"[A-Z][A-Z ]*[A-Z](?: \({NAME}(?:, {NAME})*\))?"
_OBJECT: Final = rf"(?:[A-Z ]+ )?(?:\*|{NAME})\.(?:\*|{NAME})"
_ACCOUNT: Final = f"{NAME}@{NAME}"
_GRANT: Final = re.compile(
    rf"GRANT (?P<what>{_PRIVILEGE}(?:, {_PRIVILEGE})*) ON (?P<on>{_OBJECT}) TO {_ACCOUNT}(?P<tail>.*)", re.DOTALL
)
_ROLE: Final = re.compile(rf"GRANT (?P<role>{NAME}) TO {_ACCOUNT}(?P<more> WITH ADMIN OPTION)?", re.DOTALL)
_DEFAULT_ROLE: Final = re.compile(rf"SET DEFAULT ROLE (?P<role>{NAME}) FOR {_ACCOUNT}", re.DOTALL)
_PROXY: Final = re.compile(rf"GRANT PROXY ON (?P<on>{_ACCOUNT}) TO {_ACCOUNT}(?P<more> WITH GRANT OPTION)?", re.DOTALL)


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


def grants_of(rows: Iterable[str]) -> frozenset[Grant]:
    """Read the rows of SHOW GRANTS. Raises EngineUnavailable for one that is not understood."""
    return frozenset(grant for row in rows for grant in _read(row))


def converge(run: Callable[[str], Iterable[tuple[Any, ...]]], source: str, target: str) -> None:
    """Give the target what the source has, and take what it has besides; both are written as in statements."""

    def shown(account: str) -> frozenset[Grant]:
        return grants_of(row[0] for row in run(f"SHOW GRANTS FOR {account}"))

    wanted = shown(source)
    _give(run, wanted - shown(target), target)
    surplus = sorted(shown(target) - wanted, reverse=True)
    for statement in dict.fromkeys(grant.take(target) for grant in surplus):  # PROXY goes with its grant option
        run(statement)
    _give(run, wanted - shown(target), target)  # to take ALL PRIVILEGES takes those to be kept too


def _give(run: Callable[[str], object], missing: frozenset[Grant], target: str) -> None:
    for grant in sorted(missing):
        run(grant.give(target))


def _read(row: str) -> Iterator[Grant]:
    if found := _PROXY.fullmatch(row):
        yield from _proxy(found["on"], grantable=found["more"] is not None)
    elif found := _ROLE.fullmatch(row):
        yield from _role(found["role"], grantable=found["more"] is not None)
    elif found := _DEFAULT_ROLE.fullmatch(row):
        given = (f"SET DEFAULT ROLE {found['role']} FOR ", "")
        yield Grant(4, f"default role {found['role']}", given, ("SET DEFAULT ROLE NONE FOR ", ""))
    elif found := _GRANT.fullmatch(row):
        yield from _privileges(found["what"], found["on"], re.sub(TEXT, "", found["tail"], flags=re.DOTALL))
    else:
        raise EngineUnavailable("what the server says of an account's rights (SHOW GRANTS) is not understood here")


def _privileges(what: str, on: str, tail: str) -> Iterator[Grant]:
    for entry in re.findall(_PRIVILEGE, what, re.DOTALL):
        privilege, _, columns = entry.partition(" (")
        for single in re.findall(NAME, columns, re.DOTALL) or [""]:
            one = f"{privilege} ({single})" if single else privilege
            if one != "USAGE":  # no right at all
                yield Grant(0, f"{one} on {on}", (f"GRANT {one} ON {on} TO ", ""), (f"REVOKE {one} ON {on} FROM ", ""))
    if "GRANT OPTION" in tail:
        given = (f"GRANT USAGE ON {on} TO ", " WITH GRANT OPTION")
        yield Grant(1, f"grant option on {on}", given, (f"REVOKE GRANT OPTION ON {on} FROM ", ""))


def _role(role: str, *, grantable: bool) -> Iterator[Grant]:
    give = f"GRANT {role} TO "
    yield Grant(2, f"role {role}", (give, ""), (f"REVOKE {role} FROM ", ""))
    if grantable:
        taken = (f"REVOKE ADMIN OPTION FOR {role} FROM ", "")
        yield Grant(3, f"admin option of role {role}", (give, " WITH ADMIN OPTION"), taken)


def _proxy(on: str, *, grantable: bool) -> Iterator[Grant]:
    give, taken = f"GRANT PROXY ON {on} TO ", (f"REVOKE PROXY ON {on} FROM ", "")
    yield Grant(2, f"proxy of {on}", (give, ""), taken)
    if grantable:
        yield Grant(3, f"grant option of proxy of {on}", (give, " WITH GRANT OPTION"), taken)
