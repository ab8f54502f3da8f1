"""Dates that only a clock of one's own can show: C.8, C.9 and D.2 of the API reference."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from detent.model.rotation import Rotation, State
from detent.model.schedule import Window
from detent.model.secret import VersionId
from servers.canary import Canary
from wire.premises import Premises, premises

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:rotates"
ADDED = {"AutomaticallyAfterDays": 30}


class Rotates:
    """Makes each new value the word `new`, and moves the label."""

    def run(self, event: Any, client: Any, _remaining: Any) -> None:
        arn, token = event["SecretId"], event["ClientRequestToken"]
        if event["Step"] == "createSecret":
            asked = {"SecretId": arn, "ClientRequestToken": token, "VersionStages": ["AWSPENDING"]}
            client.put_secret_value(SecretString="new", **asked)
        if event["Step"] == "finishSecret":
            current = client.get_secret_value(SecretId=arn)["VersionId"]
            client.update_secret_version_stage(
                SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
            )


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.fixture
def house(tmp_path: Path, canary: Canary) -> Iterator[Premises]:
    with premises(tmp_path / "data", {"rotates": Rotates()}, datetime(2026, 1, 22, 6, 42, 22, 340000, UTC)) as found:
        canary.folders.append(tmp_path)
        found.client.call("CreateSecret", {"Name": "s", "SecretString": canary.value(), "ClientRequestToken": "a" * 32})
        yield found


def described(house: Premises) -> dict[str, Any]:
    return house.client.call("DescribeSecret", {"SecretId": "s"}).members


def rotate(house: Premises, token: str, **settings: Any) -> None:
    asked = {"SecretId": "s", "ClientRequestToken": token * 32, "RotationLambdaARN": FUNCTION, **settings}
    assert house.client.call("RotateSecret", asked).status == 200
    house.drive()


def test_the_day_of_access_moves_at_midnight_utc_and_within_a_day_only_once(house: Premises) -> None:
    for day in ("2026-01-22", "2026-01-23"):
        while house.clock.moment.date().isoformat() == day:
            house.client.call("GetSecretValue", {"SecretId": "s"})
            assert described(house)["LastAccessedDate"] == at(day)
            house.clock.advance(hours=6)
    (version,) = house.client.call("ListSecretVersionIds", {"SecretId": "s"}).members["Versions"]
    assert version["LastAccessedDate"] == at("2026-01-23")


def test_a_sample_of_the_real_service_comes_out_the_same(house: Premises) -> None:
    rotate(house, "b", RotationRules=ADDED)
    now = described(house)
    assert now["LastRotatedDate"] == at("2026-01-22 06:42:22.340")
    assert now["NextRotationDate"] == at("2026-02-21 23:59:59")
    assert now["VersionIdsToStages"] == {"b" * 32: ["AWSCURRENT", "AWSPENDING"], "a" * 32: ["AWSPREVIOUS"]}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"AutomaticallyAfterDays": 1}, "2026-01-23 23:59:59"),
        ({"ScheduleExpression": "rate(10 days)"}, "2026-02-01 23:59:59"),
        ({"ScheduleExpression": "rate(10 days)", "Duration": "4h"}, "2026-02-01 03:59:59"),
        ({"ScheduleExpression": "rate(4 hours)"}, "2026-01-22 08:59:59"),
        ({"ScheduleExpression": "rate(4 hours)", "Duration": "3h"}, "2026-01-22 10:59:59"),
        ({"ScheduleExpression": "rate(10 hours)"}, "2026-01-22 10:59:59"),
        ({"ScheduleExpression": "rate(23 hours)"}, "2026-01-22 23:59:59"),
        ({"ScheduleExpression": "cron(0 0 ? * 2 *)"}, "2026-01-26 23:59:59"),
        ({"ScheduleExpression": "cron(0 6 ? * THU *)", "Duration": "4h"}, "2026-01-29 09:59:59"),
        ({"ScheduleExpression": "cron(0 7 L * ? *)", "Duration": "4h"}, "2026-01-31 10:59:59"),
        ({"ScheduleExpression": "cron(0 8/8 * * ? *)"}, "2026-01-22 08:59:59"),
    ],
)
def test_the_next_rotation_is_the_last_second_of_its_window(house: Premises, rules, expected: str) -> None:
    rotate(house, "b", RotationRules=rules)
    assert described(house)["NextRotationDate"] == at(expected)


def test_a_value_written_by_hand_moves_the_next_rotation_but_not_the_last(house: Premises, canary: Canary) -> None:
    rotate(house, "b", RotationRules=ADDED)
    house.clock.advance(days=10)
    asked = {"SecretId": "s", "ClientRequestToken": "c" * 32, "SecretString": canary.value()}
    house.client.call("PutSecretValue", asked)
    now = described(house)
    assert now["LastRotatedDate"] == at("2026-01-22 06:42:22.340")
    assert now["NextRotationDate"] == at("2026-03-03 23:59:59")


def test_metadata_and_labels_written_by_hand_leave_the_next_rotation(house: Premises) -> None:
    rotate(house, "b", RotationRules=ADDED)
    house.clock.advance(days=10)
    house.client.call("UpdateSecret", {"SecretId": "s", "Description": "d"})
    asked = {"SecretId": "s", "VersionStage": "X", "MoveToVersionId": "a" * 32}
    house.client.call("UpdateSecretVersionStage", asked)
    assert described(house)["NextRotationDate"] == at("2026-02-21 23:59:59")


def test_a_schedule_changed_without_rotating_counts_from_the_last_rotation(house: Premises) -> None:
    rotate(house, "b", RotationRules=ADDED)
    house.clock.advance(days=3)
    rotate(house, "c", RotationRules={"AutomaticallyAfterDays": 5}, RotateImmediately=False)
    assert described(house)["NextRotationDate"] == at("2026-01-27 23:59:59")
    assert "c" * 32 not in described(house)["VersionIdsToStages"]


def test_a_schedule_changed_after_a_write_by_hand_counts_from_that(house: Premises, canary: Canary) -> None:
    rotate(house, "b", RotationRules=ADDED)
    house.clock.advance(days=3)
    asked = {"SecretId": "s", "ClientRequestToken": "c" * 32, "SecretString": canary.value()}
    house.client.call("PutSecretValue", asked)
    rotate(house, "d", RotationRules={"AutomaticallyAfterDays": 5}, RotateImmediately=False)
    assert described(house)["NextRotationDate"] == at("2026-01-30 23:59:59")
    assert described(house)["LastRotatedDate"] == at("2026-01-22 06:42:22.340")


def test_moments_of_the_calendar_set_without_rotating_count_from_now(house: Premises) -> None:
    rotate(house, "b", RotationRules=ADDED)
    house.clock.advance(days=4)  # a Monday, whose window would be open
    monday = {"ScheduleExpression": "cron(0 0 ? * MON *)"}
    rotate(house, "c", RotationRules=monday, RotateImmediately=False)
    house.drive()
    assert described(house)["NextRotationDate"] == at("2026-02-02 23:59:59")
    assert described(house)["LastRotatedDate"] == at("2026-01-22 06:42:22.340")


def test_the_same_schedule_set_again_leaves_what_is_planned(house: Premises) -> None:
    rotate(house, "b", RotationRules={"ScheduleExpression": "rate(10 hours)"})
    house.clock.moment = datetime(2026, 1, 22, 20, 30, tzinfo=UTC)
    house.drive()
    assert described(house)["NextRotationDate"] == at("2026-01-23 06:59:59")
    house.clock.moment = datetime(2026, 1, 23, 1, tzinfo=UTC)
    rotate(house, "c", RotationRules={"ScheduleExpression": "rate(10 hours)"}, RotateImmediately=False)
    assert described(house)["NextRotationDate"] == at("2026-01-23 06:59:59")


def test_windows_in_hours_stay_as_many_hours_apart_over_midnight(house: Premises) -> None:
    rotate(house, "b", RotationRules={"ScheduleExpression": "rate(10 hours)"})
    shown = []
    for hours in (10, 20, 30, 40):
        house.clock.moment = datetime(2026, 1, 22, 0, 5, tzinfo=UTC) + timedelta(hours=hours)
        house.drive()
        assert described(house)["LastRotatedDate"] == house.clock.moment.timestamp()
        shown.append(datetime.fromtimestamp(described(house)["NextRotationDate"], UTC).hour)
    assert shown == [20, 6, 16, 2]


def test_a_rotation_that_somebody_asks_for_has_a_window_of_its_own(
    tmp_path: Path, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rotates, "run", _fails)
    canary.folders.append(tmp_path)
    asked = {"SecretId": "s", "RotationLambdaARN": FUNCTION}
    with premises(tmp_path / "data", {"rotates": Rotates()}, manual_window_seconds=5.0) as house:
        house.client.call("CreateSecret", {"Name": "s", "SecretString": canary.value(), "ClientRequestToken": "a" * 32})
        for token in ("b", "c"):  # begun, then tried again because it was not complete
            house.client.call("RotateSecret", {**asked, "ClientRequestToken": token * 32})
            window = Window(house.clock.moment, house.clock.moment + timedelta(seconds=5))
            assert (begun(house).window, begun(house).state) == (window, State.IN_PROGRESS)
            house.drive()
            assert begun(house).state is State.FAILED  # its first pause would end after the window
            house.clock.advance(hours=1)


def begun(house: Premises) -> Rotation:
    with house.house.store.read() as tx:
        secret = tx.secrets.named("000000000000", "us-east-1", "s")
        rotation = None if secret is None else tx.rotations.of_token(secret.key, VersionId("b" * 32))
    assert rotation is not None
    return rotation


def test_a_schedule_makes_a_rotation_of_its_own_when_its_window_opens(house: Premises) -> None:
    rotate(house, "b", RotationRules=ADDED)
    house.clock.moment = datetime(2026, 2, 20, 23, 59, 59, tzinfo=UTC)
    house.drive()
    assert described(house)["LastRotatedDate"] == at("2026-01-22 06:42:22.340")
    house.clock.moment = datetime(2026, 2, 21, tzinfo=UTC)
    house.drive()
    now = described(house)
    assert (now["LastRotatedDate"], now["NextRotationDate"]) == (at("2026-02-21"), at("2026-03-23 23:59:59"))
    assert now["VersionIdsToStages"]["b" * 32] == ["AWSPREVIOUS"]


def test_moments_of_the_calendar_make_rotations_of_their_own_month_after_month(house: Premises) -> None:
    rotate(house, "b", RotationRules={"ScheduleExpression": "cron(0 17 L * ? *)", "Duration": "2h"})
    for opens in ("2026-01-31 17:00:00", "2026-02-28 17:00:00", "2026-03-31 17:00:00"):
        before = described(house)["LastRotatedDate"]
        assert described(house)["NextRotationDate"] == at(opens) + 2 * 3600 - 1
        for early in (1, 0):
            house.clock.moment = datetime.fromtimestamp(at(opens) - early, UTC)
            house.drive()
            assert described(house)["LastRotatedDate"] == (before if early else at(opens))


def test_a_secret_scheduled_for_deletion_never_rotates_until_it_is_restored(house: Premises) -> None:
    rotate(house, "b", RotationRules={"AutomaticallyAfterDays": 5})
    house.client.call("DeleteSecret", {"SecretId": "s"})
    house.clock.advance(days=6)
    house.drive()
    assert described(house)["LastRotatedDate"] == at("2026-01-22 06:42:22.340")
    house.client.call("RestoreSecret", {"SecretId": "s"})
    house.drive()
    assert described(house)["LastRotatedDate"] == house.clock.moment.timestamp()


def test_a_cancelled_schedule_makes_no_rotation(house: Premises) -> None:
    rotate(house, "b", RotationRules={"AutomaticallyAfterDays": 1})
    house.client.call("CancelRotateSecret", {"SecretId": "s"})
    house.clock.advance(days=6)
    house.drive()
    assert described(house)["VersionIdsToStages"]["b" * 32] == ["AWSCURRENT", "AWSPENDING"]


def test_the_next_date_may_lie_in_the_past_after_failures(house: Premises) -> None:
    rotate(house, "b", RotationRules=ADDED)
    asked = {"SecretId": "s", "VersionStage": "AWSPENDING", "RemoveFromVersionId": "b" * 32}
    house.client.call("UpdateSecretVersionStage", asked)
    Rotates.run, kept = _fails, Rotates.run
    try:
        for day in (21, 22, 23):
            house.clock.moment = datetime(2026, 2, day, 1, tzinfo=UTC)
            house.drive()
    finally:
        Rotates.run = kept
    now = described(house)
    assert now["NextRotationDate"] == at("2026-02-21 23:59:59") < house.clock.moment.timestamp()
    assert now["VersionIdsToStages"]["b" * 32] == ["AWSCURRENT"]


def _fails(*_: Any) -> None:
    raise RuntimeError("not today")


def test_what_a_refused_call_begins_again_is_kept_and_in_the_trail(house: Premises) -> None:
    rotate(house, "b", RotationRules=ADDED)
    moved = {"VersionStage": "AWSCURRENT", "MoveToVersionId": "a" * 32, "RemoveFromVersionId": "b" * 32}
    assert house.client.call("UpdateSecretVersionStage", {"SecretId": "s", **moved}).status == 200
    asked = {"SecretId": "s", "ClientRequestToken": "c" * 32}
    code, said = house.client.call("RotateSecret", asked).error
    assert (code, said[:36]) == ("InvalidRequestException", "A previous rotation isn't complete. ")
    house.drive()
    assert described(house)["VersionIdsToStages"]["b" * 32] == ["AWSCURRENT", "AWSPENDING"]
    trail = house.house.folder.audit.read_text().splitlines()
    names = [json.loads(line)["eventName"] for line in trail]
    assert (names.count("RotationStarted"), names.count("RotationSucceeded")) == (2, 2)
