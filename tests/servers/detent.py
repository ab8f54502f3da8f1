"""Detent itself, as a user starts it: `detent serve` in a folder of its own on a free port."""

import configparser
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import botocore.config

READY = "Detent serves on "
START_SECONDS = 60


class RunningDetent:
    """A server under test. `log` is its standard error, `refusals` every error its clients here were told."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.log = data.with_name(f"{data.name}.log")
        self.refusals: list[str] = []
        command = [sys.executable, "-m", "detent.cli", "serve", "--data", str(data), "--port", "0", *options]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DETENT_"))}
        said = data.with_name(f"{data.name}.out")
        with self.log.open("ab") as log, said.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=log, stdin=subprocess.DEVNULL, env=environment)
        self.endpoint = self._wait(said)

    def _wait(self, said: Path) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            for line in said.read_text().splitlines(keepends=True):
                if line.startswith(READY) and line.endswith("\n"):
                    return line.removeprefix(READY).strip()
            time.sleep(0.02)
        self.stop()
        raise AssertionError(f"detent serve did not start: {self.log.read_text()}")

    @property
    def credentials(self) -> tuple[str, str]:
        """The root access key."""
        parser = configparser.RawConfigParser()
        parser.read(self.data / "credentials")
        return parser["default"]["aws_access_key_id"], parser["default"]["aws_secret_access_key"]

    def client(self, service: str = "secretsmanager", **changed: Any) -> Any:
        """An unmodified boto3 client; what it is refused is kept, to be searched for secret values."""
        access_key, secret_key = ("", "") if "aws_access_key_id" in changed else self.credentials
        config = botocore.config.Config(retries={"total_max_attempts": 1}, max_pool_connections=64)
        settings = {
            "endpoint_url": self.endpoint,
            "region_name": "us-east-1",
            "aws_access_key_id": access_key,
            "aws_secret_access_key": secret_key,
            "config": config,
            **changed,
        }
        client = boto3.session.Session().client(service, **settings)
        client.meta.events.register("after-call", self._spy)
        return client

    def _spy(self, parsed: dict[str, Any], **_: Any) -> None:
        if "Error" in parsed:
            self.refusals.append(str(parsed))

    def children(self) -> list[int]:
        """The process ids of the workers and the rotator; the rotator was started last."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in found]

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=90)

    def kill(self) -> None:
        """SIGKILL to the parent; its children see it and end."""
        children = self.children()
        self.process.kill()
        self.process.wait(timeout=30)
        deadline = time.monotonic() + 30
        while any(_runs(pid) for pid in children):
            assert time.monotonic() < deadline, "children outlived their parent"
            time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


@contextmanager
def running(data: Path, *options: str) -> Iterator[RunningDetent]:
    """Start a server, and stop it in the end if it still runs."""
    server = RunningDetent(data, *options)
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """Give a loopback port that is free now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
