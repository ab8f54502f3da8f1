"""The servers that are measured: started in a folder that is thrown away, ended by their process id."""

import configparser
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.auth import SigV4Auth
from botocore.config import Config
from botocore.credentials import Credentials

import detent
from bench import processes
from detent.cli.ending import end

REGION = "us-east-1"
START_SECONDS = 20.0
STOP_SECONDS = 20.0


class ServerNotStarted(Exception):
    """A server that was to be measured did not answer."""


class Server(ABC):
    """One server process with its children. `cores` pins all of them."""

    def __init__(self, workers: int, cores: str | None) -> None:
        """Prepare a server with this many HTTP workers."""
        self.folder = Path(tempfile.mkdtemp(prefix="detent-bench-"))
        self._workers = workers
        self._pin = ["taskset", "--cpu-list", cores] if cores else []
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it and wait until it answers. Raises ServerNotStarted."""
        log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen([*self._pin, *self.command()], stdout=log, stderr=log)
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End it with SIGTERM; with SIGKILL if that takes too long."""
        if self._process is not None:
            end(self._process, signal.SIGTERM, seconds=STOP_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)

    @abstractmethod
    def command(self) -> list[str]:
        """Give the command that starts it."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it answers; empty while that is not known."""

    def pids(self) -> list[int]:
        """Give its processes."""
        return processes.tree(self._process.pid) if self._process else []

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process and self._process.poll() is None:
            if self.url and self._answers():
                return
            time.sleep(0.05)
        raise ServerNotStarted(f"{' '.join(self.command())}:\n{(self.folder / 'log').read_text(errors='replace')}")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=1):  # noqa: S310 - a loopback address of ours
                return True
        except (OSError, urllib.error.URLError):
            return False


class Detent(Server):
    """`detent serve` on an empty data folder, with further options perhaps."""

    def __init__(self, workers: int, cores: str | None, options: tuple[str, ...] = ()) -> None:
        """Prepare a server with this many HTTP workers."""
        super().__init__(workers, cores)
        self._options = options

    def command(self) -> list[str]:
        """Start on a free port."""
        serve = [sys.executable, "-m", "detent.cli", "serve", "--port", "0"]
        return [*serve, "--data", str(self.data), "--workers", str(self._workers), *self._options]

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def url(self) -> str:
        """Read the endpoint from the AWS config file that the server writes."""
        config = configparser.ConfigParser()
        config.read(self.data / "config")
        return config.get("default", "endpoint_url", fallback="").rstrip("/")

    def client(self, service: str = "secretsmanager", **changed: Any) -> Any:  # noqa: ANN401 - boto3 makes its clients' methods at run time
        """Give a boto3 client with no other settings than the two files that the server wrote, and those given."""
        os.environ["AWS_CONFIG_FILE"] = str(self.data / "config")
        os.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(self.data / "credentials")
        settings = {"config": Config(retries={"total_max_attempts": 1}), **changed}
        return detent.client(**settings) if service == "detent" else boto3.session.Session().client(service, **settings)

    def signature(self) -> SigV4Auth:
        """Give what signs as the root; its key stands in the file that the server wrote."""
        keys = configparser.RawConfigParser()
        keys.read(self.data / "credentials")
        found = keys["default"]
        root = Credentials(found["aws_access_key_id"], found["aws_secret_access_key"])
        return SigV4Auth(root, "secretsmanager", REGION)


class Trivial(Server):
    """The yardstick: a handler that reads a body and gives 300 bytes, on the HTTP server that Detent uses."""

    def command(self) -> list[str]:
        """Start on a free port, with the options that Detent gives to uvicorn."""
        return [sys.executable, "-m", "bench.trivial", str(self._workers), str(self.folder / "url")]

    @property
    def url(self) -> str:
        """Read what the server wrote when it had its port."""
        path = self.folder / "url"
        return path.read_text() if path.exists() else ""
