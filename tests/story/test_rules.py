"""Rotation as D.3 to D.8 of the API reference have it, where no other test says so: the paragraph stands at each."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from detent.model.errors import RotationIncomplete
from detent.model.rotation import Purpose, State, Step
from detent.model.secret import CURRENT, PENDING, PREVIOUS, VersionId
from detent.service import rotations, secrets, versions
from servers.world import FUNCTION, Death, World
from story.test_healing import DAILY, attempts, audited, steps

FIRST, TOKEN, OTHER, THIRD = "v" * 32, "t" * 32, "o" * 32, "h" * 32


def version_ids(world: World) -> set[str]:
    with world.house.store.read() as tx:
        return {version.id for version in tx.secrets.versions(world.secret().key)}


def put(world: World, token: str, *stages: str) -> None:
    value = json.dumps({**world.value(), "by": "hand"})
    asked = {"secret_id": "app", "client_request_token": token, "secret_string": value}
    world.ask(versions.put_secret_value, **asked, version_stages=list(stages) or None)


def move(world: World, label: str, to: str | None, source: str | None = None) -> None:
    asked = {"version_stage": label, "move_to_version_id": to, "remove_from_version_id": source}
    world.ask(versions.update_secret_version_stage, secret_id="app", **asked)


def interrupted(world: World, point: str) -> None:
    """Let a worker drive what is due, and die at this point."""
    death = Death()
    death.watch = lambda: setattr(death, "at", len(death.points)) if death.points[-1:] == [point] else None
    world.worker(death).turn()
    assert death.is_dead
    world.database.death = Death()


class TestStarting:
    """D.3."""

    def test_a_rotation_that_is_due_is_as_one_that_was_asked_for_under_a_token_of_its_own(self, world: World) -> None:
        world.rotate(TOKEN, rotation_rules=DAILY)
        world.settle()
        world.let_time_pass()
        world.settle()
        current = world.secret().labels[CURRENT]
        assert current not in {FIRST, TOKEN}
        assert len(current) == 36
        assert steps(world, current) == steps(world, TOKEN)
        assert [event["requestID"][-36:] for event in audited(world, "RotationStarted")][1:] == [current]

    def test_settings_of_a_blocked_call_are_not_applied_and_the_old_rotation_is_tried_again(self, world: World) -> None:
        world.rotate(TOKEN, rotation_rules=DAILY)
        world.database.away = True
        world.settle()
        before = world.secret().rotation
        for immediately in (True, False):
            with pytest.raises(RotationIncomplete):
                world.rotate(OTHER, rotation_rules={"automatically_after_days": 9}, rotate_immediately=immediately)
        assert world.secret().rotation == before
        assert world.rotation(TOKEN).due == world.clock.moment
        assert OTHER not in version_ids(world)

    @pytest.mark.parametrize("how", ["deletion", "by hand"])
    def test_what_blocks_is_tried_again_however_it_came_to_stand_still(self, world: World, how: str) -> None:
        world.rotate(TOKEN)
        if how == "deletion":
            interrupted(world, "after createSecret")
            world.ask(secrets.delete_secret, secret_id="app")
            world.ask(secrets.restore_secret, secret_id="app")
        else:
            world.settle()
            move(world, CURRENT, FIRST, TOKEN)
        with pytest.raises(RotationIncomplete):
            world.rotate(OTHER)
        world.settle()
        assert world.rotation(TOKEN).state is State.SUCCEEDED
        assert world.secret().labels[CURRENT] == TOKEN
        assert world.current_logs_in()

    def test_what_was_made_current_again_by_hand_is_not_finished_unseen(self, world: World) -> None:
        world.rotate(TOKEN)
        world.settle()
        move(world, CURRENT, FIRST, TOKEN)
        world.database.passwords["app"] = world.value()["password"]
        with pytest.raises(RotationIncomplete):
            world.rotate(OTHER)
        world.settle()
        assert world.secret().labels[CURRENT] == TOKEN
        assert world.current_logs_in()

    def test_without_settings_the_stored_ones_turn_rotation_on_again(self, world: World) -> None:
        world.rotate(TOKEN, rotation_rules=DAILY)
        world.settle()
        world.ask(rotations.cancel_rotate_secret, secret_id="app")
        assert not world.secret().rotates
        world.ask(rotations.rotate_secret, secret_id="app", client_request_token=OTHER)
        world.settle()
        found = world.secret()
        assert (found.rotates, found.rotation.function, found.labels[CURRENT]) == (True, FUNCTION, OTHER)
        assert found.rotation.next_window.opens == datetime(2026, 3, 11, tzinfo=UTC)

    def test_the_token_of_a_rotation_that_is_over_starts_nothing_either(self, world: World) -> None:
        world.rotate(TOKEN)
        world.settle()
        before = world.secret()
        world.rotate(TOKEN)
        assert world.secret() == before


class TestAroundTheSteps:
    """D.4."""

    def test_the_pending_label_stays_on_the_new_current_version_and_moves_to_the_next(self, world: World) -> None:
        world.rotate(TOKEN)
        world.settle()
        assert world.secret().labels == {CURRENT: TOKEN, PENDING: TOKEN, PREVIOUS: FIRST}
        world.rotate(OTHER)
        assert world.secret().labels == {CURRENT: TOKEN, PENDING: OTHER, PREVIOUS: FIRST}

    def test_a_function_that_forgets_the_stage_moves_current_at_once(self, world: World) -> None:
        seen: list[dict[str, str]] = []

        class Forgetful:
            def run(self, event: Any, client: Any, _remaining: Any) -> None:
                arn, token = event["SecretId"], event["ClientRequestToken"]
                if event["Step"] == "createSecret":
                    client.put_secret_value(SecretId=arn, ClientRequestToken=token, SecretString="new")
                seen.append(dict(world.secret().labels))

        world.functions["simulated"] = Forgetful()  # type: ignore[assignment]
        world.rotate(TOKEN)
        world.settle()
        assert seen == [{CURRENT: TOKEN, PENDING: TOKEN, PREVIOUS: FIRST}] * 4
        assert world.rotation(TOKEN).state is State.SUCCEEDED
        assert len(audited(world, "RotationSucceeded")) == 1


class TestConfigurationTest:
    """D.5."""

    def test_the_function_is_called_once_with_a_copy_of_the_current_value(self, world: World) -> None:
        seen: list[tuple[str, Any, Any]] = []

        class Looking:
            def run(self, event: Any, client: Any, _remaining: Any) -> None:
                both = [
                    client.get_secret_value(SecretId=event["SecretId"], VersionStage=stage)
                    for stage in ("AWSPENDING", "AWSCURRENT")
                ]
                ids = [one["VersionId"] for one in both]
                seen.append((event["Step"], ids, both[0]["SecretString"] == both[1]["SecretString"]))

        world.functions["simulated"] = Looking()  # type: ignore[assignment]
        world.rotate(TOKEN, rotate_immediately=False, rotation_rules=DAILY)
        world.worker(Death()).turn()
        assert seen == [("testSecret", [TOKEN, FIRST], True)]
        assert version_ids(world) == {FIRST}
        assert [len(audited(world, f"TestRotation{word}")) for word in ("Started", "Succeeded", "Failed")] == [1, 1, 0]
        assert not audited(world, "RotationStarted")
        assert (world.secret().rotates, world.secret().rotation.rotated) == (True, None)
        assert world.secret().rotation.next_window.opens == datetime(2026, 3, 11, tzinfo=UTC)

    def test_a_failed_one_leaves_the_settings_and_the_schedule(self, world: World) -> None:
        world.database.away = True
        world.rotate(TOKEN, rotate_immediately=False, rotation_rules=DAILY)
        world.settle()
        assert world.rotation(TOKEN).state is State.FAILED
        assert version_ids(world) == {FIRST}
        world.database.away = False
        world.let_time_pass()
        world.settle()
        assert world.clock.moment == datetime(2026, 3, 11, tzinfo=UTC)
        assert world.secret().labels[PREVIOUS] == FIRST
        assert world.current_logs_in()

    def test_without_a_value_it_is_left_out_and_the_log_says_so(self, world: World, caplog) -> None:
        world.ask(secrets.create_secret, name="empty", client_request_token=THIRD)
        asked = {"secret_id": "empty", "client_request_token": OTHER, "rotation_lambda_arn": FUNCTION}
        with caplog.at_level(logging.INFO):
            told = world.ask(rotations.rotate_secret, **asked, rotate_immediately=False)
        assert told.version_id is None
        assert "its configuration was not tested: there is no current value" in caplog.text
        assert not audited(world, "TestRotationStarted")

    def test_one_that_was_cut_off_is_run_again_and_leaves_no_copy(self, world: World) -> None:
        world.rotate(TOKEN, rotate_immediately=False)
        interrupted(world, "after testSecret")
        assert TOKEN in version_ids(world)
        world.settle()
        assert (world.rotation(TOKEN).state, version_ids(world)) == (State.SUCCEEDED, {FIRST})

    @pytest.mark.parametrize(
        ("operation", "state"),
        [(rotations.cancel_rotate_secret, State.CANCELLED), (secrets.delete_secret, State.ABANDONED)],
    )
    def test_cancelled_or_deleted_in_its_midst_it_leaves_no_copy(
        self, world: World, operation: Any, state: State
    ) -> None:
        world.rotate(TOKEN, rotate_immediately=False)
        told = world.ask(operation, secret_id="app")
        assert getattr(told, "version_id", None) is None  # D.7: it is no rotation's half-made version
        assert world.rotation(TOKEN).state is state
        assert version_ids(world) == {FIRST}
        assert world.secret().labels == {CURRENT: FIRST}
        world.settle()
        assert not attempts(world)
        assert not audited(world, "RotationAbandoned")


class TestWaysOut:
    """D.6: how a stuck rotation ends."""

    @pytest.fixture
    def stuck(self, world: World) -> World:
        world.rotate(TOKEN, rotation_rules=DAILY)
        world.database.away = True
        world.settle()
        world.database.away = False
        assert (world.rotation(TOKEN).state, world.secret().labels[PENDING]) == (State.FAILED, TOKEN)
        return world

    def test_the_label_is_taken_off(self, stuck: World) -> None:
        move(stuck, PENDING, None, TOKEN)
        assert stuck.rotation(TOKEN).state is State.ABANDONED
        stuck.rotate(OTHER)
        stuck.settle()
        assert stuck.secret().labels[CURRENT] == OTHER
        assert stuck.current_logs_in()

    def test_a_new_value_is_written(self, stuck: World) -> None:
        put(stuck, OTHER)
        assert stuck.secret().labels == {CURRENT: OTHER, PREVIOUS: FIRST}
        assert stuck.rotation(TOKEN).state is State.ABANDONED
        assert len(audited(stuck, "RotationAbandoned")) == 1

    def test_it_is_cancelled_and_its_label_taken_off(self, stuck: World) -> None:
        stuck.ask(rotations.cancel_rotate_secret, secret_id="app")
        with pytest.raises(RotationIncomplete):
            stuck.rotate(OTHER)
        stuck.settle()
        assert stuck.secret().labels[CURRENT] == FIRST  # blocked, and not tried again: it was cancelled
        move(stuck, PENDING, None, TOKEN)
        stuck.rotate(OTHER)
        stuck.settle()
        assert stuck.secret().labels[CURRENT] == OTHER

    def test_the_next_window_comes(self, stuck: World) -> None:
        stuck.let_time_pass()
        stuck.settle()
        assert stuck.secret().labels[CURRENT] == TOKEN
        assert len(audited(stuck, "RotationStarted")) == 1


class TestCancelling:
    """D.7."""

    def test_a_running_step_is_the_last_and_the_half_made_version_is_told(self, world: World) -> None:
        world.rotate(TOKEN, rotation_rules=DAILY)
        death, told = Death(), []

        def meanwhile() -> None:
            if death.points[-1:] == ["before setSecret"] and not told:
                told.append(None)
                told[0] = world.ask(rotations.cancel_rotate_secret, secret_id="app")

        death.watch = meanwhile
        world.worker(death).turn()
        assert told[0].version_id == TOKEN
        assert not {"before testSecret", "before finishSecret"} & set(death.points)
        assert world.rotation(TOKEN).state is State.CANCELLED
        assert world.secret().labels == {CURRENT: FIRST, PENDING: TOKEN}
        world.clock.advance(timedelta(days=9))
        world.settle()
        assert world.secret().labels == {CURRENT: FIRST, PENDING: TOKEN}
        assert world.current_logs_in()

    def test_without_a_rotation_under_way_no_version_is_told(self, world: World) -> None:
        world.rotate(TOKEN, rotation_rules=DAILY)
        world.settle()
        assert world.ask(rotations.cancel_rotate_secret, secret_id="app").version_id is None
        assert world.ask(rotations.cancel_rotate_secret, secret_id="app").version_id is None


class TestAbandonment:
    """D.8, and what is no abandonment."""

    def test_a_version_that_takes_another_label_leaves_the_rotation_alone(self, world: World) -> None:
        world.rotate(TOKEN)
        put(world, OTHER, "MINE")
        move(world, "YOURS", FIRST)
        world.settle()
        assert world.secret().labels[CURRENT] == TOKEN
        assert not audited(world, "RotationAbandoned")

    def test_a_version_that_takes_the_pending_label_abandons_it(self, world: World) -> None:
        world.rotate(TOKEN)
        put(world, OTHER, "AWSPENDING")
        assert world.rotation(TOKEN).state is State.ABANDONED
        assert world.secret().labels == {CURRENT: FIRST, PENDING: OTHER}

    @pytest.mark.parametrize("operation", [versions.put_secret_value, secrets.update_secret])
    def test_a_value_takes_the_label_off_and_is_told(self, world: World, operation: Any) -> None:
        world.rotate(TOKEN, rotation_rules=DAILY)
        interrupted(world, "before testSecret")
        value = json.dumps(world.value("AWSPENDING"))  # the one that the target has now
        world.ask(operation, secret_id="app", client_request_token=OTHER, secret_string=value)
        assert world.secret().labels == {CURRENT: OTHER, PREVIOUS: FIRST}
        assert len(audited(world, "RotationAbandoned")) == 1
        world.settle()
        assert "testSecret" not in steps(world)
        assert world.rotation(TOKEN).state is State.ABANDONED
        assert world.current_logs_in()


class TestDeletion:
    """B.9, B.10 and C.9, in the midst of a rotation."""

    @pytest.mark.parametrize("reached", ["before createSecret", "before setSecret", "before testSecret"])
    def test_a_deleted_secret_has_no_further_step_and_keeps_its_labels(self, world: World, reached: str) -> None:
        world.rotate(TOKEN, rotation_rules=DAILY)
        interrupted(world, reached)
        done = steps(world)
        world.ask(secrets.delete_secret, secret_id="app")
        world.clock.advance(timedelta(days=3))
        world.settle()
        assert steps(world) == done
        assert world.secret().labels == {CURRENT: FIRST, PENDING: TOKEN}
        assert world.rotation(TOKEN).state is State.ABANDONED
        assert len(audited(world, "RotationAbandoned")) == 1

    def test_restored_it_goes_on_at_once_where_the_target_may_have_changed(self, world: World) -> None:
        world.rotate(TOKEN)
        interrupted(world, "after a change")
        world.ask(secrets.delete_secret, secret_id="app")
        world.clock.advance(timedelta(days=3))
        world.ask(secrets.restore_secret, secret_id="app")
        assert not world.current_logs_in()
        assert (world.rotation(TOKEN).state, world.rotation(TOKEN).step) == (State.IN_PROGRESS, Step.SET)
        world.settle()
        assert world.current_logs_in()
        assert world.secret().labels[CURRENT] == TOKEN

    def test_restored_it_waits_for_its_window_where_the_target_has_not(self, world: World) -> None:
        world.rotate(TOKEN, rotation_rules=DAILY)
        interrupted(world, "after createSecret")
        world.ask(secrets.delete_secret, secret_id="app")
        world.ask(secrets.restore_secret, secret_id="app")
        world.settle()
        assert world.secret().labels == {CURRENT: FIRST, PENDING: TOKEN}
        world.let_time_pass()
        world.settle()
        assert world.clock.moment == datetime(2026, 3, 11, tzinfo=UTC)
        assert world.secret().labels[CURRENT] == TOKEN

    def test_erased_in_the_midst_of_a_step_it_leaves_nothing(self, world: World) -> None:
        world.rotate(TOKEN, rotation_rules=DAILY)
        death = Death()
        key = world.secret().key

        def meanwhile() -> None:
            if death.points[-1:] == ["before setSecret"]:
                world.ask(secrets.delete_secret, secret_id="app", force_delete_without_recovery=True)

        death.watch = meanwhile
        world.worker(death).turn()
        assert "before testSecret" not in death.points
        with world.house.store.read() as tx:
            assert tx.rotations.next_due() is None
            assert tx.rotations.of_token(key, VersionId(TOKEN)) is None


class TestSchedule:
    """D.2: a schedule that is changed while a rotation has not been recorded as over."""

    def test_the_schedule_that_was_set_meanwhile_is_the_one_that_holds(self, world: World) -> None:
        world.rotate(TOKEN, rotation_rules=DAILY)
        interrupted(world, "before finishSecret")
        move(world, CURRENT, TOKEN, FIRST)  # as a function does whose call is not made in the commit of its step
        world.rotate(OTHER, rotate_immediately=False, rotation_rules={"automatically_after_days": 10})
        world.settle()
        assert (world.rotation(TOKEN).state, world.rotation(OTHER).purpose) == (State.SUCCEEDED, Purpose.TEST)
        assert world.rotation(OTHER).state is State.SUCCEEDED
        found = world.secret()
        assert (found.labels[CURRENT], found.rotation.rules.after_days) == (TOKEN, 10)
        with world.house.store.read() as tx:
            assert tx.rotations.next_due() == datetime(2026, 3, 20, tzinfo=UTC) == found.rotation.next_window.opens

    def test_a_failure_waits_for_the_window_that_was_set_meanwhile(self, world: World) -> None:
        world.rotate(TOKEN, rotation_rules=DAILY)
        world.database.away = True
        for _ in range(4):
            world.worker(Death()).turn()
            world.let_time_pass()
        death = Death()

        def meanwhile() -> None:
            """No call can do that while the rotation goes on, for it blocks them: a later one may."""
            if death.points[-1:] == ["before setSecret"]:
                secret = world.secret()
                rules = replace(secret.rotation.rules, after_days=10)
                settings = replace(secret.rotation, rules=rules, next_window=rules.window_after(world.clock.moment))
                world.house.store.write(lambda tx: tx.secrets.save(replace(secret, rotation=settings)))

        death.watch = meanwhile
        world.worker(death).turn()
        assert world.rotation(TOKEN).due == datetime(2026, 3, 20, tzinfo=UTC)
