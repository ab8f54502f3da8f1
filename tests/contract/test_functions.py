"""Users' own functions: the part of the store's contract that keeps them, their code, logs and events."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contract.test_stores import STORES
from detent.model.errors import ReadOnlyTransaction
from detent.model.function import FunctionKey, Remote, UserFunction
from detent.model.value import SealedValue
from detent.store.protocol import ROTATION_PAUSED, FunctionLog, Store
from servers.world import SimulatedClock

ACCOUNT, OTHER, REGION = "0" * 12, "1" * 12, "us-east-1"
NOW = datetime(2026, 3, 10, tzinfo=UTC)
KEY = FunctionKey(ACCOUNT, REGION, "rotate")
SEALED = SealedValue(b"\1aaaasealed", "root")
MARGIN = timedelta(minutes=1)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: SimulatedClock) -> Iterator[Store]:
    store = STORES[request.param](tmp_path, clock)
    yield store
    store.close()


def function(key: FunctionKey = KEY, **changed: Any) -> UserFunction:
    made = UserFunction(key, "python3.12", "module.handler", timedelta(seconds=3), 128, "sha", 3, "revision", NOW)
    return replace(made, **changed)


def put(store: Store, made: UserFunction, code: bytes = b"zip", environment: SealedValue = SEALED) -> UserFunction:
    def work(tx: Any) -> None:
        if made.code_sha256:
            tx.functions.keep_code(made.code_sha256, code)
        tx.functions.put(made, environment)

    store.write(work)
    return made


def logged(store: Store, request_id: str, at: datetime, size: int = 10, most: int = 10_000) -> None:
    log = FunctionLog(request_id, at, SealedValue(b"x" * size, "root"))
    store.write(lambda tx: tx.functions.log(KEY, log, NOW, most))


def logs(store: Store, since: datetime = NOW, limit: int = 100) -> list[str]:
    with store.read() as tx:
        return [log.request_id for log in tx.functions.logs(KEY, since, limit)]


def test_a_function_comes_back_as_it_was_kept_with_every_member(store: Store) -> None:
    full = function(
        timeout=timedelta(seconds=900),
        role="arn:aws:iam::000000000000:role/r",
        description="rotates",
        layers=("arn:1", "arn:2"),
        remote=Remote("https://host", "", "profile"),
        policy="{}",
        tags={"team": "a"},
    )
    put(store, full)
    with store.read() as tx:
        assert tx.functions.find(KEY) == full
        assert tx.functions.environment(KEY) == SEALED
        assert tx.functions.code("sha") == b"zip"


def test_a_function_is_found_by_exactly_its_account_region_and_name(store: Store) -> None:
    put(store, function())
    with store.read() as tx:
        for other in (KEY._replace(account=OTHER), KEY._replace(region="eu-west-1"), KEY._replace(name="Rotate")):
            assert tx.functions.find(other) is None
            assert tx.functions.environment(other) is None


def test_a_changed_function_takes_the_place_of_the_one_there_and_keeps_its_log(store: Store) -> None:
    put(store, function())
    logged(store, "one", NOW)
    other = SealedValue(b"\1aaaaother", "root")
    changed = put(store, function(handler="other.handler", revision="later"), environment=other)
    with store.read() as tx:
        assert tx.functions.find(KEY) == changed
        assert tx.functions.environment(KEY) == other
    assert logs(store) == ["one"]


def test_functions_are_listed_by_name_behind_the_one_given(store: Store) -> None:
    for name in ("b", "c", "a"):
        put(store, function(KEY._replace(name=name)))
    put(store, function(KEY._replace(account=OTHER)))
    put(store, function(KEY._replace(region="eu-west-1")))
    with store.read() as tx:
        assert [found.key.name for found in tx.functions.page(ACCOUNT, REGION, "", 2)] == ["a", "b"]
        assert [found.key.name for found in tx.functions.page(ACCOUNT, REGION, "b", 2)] == ["c"]


def test_code_goes_with_the_last_function_that_has_it(store: Store) -> None:
    other = KEY._replace(name="other")
    put(store, function())
    put(store, function(other))
    put(store, function(code_sha256="new"), b"newer")
    with store.read() as tx:
        assert (tx.functions.code("sha"), tx.functions.code("new")) == (b"zip", b"newer")
    store.write(lambda tx: tx.functions.drop(other))
    with store.read() as tx:
        assert (tx.functions.code("sha"), tx.functions.code("new")) == (None, b"newer")


def test_a_dropped_function_takes_its_log_and_events_along(store: Store) -> None:
    put(store, function())
    logged(store, "one", NOW)
    store.write(lambda tx: tx.functions.add_event(KEY, "request", SEALED, NOW))
    store.write(lambda tx: tx.functions.drop(KEY))
    store.write(lambda tx: tx.functions.drop(KEY))
    put(store, function())
    assert logs(store) == []
    with store.read() as tx:
        assert tx.functions.count_events(KEY) == 0
        assert not tx.functions.has_due_event()


def test_a_log_tells_the_newest_entries_in_their_order(store: Store) -> None:
    put(store, function())
    for second in (2, 1, 3):
        logged(store, f"at-{second}", NOW + timedelta(seconds=second))
    assert logs(store) == ["at-1", "at-2", "at-3"]
    assert logs(store, limit=2) == ["at-2", "at-3"]
    assert logs(store, since=NOW + timedelta(seconds=3)) == ["at-3"]


def test_a_log_holds_no_more_than_its_bytes_and_nothing_too_old(store: Store) -> None:
    put(store, function())
    logged(store, "old", NOW - timedelta(seconds=1))
    assert logs(store, since=NOW - timedelta(days=1)) == []
    for number in range(4):
        logged(store, f"request-{number}", NOW + timedelta(seconds=number), most=30)
    assert logs(store) == ["request-1", "request-2", "request-3"]


def test_a_log_of_no_function_is_kept_by_none(store: Store) -> None:
    logged(store, "one", NOW)
    put(store, function())
    assert logs(store) == []


def test_an_event_is_claimed_by_one_until_its_time_is_over(store: Store, clock: SimulatedClock) -> None:
    put(store, function())
    store.write(lambda tx: tx.functions.add_event(KEY, "request", SEALED, clock.now()))
    with store.read() as tx:
        assert tx.functions.has_due_event()
    claimed = store.write(lambda tx: tx.functions.claim_event(MARGIN))
    assert claimed is not None
    assert (claimed.function, claimed.request_id, claimed.attempts) == (function(), "request", 1)
    assert (claimed.sealed, claimed.accepted) == (SEALED, clock.now())
    assert store.write(lambda tx: tx.functions.claim_event(MARGIN)) is None
    clock.advance(timedelta(seconds=63))
    again = store.write(lambda tx: tx.functions.claim_event(MARGIN))
    assert again is not None
    assert again.attempts == 2
    store.write(lambda tx: tx.functions.drop_event(claimed))  # another has it
    store.write(lambda tx: tx.functions.postpone_event(claimed, clock.now()))
    with store.read() as tx:
        assert (tx.functions.count_events(KEY), tx.functions.has_due_event()) == (1, False)
    store.write(lambda tx: tx.functions.postpone_event(again, clock.now()))
    last = store.write(lambda tx: tx.functions.claim_event(MARGIN))
    assert last is not None
    store.write(lambda tx: tx.functions.drop_event(last))
    with store.read() as tx:
        assert tx.functions.count_events(KEY) == 0


def test_no_event_is_claimed_while_rotation_is_paused(store: Store, clock: SimulatedClock) -> None:
    put(store, function())
    store.write(lambda tx: tx.functions.add_event(KEY, "request", SEALED, clock.now()))
    store.write(lambda tx: tx.keep_fact(ROTATION_PAUSED, b""))
    assert store.write(lambda tx: tx.functions.claim_event(MARGIN)) is None
    with store.read() as tx:
        assert not tx.functions.has_due_event()


def test_what_another_key_sealed_is_found_counted_and_resealed(store: Store, clock: SimulatedClock) -> None:
    put(store, function())
    logged(store, "one", NOW)
    store.write(lambda tx: tx.functions.add_event(KEY, "request", SEALED, clock.now()))
    with store.read() as tx:
        assert tx.functions.stale("root", b"\1aaaa", 10) == [
            part for part in tx.functions.stale("root", b"\1bbbb", 10) if part.kind == "log"
        ]
        assert tx.keysets.seals("root", b"\1bbbb") == (3, 3)
        found = tx.functions.stale("root", b"\1bbbb", 10)
        assert len(tx.functions.stale("root", b"\1bbbb", 2)) == 2
    assert {(part.kind, part.function, part.request_id) for part in found} == {
        ("environment", KEY, ""),
        ("log", KEY, "one"),
        ("event", KEY, "request"),
    }
    for part in found:
        store.write(lambda tx, part=part: tx.functions.reseal(part, SealedValue(b"\1bbbbsealed", "root")))
    with store.read() as tx:
        assert tx.functions.stale("root", b"\1bbbb", 10) == []
        assert tx.keysets.seals("root", b"\1bbbb") == (3, 0)
        assert tx.functions.environment(KEY) == SealedValue(b"\1bbbbsealed", "root")


def test_a_snapshot_refuses_to_change_functions(store: Store) -> None:
    with store.read() as tx, pytest.raises(ReadOnlyTransaction):
        tx.functions.put(function(), SEALED)
    with store.read() as tx, pytest.raises(ReadOnlyTransaction):
        tx.functions.claim_event(MARGIN)
