"""Logins and users of SQL Server, and how one comes to be like another, in one database."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from detent.functions.errors import ChangeRefused

Rows = Callable[..., Sequence[Sequence[Any]]]  # runs a statement with its parameters

LOGIN: Final = "SELECT is_disabled FROM sys.sql_logins WHERE name = %s"
_OPTIONS: Final = (
    "SELECT default_database_name, default_language_name, is_policy_checked, is_expiration_checked"
    " FROM sys.sql_logins WHERE name = %s"
)
# A user of the database by the name of its login, or of itself where the database keeps its password.
_USER: Final = (
    "SELECT name, default_schema_name, authentication_type FROM sys.database_principals"
    " WHERE (authentication_type = 2 AND name = %s) OR (authentication_type = 1 AND sid = SUSER_SID(%s))"
)
_SERVER_ROLES: Final = (
    "SELECT r.name FROM sys.server_role_members m JOIN sys.server_principals r ON r.principal_id = m.role_principal_id"
    " JOIN sys.server_principals u ON u.principal_id = m.member_principal_id WHERE u.name = %s"
)
_ROLES: Final = (
    "SELECT r.name FROM sys.database_role_members m JOIN sys.database_principals r"
    " ON r.principal_id = m.role_principal_id"
    " JOIN sys.database_principals u ON u.principal_id = m.member_principal_id WHERE u.name = %s"
)
_SERVER_RIGHTS: Final = (
    "SELECT p.state_desc + ' ' + p.permission_name + ' on ' + p.class_desc FROM sys.server_permissions p"
    " JOIN sys.server_principals u ON u.principal_id = p.grantee_principal_id WHERE u.name = %s"
)
_RIGHTS: Final = (
    "SELECT p.state_desc + ' ' + p.permission_name + ' on ' + p.class_desc + ' '"
    " + COALESCE(OBJECT_SCHEMA_NAME(p.major_id) + '.' + OBJECT_NAME(p.major_id), CAST(p.major_id AS nvarchar(20)))"
    " + ' ' + CAST(p.minor_id AS nvarchar(20)) FROM sys.database_permissions p"
    " JOIN sys.database_principals u ON u.principal_id = p.grantee_principal_id WHERE u.name = %s"
)
_CONTAINED: Final = 2  # authentication_type: the database keeps the password


def quoted(name: str) -> str:
    """Write a name as it stands in statements."""
    return f"[{name.replace(']', ']]')}]"


def is_contained(rows: Rows, user: str) -> bool:
    """Say whether the database itself keeps this user's password."""
    found = rows(_USER, user, user)
    return bool(found) and found[0][2] == _CONTAINED


def converge(rows: Rows, source: str, target: str, secret: str) -> None:
    """Make the target like the source; ``secret`` is the password as a literal."""
    if is_contained(rows, source):
        _, schema, _ = rows(_USER, source, source)[0]
        if not rows(_USER, target, target):
            rows(f"CREATE USER {quoted(target)} WITH PASSWORD = {secret}, DEFAULT_SCHEMA = {quoted(schema or 'dbo')}")
    else:
        _converge_logins(rows, source, target, secret)
    _converge_users(rows, source, target)


def _converge_logins(rows: Rows, source: str, target: str, secret: str) -> None:
    wanted, present = rows(_OPTIONS, source), rows(_OPTIONS, target)
    if not wanted:
        raise ChangeRefused(f"there is no login {source!r} with a password on the server")
    if not present:
        rows(f"CREATE LOGIN {quoted(target)} WITH PASSWORD = {secret}, {_options(wanted[0])}")
    elif list(present[0]) != list(wanted[0]):
        rows(f"ALTER LOGIN {quoted(target)} WITH {_options(wanted[0])}")
    _converge_roles(rows, _SERVER_ROLES, "SERVER ROLE", (source, target))


def _options(of: Sequence[Any]) -> str:
    database, language, policy, expiration = of
    return (
        f"DEFAULT_DATABASE = {quoted(database)}, DEFAULT_LANGUAGE = {quoted(language)}, "
        f"CHECK_POLICY = {'ON' if policy else 'OFF'}, CHECK_EXPIRATION = {'ON' if expiration else 'OFF'}"
    )


def _converge_users(rows: Rows, source: str, target: str) -> None:
    """Map the target's login as the source's is mapped; where that is not, there is nothing to be alike in."""
    original, copy = rows(_USER, source, source), rows(_USER, target, target)
    if not original:
        return
    name, schema = original[0][0], original[0][1] or "dbo"
    if not copy:
        rows(f"CREATE USER {quoted(target)} FOR LOGIN {quoted(target)} WITH DEFAULT_SCHEMA = {quoted(schema)}")
    elif copy[0][1] != original[0][1]:
        rows(f"ALTER USER {quoted(copy[0][0])} WITH DEFAULT_SCHEMA = {quoted(schema)}")
    _converge_roles(rows, _ROLES, "ROLE", (name, copy[0][0] if copy else target))


def _converge_roles(rows: Rows, query: str, kind: str, users: tuple[str, str]) -> None:
    wanted, present = ({role for (role,) in rows(query, user)} for user in users)
    for role in sorted(present - wanted):
        rows(f"ALTER {kind} {quoted(role)} DROP MEMBER {quoted(users[1])}")
    for role in sorted(wanted - present):
        rows(f"ALTER {kind} {quoted(role)} ADD MEMBER {quoted(users[1])}")


def drop(rows: Rows, login: str) -> None:
    """Remove a login and its user of this database; content where there is none."""
    for user, _, _ in rows(_USER, login, login):
        rows(f"DROP USER {quoted(user)}")
    if rows(LOGIN, login):
        rows(f"DROP LOGIN {quoted(login)}")


def privileges(rows: Rows, login: str) -> frozenset[str]:
    """Name what tells what a login may do, on the server and in this database."""
    found = {f"{_options(row)}" for row in rows(_OPTIONS, login)}
    found |= {f"server role {role}" for (role,) in rows(_SERVER_ROLES, login)}
    found |= {right for (right,) in rows(_SERVER_RIGHTS, login)}
    for user, schema, _ in rows(_USER, login, login):
        found |= {f"default schema {schema}"} | {f"role {role}" for (role,) in rows(_ROLES, user)}
        found |= {right for (right,) in rows(_RIGHTS, user)}
    return frozenset(found)
