"""A RabbitMQ of the system's with its management plug-in, in a temp folder, writing down everything that it can."""

import base64
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from detent.cli.ending import end
from servers.certificates import Certificates
from servers.redis import free_port

_PROGRAMS = Path("/usr/lib/rabbitmq/bin")  # those in /usr/sbin become another user
_START_SECONDS = 120  # nine on an idle machine
_TRIES = 3  # another process may take a free port first
_NODE = "detent@localhost"


class RabbitmqServer:
    """A context manager: the server runs inside, on free loopback ports."""

    host = "127.0.0.1"
    operator = ("operator", "throwaway-operator-password")

    def __init__(self, certificates: Certificates) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="detent-rabbitmq-"))
        self._certificates = certificates
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            assert any(self._serves() for _ in range(_TRIES)), self._said()[-2000:]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def asked(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Ask the management API as the operator; give the status and what it told."""
        proof = base64.b64encode(":".join(self.operator).encode()).decode()
        with contextlib.closing(http.client.HTTPConnection(self.host, self.port, timeout=30)) as connection:
            headers = {"Authorization": f"Basic {proof}", "Content-Type": "application/json"}
            connection.request(method, f"/api/{path}", json.dumps(body), headers)
            answer = connection.getresponse()
            said = answer.read()
        return answer.status, json.loads(said) if said else None

    def control(self, *words: str, typed: str = "") -> str:
        """Run rabbitmqctl, which takes half a second and more."""
        command = [str(_PROGRAMS / "rabbitmqctl"), "-n", _NODE, *words]
        done = subprocess.run(
            command, input=typed, env=self._environment(), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def written(self) -> str:
        files = [*self.folder.glob("log/*"), *self.folder.glob("http/*"), self.folder / "out"]
        return "\n".join(path.read_text(errors="replace") for path in files if path.is_file())

    def _serves(self) -> bool:
        """Start on ports that are free now; it takes seconds until the node holds them. False if it ended."""
        self._running.close()
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        self.amqp_port, self.port, self.tls_port, self._names_port, self._node_port = (free_port() for _ in range(5))
        (self.folder / "rabbitmq.conf").write_text(self._settings(self._certificates))
        (self.folder / "plugins").write_text("[rabbitmq_management].")
        # A node that finds no epmd starts one that outlives it.
        self._start("/usr/bin/epmd", "-address", self.host, "-port", str(self._names_port))
        node = self._start(str(_PROGRAMS / "rabbitmq-server"))
        deadline = time.monotonic() + _START_SECONDS
        while "Starting broker... completed" not in self._said():
            assert time.monotonic() < deadline, "RabbitMQ did not start"
            if node.poll() is not None:
                return False
            time.sleep(0.1)
        return True

    def _said(self) -> str:
        return (self.folder / "out").read_text()

    def _start(self, *command: str) -> "subprocess.Popen[bytes]":
        with (self.folder / "out").open("ab") as out:
            process = subprocess.Popen(
                command, env=self._environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        self._running.callback(end, process, seconds=20)  # at once: asked to stop it takes six seconds
        return process

    def _environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))},
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_NODENAME": _NODE,
            "RABBITMQ_DIST_PORT": str(self._node_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none",  # does not spin while it waits
            "ERL_EPMD_ADDRESS": self.host,
            "ERL_EPMD_PORT": str(self._names_port),
            "HOME": str(self.folder),  # holds the cookie
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the server
        }

    def _settings(self, certificates: Certificates) -> str:
        settings = {
            "listeners.tcp.1": f"{self.host}:{self.amqp_port}",
            "management.tcp.ip": self.host,
            "management.tcp.port": self.port,
            "management.ssl.ip": self.host,
            "management.ssl.port": self.tls_port,
            "management.ssl.certfile": certificates.server,
            "management.ssl.keyfile": certificates.server_key,
            "management.http_log_dir": self.folder / "http",
            "log.file.level": "debug",
            "log.connection.level": "debug",
            "loopback_users": "none",
            "default_user": self.operator[0],
            "default_pass": self.operator[1],
        }
        return "".join(f"{name} = {value}\n" for name, value in settings.items())
