"""What happens when a rotation's tries are used up, or its new password cannot be: the target is never left closed."""

import json
from typing import Any

import pytest

from detent.model.rotation import State, Step
from detent.model.secret import CURRENT, PENDING
from detent.service import history, versions
from servers.world import Death, World

TOKEN = "t" * 32
DAILY = {"automatically_after_days": 1}


def attempts(world: World, token: str = TOKEN) -> Any:
    return world.ask(history.describe_rotation, secret_id="app", version_id=token).attempts


def steps(world: World, token: str = TOKEN) -> list[str]:
    return [str(attempt.step) for attempt in attempts(world, token)]


def audited(world: World, name: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in world.house.folder.audit.read_text().splitlines())
    return [line for line in lines if line["eventName"] == name]


def with_a_probe(world: World) -> None:
    value = {**world.value(), "probes": ["SELECT 1"]}
    world.ask(
        versions.put_secret_value, secret_id="app", secret_string=json.dumps(value), client_request_token="w" * 32
    )


def test_a_test_that_keeps_failing_is_rolled_back_at_the_target(world: World) -> None:
    with_a_probe(world)
    first = world.database.passwords["app"]
    world.database.forbids = True
    world.rotate(TOKEN, rotation_rules=DAILY)
    world.settle()
    rotation = world.rotation(TOKEN)
    assert sorted(steps(world)) == ["createSecret", "rollbackSecret", "setSecret", *["testSecret"] * 5]
    assert (rotation.state, rotation.step) == (State.FAILED, Step.SET)
    assert "the target was rolled back to AWSCURRENT" in (rotation.reason or "")
    assert world.database.passwords["app"] == first
    assert world.current_logs_in()
    assert world.secret().labels[PENDING] == TOKEN
    assert len(audited(world, "RotationRolledBack")) == 1
    world.database.forbids = False
    world.let_time_pass()
    world.settle()
    assert world.rotation(TOKEN).state is State.SUCCEEDED
    assert world.current_logs_in()


@pytest.mark.parametrize("lost", ["changed", "unchanged"])
def test_a_server_that_goes_away_with_the_change_is_healed_when_it_comes_back(world: World, lost: str) -> None:
    world.rotate(TOKEN)
    world.database.lost = lost
    turned = world.database.lost
    world.worker(Death()).turn()
    world.database.away = True
    for _ in range(30):
        world.let_time_pass()
        world.worker(Death()).turn()
    rotation = world.rotation(TOKEN)
    assert (rotation.state, rotation.step) == (State.IN_PROGRESS, Step.ROLL_BACK)
    assert "the database is away" in (rotation.reason or "")
    assert world.current_logs_in() is (turned == "unchanged")
    world.database.away = False
    world.let_time_pass()
    world.worker(Death()).turn()
    assert world.current_logs_in()
    assert (world.rotation(TOKEN).state, world.rotation(TOKEN).due) == (State.FAILED, None)


def test_a_change_whose_answer_is_lost_goes_on_within_the_window(world: World) -> None:
    world.rotate(TOKEN)
    world.database.lost = "changed"
    world.settle()
    assert world.rotation(TOKEN).state is State.SUCCEEDED
    assert world.current_logs_in()


def test_a_password_that_the_targets_rules_refuse_is_replaced_by_another(world: World, canary) -> None:
    refused: list[str] = []

    def refuses(password: str) -> bool:
        if len(set(refused)) < 2:
            refused.append(canary.watch(password))
        return password in refused

    world.database.refuses = refuses
    world.rotate(TOKEN)
    world.settle()
    assert world.rotation(TOKEN).state is State.REPLACED
    assert steps(world) == ["createSecret", "setSecret"]
    assert len(refused) == 2
    current = world.secret().labels[CURRENT]
    assert current not in {TOKEN, "v" * 32}
    assert world.rotation(current).state is State.SUCCEEDED
    assert world.rotation(current).replaced == 2
    assert world.current_logs_in()
    canary.watch(world.value()["password"])


def test_passwords_are_replaced_three_times_in_a_window_and_not_for_ever(world: World) -> None:
    made: set[str] = set()
    world.database.refuses = lambda password: not made.add(password)  # type: ignore[func-returns-value]
    world.rotate(TOKEN, rotation_rules=DAILY)
    world.settle()
    assert len(made) == 4
    assert world.current_logs_in()
    last = world.secret().labels[PENDING]
    assert world.rotation(last).state is State.FAILED
    assert "the server's rules refuse" in (world.rotation(last).reason or "")
    world.let_time_pass()
    world.settle()
    assert len(made) == 7  # the pending one again, and three new ones


def test_where_no_password_logs_in_few_logins_are_made_in_a_window(world: World) -> None:
    world.database.passwords["app"] = "changed-by-hand"
    world.rotate(TOKEN, rotation_rules=DAILY)
    world.settle()
    assert world.rotation(TOKEN).state is State.FAILED
    assert len([login for login in world.database.logins if not login[1]]) <= 3
    assert "no known password logs in" in (world.rotation(TOKEN).reason or "")


def test_a_worker_killed_at_any_point_of_healing_leaves_a_target_that_another_heals(make_world) -> None:
    for back in range(1, 26, 2):
        world = make_world()
        with_a_probe(world)
        world.database.forbids = True
        world.rotate(TOKEN, rotation_rules=DAILY)
        for _ in range(4):
            world.worker(Death()).turn()
            world.let_time_pass()
        death = Death()
        death.watch = lambda death=death, back=back: stop_after(death, back)  # type: ignore[misc]
        world.worker(death).turn()
        world.settle()
        assert world.rotation(TOKEN).state is State.FAILED
        assert world.current_logs_in()
        if not death.is_dead:
            break
    assert back > 10


def stop_after(death: Death, points: int) -> None:
    """Die so many points after the last test has failed."""
    if death.at is None and "after testSecret" in death.points:
        death.at = len(death.points) + points - 1


def test_healing_begins_under_the_lease_that_the_last_try_had(world: World) -> None:
    with_a_probe(world)
    world.database.forbids = True
    world.rotate(TOKEN, rotation_rules=DAILY)
    for _ in range(4):
        world.worker(Death()).turn()
        world.let_time_pass()
    taken: list[object] = []
    death = Death()

    def meanwhile() -> None:
        if death.points[-1:] == ["before rollbackSecret"]:
            taken.extend(world.house.store.write(lambda tx: tx.rotations.claim_due("other", 15, 10)))

    death.watch = meanwhile
    world.worker(death).turn()
    assert "before rollbackSecret" in death.points
    assert not taken
