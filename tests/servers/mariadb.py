"""MariaDB as the system has it: what tests of engines and strategies do on it."""

import contextlib
import fcntl
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pymysql
from pymysql.connections import Connection

from detent.functions.errors import LoginRejected
from servers.certificates import Certificates
from servers.mariadb_server import PROGRAM, MariadbServer
from servers.missing import apt_install, report_missing
from servers.target import Target


class MariadbTarget(Target):
    """A running MariaDB with what a test of engines or strategies does on it."""

    engine = "mariadb"
    says: ClassVar = {
        "wrong password": "wrong password",
        "unknown user": "no such user",
        "no administrator": r"GRANT CREATE USER ON \*\.\*",
        "missing database": "database does not exist",
    }
    sends: ClassVar = [(Connection, "query")]
    missing_database: ClassVar = {"dbname": "no such database"}
    granted_probe: ClassVar = {"statement": "SELECT 40 + 2, 'x'", "expect": [42, "x"]}
    refused_probe: ClassVar = "SELECT authentication_string FROM mysql.user"
    writes_log: ClassVar = "mysql_native_password USING '*"
    drivers: ClassVar = ("pymysql",)
    refuses_plaintext: ClassVar = LoginRejected

    def __init__(self, server: MariadbServer, *, tls: bool = False) -> None:
        self.server = server
        self.offers_tls = tls
        self.run("CREATE DATABASE app; CREATE TABLE app.t (a INT, b INT)")

    def product(self) -> str:
        ((version,),) = self.run("SELECT VERSION()")
        return f"MariaDB {'.'.join(version.split('.')[:2])}"

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        place = {"engine": self.engine, "host": self.server.host, "port": self.server.port}
        return {**place, "username": user, "password": password, **settings}

    def create_user(self, user: str, password: str, options: str = "") -> None:
        self.run(f"CREATE USER {{}} IDENTIFIED BY {self.literal(password)} {options}", user)

    def create_administrator(self, user: str, password: str, over: str) -> None:
        templates = self.module.FACTS.privileges["alternating-users"].admin
        with self.server.root() as root:
            for statement in self.statements(templates, password, user=over, admin=user):
                self.server.run(root, statement)

    def grant_something(self, user: str) -> None:
        self.run("GRANT SELECT ON app.* TO {}", user)
        self.run("GRANT INSERT, UPDATE (a, b) ON app.t TO {} WITH GRANT OPTION", user)
        self.run("ALTER USER {} WITH MAX_USER_CONNECTIONS 50 PASSWORD EXPIRE INTERVAL 90 DAY", user)

    def grant_more(self, user: str) -> None:
        self.run("GRANT DELETE ON app.t TO {}", user)

    def revoke_more(self, user: str) -> None:
        self.run("REVOKE DELETE ON app.t FROM {}", user)

    def takes_name(self, name: str) -> bool:
        return max(name) <= "\uffff"

    def require_tls(self) -> dict[str, Any]:
        value = self.new_value()
        self.run("ALTER USER {} REQUIRE SSL", value["username"])
        return value

    def quoted(self, name: str) -> str:
        return f"`{name.replace('`', '``')}`"

    def literal(self, password: str) -> str:
        return f"'{pymysql.converters.escape_string(password)}'"

    def connect(self, user: str, password: str, **settings: Any) -> "Connection[Any]":
        place = {"host": self.server.host, "port": self.server.port, "ssl_disabled": True}
        return pymysql.connect(**{**place, "user": user, "password": password.encode(), **settings})

    def logs_in(self, user: str, password: str, **settings: Any) -> bool:
        try:
            self.connect(user, password, **settings).close()
        except pymysql.err.OperationalError:
            return False
        return True

    def set_password(self, user: str, password: str) -> None:
        self.run(f"ALTER USER {{}} IDENTIFIED BY {self.literal(password)}", user)

    def end_sessions(self, user: str) -> None:
        mine = f"SELECT id FROM information_schema.processlist WHERE user = {self.literal(user)}"
        for (session,) in self.run(mine):
            self.run(f"KILL {session}")
        while self.run(mine):
            time.sleep(0.01)

    def run(self, statements: str, *names: str) -> tuple[tuple[Any, ...], ...]:
        """Run as root; names are quoted. Gives the rows of the last statement."""
        rows: tuple[tuple[Any, ...], ...] = ()
        with self.server.root() as root:
            for statement in statements.split("; "):
                rows = self.server.run(root, statement.format(*map(self.quoted, names)) if names else statement)
        return rows

    def log_text(self) -> str:
        """The logs; every other file of the data is looked through in test_mariadb_leaks.py."""
        logs = (*self.server.data.glob("*.log"), *self.server.data.glob("binlog.0*"))
        return "\n".join(log.read_bytes().decode(errors="replace") for log in logs)


def start_mariadb(stack: contextlib.ExitStack, certificates: Certificates, kind: str) -> MariadbTarget:
    """``kind``: "tls", or "plain" for one that offers none."""
    _require()
    files = {"ssl_cert": str(certificates.server), "ssl_key": str(certificates.server_key)}
    settings: Mapping[str, str] = files if kind == "tls" else {"skip_ssl": "1"}
    return MariadbTarget(stack.enter_context(MariadbServer(**settings)), tls=kind == "tls")


def _require() -> None:
    # One worker installs, the others wait for it.
    with Path(tempfile.gettempdir(), "detent-tests-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not Path(PROGRAM).exists():
            apt_install("mariadb-server")
    if not Path(PROGRAM).exists():
        report_missing("MariaDB", "apt-get install mariadb-server")
