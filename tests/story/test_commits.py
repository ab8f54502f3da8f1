"""What a rotation costs the store: each commit waits for the disk, so they are counted."""

import threading
import time
from concurrent.futures import Future
from typing import Any

import pytest

from detent.functions.contract import RotationFunction
from detent.functions.strategies import SingleUser
from detent.functions.strategies.turn import Turn
from detent.model.ports import LastCall
from detent.model.rotation import State, Step
from detent.model.secret import CURRENT
from detent.service import history, versions
from servers.world import LEASE_SECONDS, Death, World

TOKEN = "t" * 32
PATIENCE = 20
OF_OURS = 5  # claimed and begun; four steps, each recorded with what it left and with the beginning of the next
OF_ANOTHER = 7  # two more: what it stores and the label it moves are committed before it is answered
UNSYNCED = 2  # that the target was changed and tested: after a power cut both are done again


class Plain:
    """Our function behind a client that has nothing but the six calls, as any other function's."""

    def __init__(self, function: RotationFunction) -> None:
        self.function = function

    def run(self, event: Any, client: Any, remaining: Any) -> Any:
        return self.function.run(event, _SixCalls(client), remaining)


class _SixCalls:
    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        if name == "last":
            raise AttributeError(name)
        return getattr(self._client, name)


def commits_of_a_rotation(world: World) -> tuple[int, int]:
    """Have the rotator itself rotate; count its commits, and those that waited for the disk."""
    scheduler = world.house.scheduler(lambda _seconds: time.sleep(0.005))
    thread = threading.Thread(target=scheduler.run)
    world.rotate(TOKEN)
    before, waits = world.commits, world.waits
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while world.rotation_read(TOKEN).state is not State.SUCCEEDED:
        assert time.monotonic() < deadline, world.rotation_read(TOKEN)
        time.sleep(0.005)
    scheduler.stopping.set()
    thread.join()
    return world.commits - before, world.waits - waits


def test_asking_for_a_rotation_is_one_commit(world: World) -> None:
    before = world.commits
    world.rotate(TOKEN)
    assert (world.commits - before, world.waits) == (1, world.commits)


def test_a_rotation_by_a_function_that_comes_with_detent_is_five_commits_of_which_three_wait(world: World) -> None:
    assert commits_of_a_rotation(world) == (OF_OURS, OF_OURS - UNSYNCED)
    assert world.current_logs_in()


def test_a_rotation_by_any_other_function_is_seven_commits_of_which_five_wait(world: World) -> None:
    world.functions["simulated"] = Plain(world.functions["simulated"])  # type: ignore[assignment]
    assert commits_of_a_rotation(world) == (OF_ANOTHER, OF_ANOTHER - UNSYNCED)
    assert world.current_logs_in()


def test_that_the_pending_value_was_read_is_noted_with_the_record_of_the_step(world: World) -> None:
    world.rotate(TOKEN)
    death = Death()
    death.watch = lambda: setattr(death, "at", len(death.points)) if death.points[-1:] == ["after setSecret"] else None
    world.worker(death).turn()  # it dies after the read and before the record
    assert accessed(world) is None
    world.settle()
    assert accessed(world) == world.clock.now().date()


def accessed(world: World) -> object:
    with world.house.store.read() as tx:
        secret = tx.secrets.named("000000000000", "us-east-1", "app")
        version = tx.secrets.version(secret.key, TOKEN)  # type: ignore[union-attr,arg-type]
    assert version is not None
    return version.accessed


class TooMuch(SingleUser):
    """Makes a value that no secret can hold, the first time."""

    def __init__(self) -> None:
        self.made = 0

    def create_secret(self, turn: Turn) -> Any:
        self.made += 1
        value = super().create_secret(turn)
        return {**value, "more": "x" * 70_000} if self.made == 1 else value


def test_a_last_call_that_is_refused_fails_its_step_with_the_refusal(world: World) -> None:
    world.functions["simulated"] = RotationFunction(TooMuch(), "simulated")
    world.rotate(TOKEN)
    world.worker(Death()).turn()
    rotation = world.rotation(TOKEN)
    assert rotation.step is Step.CREATE
    assert "PutSecretValue" in (rotation.reason or "")
    assert "secretString" in (rotation.reason or "")
    world.settle()
    assert world.rotation(TOKEN).state is State.SUCCEEDED
    assert world.current_logs_in()


def test_a_last_call_and_the_record_of_its_step_are_committed_both_or_neither(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.rotate(TOKEN)
    death = Death()
    worker = world.worker(death)

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        finishing = ["before finishSecret", "before a write is left"]

        def watch() -> None:
            if death.points[-2:] == finishing:
                patched.setattr(world.house._journal, "append", full)

        death.watch = watch
        with pytest.raises(OSError, match="No space left"):
            worker.turn()
    assert world.secret().labels[CURRENT] == "v" * 32
    assert world.rotation(TOKEN).step is Step.FINISH
    world.settle()
    assert world.secret().labels[CURRENT] == TOKEN
    assert world.rotation(TOKEN).state is State.SUCCEEDED


def test_a_last_call_whose_own_commit_failed_is_told_by_the_next() -> None:
    last, made = LastCall(), Future[Any]()
    last.left(made)
    assert last.failure() is None, "it runs in the transaction that asks"
    made.set_exception(OSError("No space left on device"))
    assert last.failure() == "The function's last call was not committed."


def test_each_calls_record_stands_in_the_audit_trail_before_the_one_that_was_recorded_with_it(world: World) -> None:
    world.rotate(TOKEN)
    world.settle()
    trail = world.house.folder.audit.read_text()
    put, moved = trail.index('"PutSecretValue"'), trail.index('"UpdateSecretVersionStage"')
    assert trail.index('"RotationStarted"') < put < moved < trail.index('"RotationSucceeded"')
    assert trail.count('"PutSecretValue"') == trail.count('"UpdateSecretVersionStage"') == 1
    assert [one.reason for one in world.ask(history.describe_rotation, secret_id="app").attempts] == [None] * 4
    assert world.ask(versions.get_secret_value, secret_id="app").version.id == TOKEN


@pytest.mark.parametrize("point", ["before testSecret", "before finishSecret", "before a write is left"])
def test_after_a_power_cut_that_undid_what_had_not_to_last_the_rotation_is_finished(world: World, point: str) -> None:
    world.keeps_disk = True
    world.rotate(TOKEN)
    death = Death()
    reached = {"before testSecret": Step.TEST, "before finishSecret": Step.FINISH}.get(point, Step.FINISH)

    def watch() -> None:
        if death.points[-1:] == [point] and world.rotation_read(TOKEN).step is reached:
            death.at = len(death.points)

    death.watch = watch
    world.worker(death).turn()
    assert world.rotation_read(TOKEN).step is reached
    world.cut_power()
    assert world.rotation_read(TOKEN).step is Step.SET
    assert not world.current_logs_in(), "the target has the new password, which lies in the pending version"
    world.settle()
    assert world.rotation(TOKEN).state is State.SUCCEEDED
    assert world.current_logs_in()


def test_a_read_that_no_step_records_is_noted_before_its_answer(world: World) -> None:
    world.rotate(TOKEN)
    worker = world.worker(Death())
    [claimed] = worker.store.write(lambda tx: tx.rotations.claim_due("one", LEASE_SECONDS, 10))
    prepared = worker.store.write(lambda tx: worker.runner.prepare(tx, claimed))
    assert prepared is not None
    before = world.commits
    client = world.house.client(prepared.call.credentials)
    client.get_secret_value(SecretId=prepared.secret.arn)
    assert world.commits - before == 1
    assert client.last is client, "what it is asked is done before it is answered"
