"""Accounts of MySQL: all of one name are one user to a rotation, read, changed and cloned together."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from detent.functions.engines.mysql.grants import grants_of
from detent.functions.engines.mysql.passwords import is_of
from detent.functions.errors import ChangeRefused, EngineUnavailable
from detent.functions.mysql_protocol.connection import Run
from detent.functions.mysql_protocol.grants import ACCOUNT, TEXT, converge
from detent.functions.passwords import Password

OWN: Final = "CURRENT_USER()"
_CREATED: Final = re.compile(
    rf"CREATE USER {ACCOUNT} IDENTIFIED WITH '\w+'(?: AS (?:{TEXT}|0x[0-9A-Fa-f]*))?"
    rf"(?: DEFAULT ROLE (?P<roles>{ACCOUNT}(?:,{ACCOUNT})*))?"
    rf" REQUIRE (?P<require>(?:{TEXT}|[A-Z0-9 ])+?)"
    r"(?: WITH(?P<limits>(?: MAX_[A-Z_]+ [0-9]+)+))?"
    r" PASSWORD EXPIRE(?P<expire>[A-Z0-9 ]*) ACCOUNT (?:UN)?LOCK"
    r" PASSWORD HISTORY (?P<history>\w+) PASSWORD REUSE INTERVAL (?P<reuse>[A-Z0-9 ]+?)"
    r" PASSWORD REQUIRE CURRENT(?P<current>(?: DEFAULT| OPTIONAL)?)"
    r"(?: FAILED_LOGIN_ATTEMPTS (?P<attempts>\d+) PASSWORD_LOCK_TIME (?P<lock>\w+))?"
    rf"(?: (?:ATTRIBUTE|COMMENT) {TEXT})?",
    re.DOTALL,
)
_LIMITS: Final = (
    "MAX_QUERIES_PER_HOUR",
    "MAX_UPDATES_PER_HOUR",
    "MAX_CONNECTIONS_PER_HOUR",
    "MAX_USER_CONNECTIONS",
)


@dataclass(frozen=True, slots=True)
class Account:
    """One account. ``kept`` is what the server keeps of its current password, ``second`` of the one beside it."""

    quoted: str  # as it stands in statements
    host: str
    plugin: str
    kept: bytes
    second: bytes
    locked: bool

    def is_current(self, password: Password) -> bool:
        """Say whether this is the account's current password, and not the second one."""
        return is_of(password, self.plugin, self.kept)

    def is_second(self, password: Password) -> bool:
        """Say whether this is the one beside it."""
        return is_of(password, self.plugin, self.second)


def quoted(user: str, host: str) -> str:
    """Write an account as it stands in statements."""
    return "@".join(f"`{part.replace('`', '``')}`" for part in (user, host))


def accounts_of(run: Run, user: str, literal: str) -> list[Account]:
    """Read a user's accounts; ``literal`` is the name, quoted as text. Needs SELECT on mysql.user."""
    rows = run(
        "SELECT Host, plugin, HEX(authentication_string), "  # noqa: S608 - quoted by the driver
        "HEX(User_attributes->>'$.additional_password'), account_locked = 'Y' "
        f"FROM mysql.user WHERE User = {literal} ORDER BY Host"
    )
    return [
        Account(quoted(user, host), host, plugin, bytes.fromhex(kept or ""), bytes.fromhex(second or ""), bool(locked))
        for host, plugin, kept, second, locked in rows
    ]


def options_of(run: Run, name: str) -> Mapping[str, str]:
    """Read what limits an account, and its default roles, as clauses of ALTER USER; they say of each what it is."""
    ((created,),) = run(f"SHOW CREATE USER {name}")
    found = _CREATED.fullmatch(created)
    if found is None:
        raise EngineUnavailable("what the server says of an account (SHOW CREATE USER) is not understood here")
    limits = (found["limits"] or "").split()
    given = dict(zip(limits[::2], limits[1::2], strict=True))
    return {
        "REQUIRE": found["require"],
        "WITH": " ".join(f"{name} {given.get(name, '0')}" for name in _LIMITS),
        "PASSWORD EXPIRE": found["expire"].strip() or "DEFAULT",  # that one has expired is no option
        "PASSWORD HISTORY": found["history"],
        "PASSWORD REUSE INTERVAL": found["reuse"],
        "PASSWORD REQUIRE CURRENT": found["current"].strip(),
        "FAILED_LOGIN_ATTEMPTS": found["attempts"] or "0",
        "PASSWORD_LOCK_TIME": found["lock"] or "0",
        "DEFAULT ROLE": found["roles"] or "NONE",
    }


def clone(run: Run, users: tuple[str, str], hosts: Sequence[str], others: Iterable[str], secret: str) -> None:
    """Make the second user's accounts like the first's, host by host; given are the hosts of both, and a literal.

    Whether an account is locked is not copied: who locked one meant that one.
    """
    there = set(others)
    for host in sorted(there - set(hosts)):
        run(f"DROP USER {quoted(users[1], host)}")
    for host in hosts:
        original, copy = (quoted(user, host) for user in users)
        wanted = options_of(run, original)
        if host not in there:
            run(f"CREATE USER {copy} IDENTIFIED BY {secret}")
        if _clauses(options_of(run, copy)) != _clauses(wanted):
            run(f"ALTER USER {copy} {_clauses(wanted)}")
        converge(run, original, copy, grants_of)
        if options_of(run, copy)["DEFAULT ROLE"] != wanted["DEFAULT ROLE"]:  # of those that it has by now
            run(f"ALTER USER {copy} DEFAULT ROLE {wanted['DEFAULT ROLE']}")


def privileges(run: Run, name: str, host: str) -> frozenset[str]:
    """Name what tells what an account may do, and from where."""
    grants = grants_of(row[0] for row in run(f"SHOW GRANTS FOR {name}"))
    options = {f"{clause} {value}" for clause, value in options_of(run, name).items()}
    return frozenset(options | {grant.name for grant in grants} | {f"host {host}"})


def require_usable(accounts: Sequence[Account], user: str) -> Sequence[Account]:
    """Refuse where there is none, and where a password would not let in."""
    if not accounts:
        raise ChangeRefused(f"there is no user {user!r} on the server")
    for one in accounts:
        if one.locked:
            raise ChangeRefused(f"the account {one.quoted} may not log in, it is locked: ALTER USER … ACCOUNT UNLOCK")
    return accounts


def _clauses(options: Mapping[str, str]) -> str:
    return " ".join(f"{clause} {value}".strip() for clause, value in options.items() if clause != "DEFAULT ROLE")
