"""The loop that claims and renews, on a real clock with short leases; what a rotation does in it is the story's."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from detent.main.folder import SystemClock
from detent.model.rotation import Rotation, State, asked_for
from detent.model.secret import VersionId
from detent.rotation.scheduler import Lease, Scheduler, steady
from detent.store.migrate import migrate
from detent.store.protocol import Tx
from detent.store.sqlite import SqliteStore
from servers.writers import a_secret

PATIENCE = 20
Drive = Callable[[Rotation, Callable[[], bool], "Future[object]"], None]


@pytest.fixture
def store(tmp_path: Path):
    migrate(tmp_path / "store.sqlite")
    store = SqliteStore(tmp_path / "store.sqlite", SystemClock())
    yield store
    store.close()


def due(store: SqliteStore, name: str) -> Rotation:
    key = store.write(lambda tx: tx.secrets.add(a_secret(name))).key
    now = SystemClock().now()
    return store.write(lambda tx: tx.rotations.add(asked_for(key, VersionId("t"), now)))


class Loop:
    """A scheduler in a thread, whose rotations do what the test says."""

    def __init__(
        self, store: SqliteStore, drive: Drive, begin: Callable[[Tx, Rotation], object] = lambda _tx, _one: None
    ) -> None:
        self.scheduler = Scheduler(store, SystemClock(), begin, drive, 0.6, lambda _seconds: time.sleep(0.005))
        self.thread = threading.Thread(target=self.scheduler.run)

    def __enter__(self) -> Scheduler:
        self.thread.start()
        return self.scheduler

    def __exit__(self, *_: object) -> None:
        self.scheduler.stopping.set()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def ending(store: SqliteStore, seen: list[int]) -> Drive:
    def drive(rotation: Rotation, _may_go_on: Callable[[], bool], _begun: "Future[object]") -> None:
        ended = rotation.stopped(State.SUCCEEDED, SystemClock().now(), "")
        store.write(lambda tx: tx.rotations.save(ended, release=True))
        seen.append(rotation.id)

    return drive


def test_everything_due_is_driven_once(store: SqliteStore) -> None:
    seen: list[int] = []
    wanted = [due(store, f"s{number}").id for number in range(30)]
    with Loop(store, ending(store, seen)):
        until(lambda: len(seen) == 30)
        wanted.append(due(store, "later").id)
        until(lambda: len(seen) == 31)
    assert sorted(seen) == wanted


def test_a_lease_is_renewed_for_as_long_as_its_rotation_is_driven(store: SqliteStore) -> None:
    go_on, asked = threading.Event(), []

    def drive(rotation: Rotation, may_go_on: Callable[[], bool], begun: "Future[object]") -> None:
        while not go_on.wait(0.05):
            asked.append(may_go_on())
        ending(store, [])(rotation, may_go_on, begun)

    rotation = due(store, "slow")
    with Loop(store, drive):
        until(lambda: len(asked) > 40)  # three leases long
        assert store.write(lambda tx: tx.rotations.claim_due("thief", 1, 1)) == []
        go_on.set()
        until(lambda: store.write(lambda tx: tx.rotations.current(rotation.id)).state is State.SUCCEEDED)
    assert all(asked)


def test_a_lease_that_was_taken_is_noticed(store: SqliteStore) -> None:
    stopped = threading.Event()

    def drive(rotation: Rotation, may_go_on: Callable[[], bool], _begun: "Future[object]") -> None:
        taken = rotation.stopped(State.CANCELLED, SystemClock().now(), "by somebody")
        store.write(lambda tx: tx.rotations.overrule(taken))
        until(lambda: not may_go_on())
        stopped.set()

    due(store, "taken")
    with Loop(store, drive):
        until(stopped.is_set)


def test_a_rotation_that_breaks_its_runner_leaves_the_others_alone(store: SqliteStore) -> None:
    seen: list[int] = []
    finish = ending(store, seen)
    broken = due(store, "broken").id

    def drive(rotation: Rotation, may_go_on: Callable[[], bool], begun: "Future[object]") -> None:
        if rotation.id == broken and rotation.epoch == 1:
            raise ZeroDivisionError
        finish(rotation, may_go_on, begun)

    well = due(store, "well").id
    with Loop(store, drive):
        until(lambda: sorted(seen) == [broken, well])  # the broken one again, once its lease ran out


def test_what_is_claimed_is_begun_in_the_same_commit_and_driven_with_what_that_gave(store: SqliteStore) -> None:
    given: list[tuple[int, object]] = []
    one = due(store, "one").id

    def begin(tx: Tx, rotation: Rotation) -> str:
        begun = tx.rotations.current(rotation.id)
        assert begun is not None
        tx.rotations.save(replace(begun, reason="begun"), release=False)
        return f"begun {rotation.id}"

    def drive(rotation: Rotation, _may_go_on: Callable[[], bool], begun: "Future[object]") -> None:
        with store.read() as tx:
            assert tx.rotations.current(rotation.id).reason == "begun"
        given.append((rotation.id, begun.result()))

    with Loop(store, drive, begin):
        until(lambda: given)
    assert given[0] == (one, f"begun {one}")


def test_a_rotation_that_cannot_be_begun_leaves_no_trace_and_the_others_alone(store: SqliteStore) -> None:
    seen: list[int] = []
    broken, well = due(store, "broken").id, due(store, "well").id

    def begin(tx: Tx, rotation: Rotation) -> None:
        tx.rotations.save(replace(rotation, reason="half done"), release=False)
        if rotation.id == broken:
            raise ZeroDivisionError

    def drive(rotation: Rotation, _may_go_on: Callable[[], bool], begun: "Future[object]") -> None:
        begun.result()
        ending(store, seen)(rotation, lambda: True, begun)

    with Loop(store, drive, begin):
        until(lambda: seen)
    with store.read() as tx:
        left = tx.rotations.current(broken)
    assert (seen, left.reason, left.state) == ([well], None, State.IN_PROGRESS)


def test_a_lease_is_counted_from_before_it_was_asked_for() -> None:
    now = steady()
    assert Lease(None, 10, now - 11).holds() is False  # type: ignore[arg-type]
    assert Lease(None, 10, now - 5).holds() is True  # type: ignore[arg-type]
    assert Lease(None, 10, now - 5).is_due() is True  # type: ignore[arg-type]
    assert Lease(None, 10, now - 1).is_due() is False  # type: ignore[arg-type]
