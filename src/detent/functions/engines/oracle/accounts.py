"""Users of Oracle: what the catalogs say of one, and how another comes to be like it."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from detent.functions.errors import ChangeRefused

Rows = Callable[..., Sequence[Sequence[Any]]]  # runs a statement with its parameters

STATUS: Final = "SELECT account_status FROM dba_users WHERE username = :1"
OWN_ROLLOVER: Final = "SELECT limit FROM user_password_limits WHERE resource_name = 'PASSWORD_ROLLOVER_TIME'"
ROLLOVER: Final = (
    "SELECT DECODE(p.limit, 'DEFAULT', d.limit, p.limit) FROM dba_users u"
    " JOIN dba_profiles p ON p.profile = u.profile AND p.resource_name = 'PASSWORD_ROLLOVER_TIME'"
    " JOIN dba_profiles d ON d.profile = 'DEFAULT' AND d.resource_name = 'PASSWORD_ROLLOVER_TIME'"
    " WHERE u.username = :1"
)
_PLACES: Final = "SELECT profile, default_tablespace, temporary_tablespace FROM dba_users WHERE username = :1"
# what may be copied: of anybody, and of oneself
_ROLES: Final = "SELECT granted_role, admin_option, default_role FROM dba_role_privs WHERE grantee = :1"
_SYSTEM: Final = "SELECT privilege, admin_option FROM dba_sys_privs WHERE grantee = :1"
_OBJECTS: Final = "SELECT privilege, owner, table_name, grantable FROM dba_tab_privs WHERE grantee = :1"
_QUOTAS: Final = "SELECT tablespace_name, max_bytes FROM dba_ts_quotas WHERE username = :1"
_OWN: Final = {
    _ROLES: "SELECT granted_role, admin_option, default_role FROM user_role_privs",
    _SYSTEM: "SELECT privilege, admin_option FROM user_sys_privs",
    _OBJECTS: "SELECT privilege, owner, table_name, grantable FROM user_tab_privs_recd",
    _QUOTAS: "SELECT tablespace_name, max_bytes FROM user_ts_quotas",
}
_OWN_PLACES: Final = "SELECT default_tablespace, temporary_tablespace FROM user_users"
_OWN_COLUMNS: Final = "SELECT privilege, owner, table_name, column_name FROM user_col_privs_recd"
_OWN_PROXIES: Final = "SELECT client FROM user_proxies"


def folded(name: str) -> str:
    """Give a name as the catalogs have it: in capitals, but for one in double quotes."""
    return name.replace('"', "") if name.startswith('"') else name.upper()


def quoted(name: str) -> str:
    """Write a name as it stands in statements."""
    return f'"{folded(name)}"'


def in_rollover(status: str) -> bool:
    """Say whether an account has two passwords now."""
    return "IN ROLLOVER" in status


def require_usable(rows: Rows, user: str) -> str:
    """Give the account's status. Refuses where there is none, and where no password would let in."""
    found = rows(STATUS, folded(user))
    if not found:
        raise ChangeRefused(f"there is no user {user!r} on the server")
    status = str(found[0][0])
    if "LOCKED" in status:
        raise ChangeRefused(f"the user {user!r} is locked, so no password of it works: ALTER USER … ACCOUNT UNLOCK")
    return status


def clone(rows: Rows, source: str, target: str, clause: str) -> None:
    """Make the target like the source; ``clause`` says what its password is if it is made."""
    require_usable(rows, source)
    ((profile, default, temporary),) = rows(_PLACES, folded(source))
    places = f'PROFILE "{profile}" DEFAULT TABLESPACE "{default}" TEMPORARY TABLESPACE "{temporary}"'
    present = rows(_PLACES, folded(target))
    if not present:
        rows(f"CREATE USER {quoted(target)} {clause} {places}")
    elif tuple(present[0]) != (profile, default, temporary):
        rows(f"ALTER USER {quoted(target)} {places}")
    _converge(rows, source, target)
    _converge_defaults(rows, source, target)


def _converge(rows: Rows, source: str, target: str) -> None:
    def asked(user: str) -> dict[str, tuple[str, str]]:
        return _grants(lambda query: rows(query, folded(user)))

    wanted, present = asked(source), asked(target)
    for name in sorted(present.keys() - wanted.keys()):
        rows(present[name][1].format(quoted(target)))
    for name in sorted(wanted.keys() - asked(target).keys()):  # what was taken may have taken what is to be kept
        rows(wanted[name][0].format(quoted(target)))


def _converge_defaults(rows: Rows, source: str, target: str) -> None:
    def defaults(user: str) -> list[str]:
        return sorted(role for role, _, default in rows(_ROLES, folded(user)) if default == "YES")

    wanted = defaults(source)
    if wanted != defaults(target):
        named = ", ".join(f'"{role}"' for role in wanted) or "NONE"
        rows(f"ALTER USER {quoted(target)} DEFAULT ROLE {named}")


def privileges(rows: Rows) -> frozenset[str]:
    """Name what tells what the session's own user may do."""
    found = set(_grants(lambda query: rows(_OWN[query])))
    found |= {f"default role {role}" for role, _, default in rows(_OWN[_ROLES]) if default == "YES"}
    found |= {f"tablespaces {default}, {temporary}" for default, temporary in rows(_OWN_PLACES)}
    found |= {f"{right} on {owner}.{table}.{column}" for right, owner, table, column in rows(_OWN_COLUMNS)}
    found |= {f"proxy of {client}" for (client,) in rows(_OWN_PROXIES)}
    return frozenset(found)


def _grants(ask: Callable[[str], Sequence[Sequence[Any]]]) -> dict[str, tuple[str, str]]:
    """Name what a user has, with the statements that give and take it, but for the user's name."""
    found = {}
    for role, admin, _ in ask(_ROLES):
        option = " WITH ADMIN OPTION" if admin == "YES" else ""
        found[f"role {role}{option.lower()}"] = f'GRANT "{role}" TO {{}}{option}', f'REVOKE "{role}" FROM {{}}'
    for right, admin in ask(_SYSTEM):
        option = " WITH ADMIN OPTION" if admin == "YES" else ""
        found[f"{right}{option.lower()}"] = f"GRANT {right} TO {{}}{option}", f"REVOKE {right} FROM {{}}"
    for right, owner, table, grantable in ask(_OBJECTS):
        option, on = " WITH GRANT OPTION" if grantable == "YES" else "", f'"{owner}"."{table}"'
        give, take = f"GRANT {right} ON {on} TO {{}}{option}", f"REVOKE {right} ON {on} FROM {{}}"
        found[f"{right} on {owner}.{table}{option.lower()}"] = give, take
    for tablespace, most in ask(_QUOTAS):
        size = "UNLIMITED" if most < 0 else str(most)
        give, take = (f'ALTER USER {{}} QUOTA {how} ON "{tablespace}"' for how in (size, "0"))
        found[f"quota of {size} on {tablespace}"] = give, take
    return found
