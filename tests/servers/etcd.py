"""etcd with authentication switched on, asked by its JSON gateway."""

import contextlib
import http.client
import json
import shlex
import shutil
import subprocess
import tempfile
import time
from base64 import b64encode
from pathlib import Path
from typing import Any, ClassVar, Self

from detent.cli.ending import end
from detent.functions.httpapi import HttpApi
from servers.certificates import Certificates
from servers.missing import apt_install, report_missing
from servers.redis import free_port
from servers.target import Target

_ROOT = ("root", "throwaway-root-password")


class EtcdServer:
    """A context manager: the server runs inside, in a temp folder, and writes down all that it can."""

    host = "127.0.0.1"

    def __init__(self, certificates: Certificates, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="detent-etcd-"))
        self.port, self.tls_port, self._peers = free_port(), free_port(), free_port()
        client, peers = f"http://{self.host}:{self.port}", f"http://{self.host}:{self._peers}"
        self._command = [
            *("etcd", "--data-dir", str(self.folder / "data"), "--advertise-client-urls", client),
            *("--listen-client-urls", f"{client},https://{self.host}:{self.tls_port}"),
            *("--cert-file", str(certificates.server), "--key-file", str(certificates.server_key)),
            *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
            *(
                "--initial-cluster",
                f"default={peers}",
                "--logger",
                "zap",
                "--log-outputs",
                "stderr",
                "--bcrypt-cost",
                "4",
                *options,
            ),
        ]
        self._token = ""

    def __enter__(self) -> Self:
        self._running = contextlib.ExitStack()
        self._running.callback(shutil.rmtree, self.folder, ignore_errors=True)
        with contextlib.ExitStack() as failing:
            failing.push(self._running)
            with (self.folder / "log").open("wb") as log:
                process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            self._running.callback(end, process, seconds=10)
            self._switch_authentication_on(process)
            failing.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def asked(self, path: str, token: str = "", **members: Any) -> tuple[int, dict[str, Any]]:
        """Ask by a token; give the status and what was told."""
        with contextlib.closing(http.client.HTTPConnection(self.host, self.port, timeout=30)) as connection:
            proof = {"Authorization": token} if token else {}
            connection.request("POST", f"/v3/{path}", json.dumps(members), proof)
            answer = connection.getresponse()
            told: dict[str, Any] = json.loads(answer.read())
        return answer.status, told

    def watch(self, key: str, token: str) -> contextlib.closing["Watch"]:
        return contextlib.closing(Watch(self.host, self.port, key, token))

    def token(self, user: str, password: str) -> str:
        """Log in; empty if that is refused."""
        told = self.asked("auth/authenticate", name=user, password=password)[1]
        return str(told.get("token", ""))

    def run(self, path: str, **members: Any) -> dict[str, Any]:
        """Ask as root."""
        self._token = self._token or self.token(*_ROOT)
        status, told = self.asked(path, self._token, **members)
        if "invalid auth token" in str(told):  # it ends by itself when it was not used for some minutes
            self._token = self.token(*_ROOT)
            status, told = self.asked(path, self._token, **members)
        assert status == 200, (path, told)
        return told

    def make_user(self, user: str, password: str) -> None:
        """A user with a role of its own, which may use the keys that begin with its name."""
        prefix = encoded(user), encoded(user + "\U0010ffff")
        self.run("auth/user/add", name=user, password=password)
        self.run("auth/role/add", name=f"of {user}")
        permission = {"permType": "READWRITE", "key": prefix[0], "range_end": prefix[1]}
        self.run("auth/role/grant", name=f"of {user}", perm=permission)
        self.run("auth/user/grant", user=user, role=f"of {user}")

    def _switch_authentication_on(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + 30
        while not self._answers():
            assert process.poll() is None, (self.folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, "etcd did not start"
            time.sleep(0.02)
        self.asked("auth/user/add", name=_ROOT[0], password=_ROOT[1])
        self.asked("auth/role/add", name="root")
        self.asked("auth/user/grant", user="root", role="root")
        assert self.asked("auth/enable")[0] == 200

    def _answers(self) -> bool:
        try:
            return self.asked("kv/range", key=encoded("a"))[0] == 200
        except OSError:
            return False


class Watch:
    """What changes at a key, told over one connection."""

    def __init__(self, host: str, port: int, key: str, token: str) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=30)
        asked = json.dumps({"create_request": {"key": encoded(key)}})
        self._connection.request("POST", "/v3/watch", asked, {"Authorization": token})
        self._told = self._connection.getresponse()
        assert self.next()["created"]

    def next(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._told.readline())["result"]
        return told

    def close(self) -> None:
        self._told.close()
        self._connection.close()


def encoded(key: str) -> str:
    """A key or value as the gateway takes it."""
    return b64encode(key.encode()).decode()


class EtcdTarget(Target):
    """A running etcd with what a test of engines or strategies does on it."""

    engine = "etcd"
    says: ClassVar = {
        "wrong password": "wrong password",
        "unknown user": "no such user",
        "no administrator": r"etcdctl user grant-role \w+ root",
    }
    sends: ClassVar = [(HttpApi, "ask")]
    granted_probe: ClassVar = {"statement": "get 'the probe'", "expect": ["4 2"]}
    refused_probe: ClassVar = "get 'nobody reads'"
    writes_log: ClassVar = "changed a password of a user"
    offers_tls = True

    def __init__(self, server: EtcdServer) -> None:
        self.server = server
        server.run("kv/put", key=encoded("the probe"), value=encoded("4 2"))
        server.run("auth/role/add", name="probing")
        server.run("auth/role/grant", name="probing", perm={"permType": "READ", "key": encoded("the probe")})

    def product(self) -> str:
        with contextlib.closing(http.client.HTTPConnection(self.server.host, self.server.port, timeout=30)) as plain:
            plain.request("GET", "/version")
            version: str = json.loads(plain.getresponse().read())["etcdserver"]
        return f"etcd {'.'.join(version.split('.')[:2])}"

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        place = {"engine": self.engine, "host": self.server.host, "port": self.server.port}
        return {**place, "username": user, "password": password, **settings}

    def create_user(self, user: str, password: str) -> None:
        self.server.make_user(user, password)
        self.server.run("auth/user/grant", user=user, role="probing")

    def create_administrator(self, user: str, password: str, over: str) -> None:
        for statement in self.module.FACTS.privileges["alternating-users"].admin:
            # The package has no etcdctl.
            match [word.format(admin=user, user=over) for word in shlex.split(statement)]:
                case ["etcdctl", "user", "add", name]:
                    self.server.run("auth/user/add", name=name, password=password)
                case ["etcdctl", "user", "grant-role", name, role]:
                    self.server.run("auth/user/grant", user=name, role=role)
                case other:
                    raise AssertionError(other)

    def grant_something(self, user: str) -> None:
        self._grant(user, f"second of {user}")

    def grant_more(self, user: str) -> None:
        self._grant(user, "more")

    def revoke_more(self, user: str) -> None:
        self.server.run("auth/user/revoke", name=user, role="more")

    def set_password(self, user: str, password: str) -> None:
        self.server.run("auth/user/changepw", name=user, password=password)

    def end_sessions(self, user: str) -> None:
        raise NotImplementedError

    def logs_in(self, user: str, password: str) -> bool:
        return bool(self.server.token(user, password))

    def tls_settings(self) -> dict[str, Any]:
        return {"port": self.server.tls_port}

    def require_tls(self) -> dict[str, Any]:
        return self.new_value(port=self.server.tls_port)

    def log_text(self) -> str:
        """Without the write-ahead log, in which etcd 3.4 keeps passwords: see tests/functions/test_etcd.py."""
        return (self.server.folder / "log").read_text(errors="replace")

    def _grant(self, user: str, role: str) -> None:
        if role not in self.server.run("auth/role/list").get("roles", []):
            self.server.run("auth/role/add", name=role)
        self.server.run("auth/user/grant", user=user, role=role)


def start_etcd(stack: contextlib.ExitStack, certificates: Certificates, *options: str) -> EtcdTarget:
    if shutil.which("etcd") is None:
        apt_install("etcd-server")
    if shutil.which("etcd") is None:
        report_missing("etcd", "apt-get install etcd-server")
    return EtcdTarget(stack.enter_context(EtcdServer(certificates, *options)))
