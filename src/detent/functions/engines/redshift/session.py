"""One connection to Redshift, and what a rotation does over it."""

import contextlib
import hashlib
import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.engines.redshift.failures import refusal, told
from detent.functions.errors import ChangeRefused, EngineUnavailable, ProbeFailed
from detent.functions.passwords import Password

if TYPE_CHECKING:
    from redshift_connector.core import Connection

T = TypeVar("T")

_CLONE: Final = "_clone"  # AWS: its templates' suffix; by it an original is told
_USER: Final = "SELECT usesuper, coalesce(valuntil < now()::abstime, false) FROM pg_user WHERE usename = ?"
_ROLES: Final = "SELECT role_name, admin_option FROM svv_user_grants WHERE user_name = ?"
_GROUPS: Final = "SELECT g.groname FROM pg_group g, pg_user u WHERE u.usesysid = ANY(g.grolist) AND u.usename = ?"
_SETTINGS: Final = "SELECT usecreatedb, array_to_string(useconfig, ', ') FROM pg_user WHERE usename = ?"
# Each user sees its own.
_OF_RELATIONS: Final = (
    "SELECT privilege_type, namespace_name || '.' || relation_name, admin_option FROM svv_relation_privileges"
    " WHERE identity_type = 'user' AND identity_name = ?"
)
_OF_SCHEMAS: Final = (
    "SELECT privilege_type, 'schema ' || namespace_name, admin_option FROM svv_schema_privileges"
    " WHERE identity_type = 'user' AND identity_name = ?"
)
_OF_DATABASES: Final = (
    "SELECT privilege_type, 'database ' || database_name, admin_option FROM svv_database_privileges"
    " WHERE identity_type = 'user' AND identity_name = ?"
)


class RedshiftSession:
    """One connection. Each statement commits by itself."""

    def __init__(self, connection: "Connection", login: Login, remaining: Remaining) -> None:
        self._connection = connection
        self._login = login
        self._remaining = remaining

    def ping(self) -> None:
        """Run SELECT 1."""
        self._done(lambda: self._rows("SELECT 1"))

    def change_own_password(self, new: Password) -> None:
        """Change it, which needs no right unless the password is disabled."""
        self._alter(self._login.username, new)

    def set_password(self, user: str, new: Password) -> None:
        """Change another user's."""
        self._required(user)
        self._alter(user, new)

    def clone_user(self, source: str, target: str, password: Password) -> None:
        """Give the target the source's roles and groups; it is made where it is missing."""
        # An original is told by its clone's name; the roles of a clone that is half made must not become its own.
        if source != target + _CLONE:
            if self._required(source)[0]:
                raise ChangeRefused(
                    f"{source!r} is a superuser, and none is cloned: name two users by the key usernames"
                )
            self._done(lambda: self._converge(source, target, password), target)
        self.set_password(target, password)

    def make_user(self, like: str, user: str, password: Password) -> None:
        """Make a clone."""
        self.clone_user(like, user, password)

    def drop_user(self, user: str) -> None:
        """Drop it; Redshift itself refuses one that owns something."""
        self._done(lambda: self._rows(f"DROP USER IF EXISTS {_quoted(user)}"), user)

    def privileges(self, user: str) -> frozenset[str]:
        """Ask the catalogs: roles, groups, settings, and what was given to the user itself."""

        def work() -> frozenset[str]:
            direct = [row for query in (_OF_RELATIONS, _OF_SCHEMAS, _OF_DATABASES) for row in self._rows(query, user)]
            settings = [f"setting {text}" for _, text in self._rows(_SETTINGS, user) if text]
            creates = ["attribute CREATEDB" for createdb, _ in self._rows(_SETTINGS, user) if createdb]
            given = [f"{right} on {on}{' with grant option' if more else ''}" for right, on, more in direct]
            return frozenset([*self._memberships(user), *settings, *creates, *given])

        return self._done(work, user)

    def probe(self, statement: str) -> Sequence[Any] | None:
        """Run it in a transaction that is rolled back."""
        import redshift_connector.error  # noqa: PLC0415 - an optional driver

        try:
            self._rows("BEGIN")
            try:
                rows = self._rows(statement)
            finally:
                self._rows("ROLLBACK")
        except (redshift_connector.error.Error, OSError) as error:
            lost = isinstance(refusal(error, "", ""), EngineUnavailable)
            said = f"{told(error).get('M') or type(error).__name__} (SQLSTATE {told(error).get('C')})"
        else:
            return rows[0] if rows else None
        raise EngineUnavailable(f"the connection was lost: {said}") if lost else ProbeFailed(said)

    def close(self) -> None:
        """End the connection, whatever state it is in."""
        with contextlib.suppress(Exception):
            self._connection.close()

    def _alter(self, user: str, new: Password) -> None:
        self._done(lambda: self._rows(f"ALTER USER {_quoted(user)} PASSWORD '{_digest(new)}'"), user)

    def _required(self, user: str) -> Sequence[Any]:
        found = self._done(lambda: self._rows(_USER, user), user)
        if not found:
            raise ChangeRefused(f"there is no user {user!r} on the server")
        if found[0][1]:
            raise ChangeRefused(
                f"the VALID UNTIL of the user {user!r} has passed, so no password of it works: "
                "ALTER USER … VALID UNTIL 'infinity'"
            )
        return found[0]

    def _converge(self, source: str, target: str, password: Password) -> None:
        if not self._rows(_USER, target):
            self._rows(f"CREATE USER {_quoted(target)} PASSWORD '{_digest(password)}'")
        wanted, present = self._memberships(source), self._memberships(target)
        for name in sorted(present.keys() - wanted.keys()):
            self._rows(present[name][1].format(_quoted(target)))
        for name in sorted(wanted.keys() - present.keys()):
            self._rows(wanted[name][0].format(_quoted(target)))

    def _memberships(self, user: str) -> dict[str, tuple[str, str]]:
        """Name what the user belongs to, with the statements that give and take it."""
        found = {}
        for role, admin in self._rows(_ROLES, user):
            option, safe = " WITH ADMIN OPTION" if admin else "", _escaped(role)
            found[f"role {role}{option.lower()}"] = (
                f"GRANT ROLE {safe} TO {{}}{option}",
                f"REVOKE ROLE {safe} FROM {{}}",
            )
        for (group,) in self._rows(_GROUPS, user):
            alter = f"ALTER GROUP {_escaped(group)}"
            found[f"group {group}"] = (f"{alter} ADD USER {{}}", f"{alter} DROP USER {{}}")
        return found

    def _rows(self, statement: str, *values: str) -> Sequence[Sequence[Any]]:
        self._connection._usock.settimeout(time_limit(self._remaining))  # noqa: SLF001 - the driver has no other way
        with self._connection.cursor() as cursor:
            cursor.paramstyle = "qmark"  # so that a percent sign is one
            cursor.execute(statement, list(values) or None)
            return tuple(cursor.fetchall()) if cursor.description else ()

    def _done(self, work: Callable[[], T], user: str = "") -> T:
        """Do it, or raise what its refusal means, without the driver's error hanging on it."""
        import redshift_connector.error  # noqa: PLC0415 - an optional driver

        try:
            return work()
        except (redshift_connector.error.Error, OSError) as error:
            failed = error
        raise refusal(failed, user, self._login.username)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _escaped(name: str) -> str:
    """Quote a name for a statement that is still to be formatted."""
    return _quoted(name).replace("{", "{{").replace("}", "}}")


def _digest(new: Password) -> str:
    """Write the password as the manual's sha256|digest|salt."""
    salt = secrets.token_bytes(32)
    return f"sha256|{hashlib.sha256(new.reveal().encode() + salt).hexdigest()}|{salt.hex()}"
