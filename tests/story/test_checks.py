"""Checks between the steps: a wait, a person who says go, and probes with the new credential."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from detent.functions.contract import RotationFunction
from detent.functions.strategies import DualPassword, SingleUser
from detent.main.house import House
from detent.model.errors import BadParameter, BadState
from detent.model.rotation import State, Step
from detent.model.secret import CURRENT, PENDING
from detent.service import checks, history, secrets
from servers.canary import Canary
from servers.receiver import Receiver, receiver
from servers.world import LEASE_SECONDS, World

TOKEN = "t" * 32
WAIT = {"type": "wait", "seconds": 3600}
APPROVE = {"type": "approve"}


@pytest.fixture
def application() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def place(world: World, *placed: dict[str, Any], **where: str) -> None:
    world.ask(checks.put_rotation_checks, checks=list(placed), **(where or {"secret_id": "app"}))


def drive(world: World) -> None:
    claimed = world.house.store.write(lambda tx: tx.rotations.claim_due("test", LEASE_SECONDS, 10))
    for rotation in claimed:
        world.house.runner().drive(rotation, lambda: True)


def described(world: World) -> history.SecretRotation:
    return world.ask(history.describe_rotation, secret_id="app")


def steps(world: World) -> list[Step]:
    return [attempt.step for attempt in described(world).attempts]


def test_without_overlap_an_approval_stands_before_the_target_is_touched(world: World) -> None:
    place(world, APPROVE)
    world.rotate(TOKEN)
    drive(world)
    assert steps(world) == [Step.CREATE]
    assert world.current_logs_in()
    found = world.rotation(TOKEN)
    assert (found.state, found.step, found.due) == (State.IN_PROGRESS, Step.SET, None)
    drive(world)
    assert steps(world) == [Step.CREATE]
    told = world.ask(checks.approve_rotation, secret_id="app")
    assert told.rotation.due == world.clock.moment
    drive(world)
    assert world.rotation(TOKEN).state is State.SUCCEEDED
    [passed] = described(world).hold.passed  # type: ignore[union-attr]
    assert (passed.kind, passed.by) == ("approve", "arn:aws:iam::000000000000:root")


class Overlapping(SingleUser):
    """A strategy whose old credential goes on working, as far as the server is told."""

    overlaps = True


def test_with_overlap_it_stands_between_test_and_finish(world: World) -> None:
    assert DualPassword().overlaps
    world.functions["simulated"] = RotationFunction(Overlapping(), "simulated")
    world.house = reopened(world)
    place(world, APPROVE)
    world.rotate(TOKEN)
    drive(world)
    assert steps(world) == [Step.CREATE, Step.SET, Step.TEST]
    assert world.secret().labels[PENDING] == TOKEN
    world.ask(checks.approve_rotation, secret_id="app", version_id=TOKEN)
    drive(world)
    assert world.secret().labels[CURRENT] == TOKEN


def reopened(world: World) -> House:
    """Open the same folder again, with what the functions say now."""
    world.house.close()
    return House(world.settings, world.house.folder.open(), world.functions, world.clock)


def test_a_wait_passes_by_itself_and_survives_a_restart(world: World) -> None:
    place(world, WAIT)
    world.rotate(TOKEN)
    drive(world)
    assert world.rotation(TOKEN).due == world.clock.moment + timedelta(hours=1)
    world.clock.advance(timedelta(minutes=59))
    world.house = reopened(world)
    drive(world)
    assert steps(world) == [Step.CREATE]
    world.clock.advance(timedelta(minutes=1))
    drive(world)
    assert world.rotation(TOKEN).state is State.SUCCEEDED


def test_checks_stand_in_their_order_and_each_is_passed_once(world: World) -> None:
    place(world, WAIT, APPROVE, {**WAIT, "seconds": 60})
    world.rotate(TOKEN)
    drive(world)
    with pytest.raises(BadState, match="waits for an approval"):
        world.ask(checks.approve_rotation, secret_id="app")
    world.clock.advance(timedelta(hours=1))
    drive(world)
    world.ask(checks.approve_rotation, secret_id="app")
    world.database.away = True
    drive(world)
    assert world.rotation(TOKEN).due == world.clock.moment + timedelta(seconds=60)
    world.settle()
    assert world.rotation(TOKEN).state is State.FAILED
    world.database.away = False
    with pytest.raises(Exception, match="reattempted"):
        world.rotate("o" * 32)
    drive(world)
    assert world.rotation(TOKEN).state is State.SUCCEEDED  # and nothing was waited for again


def test_a_person_is_told_that_somebody_must_say_go(world: World) -> None:
    place(world, APPROVE)
    world.rotate(TOKEN)
    drive(world)
    drive(world)
    lines = [json.loads(line) for line in world.house.folder.audit.read_text().splitlines()]
    assert [line["eventName"] for line in lines].count("RotationAwaitsApproval") == 1


def test_a_denied_rotation_is_abandoned_with_its_reason_and_blocks_no_other(world: World) -> None:
    place(world, APPROVE)
    world.rotate(TOKEN, rotation_rules={"automatically_after_days": 1})
    drive(world)
    told = world.ask(checks.deny_rotation, secret_id="app", reason="not on a Friday")
    assert told.rotation.state is State.ABANDONED
    assert told.rotation.reason == "Denied by arn:aws:iam::000000000000:root: not on a Friday"
    assert PENDING not in world.secret().labels
    assert world.current_logs_in()
    place(world)
    world.rotate("o" * 32)
    drive(world)
    assert world.secret().labels[CURRENT] == "o" * 32


def test_the_checks_of_a_tag_hold_for_each_secret_that_has_it(world: World) -> None:
    place(world, APPROVE, tag_key="env", tag_value="prod")
    world.rotate(TOKEN)
    drive(world)
    assert world.rotation(TOKEN).state is State.SUCCEEDED
    world.ask(secrets.tag_resource, secret_id="app", tags={"env": "prod"})
    world.rotate("o" * 32)
    drive(world)
    assert world.rotation("o" * 32).state is State.IN_PROGRESS
    assert [placed.tag for placed in world.ask(checks.list_rotation_checks)] == [("env", "prod")]


def test_what_was_found_at_the_first_check_holds_for_that_rotation(world: World) -> None:
    place(world, APPROVE)
    world.rotate(TOKEN)
    drive(world)
    place(world)
    drive(world)
    assert world.rotation(TOKEN).state is State.IN_PROGRESS
    world.ask(checks.approve_rotation, secret_id="app")
    drive(world)
    assert world.rotation(TOKEN).state is State.SUCCEEDED


def test_a_configuration_test_waits_for_nobody(world: World) -> None:
    place(world, APPROVE)
    world.rotate(TOKEN, rotate_immediately=False)
    drive(world)
    assert world.rotation(TOKEN).state is State.SUCCEEDED


def test_a_probe_logs_in_to_the_application_with_the_new_credential(
    world: World, application: Receiver, canary: Canary
) -> None:
    place(world, {"type": "probe", "url": f"{application.url}/health"})
    world.rotate(TOKEN)
    drive(world)
    assert world.rotation(TOKEN).state is State.SUCCEEDED
    [asked] = application.received
    user, _, password = base64.b64decode(asked.headers["Authorization"].removeprefix("Basic ")).decode().partition(":")
    assert (asked.method, asked.path, user, password) == ("GET", "/health", "app", world.value()["password"])
    canary.watch(password)


def test_a_probe_that_fails_fails_the_step_that_proves_the_credential(world: World, application: Receiver) -> None:
    place(world, {"type": "probe", "url": application.url})
    application.status = 401
    world.rotate(TOKEN)
    drive(world)
    found = described(world)
    assert [(attempt.step, attempt.reason) for attempt in found.attempts][2:] == [
        (Step.TEST, f"probe 1 of 1: {application.url} answered 401")
    ]
    assert world.secret().labels[CURRENT] != TOKEN
    application.status = 200
    world.let_time_pass()
    drive(world)
    assert world.rotation(TOKEN).state is State.SUCCEEDED


def test_a_probe_that_never_succeeds_leaves_an_application_that_can_log_in(world: World, application: Receiver) -> None:
    place(world, {"type": "probe", "url": application.url})
    application.status = 500
    world.rotate(TOKEN)
    for _ in range(20):
        world.let_time_pass()
        drive(world)
    assert world.rotation(TOKEN).state is State.FAILED
    assert world.secret().labels[CURRENT] != TOKEN
    assert world.current_logs_in()


def test_the_outbound_rule_holds_for_probes(world: World) -> None:
    place(world, {"type": "probe", "url": "http://169.254.169.254/"})
    world.rotate(TOKEN)
    drive(world)
    assert "is refused: link-local, metadata" in (world.rotation(TOKEN).reason or "")


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "wait"},
        {"type": "approve", "seconds": 1},
        {"type": "probe"},
        {"type": "probe", "url": "https://x/", "statement": "SELECT 1"},
        {"type": "wait", "seconds": 1, "url": "https://x/"},
        {"type": "probe", "url": "ftp://x/"},
    ],
)
def test_what_is_no_check_is_refused(world: World, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadParameter):
        place(world, wrong)


def test_checks_are_of_a_secret_or_of_a_tag(world: World) -> None:
    for where in ({}, {"secret_id": "app", "tag_key": "k"}, {"tag_value": "v"}):
        with pytest.raises(BadParameter, match="Give either a SecretId"):
            world.ask(checks.put_rotation_checks, checks=[], **where)
    with pytest.raises(BadParameter, match="10 Checks at most"):
        place(world, *[APPROVE] * 11)
