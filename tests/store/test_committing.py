"""What must be done before a commit, such as writing down what is committed: if it fails, nothing is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from detent.store.migrate import migrate
from detent.store.protocol import Tx
from detent.store.sqlite import SqliteStore
from servers.world import SimulatedClock
from servers.writers import ACCOUNT, REGION, a_secret

NORMAL, FULL = 1, 2  # SQLite's numbers


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


def test_what_is_left_goes_with_the_next_write_and_before_it(store: SqliteStore, records: Records) -> None:
    seen: list[list[str]] = []
    left = store.leave(lambda tx: tx.secrets.add(a_secret("a")))

    def next_one(tx: Tx) -> None:
        seen.append([name for name in "ab" if tx.secrets.named(ACCOUNT, REGION, name)])
        assert not left.done(), "it is told only after the commit"

    store.write(next_one)
    assert (seen, left.done(), records.calls) == ([["a"]], True, 1)


def test_what_is_left_is_committed_though_nobody_writes_any_more(store: SqliteStore) -> None:
    store.leave(lambda tx: tx.secrets.add(a_secret("a"))).result(timeout=20)
    assert kept(store) == ["a"]


def test_closing_finishes_what_was_left(tmp_path: Path, store: SqliteStore) -> None:
    closing = SqliteStore(tmp_path / "store.sqlite", SimulatedClock())
    closing.leave(lambda tx: tx.secrets.add(a_secret("a")))
    closing.close()
    assert kept(store) == ["a"]


def test_what_is_written_together_is_one_commit_and_each_work_is_undone_by_itself(
    store: SqliteStore, records: Records
) -> None:
    def broken(tx: Tx) -> None:
        tx.secrets.add(a_secret("b"))
        raise ZeroDivisionError

    works = [lambda tx: tx.secrets.add(a_secret("a")), broken, lambda tx: tx.secrets.add(a_secret("c"))]
    one, two, three = store.write_together(works)
    assert records.calls == 1
    assert (one.result().name, three.result().name) == ("a", "c")
    with pytest.raises(ZeroDivisionError):
        two.result()
    assert kept(store) == ["a", "c"]


def test_a_commit_waits_for_the_disk_if_anything_in_it_is_to_last(tmp_path: Path) -> None:
    levels: list[int] = []
    migrate(tmp_path / "store.sqlite")

    def note(tx: Tx) -> None:
        levels.append(tx.run("PRAGMA synchronous", {}).fetchone()[0])  # type: ignore[attr-defined]

    store = SqliteStore(tmp_path / "store.sqlite", SimulatedClock(), committing=note)
    store.write(lambda tx: tx.secrets.add(a_secret("a")))
    store.write(lambda tx: tx.secrets.add(a_secret("b")), lasts=False)
    store.leave(lambda tx: tx.secrets.add(a_secret("c")))
    store.write(lambda tx: tx.secrets.add(a_secret("d")), lasts=False)
    store.leave(lambda tx: tx.secrets.add(a_secret("e")), lasts=False)
    store.write(lambda tx: tx.secrets.add(a_secret("f")), lasts=False)
    store.submit(lambda tx: tx.secrets.add(a_secret("g"))).result()
    assert levels == [FULL, NORMAL, FULL, NORMAL, FULL]
    assert kept(store) == list("abcdef")
    store.close()
