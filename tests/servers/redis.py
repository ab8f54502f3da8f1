"""Redis alone, and a primary with a replica; each server keeps its users in an ACL file."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import redis

from detent.cli.ending import end
from servers.certificates import Certificates
from servers.missing import apt_install, report_missing
from servers.target import Target

PASSWORD = "throwaway-default-password"
_REPLICATOR = ("replicator", "throwaway-replicator-password")
_APPLICATION = ("on", "~app:*", "+@read", "+@write", "+ping", "+select")  # a user as applications have them
_SETTINGS = {
    "bind": "127.0.0.1",
    "save": "",
    "loglevel": "debug",
    "slowlog-log-slower-than": "0",  # everything is written down, so that leaks can be looked for
    "slowlog-max-len": "100000",
    "acllog-max-len": "100000",
    "repl-diskless-sync-delay": "0",
    "masteruser": _REPLICATOR[0],
    "masterauth": _REPLICATOR[1],
}


class ThrowawayRedis:
    """A context manager: the server runs inside, in a temp folder; ``settings`` are those of redis.conf.

    Its users are kept in an ACL file, or with ``conf`` in redis.conf; with neither they are lost at a restart.
    """

    def __init__(self, *, aclfile: bool = True, conf: bool = False, **settings: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="detent-redis-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.password = PASSWORD
        self.aclfile = self._folder / "users.acl"
        self.conf = self._folder / "redis.conf"
        self.log = self._folder / "log"
        self._settings = {**_SETTINGS, **{name.replace("_", "-"): text for name, text in settings.items()}}
        if aclfile:
            self.aclfile.write_text(f"user default on >{PASSWORD} ~* &* +@all\n")
            self._settings["aclfile"] = str(self.aclfile)
        if conf:
            self.conf.write_text("".join(f'{name} "{text}"\n' for name, text in self._settings.items()))

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        settings = {} if self.conf.exists() else self._settings
        given = {**settings, "port": str(self.port), "dir": str(self._folder), "logfile": str(self.log)}
        options = [word for name, text in given.items() for word in (f"--{name}", text)]
        command = ["redis-server", *([str(self.conf)] if self.conf.exists() else []), *options]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < deadline
            assert self._process.poll() is None, self.log.read_text()
            time.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None:
            end(self._process, seconds=10)
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def _answers(self) -> bool:
        try:
            self.run("PING")
        except redis.ConnectionError:
            return False
        return True

    def client(self) -> contextlib.closing[redis.Redis]:
        """Connect as the default user."""
        return contextlib.closing(redis.Redis(port=self.port, password=self.password, protocol=2))

    def run(self, *words: str) -> Any:
        with self.client() as client:
            return client.execute_command(*words)

    def logs_in(self, user: str, password: str) -> bool:
        connection = redis.Connection(port=self.port, username=user, password=password, protocol=2)
        try:
            connection.connect()
        except redis.AuthenticationError:
            return False
        connection.disconnect()
        return True

    def written(self) -> str:
        """Everything that it wrote down of what was asked of it."""
        told = [self.run("SLOWLOG", "GET", "-1"), self.run("ACL", "LOG", "100000")]
        return "\n".join([self.log.read_text(errors="replace"), *map(repr, told)])


class RedisTarget(Target):
    """A Redis and perhaps its replica, with what a test of engines or strategies does on them."""

    engine = "redis"
    says: ClassVar = {
        "wrong password": "wrong password",
        "unknown user": "no such user",
        "no administrator": r"ACL SETUSER \w+ \+acl\|setuser",
        "missing database": "database does not exist",
    }
    missing_database: ClassVar = {"dbname": 99}
    granted_probe: ClassVar = {"statement": "SET app:probe '4 2'", "expect": ["OK"]}
    refused_probe: ClassVar = "CONFIG GET requirepass"
    writes_log: ClassVar = "ROLE"
    drivers: ClassVar = ("redis",)
    offers_tls = True

    def __init__(self, *servers: ThrowawayRedis, monitored: list[Path], tls_port: int) -> None:
        self.servers = servers
        self._tls_port = tls_port
        self._monitored = monitored

    def product(self) -> str:
        version: str = self.servers[0].run("INFO", "server")["redis_version"]
        return f"Redis {'.'.join(version.split('.')[:2])}"

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        host, *others = [("127.0.0.1", server.port) for server in self.servers]
        place = {"engine": self.engine, "host": host[0], "port": host[1]}
        nodes = {"nodes": [f"{name}:{port}" for name, port in others]} if others else {}
        return {**place, **nodes, "username": user, "password": password, **settings}

    def create_user(self, user: str, password: str) -> None:
        self.run("ACL", "SETUSER", user, f">{password}", *_APPLICATION)

    def create_administrator(self, user: str, password: str, over: str) -> None:
        for statement in self.module.FACTS.privileges["single-user"].admin:
            self.run(*self._words(statement, admin=user, user=over, password=password))

    def let_change_itself(self, user: str) -> None:
        for statement in self.module.FACTS.privileges["single-user"].own or ():
            self.run(*self._words(statement, admin="", user=user, password=""))

    def set_password(self, user: str, password: str) -> None:
        self.run("ACL", "SETUSER", user, "resetpass", f">{password}")

    def end_sessions(self, user: str) -> None:
        self.run("CLIENT", "KILL", "USER", user)

    def takes_name(self, name: str) -> bool:
        return not any(mark.isspace() and mark.isascii() for mark in name)

    def logs_in(self, user: str, password: str) -> bool:
        """Ask every server: they must agree."""
        answers = {server.logs_in(user, password) for server in self.servers}
        assert len(answers) == 1, "the servers differ"
        return answers.pop()

    def tls_settings(self) -> dict[str, Any]:
        return {"port": self._tls_port}

    def require_tls(self) -> dict[str, Any]:
        return self.new_value(port=self._tls_port)

    def run(self, *words: str) -> None:
        for server in self.servers:
            server.run(*words)

    def log_text(self) -> str:
        files = [*self._monitored, *(server.aclfile for server in self.servers)]
        return "\n".join([*(path.read_text() for path in files), *(server.written() for server in self.servers)])

    def _words(self, statement: str, **names: str) -> list[str]:
        password = names.pop("password")
        return [word.replace("…", password).format(**names) for word in statement.split(" ")]


def start_redis(stack: contextlib.ExitStack, certificates: Certificates, kind: str) -> RedisTarget:
    require_redis()
    tls_port = free_port()
    tls = {"tls_port": str(tls_port), "tls_auth_clients": "no"}
    tls |= {"tls_cert_file": str(certificates.server), "tls_key_file": str(certificates.server_key)}
    primary = stack.enter_context(ThrowawayRedis(**tls))
    servers = [primary, *([add_replica(stack, primary)] if kind == "replicated" else [])]
    return RedisTarget(*servers, monitored=[_monitor(stack, server) for server in servers], tls_port=tls_port)


def add_replica(stack: contextlib.ExitStack, primary: ThrowawayRedis) -> ThrowawayRedis:
    primary.run("ACL", "SETUSER", _REPLICATOR[0], "on", f">{_REPLICATOR[1]}", "+psync", "+replconf", "+ping")
    primary.run("ACL", "SAVE")
    replica = stack.enter_context(ThrowawayRedis(replicaof=f"127.0.0.1 {primary.port}"))
    until(lambda: replica.run("ROLE")[3] == b"connected" and bool(primary.run("ROLE")[2]))
    return replica


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
    return port


def require_redis() -> None:
    if shutil.which("redis-server") is None:
        apt_install("redis-server")
    if shutil.which("redis-server") is None:
        report_missing("Redis", "apt-get install redis-server")


def _monitor(stack: contextlib.ExitStack, server: ThrowawayRedis) -> Path:
    """Write every command down that the server runs."""
    path = server.log.with_name("monitor")
    command = ["redis-cli", "-p", str(server.port), "MONITOR"]
    with path.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, env={**os.environ, "REDISCLI_AUTH": PASSWORD})
    stack.callback(lambda: end(process, seconds=10))
    return path
