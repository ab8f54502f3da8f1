from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from detent.model.faults import Fault, pause_after
from detent.model.rotation import Purpose, Rotation, State, Step, asked_for, planned, roll_back_to
from detent.model.schedule import RotationRules, Window
from detent.model.secret import CURRENT, PENDING, PREVIOUS, RotationSettings, Secret, SecretKey, VersionId

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
    for pause in (10, 20, 40, 80):
        rotation = rotation.failed("why", NOW, None)
        assert (rotation.step, rotation.state) == (Step.SET, State.IN_PROGRESS)
        assert rotation.due is not None
        assert pause <= (rotation.due - NOW).total_seconds() <= pause * 1.25
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


def test_a_failed_rotation_is_reopened_within_its_window_alone() -> None:
    window = Window(NOW + timedelta(days=1), NOW + timedelta(days=1, hours=2))
    later = Window(NOW + timedelta(days=2), NOW + timedelta(days=2, hours=2))
    parked = replace(asked_for(SecretKey(1), TOKEN, NOW), state=State.FAILED, window=window, due=window.opens)
    reopened = parked.reopened(window.closes - timedelta(seconds=1), later)
    assert (reopened.state, reopened.window, reopened.due) == (State.IN_PROGRESS, window, window.opens)
    missed = parked.reopened(window.closes, later)
    assert (missed.state, missed.window, missed.due, missed.ended) == (State.FAILED, later, later.opens, None)


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


def at_set() -> Rotation:
    return asked_for(SecretKey(1), TOKEN, NOW).succeeded(NOW).acting()


def used_up(rotation: Rotation, fault: Fault = Fault.OTHER, next_window: Window | None = None) -> Rotation:
    for _ in range(5):
        rotation = rotation.failed("why", NOW, next_window, fault, heals=True)
        if rotation.failures == 0 or rotation.due is None:
            break
    return rotation


def test_one_that_may_have_acted_is_rolled_back_before_it_waits() -> None:
    healing = used_up(at_set())
    assert (healing.is_healing, healing.state, healing.due) == (True, State.IN_PROGRESS, NOW)
    healed = healing.healed(NOW, None)
    assert (healed.state, healed.step, healed.acted, healed.due) == (State.FAILED, Step.SET, False, None)
    assert healed.reason == "why; the target was rolled back to AWSCURRENT"


def test_one_that_has_not_acted_waits_at_once() -> None:
    assert used_up(replace(at_set(), acted=False)).state is State.FAILED


def test_healing_is_tried_for_as_long_as_it_takes_with_pauses_up_to_an_hour() -> None:
    healing = used_up(at_set())
    for _ in range(50):
        healing = healing.failed("away", NOW + timedelta(days=3), None, heals=True)
    assert healing.due is not None
    pause = healing.due - NOW - timedelta(days=3)
    assert timedelta(hours=1) <= pause <= timedelta(hours=1.25)


def test_a_refused_login_is_tried_once_in_a_window_where_every_version_is_tried_and_thrice_where_one_is() -> None:
    nothing_logs_in = at_set().failed("why", NOW, None, Fault.LOGIN_REFUSED, heals=True)
    assert (nothing_logs_in.state, nothing_logs_in.failures) == (State.FAILED, 1)
    testing = at_set().succeeded(NOW)
    for _ in range(3):
        assert testing.step is Step.TEST
        testing = testing.failed("why", NOW, None, Fault.LOGIN_REFUSED, heals=True)
    assert testing.is_healing


def test_healing_ends_where_nothing_logs_in_and_is_taken_up_in_the_next_window() -> None:
    following = Window(NOW + timedelta(days=1), NOW + timedelta(days=2))
    parked = used_up(at_set()).failed("why", NOW, following, Fault.LOGIN_REFUSED, heals=True)
    assert (parked.state, parked.step, parked.due) == (State.FAILED, Step.ROLL_BACK, following.opens)
    assert parked.reopened(following.opens, None).is_healing
    late = parked.reopened(following.closes, following)  # what heals waits for no window
    assert (late.is_healing, late.state) == (True, State.IN_PROGRESS)


def test_pauses_differ_between_rotations_and_are_the_same_for_one() -> None:
    pauses = [pause_after(1, str(number)) for number in range(50)]
    assert len(set(pauses)) == 50
    assert pauses == [pause_after(1, str(number)) for number in range(50)]


@pytest.mark.parametrize("token", ["p", "v"])
def test_a_roll_back_is_overtaken_by_any_other_value(token: str) -> None:
    secret = rotating(labels={CURRENT: VersionId("v"), PREVIOUS: VersionId("p")})
    asked = roll_back_to(secret, VersionId(token), NOW)
    assert asked.obstacle(secret) is None
    assert asked.obstacle(secret.rolled_back(VersionId(token), NOW)) is None
    written = secret.version_written(VersionId("hand"), None, NOW)
    told = asked.obstacle(written)
    assert told is not None
    assert told[0] is State.ABANDONED
