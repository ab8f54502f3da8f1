"""PostgreSQL twice: the system's, and the newest from the wheel; role rights changed in 16."""

import contextlib
import fcntl
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from psycopg import sql

from detent.cli.throwaway import SYSTEM, WHEEL, PostgresBinaries, ThrowawayPostgres, find_postgres
from servers.certificates import Certificates
from servers.missing import apt_install, report_missing
from servers.target import Target

_CURES = {SYSTEM: "apt-get install postgresql", WHEEL: "pip install 'detent[demo]'"}
_NO_CLUSTER = Path("/etc/postgresql-common/createcluster.conf")

_KINDS = {
    "plain": "LOGIN",
    "no login": "NOLOGIN",
    "expired": "LOGIN VALID UNTIL '2020-01-01'",
    "no connections left": "LOGIN CONNECTION LIMIT 0",
}


class PostgresTarget(Target):
    """A running PostgreSQL with what a test of engines or strategies does on it."""

    engine = "postgres"
    says: ClassVar = {
        "wrong password": "wrong password",
        "unknown user": "no such role",
        "no administrator": "ADMIN OPTION",
        "missing database": "database does not exist",
    }
    sends: ClassVar = [(psycopg.Connection, "execute")]
    missing_database: ClassVar = {"dbname": "no such database"}
    granted_probe: ClassVar = {"statement": "SELECT 40 + 2, 'x'", "expect": [42, "x"]}
    refused_probe: ClassVar = "SELECT rolpassword FROM pg_authid"
    writes_log: ClassVar = "ALTER ROLE"
    drivers: ClassVar = ("psycopg",)

    def __init__(self, server: ThrowawayPostgres, *, tls: bool = False) -> None:
        self.server = server
        self.version = server.version
        self.offers_tls = tls

    def product(self) -> str:
        return f"PostgreSQL {self.version}"

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        place = {"engine": self.engine, "host": self.server.host, "port": self.server.port}
        return {**place, "username": user, "password": password, **settings}

    def create_user(self, user: str, password: str, kind: str = "plain") -> None:
        self.run(f"CREATE ROLE {{}} {_KINDS[kind]} PASSWORD {{}}", user, password)

    def create_administrator(self, user: str, password: str, over: str) -> None:
        templates = self.module.FACTS.privileges["alternating-users"].admin
        with self.server.connect() as connection:
            connection.execute("SET log_statement = 'none'")  # what the test sets up is no leak of the engine
            for statement in self.statements(templates, password, user=over, admin=user):
                connection.execute(statement.encode())

    def grant_something(self, user: str) -> None:
        self.run("CREATE ROLE {} NOLOGIN", f"{user}_readers", literals=0)
        self.run("GRANT {} TO {}", f"{user}_readers", user, literals=0)
        self.run("CREATE TABLE {} (id int)", f"t_{user}", literals=0)
        self.run("GRANT SELECT, INSERT ON {} TO {} WITH GRANT OPTION", f"t_{user}", user, literals=0)
        self.run("ALTER ROLE {} CONNECTION LIMIT 7", user, literals=0)
        self.run("ALTER ROLE {} SET search_path = 'odd, name', public", user, literals=0)
        self.run("ALTER ROLE {} IN DATABASE postgres SET work_mem = '5MB'", user, literals=0)

    def grant_more(self, user: str) -> None:
        self.run("ALTER ROLE {} SET lock_timeout = '5s'", user, literals=0)

    def revoke_more(self, user: str) -> None:
        self.run("ALTER ROLE {} RESET lock_timeout", user, literals=0)

    def require_tls(self) -> dict[str, Any]:
        value = self.new_value()
        conf = self.server.log_path.parent / "data" / "pg_hba.conf"
        conf.write_text(f"hostnossl all {value['username']} 127.0.0.1/32 reject\n{conf.read_text()}")
        self.run("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 10
        while self.logs_in(value["username"], value["password"], sslmode="disable"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return value

    def quoted(self, name: str) -> str:
        return sql.Identifier(name).as_string()

    def literal(self, password: str) -> str:
        return sql.Literal(password).as_string()

    def logs_in(self, user: str, password: str, **settings: Any) -> bool:
        try:
            self.server.connect(**{"user": user, "password": password, "dbname": "postgres", **settings}).close()
        except psycopg.OperationalError:
            return False
        return True

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


def start_postgres(running: contextlib.ExitStack, certificates: Certificates, *, source: str) -> PostgresTarget:
    tls = (certificates.server, certificates.server_key) if source == SYSTEM else None
    server = ThrowawayPostgres(postgres_binaries(source), tls=tls, log_statements=True)
    return PostgresTarget(running.enter_context(server), tls=tls is not None)


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
