from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from detent.model.rotation import PAUSES, Purpose, State, Step, asked_for, planned
from detent.model.schedule import RotationRules, Window
from detent.model.secret import CURRENT, PENDING, RotationSettings, Secret, SecretKey, VersionId

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TOKEN = VersionId("t")


def rotating(**changed: object) -> Secret:
    settings = RotationSettings("arn:f", RotationRules(after_days=1), next_window=Window(NOW, NOW + timedelta(days=1)))
    held = {CURRENT: VersionId("v"), PENDING: TOKEN}
    secret = Secret(SecretKey(1), "", "", "s", "arn:s", NOW, NOW, labels=held, rotation=settings)
    return replace(secret, **changed)  # type: ignore[arg-type]


def test_four_steps_in_order_then_the_end() -> None:
    rotation = asked_for(SecretKey(1), TOKEN, NOW)
    steps = []
    while rotation.ended is None:
        steps.append(rotation.step)
        assert rotation.due == NOW
        rotation = rotation.succeeded(NOW)
    assert steps == [Step.CREATE, Step.SET, Step.TEST, Step.FINISH]
    assert (rotation.state, rotation.due, rotation.token) == (State.SUCCEEDED, None, TOKEN)


def test_a_failure_waits_longer_each_time_and_stays_at_its_step() -> None:
    rotation = asked_for(SecretKey(1), TOKEN, NOW).succeeded(NOW)
    for pause in PAUSES:
        rotation = rotation.failed("why", NOW, None)
        assert (rotation.step, rotation.state, rotation.due) == (Step.SET, State.IN_PROGRESS, NOW + pause)
    rotation = rotation.failed("still", NOW, None)
    assert (rotation.state, rotation.due, rotation.ended, rotation.reason) == (State.FAILED, None, NOW, "still")


def test_a_retry_never_leaves_its_window() -> None:
    short = Window(NOW, NOW + timedelta(seconds=5))
    following = Window(NOW + timedelta(days=1), NOW + timedelta(days=2))
    rotation = replace(asked_for(SecretKey(1), TOKEN, NOW), window=short).failed("why", NOW, following)
    assert (rotation.state, rotation.due, rotation.window, rotation.failures) == (
        State.FAILED,
        following.opens,
        following,
        0,
    )
    assert rotation.ended is None
    assert rotation.reopened().state is State.IN_PROGRESS


def test_a_success_forgets_the_reason_of_earlier_failures() -> None:
    rotation = asked_for(SecretKey(1), TOKEN, NOW).failed("why", NOW, None).succeeded(NOW)
    assert rotation.reason is None


def test_a_resumed_rotation_keeps_its_token_and_step_and_has_all_tries_again() -> None:
    rotation = asked_for(SecretKey(1), TOKEN, NOW).succeeded(NOW)
    for _ in range(5):
        rotation = rotation.failed("why", NOW, None)
    later = NOW + timedelta(hours=1)
    resumed = rotation.resumed(later)
    assert (resumed.token, resumed.step, resumed.failures) == (TOKEN, Step.SET, 0)
    assert (resumed.state, resumed.due, resumed.ended) == (State.IN_PROGRESS, later, None)


def test_a_configuration_test_is_one_step_and_one_try() -> None:
    test = asked_for(SecretKey(1), TOKEN, NOW, Purpose.TEST)
    assert test.step is Step.TEST
    assert test.succeeded(NOW).state is State.SUCCEEDED
    assert test.failed("why", NOW, Window(NOW, NOW)).due is None


OBSTACLES = [
    ({"deletion": NOW}, State.ABANDONED),
    ({"rotation": None}, State.CANCELLED),
    ({"rotation": RotationSettings("arn:f", enabled=False)}, State.CANCELLED),
    ({"labels": {CURRENT: VersionId("v")}}, State.ABANDONED),
    ({"labels": {CURRENT: VersionId("v"), PENDING: VersionId("other")}}, State.ABANDONED),
]


@pytest.mark.parametrize(("changed", "state"), OBSTACLES)
def test_what_makes_the_next_step_pointless(changed, state: State) -> None:
    obstacle = asked_for(SecretKey(1), TOKEN, NOW).obstacle(rotating(**changed))
    assert obstacle is not None
    assert obstacle[0] is state


def test_a_rotation_whose_label_is_pending_or_current_goes_on() -> None:
    rotation = asked_for(SecretKey(1), TOKEN, NOW)
    assert rotation.obstacle(rotating()) is None
    assert rotation.obstacle(rotating(labels={CURRENT: TOKEN})) is None


def test_the_plan_is_the_windows_opening_plus_a_share_that_is_the_secrets_own() -> None:
    plan = planned(rotating(), timedelta(0))
    assert plan is not None
    assert (plan.due, plan.state, plan.token) == (NOW, State.PLANNED, None)
    spread = [planned(rotating(arn=f"arn:{n}"), timedelta(minutes=5)) for n in range(50)]
    dues = [found.due for found in spread if found is not None and found.due is not None]
    assert all(NOW <= due < NOW + timedelta(minutes=5) for due in dues)
    assert len(set(dues)) == 50
    assert planned(rotating(), timedelta(minutes=5)) == planned(rotating(), timedelta(minutes=5))


@pytest.mark.parametrize("changed", [{"rotation": None}, {"deletion": NOW}, {"rotation": RotationSettings("f")}])
def test_nothing_is_planned_without_a_schedule_or_a_living_secret(changed) -> None:
    assert planned(rotating(**changed), timedelta(0)) is None
