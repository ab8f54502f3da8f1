"""Grants as MySQL's ``SHOW GRANTS`` tells of them: also roles of several, dynamic privileges and partial revokes."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from detent.functions.errors import EngineUnavailable
from detent.functions.mysql_protocol.grants import ACCOUNT, NAME, OBJECT, PRIVILEGE, TEXT, Grant, privileges, proxy

_GRANT: Final = re.compile(
    rf"GRANT (?P<what>{PRIVILEGE}(?:, ?{PRIVILEGE})*) ON (?P<on>{OBJECT}) TO {ACCOUNT}(?P<tail>.*)", re.DOTALL
)
_ROLES: Final = re.compile(rf"GRANT (?P<roles>{ACCOUNT}(?:,{ACCOUNT})*) TO {ACCOUNT}(?P<more> WITH ADMIN OPTION)?")
_REVOKED: Final = re.compile(rf"REVOKE (?P<what>{PRIVILEGE}(?:, ?{PRIVILEGE})*) ON (?P<on>{NAME}\.\*) FROM {ACCOUNT}")


def grants_of(rows: Iterable[str]) -> frozenset[Grant]:
    """Read the rows of SHOW GRANTS. Raises EngineUnavailable for one that is not understood."""
    return frozenset(grant for row in rows for grant in _read(row))


def _read(row: str) -> Iterator[Grant]:
    if (delegated := proxy(row)) is not None:
        yield from delegated
    elif found := _ROLES.fullmatch(row):
        yield from _roles(found["roles"], admin=found["more"] is not None)
    elif found := _REVOKED.fullmatch(row):
        yield from _revoked(found["what"], found["on"])
    elif (found := _GRANT.fullmatch(row)) and "_" in found["what"].partition(" ")[0]:
        yield from _dynamic(found["what"], passes="GRANT OPTION" in found["tail"])
    elif found:
        yield from privileges(found["what"], found["on"], re.sub(TEXT, "", found["tail"], flags=re.DOTALL))
    else:
        raise EngineUnavailable("what the server says of an account's rights (SHOW GRANTS) is not understood here")


def _dynamic(what: str, *, passes: bool) -> Iterator[Grant]:
    """Each has a grant option of its own; only they have an underscore in their names."""
    option = " WITH GRANT OPTION" if passes else ""
    for one in re.findall(r"\w+", what):
        yield Grant(
            0, f"{one}{option.lower()}", (f"GRANT {one} ON *.* TO ", option), (f"REVOKE {one} ON *.* FROM ", "")
        )


def _roles(roles: str, *, admin: bool) -> Iterator[Grant]:
    option = " WITH ADMIN OPTION" if admin else ""
    for role in re.findall(ACCOUNT, roles):
        yield Grant(2, f"role {role}{option.lower()}", (f"GRANT {role} TO ", option), (f"REVOKE {role} FROM ", ""))


def _revoked(what: str, on: str) -> Iterator[Grant]:
    """Under ``partial_revokes``: what is taken back in one database of what is given in all. It comes last."""
    for one in re.findall(PRIVILEGE, what):
        yield Grant(5, f"no {one} on {on}", (f"REVOKE {one} ON {on} FROM ", ""), (f"GRANT {one} ON {on} TO ", ""))
