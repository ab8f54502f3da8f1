"""The quotas that a server was told: section I of the API reference."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers.canary import Canary
from wire.premises import Premises, premises

FULL = ("LimitExceededException", "An account can have at most 2 secrets in a region.")
FEW = {"max_secrets": 2, "max_labels": 4, "max_tags": 2, "max_value_bytes": 100}


@pytest.fixture
def house(tmp_path: Path, canary: Canary) -> Iterator[Premises]:
    canary.folders.append(tmp_path)
    with premises(tmp_path / "data", **FEW) as found:
        yield found


def create(house: Premises, name: str, **members: Any) -> Any:
    return house.client.call("CreateSecret", {"Name": name, "ClientRequestToken": name * 32, **members})


def test_the_secret_that_is_one_too_many_is_refused_until_another_is_gone(house: Premises, canary: Canary) -> None:
    first = create(house, "a", SecretString=canary.value())
    assert create(house, "b").status == 200
    assert create(house, "c").error == FULL
    assert create(house, "a", SecretString=canary.value()).members == first.members
    assert house.client.call("DeleteSecret", {"SecretId": "b"}).status == 200
    assert create(house, "c").error == FULL
    house.client.call("DeleteSecret", {"SecretId": "b", "ForceDeleteWithoutRecovery": True})
    assert create(house, "c").status == 200
    assert create(house, "d").error == FULL


def test_a_refused_secret_leaves_no_trace_in_the_count(house: Premises) -> None:
    for _ in range(3):
        assert create(house, "a", Tags=[{"Key": key} for key in "xyz"]).error[0] == "InvalidParameterException"
    assert [create(house, name).status for name in "ab"] == [200, 200]


def test_the_label_that_is_one_too_many_is_refused(house: Premises, canary: Canary) -> None:
    create(house, "a", SecretString=canary.value())
    asked = {"SecretId": "a", "ClientRequestToken": "b" * 32, "SecretString": canary.value("new")}
    said = ("LimitExceededException", "A secret can have at most 4 staging labels over all its versions.")
    assert house.client.call("PutSecretValue", {**asked, "VersionStages": list("WXYZ")}).error == said
    assert house.client.call("PutSecretValue", {**asked, "VersionStages": list("XYZ")}).status == 200
    moved = {"SecretId": "a", "VersionStage": "W", "MoveToVersionId": "b" * 32}
    assert house.client.call("UpdateSecretVersionStage", moved).error == said


def test_the_tag_that_is_one_too_many_is_refused(house: Premises) -> None:
    create(house, "a", Tags=[{"Key": key} for key in "xy"])
    told = house.client.call("TagResource", {"SecretId": "a", "Tags": [{"Key": "z"}]})
    assert told.error == ("InvalidParameterException", "A secret can have at most 2 tags.")


def test_a_value_that_is_one_byte_too_long_is_refused(house: Premises, canary: Canary) -> None:
    value = canary.value()
    value += "ä" * ((100 - len(value)) // 2) + "x" * (len(value) % 2)
    assert create(house, "a", SecretString=value).status == 200
    asked = {"SecretId": "a", "ClientRequestToken": "b" * 32}
    for member, sent in (("SecretString", value + "x"), ("SecretBinary", "AAAA" * 34)):
        told = house.client.call("PutSecretValue", {**asked, member: sent})
        shown = member[0].lower() + member[1:]
        assert told.error == (
            "ValidationException",
            (
                f"1 validation error detected: Value at '{shown}' failed to satisfy constraint:"
                " Member must have length less than or equal to 100"
            ),
        )
