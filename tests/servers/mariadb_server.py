"""A MariaDB server of the system's, in a temp folder, writing down everything that it can."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import pymysql
from pymysql.connections import Connection

from detent.cli.ending import end

PROGRAM = "/usr/sbin/mariadbd"
_INSTALL = "/usr/bin/mariadb-install-db"
_TRIES = 3  # another process may take the free port first
_QUIET = "SET SESSION sql_log_off = 1, sql_log_bin = 0, slow_query_log = 0"  # what a test sets up is no leak
_SETTINGS = {
    "bind-address": "127.0.0.1",
    "skip-name-resolve": "1",
    "innodb-buffer-pool-size": "16M",
    "innodb-log-file-size": "4M",
    "innodb-flush-log-at-trx-commit": "0",
    "server-id": "1",
    "log-bin": "binlog",
    "general-log": "1",
    "general-log-file": "general.log",
    "slow-query-log": "1",
    "long-query-time": "0",
    "slow-query-log-file": "slow.log",
    "log-error": "error.log",
    "plugin-load-add": "server_audit;auth_ed25519",
    "server-audit-logging": "ON",
    "server-audit-file-path": "audit.log",
    "server-audit-excl-users": "root",
}


class MariadbServer:
    """A context manager: the server runs inside, in a temp folder, on a free loopback port."""

    host = "127.0.0.1"

    def __init__(self, **settings: str) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._settings = {**_SETTINGS, **{name.replace("_", "-"): value for name, value in settings.items()}}

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="detent-mariadb-"))
        self.data = self.folder / "data"
        # A server that starts throws away what others of the same user have in their temp folder.
        self._environment = {**os.environ, "TMPDIR": str(self.folder)}
        self._account = ["--user=root"] if os.geteuid() == 0 else []
        try:
            self._make_data()
            assert any(self._serves() for _ in range(_TRIES)), self._said()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            end(self._process, signal.SIGTERM, seconds=20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def root(self) -> "Connection[Any]":
        connection = Connection(user="root", ssl_disabled=True, autocommit=True, defer_connect=True)
        door = socket.socket(socket.AF_UNIX)
        try:
            door.connect(str(self.folder / "s"))
            connection.connect(door)
        except BaseException:
            door.close()
            raise
        self.run(connection, _QUIET)
        return connection

    def run(self, connection: "Connection[Any]", statement: str) -> tuple[tuple[Any, ...], ...]:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return tuple(cursor.fetchall())

    def _make_data(self) -> None:
        how = ["--no-defaults", f"--datadir={self.data}", "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run([_INSTALL, *how, *self._account], env=self._environment, capture_output=True, check=True)

    def _serves(self) -> bool:
        with socket.socket() as free:
            free.bind((self.host, 0))
            self.port = free.getsockname()[1]
        places = [f"--datadir={self.data}", f"--socket={self.folder / 's'}", f"--port={self.port}"]
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        self._process = subprocess.Popen(
            [PROGRAM, "--no-defaults", *self._account, *places, *options],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                self.root().close()
            except (OSError, pymysql.err.OperationalError):
                time.sleep(0.05)
            else:
                return True
        return False

    def _said(self) -> str:
        log = self.data / "error.log"
        return log.read_text()[-2000:] if log.exists() else "it said nothing"
