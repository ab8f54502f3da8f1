"""All accounts of one name, which are one user to a rotation: read, changed and cloned together."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from detent.functions.engines.mariadb.accounts import Account, account_of, identified, quoted
from detent.functions.engines.mariadb.grants import grants_of
from detent.functions.errors import ChangeRefused
from detent.functions.mysql_protocol.grants import converge

Run = Callable[[str], Sequence[tuple[Any, ...]]]  # one statement as it is written

_SOCKET: Final = "unix_socket"  # asks for no password, and lets in only from the server's own host
OWN: Final = "CURRENT_USER()"


def hosts_of(run: Run, literal: str) -> list[str]:
    """Name the host patterns of a user's accounts; given is the name, quoted. Needs SELECT on mysql.user."""
    return [row[0] for row in run(f"SELECT Host FROM mysql.user WHERE User = {literal} AND is_role = 'N'")]  # noqa: S608


def account(run: Run, name: str) -> Account:
    """Read an account, written as in statements."""
    ((created,),) = run(f"SHOW CREATE USER {name}")
    return account_of(created)


def change(run: Run, accounts: Iterable[Account], hashes: Callable[[Account], Iterable[str]]) -> None:
    """Let each account in by these passwords, beside its rules that are none. Refuses where that would not help."""
    for one in accounts:
        if not one.takes_password:
            raise another_plugin(one)
        if one.locked:
            raise ChangeRefused(f"the account {one.quoted} may not log in, it is locked: ALTER USER … ACCOUNT UNLOCK")
        run(f"ALTER USER {one.quoted} {identified(hashes(one), one.others)}")


def require_single(accounts: Iterable[Account]) -> None:
    """Refuse accounts that have, beside their passwords, a way to log in that is not rotated."""
    for one in accounts:
        if set(one.others) - {_SOCKET}:
            raise another_plugin(one)


def another_plugin(one: Account) -> ChangeRefused:
    """Say that the account is not rotated, and the cure."""
    return ChangeRefused(
        f"the account {one.quoted} logs in by another plug-in than mysql_native_password, which is not rotated: "
        "ALTER USER … IDENTIFIED VIA mysql_native_password USING PASSWORD('…')"
    )


def clone(run: Run, source: Sequence[str], target: Sequence[str], users: tuple[str, str], digest: str) -> None:
    """Make the target's accounts like the source's, host by host; given are the hosts that each has.

    Whether an account is locked is not copied: who locked one meant that one.
    """
    for host in set(target) - set(source):
        run(f"DROP USER {quoted(users[1], host)}")
    for host in source:
        original, copy = (quoted(user, host) for user in users)
        like = account(run, original)
        if host not in target:
            run(f"CREATE USER {copy} {identified([digest])} {like.optioned()}")
        elif account(run, copy).options != like.options:
            run(f"ALTER USER {copy} {like.optioned()}")
        converge(run, original, copy, grants_of)


def privileges(run: Run, name: str, host: str) -> frozenset[str]:
    """Name what tells what an account may do, and from where."""
    grants = grants_of(row[0] for row in run(f"SHOW GRANTS FOR {name}"))
    return account(run, name).limits() | {grant.name for grant in grants} | {f"host {host}"}
