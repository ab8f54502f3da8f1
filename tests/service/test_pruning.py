"""Deprecated versions and their quota: C.5 of the API reference."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers.canary import Canary
from wire.premises import Premises, premises

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:fails"
FULL = (
    "LimitExceededException",
    (
        "A secret can have at most 100 versions, and too few of this one's are without a staging label and older than"
        " 24 hours: write later, or remove labels."
    ),
)


class Fails:
    """Makes the new value, then does nothing more, and says so."""

    def run(self, event: Any, client: Any, _remaining: Any) -> None:
        if event["Step"] != "createSecret":
            raise RuntimeError("not today")
        asked = {"SecretId": event["SecretId"], "ClientRequestToken": event["ClientRequestToken"]}
        client.put_secret_value(SecretString="new", VersionStages=["AWSPENDING"], **asked)


def token(number: int) -> str:
    return f"{number:032}"


class Written:
    """One secret, and what is written to it."""

    def __init__(self, house: Premises, canary: Canary) -> None:
        self.house, self.canary = house, canary

    def create(self) -> None:
        assert self._told("CreateSecret", 0, Name="s").status == 200

    def put(self, *numbers: int, **members: Any) -> None:
        for number in numbers:
            assert self.told(number, **members).status == 200

    def told(self, number: int, **members: Any) -> Any:
        return self._told("PutSecretValue", number, SecretId="s", **members)

    def _told(self, operation: str, number: int, **members: Any) -> Any:
        asked = {"ClientRequestToken": token(number), "SecretString": self.canary.value(), **members}
        return self.house.client.call(operation, asked)

    def rotate(self, number: int, **members: Any) -> Any:
        asked = {"SecretId": "s", "ClientRequestToken": token(number), "RotationLambdaARN": FUNCTION, **members}
        return self.house.client.call("RotateSecret", asked)

    def call(self, operation: str, **members: Any) -> Any:
        return self.house.client.call(operation, {"SecretId": "s", **members})

    @property
    def numbers(self) -> list[int]:
        return [int(version["VersionId"]) for version in self.listed]

    @property
    def listed(self) -> list[Any]:
        page = self.call("ListSecretVersionIds", IncludeDeprecated=True).members
        found: list[Any] = page["Versions"]
        while "NextToken" in page:
            page = self.call("ListSecretVersionIds", IncludeDeprecated=True, NextToken=page["NextToken"]).members
            found += page["Versions"]
        return found

    def pruned(self) -> list[int]:
        lines = (json.loads(line) for line in self.house.house.folder.audit.read_text().splitlines())
        ended = [line for line in lines if line["eventName"] == "EndSecretVersionDelete"]
        return [int(line["additionalEventData"]["SecretVersionId"]) for line in ended]


@pytest.fixture
def written(tmp_path: Path, canary: Canary) -> Iterator[Written]:
    canary.folders.append(tmp_path)
    with premises(tmp_path / "data", {"fails": Fails()}) as house:
        written = Written(house, canary)
        written.create()
        yield written


def test_a_version_within_its_first_day_is_never_pruned_so_that_the_quota_refuses(written: Written) -> None:
    written.put(*range(1, 100))
    assert written.told(100).error == FULL
    written.house.clock.advance(hours=23, minutes=59)
    assert written.told(100).error == FULL
    assert written.numbers == list(range(100))
    assert written.call("GetSecretValue").members["VersionId"] == token(99)
    assert written.pruned() == []


def test_a_write_beyond_the_quota_prunes_the_oldest_without_a_label(written: Written) -> None:
    written.put(*range(1, 100))
    written.call("UpdateSecretVersionStage", VersionStage="KEEP", MoveToVersionId=token(1))
    written.house.clock.advance(hours=24)
    written.put(100, 101)
    assert written.numbers == [1, *range(3, 102)]
    assert written.pruned() == [0, 2]


def test_the_label_that_a_write_takes_away_keeps_no_version(written: Written) -> None:
    written.house.clock.advance(hours=24)
    written.put(*range(1, 100))
    written.put(100)
    assert written.numbers == list(range(1, 101))
    assert written.told(101).error == FULL


def test_a_repeated_write_and_a_refused_one_change_nothing_at_the_quota(written: Written) -> None:
    written.put(*range(1, 100))
    written.put(99, 50)
    assert written.told(50, SecretString=written.canary.value("other")).error[0] == "ResourceExistsException"
    refused = written.call("UpdateSecret", ClientRequestToken=token(100), SecretString=written.canary.value("new"))
    assert refused.error == FULL
    assert written.call("UpdateSecret", Description="no value").status == 200
    assert written.numbers == list(range(100))


def test_a_rotation_that_is_asked_for_is_refused_at_the_quota_and_begins_nothing(written: Written) -> None:
    written.put(*range(1, 100))
    for immediately in (True, False):
        assert written.rotate(100, RotateImmediately=immediately).error == FULL
    assert "RotationEnabled" not in written.call("DescribeSecret").members
    written.house.clock.advance(hours=24)
    assert written.rotate(100).status == 200
    assert written.numbers == list(range(1, 101))


def test_a_scheduled_rotation_begins_at_the_quota_and_its_value_prunes(written: Written) -> None:
    rules = {"ScheduleExpression": "rate(4 hours)"}
    assert written.rotate(0, RotationRules=rules, RotateImmediately=False).error[0] == "ResourceExistsException"
    assert written.rotate(1, RotationRules=rules, RotateImmediately=False).status == 200
    written.house.drive()
    assert written.numbers == [0]  # the configuration test's copy is gone
    written.put(*range(1, 100))
    written.house.clock.advance(hours=8)
    written.house.drive()
    assert len(written.listed) == 101
    assert written.listed[-1]["VersionStages"] == ["AWSPENDING"]
    assert written.call("GetSecretValue", VersionStage="AWSPENDING").status == 200
    assert written.told(100).error == FULL
    written.house.clock.advance(hours=24)
    written.put(100)
    assert len(written.listed) == 101  # with the one that a target may know
    written.put(101)
    assert len(written.listed) == 101


def test_a_secret_over_a_quota_that_was_lowered_is_pruned_by_the_next_write(tmp_path: Path, canary: Canary) -> None:
    with premises(tmp_path / "data") as house:
        written = Written(house, canary)
        written.create()
        written.put(*range(1, 30))
        moment = house.clock.moment
    with premises(tmp_path / "data", moment=moment, max_versions=10) as house:
        written = Written(house, canary)
        assert written.told(30).error[0] == "LimitExceededException"
        house.clock.advance(hours=24)
        written.put(30)
        assert written.numbers == list(range(21, 31))
