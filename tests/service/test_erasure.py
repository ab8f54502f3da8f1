"""Erasing what was scheduled for deletion, once its window has passed: C.9 and D.10 of the API reference."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from detent.main import sweeper as sweeping
from detent.main.sweeper import Sweeper
from detent.model.policy import Principal, StepGrant
from detent.model.secret import VersionId
from detent.model.value import SealedValue
from detent.service import erasure
from detent.store.protocol import AccessKey
from servers.canary import Canary
from wire.answers import NOT_FOUND
from wire.premises import Premises, premises

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:fails"


class Fails:
    """Does nothing, and says so."""

    def run(self, _event: Any, _client: Any, _remaining: Any) -> None:
        raise RuntimeError("not today")


@pytest.fixture
def house(tmp_path: Path, canary: Canary) -> Iterator[Premises]:
    canary.folders.append(tmp_path)
    with premises(tmp_path / "data", {"fails": Fails()}) as found:
        yield found


def create(house: Premises, canary: Canary, name: str, versions: int = 1) -> str:
    asked = {"Name": name, "SecretString": canary.value(), "ClientRequestToken": "a" * 32}
    arn: str = house.client.call("CreateSecret", asked).members["ARN"]
    for number in range(1, versions):
        written = {"SecretId": name, "SecretString": canary.value(str(number)), "ClientRequestToken": f"{number:032}"}
        assert house.client.call("PutSecretValue", written).status == 200
    return arn


def delete(house: Premises, name: str, days: int = 7) -> None:
    asked = {"SecretId": name, "RecoveryWindowInDays": days}
    assert house.client.call("DeleteSecret", asked).status == 200


def sweep(house: Premises) -> None:
    house.house.sweeper().chores[0](threading.Event())


def names(house: Premises) -> list[str]:
    listed = house.client.call("ListSecrets", {"IncludePlannedDeletion": True}).members["SecretList"]
    return [secret["Name"] for secret in listed]


def events(house: Premises, arn: str, name: str) -> list[str]:
    lines = (json.loads(line) for line in house.house.folder.audit.read_text().splitlines())
    found = [line["additionalEventData"] for line in lines if line["eventName"] == name]
    return [one["SecretVersionId"] for one in found if one["SecretId"] == arn]


def rows(house: Premises) -> dict[str, int]:
    """How many rows of each kind the store holds."""
    found = {}
    with house.house.store.read() as tx:
        for table in ("secrets", "versions", "rotations", "attempts"):
            found[table] = tx.run(f"SELECT count(*) FROM {table}", {}).fetchone()[0]
    return found


def test_a_secret_is_erased_when_its_window_has_passed_and_not_before(house: Premises, canary: Canary) -> None:
    arn = create(house, canary, "gone", versions=3)
    create(house, canary, "kept")
    delete(house, "gone")
    house.clock.advance(days=7, microseconds=-1)
    sweep(house)
    assert names(house) == ["gone", "kept"]
    assert events(house, arn, "EndSecretVersionDelete") == []
    house.clock.advance(microseconds=1)
    sweep(house)
    assert names(house) == ["kept"]
    assert rows(house) == {"secrets": 1, "versions": 1, "rotations": 0, "attempts": 0}
    ended = sorted(events(house, arn, "EndSecretVersionDelete"))
    assert ended == sorted(events(house, arn, "StartSecretVersionDelete"))
    assert ended == [f"{1:032}", f"{2:032}", "a" * 32]
    for operation in ("DescribeSecret", "RestoreSecret"):
        assert house.client.call(operation, {"SecretId": "gone"}).error == NOT_FOUND


def test_the_name_is_free_once_the_secret_is_erased(house: Premises, canary: Canary) -> None:
    first = create(house, canary, "s")
    delete(house, "s")
    house.clock.advance(days=8)
    taken = {"Name": "s", "ClientRequestToken": "b" * 32}
    assert house.client.call("CreateSecret", taken).error == (
        "InvalidRequestException",
        "You can't create this secret because a secret with this name is already scheduled for deletion.",
    )
    sweep(house)
    assert create(house, canary, "s") != first


def test_rotations_attempts_and_step_sessions_go_with_their_secret(house: Premises, canary: Canary) -> None:
    arn = create(house, canary, "s")
    asked = {"SecretId": "s", "RotationLambdaARN": FUNCTION, "ClientRequestToken": "b" * 32}
    assert house.client.call("RotateSecret", asked).status == 200
    house.drive()
    assert rows(house) == {"secrets": 1, "versions": 2, "rotations": 1, "attempts": 1}
    delete(house, "s")
    principal = Principal("0" * 12, "arn:step", "ASIATEST", StepGrant(arn, VersionId("b" * 32), None))
    session = AccessKey(
        principal, SealedValue(b"", "root"), house.clock.moment, house.clock.moment + timedelta(days=99)
    )
    house.house.store.write(lambda tx: tx.access_keys.add(session))
    house.clock.advance(days=7)
    sweep(house)
    assert rows(house) == {"secrets": 0, "versions": 0, "rotations": 0, "attempts": 0}
    with house.house.store.read() as tx:
        assert tx.access_keys.find("ASIATEST") is None


def test_a_secret_that_is_restored_before_the_sweep_gets_to_it_stays(house: Premises, canary: Canary) -> None:
    for name in ("a", "b"):
        create(house, canary, name)
        delete(house, name)
    house.clock.advance(days=8)
    erasing = house.house.sweeper().chores[0]
    assert erasing._finds_some()  # type: ignore[attr-defined]
    assert house.client.call("RestoreSecret", {"SecretId": "b"}).status == 200
    sweep(house)
    assert names(house) == ["b"]
    assert house.client.call("GetSecretValue", {"SecretId": "b"}).members["SecretString"] == canary.value()


def test_of_a_restoration_and_a_sweep_at_once_one_comes_first_and_both_say_the_truth(
    house: Premises, canary: Canary
) -> None:
    for number in range(30):
        create(house, canary, f"s{number}")
        delete(house, f"s{number}")
    house.clock.advance(days=8)
    at_once = threading.Thread(target=sweep, args=(house,))
    at_once.start()
    told = {
        f"s{number}": house.client.call("RestoreSecret", {"SecretId": f"s{number}"}) for number in reversed(range(30))
    }
    at_once.join()
    assert sorted(names(house)) == sorted(name for name, answer in told.items() if answer.status == 200)
    assert {answer.error for answer in told.values() if answer.status != 200} <= {NOT_FOUND}


def test_a_transaction_ends_after_the_secret_that_fills_it(house: Premises, canary: Canary) -> None:
    for name, versions in (("a", 3), ("b", 3), ("c", 3)):
        create(house, canary, name, versions)
        delete(house, name)
    house.clock.advance(days=8)
    server, store = house.house.server, house.house.store
    assert [store.write(lambda tx: erasure.erase_due(server.env(tx, "us-east-1"), 4)) for _ in range(3)] == [2, 1, 0]


def test_two_sweepers_on_one_store_erase_each_secret_once(house: Premises, canary: Canary, monkeypatch: Any) -> None:
    monkeypatch.setattr(sweeping, "AT_ONCE", 2)
    arns = [create(house, canary, f"s{number}") for number in range(20)]
    for number in range(20):
        delete(house, f"s{number}")
    house.clock.advance(days=8)
    both = [threading.Thread(target=sweep, args=(house,)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert names(house) == []
    assert [events(house, arn, "EndSecretVersionDelete") for arn in arns] == [["a" * 32]] * 20


def test_a_sweep_that_fails_leaves_every_secret_whole_and_the_next_one_goes_on(
    house: Premises, canary: Canary, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    create(house, canary, "s")
    delete(house, "s")
    house.clock.advance(days=8)
    stopping, calls = threading.Event(), []

    def erase_due(env: Any, limit: int) -> int:
        calls.append(limit)
        erased = erase(env, limit)
        if len(calls) == 1:
            raise OSError("No space left on device")
        stopping.set()
        return erased

    erase = erasure.erase_due
    monkeypatch.setattr(erasure, "erase_due", erase_due)
    Sweeper(0.01, [house.house.sweeper().chores[0]]).run(stopping)
    assert len(calls) == 2
    assert names(house) == []
    assert "a sweep was broken off" in caplog.text
