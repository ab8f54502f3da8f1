"""A person explains, retries, abandons and rolls back."""

import json
from datetime import timedelta
from typing import Any

import pytest

from detent.functions.contract import RotationFunction
from detent.functions.strategies import SingleUser
from detent.model.errors import BadState
from detent.model.rotation import Purpose, State
from detent.model.secret import CURRENT, PENDING, PREVIOUS
from detent.service import explaining, healing, rotations, versions
from detent.service.explaining import Cure, Explained, LogsIn
from servers.world import ROOT, Death, World
from story.test_healing import DAILY, TOKEN, audited, with_a_probe

FIRST, OTHER = "v" * 32, "o" * 32


def told(world: World, operation: str = "ExplainSecret") -> Any:
    """Ask the target as the API does, without HTTP."""
    server = world.house.server
    call = world.house.store.write(lambda tx: explaining.prepared(server.env(tx, "us-east-1"), ROOT, operation, "app"))
    return explaining.asked(server.functions, call)


def explained(world: World) -> Explained:
    return world.ask(explaining.explain_secret, secret_id="app", told=told(world))


def roll_back(world: World) -> Any:
    return world.ask(healing.roll_back_rotation, secret_id="app", told=told(world, "RollBackRotation"))


def logs_in(found: Explained) -> dict[str, LogsIn]:
    return {one.label: one.logs_in for one in found.versions}


def rotated(world: World) -> None:
    world.rotate(TOKEN)
    world.settle()


def killed_after_the_change(world: World) -> None:
    world.rotate(TOKEN)
    death = Death()
    death.watch = lambda: setattr(death, "at", len(death.points)) if death.points[-1:] == ["after a change"] else None
    world.worker(death).turn()
    world.database.death = Death()


def test_a_secret_that_is_well_is_said_to_be(world: World) -> None:
    rotated(world)
    found = explained(world)
    assert logs_in(found) == {CURRENT: LogsIn.YES, PREVIOUS: LogsIn.NO}
    assert (found.blocks, found.cure) == (None, Cure.NONE)
    assert found.versions[0].target == "user 'app' at db.example:1"
    assert "refused the password" in str(found.versions[1].reason)


def test_explaining_changes_nothing_and_ends_no_running_step(world: World) -> None:
    world.rotate(TOKEN)
    death = Death()
    seen: list[Explained] = []

    def meanwhile() -> None:
        if death.points[-1:] == ["before a change"] and not seen:
            seen.append(None)  # type: ignore[arg-type] - asking passes by here too
            seen[0] = explained(world)

    death.watch = meanwhile
    world.worker(death).turn()
    assert logs_in(seen[0]) == {CURRENT: LogsIn.NO, PENDING: LogsIn.YES}  # it has just been changed
    assert world.rotation(TOKEN).state is State.SUCCEEDED


def test_a_rotation_that_stopped_half_way_is_explained_and_rolled_forward(world: World) -> None:
    killed_after_the_change(world)
    world.ask(rotations.cancel_rotate_secret, secret_id="app")
    found = explained(world)
    assert logs_in(found) == {CURRENT: LogsIn.NO, PENDING: LogsIn.YES}
    assert (found.blocks, found.cure) == ("AWSCURRENT does not log in.", Cure.ROLL_BACK)
    asked = roll_back(world)
    assert (asked.rotation.purpose, asked.rotation.token) == (Purpose.ROLL_BACK, TOKEN)
    world.settle()
    assert world.secret().labels[CURRENT] == TOKEN
    assert world.current_logs_in()


def test_a_rotation_that_is_over_is_rolled_back_to_the_previous_version(world: World) -> None:
    first = world.database.passwords["app"]
    rotated(world)
    assert world.database.passwords["app"] != first
    roll_back(world)
    world.settle()
    assert world.database.passwords["app"] == first
    assert world.secret().labels == {CURRENT: FIRST, PREVIOUS: TOKEN}
    assert world.current_logs_in()
    assert len(audited(world, "RotationRolledBack")) == 1
    world.rotate(OTHER)
    world.settle()
    assert world.secret().labels[CURRENT] == OTHER
    assert world.current_logs_in()


def test_a_rotation_is_not_begun_while_a_secret_is_rolled_back(world: World) -> None:
    rotated(world)
    roll_back(world)
    with pytest.raises(BadState, match="being rolled back"):
        world.rotate(OTHER)
    assert roll_back(world).rotation.purpose is Purpose.ROLL_BACK


def test_a_roll_back_goes_on_when_the_target_comes_back_and_after_a_crash_at_any_point(make_world) -> None:
    for at in range(30):
        world = make_world()
        rotated(world)
        roll_back(world)
        world.database.away = at % 2 == 0
        death = Death(at)
        world.worker(death).turn()
        world.database.away = False
        world.settle()
        assert world.secret().labels[CURRENT] == FIRST
        assert world.current_logs_in()
        if not death.is_dead and at % 2:
            break
    assert at > 10


def test_a_value_written_meanwhile_ends_a_roll_back(world: World) -> None:
    rotated(world)
    asked = roll_back(world)
    value = world.value()
    world.ask(versions.put_secret_value, secret_id="app", client_request_token=OTHER, secret_string=json.dumps(value))
    world.settle()
    assert world.secret().labels[CURRENT] == OTHER
    with world.house.store.read() as tx:
        ended = tx.rotations.current(asked.rotation.id)
    assert ended is not None
    assert ended.state is State.ABANDONED
    assert world.current_logs_in()


def test_nothing_is_rolled_back_while_the_target_is_away_or_nothing_logs_in(world: World) -> None:
    rotated(world)
    world.database.away = True
    with pytest.raises(BadState, match=r"Nothing was changed.*the database is away"):
        roll_back(world)
    world.database.away = False
    world.database.passwords["app"] = "changed-by-hand"
    assert explained(world).cure is Cure.PUT_VALUE
    with pytest.raises(BadState, match="No version with a label logs in"):
        roll_back(world)
    assert world.secret().labels[CURRENT] == TOKEN


def test_a_failed_rotation_is_retried_at_once(world: World) -> None:
    world.rotate(TOKEN, rotation_rules=DAILY)
    world.database.away = True
    world.settle()
    assert world.rotation(TOKEN).state is State.FAILED
    world.database.away = False
    found = explained(world)
    assert (found.cure, found.next_attempt) == (Cure.RETRY, world.rotation(TOKEN).due)
    told = world.ask(healing.retry_rotation, secret_id="app")
    assert (told.rotation.state, told.rotation.due) == (State.IN_PROGRESS, world.clock.moment)
    world.settle()
    assert world.rotation(TOKEN).state is State.SUCCEEDED
    with pytest.raises(BadState, match="There is no incomplete rotation of app"):
        world.ask(healing.retry_rotation, secret_id="app")


def test_an_abandoned_rotation_puts_the_target_back_where_it_had_changed(world: World) -> None:
    with_a_probe(world)
    first = world.database.passwords["app"]
    world.database.forbids = True
    world.rotate(TOKEN, rotation_rules=DAILY)
    world.worker(Death()).turn()
    assert world.database.passwords["app"] != first
    world.ask(healing.abandon_rotation, secret_id="app")
    assert world.rotation(TOKEN).state is State.ABANDONED
    assert PENDING not in world.secret().labels
    world.settle()
    assert world.database.passwords["app"] == first
    assert world.secret().labels[CURRENT] == "w" * 32
    with world.house.store.read() as tx:
        assert tx.rotations.next_due() == world.secret().rotation.next_window.opens


def test_an_abandoned_rotation_that_had_changed_nothing_is_over_at_once(world: World) -> None:
    world.rotate(TOKEN, rotation_rules=DAILY)
    told = world.ask(healing.abandon_rotation, secret_id="app")
    assert (told.rotation.state, told.rotation.token) == (State.ABANDONED, TOKEN)
    assert world.secret().labels == {CURRENT: FIRST}
    with pytest.raises(BadState, match="There is no incomplete rotation"):
        world.ask(healing.abandon_rotation, secret_id="app")


def test_a_function_that_cannot_tell_is_said_not_to(world: World) -> None:
    class Quiet:
        def run(self, *_: object) -> None:
            pass

    rotated(world)
    world.functions["simulated"] = Quiet()  # type: ignore[assignment]
    found = explained(world)
    assert set(logs_in(found).values()) == {LogsIn.UNKNOWN}
    assert "only those that come with Detent can" in str(found.versions[0].reason)
    with pytest.raises(BadState, match="cannot roll its target back"):
        roll_back(world)


class FourSteps:
    """A function as AWS publishes them: it has the four steps, and declares no more."""

    def __init__(self) -> None:
        self.function = RotationFunction(SingleUser(), "simulated")

    def run(self, *asked: Any) -> None:
        self.function.run(*asked)


UNSURE = (
    "AWSCURRENT may not log in: the target may have been changed, and the secret's function can neither tell nor roll"
    " it back."
)


def left_unsure(world: World) -> None:
    """Let a function of four steps change the target, and then fail until its tries are used up."""
    with_a_probe(world)
    world.functions["simulated"] = FourSteps()  # type: ignore[assignment]
    world.database.forbids = True
    world.rotate(TOKEN, rotation_rules=DAILY)
    world.settle()
    assert world.rotation(TOKEN).state is State.FAILED
    assert not world.current_logs_in()


def test_a_function_that_can_heal_nothing_leaves_nobody_unaware_that_the_current_value_may_be_dead(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    left_unsure(world)
    arn = world.secret().arn
    assert f"{arn}: {UNSURE} detent explain app says what heals it" in caplog.text
    found = explained(world)
    assert found.cure is Cure.RETRY
    assert str(found.blocks).endswith(UNSURE)
    assert "permission denied" in str(found.blocks)
    assert str(world.rotation(TOKEN).reason).endswith(UNSURE)  # as it is listed, and told to webhooks
    world.database.forbids = False
    world.ask(healing.retry_rotation, secret_id="app")
    world.settle()
    assert world.current_logs_in()
    found = explained(world)
    assert (found.blocks, found.cure) == (None, Cure.NONE)


def test_once_rotation_is_cancelled_or_the_label_is_gone_only_a_new_value_heals_it(world: World) -> None:
    left_unsure(world)
    working = json.dumps(world.value("AWSPENDING"))
    world.ask(rotations.cancel_rotate_secret, secret_id="app")
    found = explained(world)
    assert (found.cure, str(found.blocks).endswith(UNSURE)) == (Cure.PUT_VALUE, True)
    told = world.ask(healing.abandon_rotation, secret_id="app")
    assert told.rotation.reason == f"Rotation was cancelled. {UNSURE}"
    found = explained(world)
    assert (found.cure, found.blocks) == (Cure.PUT_VALUE, UNSURE)
    world.clock.advance(timedelta(seconds=1))
    world.ask(versions.put_secret_value, secret_id="app", client_request_token=OTHER, secret_string=working)
    found = explained(world)
    assert (found.blocks, found.cure) == (None, Cure.NONE)
    assert world.current_logs_in()


def test_a_function_that_failed_before_the_target_could_change_leaves_nobody_in_doubt(world: World) -> None:
    world.functions["simulated"] = FourSteps()  # type: ignore[assignment]
    world.database.away = True
    world.rotate(TOKEN, rotation_rules=DAILY)
    world.settle()
    assert world.rotation(TOKEN).state is State.FAILED
    assert "may not log in" not in str(explained(world).blocks)
    world.ask(rotations.cancel_rotate_secret, secret_id="app")
    assert explained(world).cure is Cure.ABANDON


def test_what_a_cancelled_rotation_left_is_taken_away_by_abandoning_it(world: World) -> None:
    world.rotate(TOKEN)
    world.ask(rotations.cancel_rotate_secret, secret_id="app")
    found = explained(world)
    assert (found.blocks, found.cure) == ("Rotation was cancelled, and a version is still pending.", Cure.ABANDON)
    world.ask(healing.abandon_rotation, secret_id="app")
    assert PENDING not in world.secret().labels
    world.rotate(OTHER)
    world.settle()
    assert world.secret().labels[CURRENT] == OTHER
