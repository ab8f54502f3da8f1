"""One connection to PostgreSQL, and what a rotation does over it."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, LiteralString, TypeVar

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.engines.postgres import scram
from detent.functions.engines.postgres.clones import converge, privileges_of
from detent.functions.engines.postgres.failures import refusal
from detent.functions.errors import ChangeRefused, EngineUnavailable, ProbeFailed
from detent.functions.passwords import Password

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

_SCRAM_SINCE: Final = 100000
_SALT_BYTES: Final = 16


class PostgresSession:
    """One connection. Each verb is one transaction, so that poolers keep nothing of it."""

    def __init__(self, connection: "psycopg.Connection[Any]", login: Login, remaining: Remaining) -> None:
        self._connection = connection
        self._login = login
        self._remaining = remaining

    def ping(self) -> None:
        """Run SELECT 1."""
        self._run("SELECT 1")

    def change_own_password(self, new: Password) -> None:
        """Change it as the login role itself, also where ``ALTER ROLE … SET role`` makes the session act as another."""
        self._run("SET LOCAL ROLE NONE; ALTER ROLE {user} PASSWORD {verifier}", self._login.username, new)

    def set_password(self, user: str, new: Password) -> None:
        """Change another role's; from PostgreSQL 16 on that needs CREATEROLE and ADMIN OPTION on the role."""
        self._refuse_unusable_role(user)
        self._run("ALTER ROLE {user} PASSWORD {verifier}", user, new)

    def clone_user(self, source: str, target: str, password: Password) -> None:
        """Make the target a role that acts as the source, or set the password of the role that the source acts as."""

        def work() -> None:
            with self._connection.transaction():
                self._limit()
                converge(self._connection, source, target, self._verifier(target, password))

        self._done(work, target)
        self._refuse_unusable_role(target)

    def make_user(self, like: str, user: str, password: Password) -> None:
        """Make a clone: it owns nothing, since it acts as the other."""
        self.clone_user(like, user, password)

    def drop_user(self, user: str) -> None:
        """Drop the role; PostgreSQL itself refuses one that owns something."""
        self._run("DROP ROLE IF EXISTS {user}", user)

    def privileges(self, user: str) -> frozenset[str]:
        """Ask the catalogs, which every role may read."""
        return self._done(lambda: privileges_of(self._connection, user), user)

    def probe(self, statement: str) -> Sequence[Any] | None:
        """Run it in a transaction that is rolled back."""
        import psycopg  # noqa: PLC0415 - an optional driver

        try:
            with self._connection.transaction(force_rollback=True):
                self._connection.execute(f"SET LOCAL statement_timeout = {self._milliseconds()}")
                cursor = self._connection.execute(statement.encode())
                return cursor.fetchone() if cursor.description else None
        except psycopg.Error as error:
            lost = isinstance(refusal(error, "", ""), EngineUnavailable)
            said = f"{error.diag.message_primary or type(error).__name__} (SQLSTATE {error.sqlstate})"
        raise EngineUnavailable(f"the connection was lost: {said}") if lost else ProbeFailed(said)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _run(self, statement: LiteralString, user: str = "", new: Password | None = None) -> None:
        from psycopg import sql  # noqa: PLC0415 - an optional driver

        limits: LiteralString = "SET LOCAL search_path = pg_catalog; SET LOCAL statement_timeout = {limit}; "

        def work() -> None:
            verifier = self._verifier(user, new) if new else ""
            query = sql.SQL(limits + statement).format(
                limit=sql.Literal(self._milliseconds()), user=sql.Identifier(user), verifier=sql.Literal(verifier)
            )
            self._connection.execute(query)

        self._done(work, user)

    def _limit(self) -> None:
        self._connection.execute("SET LOCAL search_path = pg_catalog")
        self._connection.execute(f"SET LOCAL statement_timeout = {self._milliseconds()}")

    def _milliseconds(self) -> int:
        return int(time_limit(self._remaining) * 1000)

    def _done(self, work: Callable[[], T], user: str) -> T:
        """Do it, or raise what its refusal means, without the driver's error hanging on it."""
        import psycopg  # noqa: PLC0415 - an optional driver

        try:
            return work()
        except psycopg.Error as error:
            failure = refusal(error, user, self._login.username)
        raise failure

    def _verifier(self, user: str, new: Password) -> str:
        """Make it with 16 bytes of salt; libpq does where there is SASLprep to do, for it does so at the login, too."""
        if self._connection.info.server_version < _SCRAM_SINCE:
            raise ChangeRefused("this server is older than PostgreSQL 10 and knows no SCRAM: upgrade it")
        made = scram.verifier(new, os.urandom(_SALT_BYTES))
        if made is not None:
            return made
        encoded = self._connection.pgconn.encrypt_password(
            new.reveal().encode(), user.encode(), b"scram-sha-256"
        )  # fmt: skip
        return encoded.decode()

    def _refuse_unusable_role(self, user: str) -> None:
        query = (
            "SELECT rolcanlogin, coalesce(rolvaliduntil <= pg_catalog.now(), false)"
            " FROM pg_catalog.pg_roles WHERE rolname = %s"
        )
        row = self._done(lambda: self._connection.execute(query, [user]).fetchone(), user)
        match row:
            case None:
                raise ChangeRefused(f"there is no role {user!r} on the server")
            case (False, _):
                raise ChangeRefused(f"the role {user!r} may not log in: ALTER ROLE … LOGIN")
            case (_, True):
                raise ChangeRefused(
                    f"the VALID UNTIL of the role {user!r} has passed, so no password of it works: "
                    "ALTER ROLE … VALID UNTIL 'infinity'"
                )
