import json
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from detent.model.errors import RotationIncomplete
from detent.model.rotation import Purpose, Rotation, State, Step
from detent.model.secret import CURRENT, PENDING
from detent.rotation.runner import Prepared
from detent.service import history, rotations, secrets, versions
from servers.world import LEASE_SECONDS, Death, World

TOKEN, OTHER = "t" * 32, "o" * 32


def attempts(world: World, token: str = TOKEN):
    return world.ask(history.describe_rotation, secret_id="app", version_id=token).attempts


def audited(world: World, name: str) -> list[dict[str, object]]:
    lines = (json.loads(line) for line in world.house.folder.audit.read_text().splitlines())
    return [line for line in lines if line["eventName"] == name]


def test_a_database_that_is_away_is_tried_again_at_the_failed_step_with_doubling_pauses(world: World) -> None:
    world.rotate(TOKEN)
    world.database.away = True
    begun = world.clock.moment
    world.settle()
    tried = [(attempt.step, (attempt.started - begun).total_seconds()) for attempt in attempts(world)]
    assert [step for step, _ in tried] == [Step.CREATE, *[Step.SET] * 5]
    for (_, after), least in zip(tried[1:], (0, 10, 30, 70, 150), strict=True):
        assert least <= after <= least * 1.25
    assert [attempt.number for attempt in attempts(world)] == [1, 1, 2, 3, 4, 5]
    assert world.rotation(TOKEN).state is State.FAILED
    assert "the database is away" in (world.rotation(TOKEN).reason or "")
    assert world.current_logs_in()


def test_a_database_that_comes_back_lets_the_same_rotation_finish_with_the_same_password(world: World) -> None:
    world.rotate(TOKEN)
    world.database.away = True
    world.worker(Death()).turn()
    pending = world.value("AWSPENDING")["password"]
    world.database.away = False
    world.settle()
    assert world.rotation(TOKEN).state is State.SUCCEEDED
    assert world.value()["password"] == pending == world.database.passwords["app"]


def test_a_failed_rotation_without_a_schedule_waits_until_it_is_asked_for_again(world: World) -> None:
    world.rotate(TOKEN)
    world.database.away = True
    world.settle()
    assert world.rotation(TOKEN).due is None
    world.database.away = False
    with pytest.raises(RotationIncomplete):
        world.rotate(OTHER)
    world.settle()
    assert world.rotation(TOKEN).state is State.SUCCEEDED
    assert world.current_logs_in()


def test_a_failed_scheduled_rotation_is_tried_again_in_the_next_window_with_the_same_token(world: World) -> None:
    world.rotate(TOKEN, rotation_rules={"automatically_after_days": 1})
    world.database.away = True
    world.settle()
    rotation = world.rotation(TOKEN)
    assert (rotation.state, rotation.due) == (State.FAILED, datetime(2026, 3, 11, tzinfo=UTC))
    world.database.away = False
    world.let_time_pass()
    world.settle()
    assert world.rotation(TOKEN).state is State.SUCCEEDED
    assert world.secret().labels[CURRENT] == TOKEN


def test_a_wrong_current_password_fails_with_a_reason_for_each_login_and_changes_nothing(world: World) -> None:
    world.database.passwords["app"] = "changed-by-hand"
    world.rotate(TOKEN)
    world.worker(Death()).turn()
    reason = world.rotation(TOKEN).reason or ""
    assert "AWSCURRENT" in reason
    assert "AWSPENDING" in reason
    assert "refused the password" in reason
    assert world.database.passwords["app"] == "changed-by-hand"
    assert world.secret().labels[CURRENT] == "v" * 32


def test_a_schedule_fires_by_itself_again_and_again(world: World) -> None:
    world.rotate(TOKEN, rotation_rules={"schedule_expression": "rate(6 hours)"})
    world.settle()
    seen = [world.value()["password"]]
    for _ in range(5):
        world.let_time_pass()
        world.settle()
        seen.append(world.value()["password"])
        assert world.current_logs_in()
    assert len(set(seen)) == 6
    assert world.clock.moment == datetime(2026, 3, 11, 18, tzinfo=UTC)
    assert len(audited(world, "RotationSucceeded")) == 6


def test_a_rotation_missed_while_no_server_ran_is_caught_up(world: World) -> None:
    world.rotate(TOKEN, rotation_rules={"automatically_after_days": 1})
    world.settle()
    first = world.value()["password"]
    world.clock.advance(timedelta(days=40))
    world.worker(Death()).turn()
    assert world.value()["password"] != first
    assert world.secret().rotation.next_window.opens == datetime(2026, 4, 20, tzinfo=UTC)


def test_a_value_written_by_hand_abandons_the_rotation_and_moves_the_next_date(world: World) -> None:
    world.rotate(TOKEN, rotation_rules={"automatically_after_days": 2})
    world.database.away = True
    world.worker(Death()).turn()
    world.clock.advance(timedelta(days=1))
    value = {**world.value(), "password": "by-hand"}
    world.ask(versions.put_secret_value, secret_id="app", client_request_token=OTHER, secret_string=json.dumps(value))
    world.settle()
    assert world.rotation(TOKEN).state is State.ABANDONED
    assert PENDING not in world.secret().labels
    assert world.secret().rotation.next_window.opens == datetime(2026, 3, 13, tzinfo=UTC)
    assert len(audited(world, "RotationAbandoned")) == 1


def test_a_value_written_while_a_step_runs_stops_the_steps_after_it(world: World) -> None:
    world.rotate(TOKEN)
    death = Death()
    change = {**world.value(), "password": world.database.passwords["app"]}

    def meanwhile() -> None:
        if death.points[-1:] == ["after setSecret"] and PENDING in world.secret().labels:
            world.ask(
                versions.put_secret_value, secret_id="app", client_request_token=OTHER, secret_string=json.dumps(change)
            )

    death.watch = meanwhile
    world.worker(death).turn()
    assert "before testSecret" not in death.points
    assert world.rotation(TOKEN).state is State.ABANDONED
    assert world.secret().labels[CURRENT] == OTHER


def test_cancelling_stops_further_steps_and_leaves_the_labels(world: World) -> None:
    world.rotate(TOKEN)
    world.database.away = True
    world.worker(Death()).turn()
    world.ask(rotations.cancel_rotate_secret, secret_id="app")
    world.database.away = False
    world.settle()
    assert world.rotation(TOKEN).state is State.CANCELLED
    assert world.secret().labels[PENDING] == TOKEN
    assert world.secret().labels[CURRENT] == "v" * 32


def test_a_secret_scheduled_for_deletion_does_not_rotate_and_a_restored_one_does(world: World) -> None:
    world.rotate(TOKEN, rotation_rules={"automatically_after_days": 1})
    world.settle()
    before = world.value()["password"]
    world.ask(secrets.delete_secret, secret_id="app")
    world.clock.advance(timedelta(days=3))
    world.settle()
    world.ask(secrets.restore_secret, secret_id="app")
    assert world.value()["password"] == before
    world.settle()
    assert world.value()["password"] != before


def test_a_configuration_test_calls_one_step_and_leaves_no_trace_in_the_labels(world: World) -> None:
    before = world.secret().labels
    world.rotate(TOKEN, rotate_immediately=False)
    assert world.secret().labels[PENDING] == TOKEN
    world.settle()
    rotation = world.rotation(TOKEN)
    assert (rotation.purpose, rotation.state) == (Purpose.TEST, State.SUCCEEDED)
    assert [attempt.step for attempt in attempts(world)] == [Step.TEST]
    assert world.secret().labels == before
    assert len(audited(world, "TestRotationSucceeded")) == 1


def test_a_failed_configuration_test_is_not_repeated(world: World) -> None:
    world.database.away = True
    world.rotate(TOKEN, rotate_immediately=False, rotation_rules={"automatically_after_days": 5})
    world.settle()
    assert world.rotation(TOKEN).state is State.FAILED
    assert len(attempts(world)) == 1
    assert PENDING not in world.secret().labels
    assert len(audited(world, "TestRotationFailed")) == 1


def test_a_worker_that_comes_back_after_its_lease_was_taken_changes_nothing(world: World) -> None:
    world.rotate(TOKEN)
    late = world.worker(Death())
    [claimed] = late.store.write(lambda tx: tx.rotations.claim_due("late", LEASE_SECONDS, 10))
    prepared = late.store.write(lambda tx: late.runner.prepare(tx, claimed))
    credentials = prepared.call.credentials
    world.clock.advance(timedelta(seconds=LEASE_SECONDS + 1))
    world.settle()
    finished = world.rotation(TOKEN)
    assert finished.state is State.SUCCEEDED
    late.runner.drive(claimed, lambda: True)
    assert world.rotation(TOKEN) == finished
    client = world.house.client(credentials)
    with pytest.raises(Exception, match="ExpiredTokenException"):
        client.get_secret_value(SecretId=prepared.secret.arn)


def test_a_lease_that_is_renewed_is_not_taken(world: World) -> None:
    world.rotate(TOKEN)
    store = world.house.store
    [claimed] = store.write(lambda tx: tx.rotations.claim_due("one", LEASE_SECONDS, 10))
    for _ in range(5):
        world.clock.advance(timedelta(seconds=LEASE_SECONDS - 1))
        assert store.write(lambda tx: tx.rotations.renew(claimed, LEASE_SECONDS))
        assert store.write(lambda tx: tx.rotations.claim_due("two", LEASE_SECONDS, 10)) == []
    world.clock.advance(timedelta(seconds=LEASE_SECONDS + 1))
    [taken] = store.write(lambda tx: tx.rotations.claim_due("two", LEASE_SECONDS, 10))
    assert taken.epoch == claimed.epoch + 1
    assert not store.write(lambda tx: tx.rotations.renew(claimed, LEASE_SECONDS))


class Careless:
    """A user's function that does nothing, or raises with everything it was given."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault

    def run(self, event, client, _remaining) -> None:
        if self.fault is not None:
            raise RuntimeError(f"{self.fault} {client.get_secret_value(SecretId=event['SecretId'])['SecretString']}")


def test_a_function_that_raises_fails_the_step_with_its_reason_scrubbed(world: World, canary) -> None:
    world.functions["simulated"] = Careless(ValueError("no such thing"))  # type: ignore[assignment]
    world.rotate(TOKEN)
    world.worker(Death()).turn()
    reason = world.rotation(TOKEN).reason or ""
    assert "no such thing" in reason
    assert "***" in reason
    canary.texts.append(reason)


def test_a_function_that_returns_cleanly_without_moving_the_label_has_failed(world: World) -> None:
    world.functions["simulated"] = Careless()  # type: ignore[assignment]
    world.rotate(TOKEN)
    world.worker(Death()).turn()
    assert "AWSCURRENT is not on the new version" in (world.rotation(TOKEN).reason or "")
    assert world.secret().labels[CURRENT] == "v" * 32


class Interrupted:
    """A function whose secret's pending label is taken off just before it stores the new value."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.refused: Exception | None = None

    def run(self, event, client, _remaining) -> None:
        self.world.ask(
            versions.update_secret_version_stage,
            secret_id="app",
            version_stage=PENDING,
            remove_from_version_id=event["ClientRequestToken"],
        )
        try:
            client.put_secret_value(
                SecretId=event["SecretId"],
                ClientRequestToken=event["ClientRequestToken"],
                SecretString="late",
                VersionStages=[PENDING],
            )
        except Exception as error:
            self.refused = error
            raise


def test_a_step_that_still_runs_when_its_rotation_is_abandoned_writes_nothing_any_more(world: World) -> None:
    function = world.functions["simulated"] = Interrupted(world)  # type: ignore[assignment]
    world.rotate(TOKEN)
    world.worker(Death()).turn()
    assert "ExpiredTokenException" in str(function.refused)
    assert PENDING not in world.secret().labels
    assert world.rotation(TOKEN).state is State.ABANDONED


def test_a_steps_session_ends_with_the_step(world: World) -> None:
    given: list[Any] = []

    class Keeping:
        def run(self, event, client, _remaining) -> None:
            given.append(client)
            client.describe_secret(SecretId=event["SecretId"])

    world.functions["simulated"] = Keeping()  # type: ignore[assignment]
    world.rotate(TOKEN)
    world.worker(Death()).turn()
    assert len(given) == 4
    for client in given:
        with pytest.raises(client.exceptions.ClientError) as caught:
            client.describe_secret(SecretId=world.secret().arn)
        assert caught.value.response["Error"]["Code"] == "ExpiredTokenException"


def test_a_worker_told_to_stop_records_its_step_and_gives_the_lease_back(world: World) -> None:
    world.rotate(TOKEN)
    stopping = world.worker(Death())
    [claimed] = stopping.store.write(lambda tx: tx.rotations.claim_due("stopping", LEASE_SECONDS, 10))
    answers = iter([True, False])
    stopping.runner.drive(claimed, lambda: next(answers))
    assert [attempt.step for attempt in attempts(world)] == [Step.CREATE]
    [taken] = world.house.store.write(lambda tx: tx.rotations.claim_due("next", LEASE_SECONDS, 10))
    assert (taken.id, taken.step) == (claimed.id, Step.SET)
    stopping.runner.drive(taken, lambda: True)
    assert world.rotation(TOKEN).state is State.SUCCEEDED


def begun_when_claimed(world: World, owner: str) -> tuple[Rotation, "Future[Prepared | None]"]:
    """Claim as the scheduler does."""
    store, runner = world.house.store, world.house.runner()
    [claimed] = store.write(lambda tx: tx.rotations.claim_due(owner, LEASE_SECONDS, 10))
    [begun] = store.write_together([lambda tx: runner.prepare(tx, claimed)])
    return claimed, begun


def test_a_worker_told_to_stop_before_its_first_step_gives_the_lease_back_and_ends_the_session(world: World) -> None:
    world.rotate(TOKEN)
    claimed, begun = begun_when_claimed(world, "stopping")
    prepared = begun.result()
    assert prepared is not None
    world.house.runner().drive(claimed, lambda: False, begun)
    assert not attempts(world)
    with pytest.raises(Exception, match="ExpiredTokenException"):
        world.house.client(prepared.call.credentials).describe_secret(SecretId=prepared.secret.arn)
    [taken] = world.house.store.write(lambda tx: tx.rotations.claim_due("next", LEASE_SECONDS, 10))
    assert (taken.id, taken.step) == (claimed.id, Step.CREATE)


def test_a_worker_that_is_late_with_the_step_it_began_as_it_claimed_changes_nothing(world: World) -> None:
    world.rotate(TOKEN)
    claimed, begun = begun_when_claimed(world, "late")
    world.clock.advance(timedelta(seconds=LEASE_SECONDS + 1))
    world.settle()
    finished, password = world.rotation(TOKEN), world.database.passwords["app"]
    assert finished.state is State.SUCCEEDED
    world.house.runner().drive(claimed, lambda: True, begun)
    assert (world.rotation(TOKEN), world.database.passwords["app"]) == (finished, password)
    assert world.current_logs_in()


def test_without_an_audit_trail_no_step_begins_and_afterwards_the_rotation_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.rotate(TOKEN)
    before = dict(world.database.passwords)
    [claimed] = world.house.store.write(lambda tx: tx.rotations.claim_due("one", LEASE_SECONDS, 10))

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(world.house._journal, "append", full)
        with pytest.raises(OSError, match="No space left"):
            world.house.runner().drive(claimed, lambda: True)
    assert world.database.passwords == before
    assert not attempts(world)
    world.clock.moment += timedelta(seconds=LEASE_SECONDS)
    world.settle()
    assert world.rotation(TOKEN).state is State.SUCCEEDED


def test_each_steps_session_is_in_the_trail_before_its_calls(world: World) -> None:
    world.rotate(TOKEN)
    world.settle()
    [assumed, *_] = audited(world, "AssumeRole")
    assert assumed["userIdentity"] == {"type": "AWSService", "invokedBy": "secretsmanager.amazonaws.com"}
    keys = [one["responseElements"]["credentials"]["accessKeyId"] for one in audited(world, "AssumeRole")]  # type: ignore[index]
    [write] = audited(world, "PutSecretValue")
    assert len(keys) == 4
    assert write["userIdentity"]["accessKeyId"] == keys[0]  # type: ignore[index]


def test_a_window_missed_while_no_server_ran_is_caught_up_with_tries_of_its_own(world: World) -> None:
    world.rotate(TOKEN, rotation_rules={"schedule_expression": "cron(0 4 * * ? *)", "duration": "2h"})
    world.settle()
    world.database.away = True
    missed = world.secret().rotation.next_window
    world.clock.moment = missed.closes + timedelta(hours=3)
    began = world.clock.moment
    world.worker(Death()).turn()
    with world.house.store.read() as tx:
        [late] = tx.rotations.open(world.secret().key)
    assert (late.window.opens, late.window.closes - late.window.opens) == (began, timedelta(hours=2))
    assert late.state is State.IN_PROGRESS
    world.database.away = False
    world.settle()
    assert world.current_logs_in()
    assert world.secret().rotation.rotated > began


def failed_within_its_window(world: World) -> None:
    """Let a rotation fail on 11 March, in a daily window from 4 to 6, whose next is on the 12th."""
    world.rotate(TOKEN, rotation_rules={"schedule_expression": "cron(0 4 * * ? *)", "duration": "2h"})
    world.settle()
    world.database.away = True
    world.let_time_pass()
    world.settle()
    world.database.away = False
    [parked] = open_rotations(world)
    assert (parked.state, parked.window.opens) == (State.FAILED, datetime(2026, 3, 12, 4, tzinfo=UTC))


def open_rotations(world: World) -> list[Rotation]:
    with world.house.store.read() as tx:
        return tx.rotations.open(world.secret().key)


def test_a_failed_rotation_whose_next_window_was_missed_waits_for_the_one_after(world: World) -> None:
    failed_within_its_window(world)
    world.clock.moment = datetime(2026, 3, 12, 9, tzinfo=UTC)  # no server ran from 4 to 6
    logins = len(world.database.logins)
    world.worker(Death()).turn()
    [parked] = open_rotations(world)
    assert (parked.state, parked.due) == (State.FAILED, datetime(2026, 3, 13, 4, tzinfo=UTC))
    assert len(world.database.logins) == logins
    world.let_time_pass()
    world.settle()
    assert world.clock.moment == datetime(2026, 3, 13, 4, tzinfo=UTC)
    assert world.secret().rotation.rotated == world.clock.moment
    assert world.current_logs_in()


def test_a_failed_rotation_is_reopened_as_long_as_its_next_window_is_open(world: World) -> None:
    failed_within_its_window(world)
    world.clock.moment = datetime(2026, 3, 12, 5, 59, 59, tzinfo=UTC)
    world.worker(Death()).turn()
    assert world.secret().rotation.rotated == world.clock.moment


@pytest.mark.parametrize(("days", "retried"), [(3, "2026-04-09"), (30, "2026-05-09")])
def test_the_next_window_after_a_failure_is_counted_from_the_last_rotation(
    world: World, days: int, retried: str
) -> None:
    world.rotate(TOKEN, rotation_rules={"automatically_after_days": 30})
    world.settle()
    assert world.secret().rotation.next_window.opens == datetime(2026, 4, 9, tzinfo=UTC)
    world.clock.advance(timedelta(days=days))
    world.database.away = True
    world.rotate(OTHER)
    world.settle()
    rotation = world.rotation(OTHER)
    assert (rotation.state, rotation.due) == (State.FAILED, datetime.fromisoformat(retried).replace(tzinfo=UTC))
    assert world.secret().rotation.next_window.opens == datetime(2026, 4, 9, tzinfo=UTC)  # D.2: not recomputed
