import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detent.model.rotation import State
from servers.world import Death, World

TOKEN = "t" * 32


def finished(world: World) -> bool:
    rotation = world.rotation(TOKEN)
    return rotation.state is State.SUCCEEDED and world.current_logs_in()


def points_of_one_rotation(world: World) -> list[str]:
    world.rotate(TOKEN)
    death = Death()
    world.worker(death).turn()
    assert finished(world)
    return death.points


def test_a_worker_killed_at_any_point_leaves_a_rotation_that_another_finishes(make_world, canary) -> None:
    for at in itertools.count():
        world = make_world()
        world.rotate(TOKEN)
        death = Death(at, watch=lambda world=world: readable(world))
        world.worker(death).turn()
        readable(world)
        if not death.is_dead:
            break
        world.settle()
        assert finished(world), f"killed {death.points[-1]} (point {at}): {world.rotation(TOKEN)}"
        canary.watch(world.value()["password"])
        assert world.value("AWSPREVIOUS")["password"] == canary.value("-first")
    assert at > 25
    assert {"before createSecret", "after setSecret", "after finishSecret", "before a change"} <= set(death.points)


def readable(world: World) -> None:
    assert world.value()["password"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deaths=st.lists(st.integers(min_value=0, max_value=70), min_size=2, max_size=6))
def test_any_series_of_deaths_ends_with_a_working_current_credential(make_world, deaths: list[int]) -> None:
    world = make_world()
    world.rotate(TOKEN)
    for at in deaths:
        world.worker(Death(at, watch=lambda: readable(world))).turn()
        readable(world)
        world.let_time_pass()
    world.settle()
    assert finished(world)


def test_a_worker_killed_inside_a_scheduled_rotation_is_healed_too(make_world) -> None:
    for at in range(0, 60, 7):
        world = make_world()
        world.rotate(TOKEN, rotation_rules={"schedule_expression": "rate(4 hours)"})
        world.settle()
        first = world.value()["password"]
        world.let_time_pass()
        world.worker(Death(at)).turn()
        world.settle()
        assert world.value()["password"] != first
        assert world.current_logs_in()


def test_each_login_attempt_after_a_crash_is_made_with_a_known_password_once(make_world) -> None:
    death = Death(points_of_one_rotation(make_world()).index("after a change"))
    world = make_world()
    world.rotate(TOKEN)
    world.worker(death).turn()
    world.database.logins.clear()
    world.settle()
    assert world.database.logins == [("app", False), ("app", True), ("app", True)]  # current, pending; then testSecret
