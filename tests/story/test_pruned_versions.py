"""A version that a target may know stays for as long as it may be needed, however many are written after it."""

import json
from datetime import timedelta

from detent.model.rotation import State
from detent.service import versions
from servers.world import Death, World

TOKEN, OTHER = "t" * 32, "o" * 32


def version_ids(world: World) -> list[str]:
    with world.house.store.read() as tx:
        return [version.id for version in tx.secrets.versions(world.secret().key)]


def write(world: World, token: str, password: str) -> None:
    value = json.dumps({"engine": "simulated", "host": "db.example", "username": "app", "password": password})
    world.ask(versions.put_secret_value, secret_id="app", client_request_token=token, secret_string=value)


def killed_after_the_change(world: World) -> None:
    """The database has the new password, the worker is dead, and nobody has recorded that SET was run."""
    world.rotate(TOKEN)
    death = Death()
    death.watch = lambda: setattr(death, "at", len(death.points)) if death.points[-1:] == ["after a change"] else None
    world.worker(death).turn()
    assert death.is_dead


def test_a_version_that_reached_set_outlives_150_writes_and_is_pruned_after_a_later_success(
    world: World, canary
) -> None:
    killed_after_the_change(world)
    known = canary.watch(world.database.passwords["app"])
    for number in range(150):
        write(world, f"{number:032}", canary.value("-first"))  # wrong since the rotation, which this abandons
        world.clock.advance(timedelta(hours=1))
    assert world.rotation(TOKEN).state is State.ABANDONED
    assert version_ids(world) == [TOKEN, *(f"{number:032}" for number in range(50, 150))]
    assert not world.current_logs_in()

    kept = world.ask(versions.get_secret_value, secret_id="app", version_id=TOKEN)
    assert json.loads(str(kept.value.reveal()))["password"] == known
    write(world, "h" * 32, known)
    assert world.current_logs_in()
    world.rotate(OTHER)
    world.settle()
    assert world.rotation(OTHER).state is State.SUCCEEDED
    assert TOKEN in version_ids(world)

    world.clock.advance(timedelta(hours=1))
    write(world, "l" * 32, canary.watch(world.value()["password"]))
    assert TOKEN not in version_ids(world)
    assert OTHER in version_ids(world)
    assert len(version_ids(world)) == 100


def test_a_version_that_did_not_reach_set_is_pruned_like_any_other(world: World, canary) -> None:
    world.rotate(TOKEN)
    world.worker(Death(1)).turn()
    for number in range(125):
        write(world, f"{number:032}", canary.value("-first"))
        world.clock.advance(timedelta(hours=1))
    assert world.rotation(TOKEN).state is State.ABANDONED
    assert version_ids(world) == [f"{number:032}" for number in range(25, 125)]


def test_rotations_that_fail_again_and_again_never_keep_a_person_from_writing_a_value(world: World, canary) -> None:
    world.database.away = True
    for number in range(110):
        world.rotate(f"r{number:031}")
        world.worker(Death()).turn()
        write(world, f"{number:032}", canary.value("-first"))
        world.clock.advance(timedelta(hours=1))
    found = version_ids(world)
    assert [token for token in found if token.startswith("r")] == [f"r{number:031}" for number in range(110)]
    assert len(found) == 110 + 100
