"""Rotations overtaken by what somebody else does to their secret."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from detent.model.errors import TokenInUse
from detent.model.rotation import Purpose, State, Step
from detent.model.secret import CURRENT, PENDING, Secret
from detent.service import versions
from servers.world import LEASE_SECONDS, Death, World

TOKEN, OTHER = "t" * 32, "o" * 32
EVERY_4_HOURS = {"schedule_expression": "rate(4 hours)"}


def past_the_service(world: World, secret: Secret) -> None:
    """Change a secret as no operation does, so that only the rotator can notice."""
    world.house.store.write(lambda tx: tx.secrets.save(secret))


def version_ids(world: World) -> set[str]:
    with world.house.store.read() as tx:
        return {version.id for version in tx.secrets.versions(world.secret().key)}


def test_a_rotation_asked_for_before_the_last_one_is_recorded_ends_that_one_well(world: World) -> None:
    world.rotate(TOKEN)
    death = Death()
    death.watch = lambda: None
    worker = world.worker(death)
    passed = ["after testSecret", "before a write", "after a write"]
    death.watch = lambda: setattr(death, "at", len(death.points)) if death.points[-3:] == passed else None
    worker.turn()
    assert death.is_dead
    world.ask(  # as a function does whose call is not made in the commit that records its step
        versions.update_secret_version_stage,
        secret_id="app",
        version_stage=CURRENT,
        move_to_version_id=TOKEN,
        remove_from_version_id="v" * 32,
    )
    assert world.secret().labels[CURRENT] == TOKEN
    assert world.rotation(TOKEN).state is State.IN_PROGRESS
    world.rotate(OTHER)
    assert world.rotation(TOKEN).state is State.SUCCEEDED
    assert world.secret().rotation.rotated == world.clock.moment
    world.settle()
    assert world.rotation(OTHER).state is State.SUCCEEDED
    assert world.current_logs_in()


def test_a_value_written_by_hand_ends_a_configuration_test_and_its_copy(world: World) -> None:
    world.rotate(TOKEN, rotate_immediately=False)
    assert TOKEN in version_ids(world)
    value = json.dumps({**world.value(), "by": "hand"})
    world.ask(versions.put_secret_value, secret_id="app", client_request_token=OTHER, secret_string=value)
    assert world.rotation(TOKEN).state is State.ABANDONED
    assert TOKEN not in version_ids(world)
    world.settle()
    assert world.secret().labels[CURRENT] == OTHER


def test_a_scheduled_rotation_waits_for_a_configuration_test_to_end(world: World) -> None:
    world.rotate(TOKEN, rotation_rules=EVERY_4_HOURS)
    world.settle()
    before = world.value()["password"]
    world.let_time_pass()
    world.rotate(OTHER, rotate_immediately=False, rotation_rules=EVERY_4_HOURS)
    world.worker(Death()).turn()
    assert (world.rotation(OTHER).purpose, world.rotation(OTHER).state) == (Purpose.TEST, State.SUCCEEDED)
    assert world.value()["password"] == before
    world.settle()
    assert world.value()["password"] != before
    assert world.current_logs_in()


def test_a_rotation_whose_label_is_gone_is_abandoned_before_its_next_step(world: World) -> None:
    world.rotate(TOKEN)
    world.database.away = True
    world.worker(Death()).turn()
    secret = world.secret()
    labels = {label: version for label, version in secret.labels.items() if label != PENDING}
    past_the_service(world, replace(secret, labels=labels))
    world.database.away = False
    world.settle()
    assert (world.rotation(TOKEN).state, world.rotation(TOKEN).step) == (State.ABANDONED, Step.SET)
    assert world.current_logs_in()


def test_a_configuration_test_whose_label_is_gone_leaves_no_copy(world: World) -> None:
    world.rotate(TOKEN, rotate_immediately=False)
    secret = world.secret()
    past_the_service(world, replace(secret, labels={CURRENT: secret.labels[CURRENT]}))
    world.settle()
    assert world.rotation(TOKEN).state is State.ABANDONED
    assert TOKEN not in version_ids(world)


def test_a_plan_for_a_secret_that_no_longer_rotates_is_dropped(world: World) -> None:
    world.rotate(TOKEN, rotation_rules=EVERY_4_HOURS)
    world.settle()
    secret = world.secret()
    past_the_service(world, replace(secret, rotation=replace(secret.rotation, enabled=False)))
    before = world.value()["password"]
    world.let_time_pass()
    world.worker(Death()).turn()
    with world.house.store.read() as tx:
        assert tx.rotations.next_due() is None
    assert world.value()["password"] == before


def test_a_token_that_is_a_versions_already_starts_no_rotation(world: World) -> None:
    with pytest.raises(TokenInUse):
        world.rotate("v" * 32)
    assert world.secret().rotation is None


def test_a_worker_that_wakes_up_in_mid_step_does_not_touch_the_target_any_more(world: World) -> None:
    world.rotate(TOKEN)
    asleep = Death()
    woken: list[str] = []

    def sleep() -> None:
        """Between the login and the change, let another worker take over, and even a whole rotation more pass."""
        if woken or "before setSecret" not in asleep.points or asleep.points[-1] != "before a login":
            return
        woken.append(TOKEN)
        world.clock.advance(timedelta(seconds=LEASE_SECONDS + 1))
        world.settle()
        world.rotate(OTHER)
        world.settle()
        world.database.death = asleep

    asleep.watch = sleep
    world.worker(asleep).turn()
    assert woken
    assert "before a change" not in asleep.points
    assert world.rotation(TOKEN).state is State.SUCCEEDED
    assert world.current_logs_in()
