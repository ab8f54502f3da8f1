"""One connection to SQL Server, and what a rotation does over it."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.engines.sqlserver import principals
from detent.functions.engines.sqlserver.failures import number_of, refusal, text_of
from detent.functions.engines.sqlserver.principals import LOGIN, is_contained, quoted
from detent.functions.errors import ChangeRefused, EngineUnavailable, ProbeFailed
from detent.functions.passwords import Password

T = TypeVar("T")

_CLONE: Final = "_clone"  # AWS: its templates' suffix; by it an original is told


class SqlserverSession:
    """One connection. Each statement commits by itself."""

    def __init__(self, connection: Any, login: Login, remaining: Remaining) -> None:  # noqa: ANN401 - pymssql's
        self._connection = connection
        self._login = login
        self._remaining = remaining
        self._own = login.password

    def ping(self) -> None:
        """Run SELECT 1."""
        self._done(lambda: self._rows("SELECT 1"))

    def change_own_password(self, new: Password) -> None:
        """Change it; the server is told the one that this connection was made with, which it asks for."""
        user = self._login.username

        def work() -> None:
            kind = "USER" if is_contained(self._rows, user) else "LOGIN"
            former = f" OLD_PASSWORD = {_text(self._own)}"
            self._rows(f"ALTER {kind} {quoted(user)} WITH PASSWORD = {_text(new)}{former}")

        self._done(work, user)
        self._own = new

    def set_password(self, user: str, new: Password) -> None:
        """Change another's, a login's or, where the database keeps it, a user's."""

        def work() -> None:
            kind = "USER" if is_contained(self._rows, user) else "LOGIN"
            if kind == "LOGIN":
                self._require_login(user)
            self._rows(f"ALTER {kind} {quoted(user)} WITH PASSWORD = {_text(new)}")

        self._done(work, user)

    def clone_user(self, source: str, target: str, password: Password) -> None:
        """Give the target the source's options and roles, of the server and of this database."""
        # An original is told by its clone's name; the roles of a clone that is half made must not become its own.
        if source != target + _CLONE:
            self._done(lambda: principals.converge(self._rows, source, target, _text(password)), target)
        self.set_password(target, password)

    def make_user(self, like: str, user: str, password: Password) -> None:
        """Make a clone."""
        self.clone_user(like, user, password)

    def drop_user(self, user: str) -> None:
        """Drop it in this database and, where there is one, its login; the server itself refuses who owns something."""
        self._done(lambda: principals.drop(self._rows, user), user)

    def privileges(self, user: str) -> frozenset[str]:
        """Ask for options, roles and what was given directly; each may see its own."""
        return self._done(lambda: principals.privileges(self._rows, user), user)

    def probe(self, statement: str) -> Sequence[Any] | None:
        """Run it in a transaction that is rolled back."""
        import pymssql  # noqa: PLC0415 - an optional driver

        try:
            self._rows("BEGIN TRANSACTION")
            try:
                rows = self._rows(statement)
            finally:
                self._rows("IF @@TRANCOUNT > 0 ROLLBACK")
        except pymssql.Error as error:
            lost = isinstance(refusal(error, "", ""), EngineUnavailable)
            said = f"{text_of(error)} (error {number_of(error)})"
        else:
            return rows[0] if rows else None
        raise EngineUnavailable(f"the connection was lost: {said}") if lost else ProbeFailed(said)

    def close(self) -> None:
        """End the connection, whatever state it is in."""
        with contextlib.suppress(Exception):
            self._connection.close()

    def _require_login(self, user: str) -> None:
        found = self._rows(LOGIN, user)
        if found and found[0][0]:
            raise ChangeRefused(f"the login {user!r} is disabled, so no password of it works: ALTER LOGIN … ENABLE")

    def _rows(self, statement: str, *values: str) -> Sequence[Sequence[Any]]:
        self._connection._conn.query_timeout = max(1, int(time_limit(self._remaining)))  # noqa: SLF001 - no other way
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values) if values else cursor.execute(statement)
            return tuple(cursor.fetchall()) if cursor.description else ()

    def _done(self, work: Callable[[], T], user: str = "") -> T:
        """Do it, or raise what its refusal means, without the driver's error hanging on it."""
        import pymssql  # noqa: PLC0415 - an optional driver

        try:
            return work()
        except pymssql.Error as error:
            failed = error
        raise refusal(failed, user, self._login.username)


def _text(password: Password) -> str:
    return "N'" + password.reveal().replace("'", "''") + "'"
