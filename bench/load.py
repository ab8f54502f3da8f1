"""Load by wrk, from requests that boto3 made and signed. boto3 itself takes over 1 ms a call."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse

from bench import processes
from bench.servers import Detent, Server

SCRIPT = Path(__file__).with_name("load.lua")


class LoadFailed(Exception):
    """wrk could not be run, or gave no figures."""


@dataclass(frozen=True)
class Round:
    """One run of wrk."""

    count: int  # replies
    rate: float  # replies a second
    cpu: float  # server seconds a request
    p50: float  # seconds
    p99: float
    refused: int  # replies other than 2xx
    broken: int  # connections that failed, timed out


def require_wrk() -> None:
    """Install wrk where that is possible without asking. Raises LoadFailed with what to do."""
    if shutil.which("wrk") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        for command in (["apt-get", "-qq", "update"], ["apt-get", "-qq", "--yes", "install", "wrk"]):
            subprocess.run(command, check=False, **quiet)  # type: ignore[call-overload]
    if shutil.which("wrk") is None:
        raise LoadFailed("wrk is not installed: apt-get install wrk")


def signed_gets(client: Any, names: list[str], file: Path) -> None:  # noqa: ANN401 - boto3 makes its clients' methods at run time
    """Write one signed GetSecretValue for each secret. A signature is good for five minutes."""
    signed: list[bytes] = []

    def capture(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        signed.append(raw(request))
        return AWSResponse(request.url, 200, {}, _Empty())

    event = "before-send.secrets-manager.GetSecretValue"
    client.meta.events.register(event, capture)
    try:
        for name in names:
            client.get_secret_value(SecretId=name)
    finally:
        client.meta.events.unregister(event, capture)
    file.write_bytes(b"".join(b"%d\n%s" % (len(request), request) for request in signed))


def signed(server: Detent, operation: str, asked: Iterable[Mapping[str, Any]], file: Path) -> int:
    """Write one signed request for each set of members; gives how many. Faster than a client's own call by far."""
    auth = server.signature()
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"secretsmanager.{operation}"}
    count = 0
    with file.open("wb") as written:
        for count, members in enumerate(asked, start=1):  # noqa: B007 - how many there were
            request = AWSRequest("POST", f"{server.url}/", dict(headers), json.dumps(members))
            auth.add_auth(request)
            whole = raw(request.prepare())
            written.write(b"%d\n%s" % (len(whole), whole))
    return count


def raw(request: AWSPreparedRequest) -> bytes:
    """Give a prepared request as the bytes that go over the wire."""
    url = urlsplit(request.url)
    headers: Mapping[str, Any] = {"Host": url.netloc, **request.headers}
    lines = [f"POST {url.path or '/'} HTTP/1.1", *(f"{name}: {text(value)}" for name, value in headers.items()), "", ""]
    body = request.body or b""
    return "\r\n".join(lines).encode() + (body if isinstance(body, bytes) else body.encode())


def text(value: str | bytes) -> str:
    """Headers come as either."""
    return value.decode() if isinstance(value, bytes) else value


def play(server: Server, file: Path, connections: int, seconds: int, cores: str | None) -> Round:
    """Load a server, and take its CPU time meanwhile. Raises LoadFailed."""
    pin = ["taskset", "--cpu-list", cores] if cores else []
    wrk = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--timeout", "10s"]
    pids = server.pids()
    before = processes.cpu_seconds(pids)
    command = [*pin, *wrk, "--script", str(SCRIPT), server.url, "--", str(file)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    spent = processes.cpu_seconds(pids) - before
    figures = [line.split()[1:] for line in ran.stdout.splitlines() if line.startswith("FIGURES")]
    if not figures:
        raise LoadFailed(f"wrk gave no figures: {ran.stdout}{ran.stderr}")
    requests, duration, p50, p99, refused, broken = map(int, figures[0])
    count = max(requests, 1)
    return Round(requests, requests / (duration / 1e6), spent / count, p50 / 1e6, p99 / 1e6, refused, broken)


class _Empty:
    """The body of a reply that never came: botocore reads it as an empty JSON object."""

    def stream(self, **_: object) -> list[bytes]:
        return [b"{}"]
