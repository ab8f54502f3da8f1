"""Grants as MariaDB's ``SHOW GRANTS`` tells of them."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from detent.functions.errors import EngineUnavailable
from detent.functions.mysql_protocol.grants import ACCOUNT, NAME, OBJECT, PRIVILEGE, TEXT, Grant, privileges, proxy

_GRANT: Final = re.compile(
    rf"GRANT (?P<what>{PRIVILEGE}(?:, {PRIVILEGE})*) ON (?P<on>{OBJECT}) TO {ACCOUNT}(?P<tail>.*)", re.DOTALL
)
_ROLE: Final = re.compile(rf"GRANT (?P<role>{NAME}) TO {ACCOUNT}(?P<more> WITH ADMIN OPTION)?", re.DOTALL)
_DEFAULT_ROLE: Final = re.compile(rf"SET DEFAULT ROLE (?P<role>{NAME}) FOR {ACCOUNT}", re.DOTALL)


def grants_of(rows: Iterable[str]) -> frozenset[Grant]:
    """Read the rows of SHOW GRANTS. Raises EngineUnavailable for one that is not understood."""
    return frozenset(grant for row in rows for grant in _read(row))


def _read(row: str) -> Iterator[Grant]:
    if (delegated := proxy(row)) is not None:
        yield from delegated
    elif found := _ROLE.fullmatch(row):
        yield from _role(found["role"], grantable=found["more"] is not None)
    elif found := _DEFAULT_ROLE.fullmatch(row):
        given = (f"SET DEFAULT ROLE {found['role']} FOR ", "")
        yield Grant(4, f"default role {found['role']}", given, ("SET DEFAULT ROLE NONE FOR ", ""))
    elif found := _GRANT.fullmatch(row):
        yield from privileges(found["what"], found["on"], re.sub(TEXT, "", found["tail"], flags=re.DOTALL))
    else:
        raise EngineUnavailable("what the server says of an account's rights (SHOW GRANTS) is not understood here")


def _role(role: str, *, grantable: bool) -> Iterator[Grant]:
    give = f"GRANT {role} TO "
    yield Grant(2, f"role {role}", (give, ""), (f"REVOKE {role} FROM ", ""))
    if grantable:
        taken = (f"REVOKE ADMIN OPTION FOR {role} FROM ", "")
        yield Grant(3, f"admin option of role {role}", (give, " WITH ADMIN OPTION"), taken)
