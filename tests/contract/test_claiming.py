"""Which due rotations are claimed: the oldest, sparing each target, whatever the clocks do."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from detent.model.pace import Pace
from detent.model.rotation import Rotation
from detent.model.schedule import Window
from detent.model.secret import CURRENT, Version, VersionId
from detent.store import claim_queries
from detent.store.migrate import migrate
from detent.store.sqlite import SqliteStore, connect
from detent.store.steady import Tick, machine
from servers.world import SimulatedClock
from servers.writers import a_secret

CURRENT_ID = VersionId("c")
UNHURRIED = Pace(at_once=100, per_second=0)


class Fleet:
    """A store of secrets at targets, its clock, and its clock of leases, each moved by hand."""

    def __init__(self, path: Path) -> None:
        migrate(path)
        self.clock = SimulatedClock()
        self.tick = Tick("boot", 10**6)
        self.store = SqliteStore(path, self.clock, steady=lambda: self.tick)

    def due(self, *targets: str | None, after: timedelta = timedelta(0)) -> list[int]:
        return [self.store.write(lambda tx, target=target: self._add(tx, target, after)) for target in targets]

    def _add(self, tx, target: str | None, after: timedelta) -> int:
        name = f"s{tx.secrets.count('000000000000', 'us-east-1')}"
        secret = tx.secrets.add(replace(a_secret(name), labels={CURRENT: CURRENT_ID}))
        tx.secrets.put_version(secret.key, Version(CURRENT_ID, self.clock.now(), None, target=target), None)
        opens = self.clock.now() + after
        return int(tx.rotations.add(Rotation(secret.key, Window(opens, opens + timedelta(hours=1)), opens)).id)

    def claim(self, limit: int, pace: Pace = UNHURRIED, owner: str = "one") -> list[Rotation]:
        return self.store.write(lambda tx: tx.rotations.claim_due(owner, 10, limit, pace))

    def ids(self, limit: int, pace: Pace = UNHURRIED, owner: str = "one") -> list[int]:
        return [claimed.id for claimed in self.claim(limit, pace, owner)]

    def let_leases_pass(self, seconds: float) -> None:
        self.tick = Tick(self.tick.boot, self.tick.micros + round(seconds * 10**6))

    def fail(self, claimed: Rotation) -> None:
        """End its first try without success; the next comes ten seconds later."""
        begun = claimed.begun(VersionId("t"), self.clock.now()).failed("away", self.clock.now(), None)
        self.store.write(lambda tx: tx.rotations.save(begun, release=True))

    def succeed(self, claimed: Rotation) -> None:
        rotation = claimed.begun(VersionId("t"), self.clock.now())
        for _ in range(4):
            rotation = rotation.succeeded(self.clock.now())
        self.store.write(lambda tx: tx.rotations.save(rotation, release=True))

    def next_due(self) -> datetime | None:
        with self.store.read() as tx:
            return tx.rotations.next_due()


@pytest.fixture
def fleet(tmp_path: Path):
    fleet = Fleet(tmp_path / "store.sqlite")
    yield fleet
    fleet.store.close()


def test_of_one_target_no_more_are_at_work_than_may_be_whoever_claims(fleet: Fleet) -> None:
    crowd = fleet.due(*["a"] * 6)
    others = fleet.due("b", None, None, None)
    pace = Pace(at_once=2, per_second=0)
    assert sorted(fleet.ids(4, pace)) == [*crowd[:2], *others[:2]]
    assert fleet.ids(10, pace, "two") == others[2:]
    assert fleet.ids(10, pace, "three") == []


def test_one_that_ends_makes_room_for_the_oldest_that_waits_at_its_target(fleet: Fleet) -> None:
    crowd = fleet.due(*["a"] * 3)
    pace = Pace(at_once=2, per_second=0)
    first, _ = fleet.claim(10, pace)
    fleet.succeed(first)
    assert fleet.ids(10, pace) == [crowd[2]]


def test_a_target_gets_a_burst_and_then_as_many_a_second_as_its_bucket_gains(fleet: Fleet) -> None:
    fleet.due(*["a"] * 40)
    pace = Pace(at_once=4, per_second=8)
    taken = []
    for _ in range(10):
        for claimed in fleet.claim(4, pace):
            taken.append(claimed)
            fleet.succeed(claimed)
    assert len(taken) == 8
    fleet.clock.advance(timedelta(seconds=1))
    found = [claimed for _ in range(10) for claimed in fleet.claim(1, pace) if fleet.succeed(claimed) is None]
    assert len(found) == 8


def test_a_bucket_is_full_after_a_clock_was_set_back_by_hours(fleet: Fleet) -> None:
    fleet.due(*["a"] * 8, after=timedelta(hours=-9))
    pace = Pace(at_once=2, per_second=1)
    for claimed in fleet.claim(2, pace):
        fleet.succeed(claimed)
    assert fleet.ids(2, pace) == []
    fleet.clock.advance(timedelta(hours=-5))
    assert len(fleet.ids(2, pace)) == 2


def test_a_target_that_ails_is_tried_by_one_at_a_time_until_one_succeeds(fleet: Fleet) -> None:
    fleet.due(*["dead"] * 9)
    pace = Pace(at_once=4, per_second=0)
    claimed = fleet.claim(4, pace)
    assert len(claimed) == 4
    for one in claimed:
        fleet.fail(one)
    [only] = fleet.claim(8, pace)
    fleet.succeed(only)
    assert len(fleet.claim(8, pace)) == 4


def test_targets_that_ail_leave_runners_to_the_others(fleet: Fleet) -> None:
    for name in "abcdef":
        fleet.due(name)
    pace = Pace(at_once=4, per_second=0, ailing_at_once=2)
    for one in fleet.claim(6, pace):
        fleet.fail(one)
    fleet.due(*"abcdef")
    well = fleet.due("well", "well too")
    found = fleet.ids(8, pace)
    assert set(well) < set(found)
    assert len(found) == 4


def test_what_waited_longest_goes_first(fleet: Fleet) -> None:
    young = fleet.due("a", "b", after=timedelta(hours=-1))
    old = fleet.due("a", "b", after=timedelta(days=-3))
    assert fleet.ids(2) == old
    assert fleet.ids(2) == young


@pytest.mark.parametrize("jump", [timedelta(hours=-5), timedelta(hours=5)])
def test_a_lease_holds_through_a_clock_that_jumps_and_ends_in_its_time(fleet: Fleet, jump: timedelta) -> None:
    fleet.due("a", after=timedelta(hours=-9))
    [claimed] = fleet.claim(1)
    fleet.clock.advance(jump)
    assert fleet.ids(1, owner="two") == []
    fleet.let_leases_pass(9)
    assert fleet.store.write(lambda tx: tx.rotations.renew(claimed, 10))
    fleet.let_leases_pass(9)
    assert fleet.ids(1, owner="two") == []
    fleet.let_leases_pass(1)
    assert fleet.ids(1, owner="two") == [claimed.id]


def test_no_lease_outlasts_a_boot_of_the_machine(fleet: Fleet) -> None:
    ids = fleet.due("a", "b")
    fleet.claim(2)
    fleet.tick = Tick("another boot", 5)
    assert fleet.next_due() == fleet.clock.now()
    assert fleet.ids(2, owner="two") == ids


def test_a_retry_does_not_wait_for_hours_because_the_clock_was_set_back(fleet: Fleet) -> None:
    fleet.due("a")
    later = fleet.due("b", after=timedelta(seconds=3))
    [claimed] = fleet.claim(1)
    fleet.fail(claimed)
    assert fleet.ids(2) == []
    fleet.clock.advance(timedelta(hours=-5))
    assert fleet.next_due() == fleet.clock.now()
    [again] = fleet.claim(2)  # not the one that was only planned: it waits for its window
    assert (again.id, again.due) == (claimed.id, fleet.clock.now())
    assert again.id not in later


def test_the_next_due_moment_is_told_by_the_clock_though_leases_are_not(fleet: Fleet) -> None:
    fleet.due("a")
    fleet.due("b", after=timedelta(minutes=9))
    assert fleet.next_due() == fleet.clock.now()
    [claimed] = fleet.claim(1)
    assert fleet.next_due() == fleet.clock.now() + timedelta(seconds=10)
    fleet.succeed(claimed)
    assert fleet.next_due() == fleet.clock.now() + timedelta(minutes=9)


def test_what_is_due_is_found_off_an_index_whatever_is_not_due(fleet: Fleet) -> None:
    connection = connect(fleet.store._path)
    for sql in (claim_queries.CLAIMABLE, claim_queries.NEXT_DUE, claim_queries.OVERDUE):
        names = {"now", "set_back", "tick", "boot", "at_once", "spent", "most", "owner", "ailing_at_once", "limit"}
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(names, 1)).fetchall()
        scans = [row[3] for row in plan if row[3].startswith("SCAN") and "INDEX" not in row[3]]
        assert [scan for scan in scans if "rotations" in scan or scan.split()[1] in {"r", "w", "t", "a"}] == []
    connection.close()


def test_the_machines_clock_of_leases_goes_on_and_names_the_boot() -> None:
    one, two = machine()(), machine()()
    assert one.boot == two.boot
    assert one.micros <= two.micros
