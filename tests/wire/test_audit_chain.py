"""The chain over real processes: workers and a rotator write it, die at any moment, and go on with it."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from detent.main.trail import findings
from servers.canary import Canary
from servers.detent import RunningDetent, running

READERS = 4
KILLS = 6


@pytest.fixture
def server(tmp_path: Path, canary: Canary) -> Iterator[RunningDetent]:
    with running(tmp_path / "data", "--workers", "2", "--audit-fsync", "--sweep-seconds", "0.2") as server:
        server.client().create_secret(Name="s", SecretString=canary.value())
        yield server


def told(data: Path) -> list[str]:
    return [finding.text for finding in findings(data, [], None)[1]]


def anchored(data: Path) -> int:
    """Give how far the store has seen the trail."""
    return findings(data, [], None)[0].known["the store"].sequence


def test_workers_that_are_killed_leave_no_gap(server: RunningDetent) -> None:
    client, stopping, answered = server.client(), threading.Event(), []

    def read() -> None:
        while not stopping.is_set():
            with suppress(BotoCoreError, ClientError):
                answer = client.get_secret_value(SecretId="s")
                answered.append(answer["ResponseMetadata"]["RequestId"])

    readers = [threading.Thread(target=read) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    for number in range(KILLS):
        time.sleep(0.3)
        with suppress(ProcessLookupError):
            os.kill(server.children()[number % 2], signal.SIGKILL)
    stopping.set()
    for reader in readers:
        reader.join()
    assert told(server.data) == []
    trail = (server.data / "audit.log").read_text()
    assert answered
    assert [request for request in answered if request not in trail] == []


def test_a_server_that_is_killed_goes_on_with_its_chain(server: RunningDetent) -> None:
    server.client().list_secrets()
    server.kill()
    with running(server.data) as again:
        again.client().list_secrets()
        assert told(server.data) == []


def test_reads_alone_are_soon_known_to_the_store(server: RunningDetent) -> None:
    client = server.client()
    for _ in range(5):
        client.list_secrets()
    records = (server.data / "audit.log").read_bytes().count(b"\n")
    deadline = time.monotonic() + 30
    while anchored(server.data) < records:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_server_that_ends_leaves_its_last_record_known(server: RunningDetent) -> None:
    server.client().list_secrets()
    server.stop()
    lines = (server.data / "audit.log").read_bytes().splitlines(keepends=True)
    assert anchored(server.data) == len(lines)
    (server.data / "audit.log").write_bytes(b"".join(lines[:-1]))
    assert len(told(server.data)) == 2  # the store and the file beside it miss the same record


def test_a_write_is_known_to_the_store_in_the_commit_that_it_records(server: RunningDetent) -> None:
    before = anchored(server.data)
    server.client().create_secret(Name="t", SecretString="x")
    assert anchored(server.data) > before
