"""The running server erases by itself what was scheduled for deletion: C.9 of the API reference."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from detent.main.folder import SystemClock
from detent.model.secret import CURRENT, Secret
from detent.store.protocol import Page
from detent.store.sqlite import SqliteStore
from servers.canary import Canary
from servers.detent import RunningDetent, running
from wire.answers import NOT_FOUND, refused

PATIENCE = 60
PLACE = ("000000000000", "us-east-1")


@contextmanager
def store_of(server: RunningDetent) -> Iterator[SqliteStore]:
    """The running server's store, as one more process of it has it."""
    store = SqliteStore(server.data / "store.sqlite", SystemClock())
    yield store
    store.close()


def let_windows_pass(store: SqliteStore) -> None:
    """Move the end of each recovery window into the past: a window lasts a week at least."""

    def work(tx: Any) -> None:
        for secret in tx.secrets.page(Page(*PLACE, 1000, with_deleted=True)):
            if secret.deletion is not None:
                tx.secrets.save(replace(secret, deletion=datetime.now(UTC)))

    store.write(work)


def names(client: Any) -> list[str]:
    return [one["Name"] for one in client.list_secrets(IncludePlannedDeletion=True)["SecretList"]]


def found(store: SqliteStore) -> list[Secret]:
    """The secrets there are, each of which is whole and counted."""
    with store.read() as tx:
        secrets = tx.secrets.page(Page(*PLACE, 1000, with_deleted=True))
        assert tx.secrets.count(*PLACE) == len(secrets)
        assert all(tx.secrets.sealed(one.key, one.labels[CURRENT]) for one in secrets)
    return secrets


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_secret_whose_window_has_passed_goes_by_itself_and_no_other_does(tmp_path: Path, canary: Canary) -> None:
    canary.folders.append(tmp_path)
    with running(tmp_path / "data", "--sweep-seconds", "0.1") as server, store_of(server) as store:
        client = server.client()
        for name in ("gone", "scheduled", "kept"):
            client.create_secret(Name=name, SecretString=canary.value(name))
        client.delete_secret(SecretId="gone", RecoveryWindowInDays=7)
        let_windows_pass(store)
        client.delete_secret(SecretId="scheduled", RecoveryWindowInDays=7)
        until(lambda: names(client) == ["scheduled", "kept"])
        with refused(NOT_FOUND):
            client.restore_secret(SecretId="gone")
        assert client.create_secret(Name="gone", SecretString=canary.value("again"))["Name"] == "gone"
        client.restore_secret(SecretId="scheduled")
        assert client.get_secret_value(SecretId="scheduled")["SecretString"] == canary.value("scheduled")
        assert client.get_secret_value(SecretId="kept")["SecretString"] == canary.value("kept")
        assert server.stop() == 0
        assert "sweep" not in server.log.read_text()  # none was broken off


def test_a_rotator_killed_while_it_erases_leaves_every_secret_whole_or_gone(tmp_path: Path, canary: Canary) -> None:
    canary.folders.append(tmp_path)
    with running(tmp_path / "data", "--sweep-seconds", "0.01") as server, store_of(server) as store:
        client = server.client()
        for number in range(150):
            client.create_secret(Name=f"s{number}", SecretString=canary.value())
            client.delete_secret(SecretId=f"s{number}", RecoveryWindowInDays=7)
        let_windows_pass(store)
        rotator, left = 0, 150
        for _ in range(2):
            until(lambda rotator=rotator: len(server.children()) == 2 and server.children()[-1] != rotator)
            rotator = server.children()[-1]
            until(lambda left=left: len(found(store)) < max(left, 1))
            os.kill(rotator, signal.SIGKILL)
            left = len(found(store))
        until(lambda: names(client) == [])
        with store.read() as tx:
            assert tx.run("SELECT count(*) FROM versions", {}).fetchone() == (0,)
