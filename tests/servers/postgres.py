"""PostgreSQL twice: the system's, and the newest from the wheel; role rights changed in 16."""

import contextlib
import fcntl
import tempfile
from pathlib import Path
from typing import Any

from psycopg import sql

from detent.cli.throwaway import SYSTEM, WHEEL, PostgresBinaries, ThrowawayPostgres, find_postgres
from detent.functions.engines import Login
from detent.functions.passwords import Password
from servers.certificates import Certificates
from servers.missing import apt_install, report_missing

_CURES = {SYSTEM: "apt-get install postgresql", WHEEL: "pip install 'detent[demo]'"}
_NO_CLUSTER = Path("/etc/postgresql-common/createcluster.conf")

_KINDS = {
    "plain": "LOGIN",
    "no login": "NOLOGIN",
    "expired": "LOGIN VALID UNTIL '2020-01-01'",
    "no connections left": "LOGIN CONNECTION LIMIT 0",
    "administrator": "LOGIN CREATEROLE",
}


class PostgresTarget:
    """A running PostgreSQL with what a test of engines or strategies does on it."""

    engine = "postgres"

    def __init__(self, server: ThrowawayPostgres) -> None:
        self.server = server
        self.version = server.version

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        place = {"engine": self.engine, "host": self.server.host, "port": self.server.port}
        return {**place, "username": user, "password": password, **settings}

    def login(self, user: str, password: str, **settings: Any) -> Login:
        value = self.value(user, password, **settings)
        return Login(value["host"], value["port"], user, Password(password), value)

    def create_user(self, user: str, password: str, kind: str = "plain") -> None:
        self.run(f"CREATE ROLE {{}} {_KINDS[kind]} PASSWORD {{}}", user, password)

    def create_administrator(self, user: str, password: str, over: str) -> None:
        self.create_user(user, password, "administrator")
        self.run("GRANT {} TO {} WITH ADMIN OPTION", over, user, literals=0)

    def set_password(self, user: str, password: str) -> None:
        self.run("ALTER ROLE {} PASSWORD {}", user, password)

    def end_sessions(self, user: str) -> None:
        self.run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = {}", user)

    def run(self, statement: str, *parts: str, literals: int = 1) -> None:
        """Run as superuser; parts are identifiers, the last ``literals`` of them literals."""
        first = len(parts) - literals if parts else 0
        quoted = [sql.Identifier(part) if i < first else sql.Literal(part) for i, part in enumerate(parts)]
        with self.server.connect() as connection:
            connection.execute("SET log_statement = 'none'")  # what the test sets up is no leak of the engine
            connection.execute(sql.SQL(statement).format(*quoted))

    def log_text(self) -> str:
        return self.server.log_path.read_text(errors="replace")


def start_postgres(stack: contextlib.ExitStack, source: str, certificates: Certificates) -> PostgresTarget:
    tls = (certificates.server, certificates.server_key) if source == SYSTEM else None
    server = ThrowawayPostgres(postgres_binaries(source), tls=tls, log_statements=True)
    return PostgresTarget(stack.enter_context(server))


def postgres_binaries(source: str) -> PostgresBinaries:
    found = _found(source)
    if found is None and source == SYSTEM:
        _install()
        found = _found(source)
    return found or report_missing(f"PostgreSQL ({source})", _CURES[source])


def _found(source: str) -> PostgresBinaries | None:
    return next((one for one in find_postgres() if one.source == source), None)


def _install() -> None:
    # One worker installs, the others wait for it.
    with Path(tempfile.gettempdir(), "detent-tests-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _found(SYSTEM) is not None:
            return
        with contextlib.suppress(PermissionError):
            if not _NO_CLUSTER.exists():  # else Debian would start an instance of its own
                _NO_CLUSTER.parent.mkdir(exist_ok=True)
                _NO_CLUSTER.write_text("create_main_cluster = false\n")
        apt_install("postgresql")
