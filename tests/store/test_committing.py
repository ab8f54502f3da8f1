"""What must be done before a commit, such as writing down what is committed: if it fails, nothing is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from detent.store.migrate import migrate
from detent.store.protocol import Tx
from detent.store.sqlite import SqliteStore
from servers.world import SimulatedClock
from servers.writers import ACCOUNT, REGION, a_secret


class Records:
    """Notes each time it was called; fails while told to."""

    def __init__(self) -> None:
        self.calls, self.full = 0, False

    def write(self, _tx: Tx) -> None:
        self.calls += 1
        if self.full:
            raise OSError("No space left on device")


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def store(tmp_path: Path, records: Records) -> Iterator[SqliteStore]:
    migrate(tmp_path / "store.sqlite")
    opened = SqliteStore(tmp_path / "store.sqlite", SimulatedClock(), committing=records.write)
    yield opened
    opened.close()


def kept(store: SqliteStore) -> list[str]:
    with store.read() as tx:
        return [name for name in "abcdef" if tx.secrets.named(ACCOUNT, REGION, name)]


def test_when_it_fails_nothing_is_committed_and_everybody_is_told(store: SqliteStore, records: Records) -> None:
    records.full = True
    futures = [store.submit(lambda tx, name=name: tx.secrets.add(a_secret(name))) for name in "abc"]
    for future in futures:
        with pytest.raises(OSError, match="No space left"):
            future.result()
    assert kept(store) == []
    records.full = False
    store.write(lambda tx: tx.secrets.add(a_secret("d")))
    assert kept(store) == ["d"]


def test_it_is_done_once_for_all_that_are_committed_together(store: SqliteStore, records: Records) -> None:
    futures = []

    def first(tx) -> None:
        tx.secrets.add(a_secret("a"))
        futures.extend(store.submit(lambda tx, name=name: tx.secrets.add(a_secret(name))) for name in "bcd")

    store.submit(first).result()
    for future in futures:
        future.result()
    assert records.calls == 2
    assert kept(store) == ["a", "b", "c", "d"]
