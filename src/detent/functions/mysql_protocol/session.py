"""One connection, and what it does in the same way whichever of the two servers is at its other end."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.errors import ChangeRefused, EngineUnavailable, PasswordRefused, ProbeFailed
from detent.functions.mysql_protocol.connection import closed, limit, run
from detent.functions.mysql_protocol.failures import number_of

if TYPE_CHECKING:
    from pymysql.connections import Connection

T = TypeVar("T")


class ProtocolSession:
    """One connection. Either server commits each statement on an account by itself."""

    def __init__(self, connection: "Connection[Any]", login: Login, remaining: Remaining) -> None:
        self._connection = connection
        self._login = login
        self._remaining = remaining

    def ping(self) -> None:
        """Run SELECT 1."""
        self._done(lambda: self._run("SELECT 1"))

    def probe(self, statement: str) -> Sequence[Any] | None:
        """Run it in the server's own dialect, in a transaction that is rolled back; DDL commits by itself."""
        import pymysql  # noqa: PLC0415 - an optional driver
        from pymysql.cursors import SSCursor  # noqa: PLC0415 - an optional driver

        try:
            self._run("SET @detent = @@SESSION.sql_mode, SESSION sql_mode = @@GLOBAL.sql_mode")
            with self._rolled_back(), self._connection.cursor(SSCursor) as cursor:
                cursor.execute(statement)
                row: Sequence[Any] | None = cursor.fetchone()
                return row
        except pymysql.Error as error:
            lost = isinstance(self._refusal(error, ""), EngineUnavailable)
            said = f"{error.args[-1]} (error {number_of(error)})"
        raise EngineUnavailable(f"the connection was lost: {said}") if lost else ProbeFailed(said)

    def close(self) -> None:
        """End the connection."""
        closed(self._connection)

    @contextmanager
    def _rolled_back(self) -> Iterator[None]:
        self._run("START TRANSACTION")
        try:
            yield
        finally:
            self._run("ROLLBACK")
            self._run("SET SESSION sql_mode = @detent")

    def _run(self, statement: str) -> tuple[tuple[Any, ...], ...]:
        limit(self._connection, time_limit(self._remaining))
        return run(self._connection, statement)

    def _done(self, work: Callable[[], T], user: str = "") -> T:
        """Do it, or raise what its refusal means, without the driver's error hanging on it."""
        import pymysql  # noqa: PLC0415 - an optional driver

        try:
            return work()
        except pymysql.Error as error:
            failed = error
        raise self._refusal(failed, user)

    def _refusal(self, error: Exception, user: str) -> ChangeRefused | EngineUnavailable | PasswordRefused:
        """Say why a statement on a user was not done."""
        raise NotImplementedError
