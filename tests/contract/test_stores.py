"""The store's contract, on every store there is: one row each in STORES."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from detent.model.errors import ReadOnlyTransaction, RotationIncomplete, StaleRevision
from detent.model.policy import Principal, StepGrant
from detent.model.rotation import Attempt, Purpose, Rotation, State, Step, asked_for
from detent.model.schedule import RotationRules, Window
from detent.model.search import Filter, Key, Place, Sort, place
from detent.model.secret import AdminLink, RotationSettings, Secret, SecretKey, Version, VersionId
from detent.model.value import SealedValue
from detent.store import queries
from detent.store.migrate import migrate
from detent.store.protocol import ROTATION_PAUSED, AccessKey, Page, Store, Tx
from detent.store.sqlite import SqliteStore
from servers.world import SimulatedClock
from servers.writers import ACCOUNT, NOW, REGION, a_secret, start_writer


def sqlite_store(folder: Path, clock: SimulatedClock) -> SqliteStore:
    migrate(folder / "store.sqlite")
    return SqliteStore(folder / "store.sqlite", clock)


STORES: dict[str, Callable[[Path, SimulatedClock], Store]] = {"sqlite": sqlite_store}


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: SimulatedClock) -> Iterator[Store]:
    store = STORES[request.param](tmp_path, clock)
    yield store
    store.close()


def added(store: Store, name: str = "a", **changed: object) -> Secret:
    return store.write(lambda tx: tx.secrets.add(a_secret(name, **changed)))


def read(store: Store, name: str = "a") -> Secret | None:
    with store.read() as tx:
        return tx.secrets.named(ACCOUNT, REGION, name)


def test_a_secret_comes_back_as_it_was_kept_with_every_member(store: Store) -> None:
    rules = RotationRules(expression="rate(3 days)", duration_hours=5)
    window = Window(NOW, NOW + timedelta(hours=5))
    kept = added(
        store,
        description="d\u00e9j\u00e0",
        kms_key_id="alias/x",
        type="T",
        tags={"b": "2", "a": ""},
        labels={"AWSCURRENT": "v1", "mine": "v2"},
        accessed=date(2026, 3, 9),
        deletion=NOW + timedelta(days=7),
        rotation=RotationSettings("arn:f", rules, False, AdminLink("arn:admin"), NOW, window),
    )
    assert read(store) == kept
    assert kept.key > 0


def test_what_is_absent_is_none(store: Store) -> None:
    with store.read() as tx:
        assert tx.secrets.named(ACCOUNT, REGION, "nobody") is None
        assert tx.secrets.keyed(SecretKey(9)) is None
        assert tx.secrets.version(SecretKey(9), VersionId("v")) is None
        assert tx.secrets.sealed(SecretKey(9), VersionId("v")) is None
        assert tx.rotations.of_token(SecretKey(9), VersionId("v")) is None
        assert tx.rotations.next_due() is None
        assert tx.access_keys.find("AKIA") is None
        assert tx.fact("f") is None


def test_names_are_told_apart_by_account_region_and_case(store: Store) -> None:
    for account, region, name in ((ACCOUNT, REGION, "A"), ("1" * 12, REGION, "a"), (ACCOUNT, "eu-west-1", "a")):
        added(store, name, account=account, region=region)
    assert read(store) is None


def test_a_save_after_one_that_was_undone_is_found_by_what_it_says(store: Store) -> None:
    kept = added(store, tags={"k": "old"})
    changed = replace(kept, tags={"k": "new"})

    def undone(tx) -> None:
        tx.secrets.save(replace(tx.secrets.named(ACCOUNT, REGION, "a"), tags={"k": "new"}))
        tx.secrets.named(ACCOUNT, REGION, "a")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write(undone)
    store.write(lambda tx: tx.secrets.save(changed))
    for value, names in (("old", []), ("new", ["a"])):
        page = Page(ACCOUNT, REGION, 9, filters=(Filter(Key.TAG_VALUE, (value,)),))
        with store.read() as tx:
            assert [found.name for found in tx.secrets.page(page)] == names


def test_saving_over_anothers_change_is_refused_and_changes_nothing(store: Store) -> None:
    first = added(store)
    saved = store.write(lambda tx: tx.secrets.save(replace(first, description="one")))
    assert saved.revision == first.revision + 1
    with pytest.raises(StaleRevision):
        store.write(lambda tx: tx.secrets.save(replace(first, description="two")))
    assert read(store) == saved


def test_work_that_raises_leaves_no_trace_and_the_rest_of_its_batch_alone(store: Store) -> None:
    started, go_on = threading.Event(), threading.Event()

    def slow(_tx: object) -> None:
        started.set()
        assert go_on.wait(10)

    def breaks(tx) -> None:
        tx.secrets.add(a_secret("broken"))
        raise ZeroDivisionError

    first = store.submit(slow)
    assert started.wait(10)
    futures = [store.submit(lambda tx, n=n: tx.secrets.add(a_secret(f"s{n}"))) for n in range(5)]
    broken = store.submit(breaks)
    futures += [store.submit(lambda tx, n=n: tx.secrets.add(a_secret(f"s{n}"))) for n in range(5, 9)]
    go_on.set()
    first.result(10)
    assert [future.result(10).name for future in futures] == [f"s{n}" for n in range(9)]
    with pytest.raises(ZeroDivisionError):
        broken.result(10)
    assert read(store, "broken") is None


def test_an_error_that_keeps_its_changes_is_told_and_committed(store: Store) -> None:
    def refuses(tx) -> None:
        tx.secrets.add(a_secret("kept"))
        raise RotationIncomplete

    with pytest.raises(RotationIncomplete):
        store.write(refuses)
    assert read(store, "kept") is not None


def test_a_caller_that_went_away_stops_nobody_elses_reply(store: Store) -> None:
    started, go_on = threading.Event(), threading.Event()
    first = store.submit(lambda _tx: (started.set(), go_on.wait(10)))
    assert started.wait(10)
    gone = store.submit(lambda tx: tx.secrets.add(a_secret("gone")))
    stays = store.submit(lambda tx: tx.secrets.add(a_secret("stays")))
    assert gone.cancel()
    go_on.set()
    first.result(10)
    assert stays.result(10).name == "stays"
    assert read(store, "gone") is None


def test_a_snapshot_refuses_to_write_and_does_not_move(store: Store) -> None:
    added(store)
    with store.read() as tx:
        assert tx.secrets.named(ACCOUNT, REGION, "b") is None
        store.write(lambda writing: writing.secrets.add(a_secret("b")))
        assert tx.secrets.named(ACCOUNT, REGION, "b") is None
        with pytest.raises(ReadOnlyTransaction):
            tx.secrets.add(a_secret("c"))
    assert read(store, "b") is not None


def stamp(store: Store) -> object:
    with store.read() as tx:
        return tx.stamp


def test_the_stamp_changes_with_every_commit_and_with_nothing_else(store: Store) -> None:
    before = stamp(store)
    read(store)
    assert stamp(store) == before
    added(store)
    assert stamp(store) != before


def test_what_a_snapshot_gives_is_never_older_than_the_last_commit_of_any_process(
    store: Store, tmp_path: Path, clock: SimulatedClock
) -> None:
    other = sqlite_store(tmp_path, clock)
    secret = added(store)
    for number in range(50):
        assert read(store) == secret
        writing = other if number % 2 else store
        secret = writing.write(lambda tx, kept=secret, n=number: tx.secrets.save(replace(kept, description=str(n))))
        assert read(store) == secret == read(other)
    other.close()


def test_close_finishes_what_was_submitted(tmp_path: Path, clock: SimulatedClock) -> None:
    store = sqlite_store(tmp_path, clock)
    futures = [store.submit(lambda tx, n=n: tx.secrets.add(a_secret(f"s{n}"))) for n in range(50)]
    store.close()
    assert all(future.done() and future.exception() is None for future in futures)


def test_a_version_is_filled_once_and_never_overwritten(store: Store) -> None:
    key = added(store).key
    empty = Version(VersionId("v1"), NOW, None)
    store.write(lambda tx: tx.secrets.put_version(key, empty, None))
    with store.read() as tx:
        assert tx.secrets.version(key, empty.id) == empty
        assert tx.secrets.sealed(key, empty.id) is None
    for text in (b"one", b"two"):
        sealed = SealedValue(text, "root")
        store.write(lambda tx, sealed=sealed: tx.secrets.put_version(key, replace(empty, keyset_id="root"), sealed))
    with store.read() as tx:
        assert tx.secrets.sealed(key, empty.id) == SealedValue(b"one", "root")
        assert [version.is_empty for version in tx.secrets.versions(key)] == [False]


def test_the_day_of_a_read_is_kept_without_a_new_revision(store: Store) -> None:
    secret = added(store)
    store.write(
        lambda tx: tx.secrets.put_version(secret.key, Version(VersionId("v1"), NOW, "root"), SealedValue(b"x", "root"))
    )
    store.write(lambda tx: tx.secrets.touch(secret, VersionId("v1"), date(2026, 3, 11)))
    assert read(store) == replace(secret, accessed=date(2026, 3, 11))
    with store.read() as tx:
        version = tx.secrets.version(secret.key, VersionId("v1"))
    assert version is not None
    assert version.accessed == date(2026, 3, 11)


def test_erasing_takes_versions_rotations_and_attempts_along(store: Store) -> None:
    key = added(store).key
    store.write(lambda tx: tx.secrets.put_version(key, Version(VersionId("v1"), NOW, None), None))
    rotation = store.write(lambda tx: tx.rotations.add(asked_for(key, VersionId("v1"), NOW)))
    store.write(lambda tx: tx.rotations.record(rotation, Attempt(Step.CREATE, 0, NOW, NOW, None)))
    store.write(lambda tx: tx.secrets.erase(key))
    again = added(store)
    assert again.key != key
    with store.read() as tx:
        assert tx.secrets.versions(key) == []
        assert tx.rotations.current(rotation.id) is None
        assert tx.rotations.attempts(rotation.id) == []


def test_a_policy_is_kept_by_its_name_replaced_and_removed(store: Store) -> None:
    key, other = added(store).key, added(store, "b").key
    text = ' {"d\u00e9j\u00e0": 1}\n'
    with store.read() as tx:
        assert tx.policies.find(key, "default") is None
        assert tx.policies.names(key) == []
    for name in ("z", "default", "A"):
        store.write(lambda tx, name=name: tx.policies.put(key, name, name))
    store.write(lambda tx: tx.policies.put(key, "default", text))
    with store.read() as tx:
        assert tx.policies.find(key, "default") == text
        assert tx.policies.names(key) == ["A", "default", "z"]
        assert tx.policies.find(other, "default") is None
        with pytest.raises(ReadOnlyTransaction):
            tx.policies.put(key, "default", "x")
    for _ in range(2):
        store.write(lambda tx: tx.policies.drop(key, "default"))
    with store.read() as tx:
        assert tx.policies.find(key, "default") is None
        assert tx.policies.find(key, "z") == "z"
    store.write(lambda tx: tx.secrets.erase(key))
    with store.read() as tx:
        assert tx.policies.names(key) == []


def test_secrets_are_counted_by_account_and_region_until_they_are_erased(store: Store) -> None:
    kept, gone = added(store, "a"), added(store, "b", deletion=NOW)
    added(store, "a", region="eu-west-1")
    added(store, "a", account="1" * 12)
    store.write(lambda tx: tx.secrets.save(replace(kept, description="changed")))
    store.write(lambda tx: (tx.secrets.erase(gone.key), tx.secrets.erase(gone.key), tx.secrets.erase(SecretKey(999))))
    with pytest.raises(ZeroDivisionError):
        store.write(lambda tx: (tx.secrets.add(a_secret("c")), 1 / 0))
    with store.read() as tx:
        assert [
            tx.secrets.count(*place) for place in ((ACCOUNT, REGION), (ACCOUNT, "eu-west-1"), ("1" * 12, REGION))
        ] == [
            1,
            1,
            1,
        ]
        assert tx.secrets.count(ACCOUNT, "nowhere") == 0


def test_what_is_due_for_erasure_is_found_in_every_account_and_region_the_longest_due_first(store: Store) -> None:
    added(store, "later", deletion=NOW + timedelta(microseconds=1))
    added(store, "now", deletion=NOW)
    added(store, "before", deletion=NOW - timedelta(days=1), account="1" * 12, region="eu-west-1")
    added(store, "kept")
    with store.read() as tx:
        assert [secret.name for secret in tx.secrets.due_for_erasure(NOW, 9)] == ["before", "now"]
        assert [secret.name for secret in tx.secrets.due_for_erasure(NOW, 1)] == ["before"]


class Rotated:
    """A secret's rotations: each is made, gets as far as a step, and ends."""

    def __init__(self, store: Store) -> None:
        self.store, self.key = store, added(store).key

    def rotation(
        self, token: str, step: Step, state: State, minute: int | None, purpose: Purpose = Purpose.ROTATE
    ) -> Rotation:
        began = asked_for(self.key, VersionId(token), NOW, purpose)
        ended = None if minute is None else NOW + timedelta(minutes=minute)
        return self.store.write(lambda tx: tx.rotations.add(replace(began, step=step, state=state, ended=ended)))

    def acted(self) -> set[str]:
        with self.store.read() as tx:
            return set(tx.rotations.acted(self.key))


def test_versions_that_a_target_may_know_are_told_until_a_later_rotation_has_succeeded(store: Store) -> None:
    rotated = Rotated(store)
    assert rotated.acted() == set()
    rotated.rotation("made", Step.CREATE, State.ABANDONED, 1)
    rotated.rotation("tested", Step.TEST, State.SUCCEEDED, 2, Purpose.TEST)
    assert rotated.acted() == set()
    rotated.rotation("set", Step.SET, State.ABANDONED, 3)
    rotated.rotation("cancelled", Step.FINISH, State.CANCELLED, 4)
    assert rotated.acted() == {"set", "cancelled"}
    rotated.rotation("won", Step.FINISH, State.SUCCEEDED, 5)
    assert rotated.acted() == {"won"}
    rotated.rotation("tested too", Step.TEST, State.SUCCEEDED, 6, Purpose.TEST)
    rotated.rotation("under way", Step.SET, State.IN_PROGRESS, None)
    assert rotated.acted() == {"won", "under way"}


def test_a_rotation_that_was_resumed_after_a_later_success_counts_from_its_own_end(store: Store) -> None:
    rotated = Rotated(store)
    failed = rotated.rotation("failed", Step.SET, State.FAILED, 1)
    rotated.rotation("won", Step.FINISH, State.SUCCEEDED, 2)
    assert rotated.acted() == {"won"}
    store.write(lambda tx: tx.rotations.overrule(failed.resumed(NOW)))
    assert rotated.acted() == {"failed", "won"}
    again = NOW + timedelta(minutes=3)
    store.write(lambda tx: tx.rotations.overrule(replace(failed, state=State.ABANDONED, ended=again)))
    assert rotated.acted() == {"failed", "won"}
    rotated.rotation("last", Step.FINISH, State.SUCCEEDED, 4)
    assert rotated.acted() == {"last"}


def test_pages_go_by_creation_then_name_and_hide_what_is_scheduled_for_deletion(store: Store) -> None:
    for name, after in (("z", 0), ("y", 0), ("x", 1), ("gone", 2)):
        added(store, name, created=NOW + timedelta(seconds=after), deletion=NOW if name == "gone" else None)

    def page(after: Place | None, *, with_deleted: bool = False) -> list[str]:
        with store.read() as tx:
            return [one.name for one in tx.secrets.page(Page(ACCOUNT, REGION, 2, after, with_deleted=with_deleted))]

    z = place(a_secret("z"), Sort.CREATED)
    assert page(None) == ["y", "z"]
    assert page(z) == ["x"]
    assert page(z, with_deleted=True) == ["x", "gone"]


def test_a_rotation_comes_back_as_it_was_kept(store: Store) -> None:
    key = added(store).key
    kept = store.write(lambda tx: tx.rotations.add(asked_for(key, VersionId("t"), NOW).failed("why", NOW, None)))
    with store.read() as tx:
        assert tx.rotations.current(kept.id) == kept == tx.rotations.of_token(key, VersionId("t"))
        assert tx.rotations.open(key) == [kept]


def test_due_rotations_go_to_one_claimant_until_the_lease_ends(store: Store, clock: SimulatedClock) -> None:
    keys = [added(store, f"s{n}").key for n in range(3)]
    for key in keys:
        store.write(lambda tx, key=key: tx.rotations.add(asked_for(key, VersionId("t"), clock.now())))
    first = store.write(lambda tx: tx.rotations.claim_due("one", 10, 2))
    second = store.write(lambda tx: tx.rotations.claim_due("two", 10, 5))
    assert [claimed.secret for claimed in first + second] == keys
    assert store.write(lambda tx: tx.rotations.claim_due("three", 10, 5)) == []
    with store.read() as tx:
        assert tx.rotations.next_due() == clock.now() + timedelta(seconds=10)
    clock.advance(timedelta(seconds=10))
    again = store.write(lambda tx: tx.rotations.claim_due("three", 10, 5))
    assert {claimed.epoch for claimed in again} == {2}
    with pytest.raises(StaleRevision):
        store.write(lambda tx: tx.rotations.save(first[0], release=True))
    store.write(lambda tx: tx.rotations.save(again[0].stopped(State.CANCELLED, clock.now(), "x"), release=True))


def test_overruling_ends_the_lease_and_the_epoch_of_its_holder(store: Store, clock: SimulatedClock) -> None:
    key = added(store).key
    store.write(lambda tx: tx.rotations.add(asked_for(key, VersionId("t"), clock.now())))
    [held] = store.write(lambda tx: tx.rotations.claim_due("one", 10, 5))
    store.write(lambda tx: tx.rotations.overrule(held.stopped(State.CANCELLED, clock.now(), "said so")))
    assert not store.write(lambda tx: tx.rotations.renew(held, 10))
    with pytest.raises(StaleRevision):
        store.write(lambda tx: tx.rotations.save(held, release=False))


def test_one_plan_a_secret_and_none_while_a_rotation_is_under_way(store: Store) -> None:
    key = added(store).key
    plan = Rotation(key, Window(NOW, NOW + timedelta(days=1)), NOW)
    store.write(lambda tx: tx.rotations.replan(key, plan))
    store.write(lambda tx: tx.rotations.replan(key, replace(plan, due=NOW + timedelta(hours=1))))
    with store.read() as tx:
        assert tx.rotations.next_due() == NOW + timedelta(hours=1)
        assert tx.rotations.open(key) == []
    store.write(lambda tx: tx.rotations.replan(key, None))
    under_way = store.write(lambda tx: tx.rotations.add(asked_for(key, VersionId("t"), NOW)))
    store.write(lambda tx: tx.rotations.replan(key, replace(plan, due=NOW - timedelta(hours=1))))
    with store.read() as tx:
        assert tx.rotations.next_due() == under_way.due
    store.write(lambda tx: tx.rotations.add(asked_for(key, VersionId("u"), NOW, Purpose.TEST)))
    with store.read() as tx:
        assert len(tx.rotations.open(key)) == 2


def test_attempts_are_counted_per_step_in_the_order_they_were_made(store: Store) -> None:
    key = added(store).key
    rotation = store.write(lambda tx: tx.rotations.add(asked_for(key, VersionId("t"), NOW)))
    for second, (step, reason) in enumerate([(Step.CREATE, None), (Step.SET, "no"), (Step.SET, None)]):
        begun = NOW + timedelta(seconds=second)
        made = Attempt(step, 0, begun, begun + timedelta(milliseconds=5), reason)
        store.write(lambda tx, made=made: tx.rotations.record(rotation, made))
    with store.read() as tx:
        found = tx.rotations.attempts(rotation.id)
    assert [(made.step, made.number, made.reason) for made in found] == [
        (Step.CREATE, 1, None),
        (Step.SET, 1, "no"),
        (Step.SET, 2, None),
    ]


def test_an_account_and_a_principal_are_known_by_their_access_keys(store: Store) -> None:
    user = Principal("1" * 12, "arn:aws:iam::111111111111:user/u", "AKIAU")
    store.write(lambda tx: tx.access_keys.add(AccessKey(user, SealedValue(b"x", "root"), NOW)))
    with store.read() as tx:
        accounts = [account for account in ("1" * 12, "2" * 12, user.arn, "") if tx.access_keys.has_account(account)]
        arns = [arn for arn in (user.arn, "1" * 12, "AKIAU", "") if tx.access_keys.has_principal(arn)]
    assert (accounts, arns) == (["1" * 12], [user.arn])


def sealed_by(store: Store, prefixes: Iterable[bytes], first: int = 0) -> None:
    """Keep a version and an access key that begin with each."""

    def keep(tx: Tx) -> None:
        for number, prefix in enumerate(prefixes, first):
            sealed, name = SealedValue(prefix + b"x", "root"), f"s{number}"
            tx.secrets.put_version(tx.secrets.add(a_secret(name)).key, Version(VersionId("v"), NOW, "root"), sealed)
            tx.access_keys.add(AccessKey(Principal(ACCOUNT, f"arn:{name}", name), sealed, NOW))

    store.write(keep)


def test_what_lies_under_another_key_than_the_primary_is_found_whatever_that_begins_with(store: Store) -> None:
    sealed_by(store, [b"\1aaaa", b"\1bbbb", b"\1bbbc", b"\1\xff\xff\xff\xff", b""])
    with store.read() as tx:
        found = tx.keysets.stale_versions("root", b"\1bbbb", 9)
        assert sorted(one.arn[-9:-7] for one in found) == ["s0", "s2", "s3", "s4"]
        keys = tx.keysets.stale_access_keys("root", b"\1bbbb", 9)
        assert sorted(key for key, _ in keys) == ["s0", "s2", "s3", "s4"]
        assert {sealed.keyset_id for _, sealed in keys} == {"root"}
        assert len(tx.keysets.stale_versions("root", b"\1bbbb", 3)) == 3
        assert len(tx.keysets.stale_access_keys("root", b"\1bbbb", 3)) == 3
        assert tx.keysets.seals("root", b"\1bbbb") == (10, 8)
        assert tx.keysets.stale_versions("k", b"\1bbbb", 9) == tx.keysets.stale_access_keys("k", b"\1bbbb", 9) == []


@pytest.mark.parametrize("statement", ["STALE_VERSIONS", "STALE_ACCESS_KEYS"])
def test_looking_for_stale_values_where_none_is_takes_the_same_few_steps_however_many_there_are(
    tmp_path: Path, statement: str
) -> None:
    store = sqlite_store(tmp_path, SimulatedClock())
    connection = sqlite3.connect(tmp_path / "store.sqlite")

    def steps() -> int:
        taken: list[None] = []
        connection.set_progress_handler(lambda: taken.append(None), 1)
        params = {"id": "root", "prefix": b"\1bbbb", "limit": 9}
        assert connection.execute(getattr(queries, statement), params).fetchall() == []
        return len(taken)

    sealed_by(store, [b"\1bbbb"])
    steps()  # the first also reads the schema
    before = steps()
    sealed_by(store, [b"\1bbbb"] * 300, 1)
    assert steps() == before < 100
    connection.close()
    store.close()


def test_sessions_end_with_their_secret_or_their_time(store: Store) -> None:
    def key(name: str, secret: str | None, expires: datetime | None) -> AccessKey:
        grant = None if secret is None else StepGrant(secret, VersionId("t"), "admin")
        principal = Principal(ACCOUNT, f"arn:{name}", name, grant, id=ACCOUNT)
        return AccessKey(
            principal, SealedValue(b"s", "root"), NOW, expires, b"st" + name.encode(), b"rt" + name.encode()
        )

    kept = [
        key("lasting", None, None),
        key("a", "secret-a", NOW + timedelta(1)),
        key("b", "secret-b", NOW + timedelta(1)),
        key("old", "secret-c", NOW - timedelta(1)),
        key("late", "secret-c", NOW - timedelta(minutes=59)),
    ]
    for one in kept:
        store.write(lambda tx, one=one: tx.access_keys.add(one))
    with store.read() as tx:
        assert [tx.access_keys.find(one.principal.access_key_id) for one in kept] == kept
        assert tx.access_keys.of_rotation_token(b"rta") == kept[1]
    store.write(lambda tx: tx.access_keys.drop_sessions("secret-a", NOW))
    with store.read() as tx:
        left = [one.principal.access_key_id for one in kept if tx.access_keys.find(one.principal.access_key_id)]
    assert left == ["lasting", "b", "late"]  # it is told that it has expired


def test_several_processes_write_without_losing_or_refusing_anything(store: Store, tmp_path: Path) -> None:
    before = stamp(store)
    writers = [start_writer(tmp_path, prefix, 60) for prefix in "pqr"]
    for number in range(60):
        added(store, f"own{number}")
    for writer in writers:
        said, _ = writer.communicate(timeout=60)
        assert (writer.returncode, len(said.split())) == (0, 60)
    assert stamp(store) != before
    with store.read() as tx:
        assert len(tx.secrets.page(Page(ACCOUNT, REGION, 1000, with_deleted=True))) == 240


def test_what_was_acknowledged_survives_kill_9(store: Store, tmp_path: Path) -> None:
    writer = start_writer(tmp_path, "s", 100_000)
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline().strip() for _ in range(200)]
    writer.kill()
    acknowledged += writer.stdout.read().splitlines()
    writer.wait(30)
    writer.stdout.close()
    with store.read() as tx:
        kept = {found.name for found in tx.secrets.page(Page(ACCOUNT, REGION, 200_000, with_deleted=True))}
    assert len(acknowledged) >= 200
    assert set(acknowledged) <= kept
    assert added(store, "after").name == "after"


class StoreMachine(RuleBasedStateMachine):
    """Random work on a store and on plain dicts; both must always say the same."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(os.environ["DETENT_TEST_FOLDER"]) / os.urandom(8).hex()
        self.folder.mkdir()
        self.store = sqlite_store(self.folder, SimulatedClock())
        self.secrets: dict[str, Secret] = {}
        self.values: dict[tuple[str, str], bytes | None] = {}

    @rule(name=st.sampled_from("abcd"), description=st.text(max_size=5))
    def add(self, name: str, description: str) -> None:
        if name not in self.secrets:
            self.secrets[name] = added(self.store, name, description=description)

    @precondition(lambda self: self.secrets)
    @rule(data=st.data(), tags=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3))
    def save(self, data: st.DataObject, tags: dict[str, str]) -> None:
        name = data.draw(st.sampled_from(sorted(self.secrets)))
        self.secrets[name] = self.store.write(lambda tx: tx.secrets.save(replace(self.secrets[name], tags=tags)))

    @precondition(lambda self: self.secrets)
    @rule(data=st.data(), version=st.sampled_from("vw"), value=st.none() | st.binary(max_size=4))
    def put(self, data: st.DataObject, version: str, value: bytes | None) -> None:
        name = data.draw(st.sampled_from(sorted(self.secrets)))
        sealed = None if value is None else SealedValue(value, "root")
        kept = Version(VersionId(version), NOW, None if value is None else "root")
        self.store.write(lambda tx: tx.secrets.put_version(self.secrets[name].key, kept, sealed))
        if self.values.get((name, version)) is None:
            self.values[name, version] = value

    @precondition(lambda self: self.secrets)
    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.secrets)))
        self.store.write(lambda tx: tx.secrets.erase(self.secrets[name].key))
        del self.secrets[name]
        self.values = {pair: value for pair, value in self.values.items() if pair[0] != name}

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = sqlite_store(self.folder, SimulatedClock())

    @invariant()
    def says_the_same(self) -> None:
        with self.store.read() as tx:
            found = {one.name: one for one in tx.secrets.page(Page(ACCOUNT, REGION, 100, with_deleted=True))}
            assert found == self.secrets
            assert tx.secrets.count(ACCOUNT, REGION) == len(found)
            for (name, version), value in self.values.items():
                sealed = tx.secrets.sealed(found[name].key, VersionId(version))
                assert (None if sealed is None else sealed.ciphertext) == value

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()


def test_random_work_leaves_what_a_plain_model_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DETENT_TEST_FOLDER", str(tmp_path))
    machine = StoreMachine.TestCase
    machine.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
    machine("runTest").runTest()


def test_no_statement_of_a_read_holds_up_a_writer(store: Store) -> None:
    added(store)
    with store.read() as tx:
        tx.secrets.named(ACCOUNT, REGION, "a")
        assert store.submit(lambda writing: writing.secrets.add(a_secret("b"))).result(10).name == "b"


def test_a_store_that_cannot_commit_tells_everyone_and_goes_on_once_it_can(
    tmp_path: Path, clock: SimulatedClock
) -> None:
    store = sqlite_store(tmp_path, clock)
    pages = store._writer._connection.execute("PRAGMA page_count").fetchone()[0]
    store._writer._connection.execute(f"PRAGMA max_page_count = {pages}")
    large = {"description": "x" * 200_000}
    futures = [store.submit(lambda tx, n=n: tx.secrets.add(a_secret(f"s{n}", **large))) for n in range(3)]
    for future in futures:
        with pytest.raises(sqlite3.Error, match="full"):
            future.result(10)
    store._writer._connection.execute("PRAGMA max_page_count = 1000000")
    assert added(store, "later", **large) == read(store, "later")
    store.close()


def test_threads_that_come_and_go_leave_no_connection_open(store: Store) -> None:
    added(store)
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(50):
        thread = threading.Thread(target=read, args=(store,))
        thread.start()
        thread.join()
    assert len(list(Path("/proc/self/fd").iterdir())) <= open_before + 3


def test_stamps_of_snapshots_through_different_connections_are_never_equal(store: Store) -> None:
    with store.read() as one, store.read() as other:
        assert one.stamp != other.stamp
    with store.read() as again:
        assert again.stamp in {one.stamp, other.stamp}


def test_a_glance_serves_kept_rows_and_refuses_what_a_commit_overtook(store: Store) -> None:
    secret = added(store)
    read(store)
    with store.glance() as tx:
        assert tx.secrets.named(ACCOUNT, REGION, "a") == secret
        changed = store.write(lambda writing: writing.secrets.save(replace(secret, description="new")))
        assert tx.secrets.named(ACCOUNT, REGION, "a") == secret
        with pytest.raises(ReadOnlyTransaction):
            tx.secrets.versions(secret.key)
    with store.glance() as tx:
        assert tx.secrets.named(ACCOUNT, REGION, "a") == changed
        assert tx.secrets.versions(secret.key) == []


def test_while_rotation_is_paused_nothing_is_due_and_nothing_is_claimed(store: Store, clock: SimulatedClock) -> None:
    key = added(store).key
    store.write(lambda tx: tx.rotations.add(asked_for(key, VersionId("t"), clock.now())))
    store.write(lambda tx: tx.keep_fact(ROTATION_PAUSED, b"{}"))
    assert store.write(lambda tx: tx.rotations.claim_due("one", 10, 5)) == []
    with store.read() as tx:
        assert tx.rotations.next_due() is None
    store.write(lambda tx: tx.drop_fact(ROTATION_PAUSED))
    assert [one.secret for one in store.write(lambda tx: tx.rotations.claim_due("one", 10, 5))] == [key]


def test_a_fact_that_advances_never_goes_back(store: Store) -> None:
    for value in (b"\x00\x02", b"\x00\x01", b"\x00\x02"):
        store.write(lambda tx, value=value: tx.advance_fact("f", value))
    with store.read() as tx:
        assert tx.fact("f") == b"\x00\x02"
    store.write(lambda tx: tx.drop_fact("f"))
    with store.read() as tx:
        assert tx.fact("f") is None
