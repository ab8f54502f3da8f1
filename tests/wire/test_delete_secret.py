"""DeleteSecret and RestoreSecret: B.9, B.10 and C.9 of the API reference."""

from datetime import UTC, datetime, timedelta

import pytest

from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import BAD_NAME, MARKED, NOT_FOUND, new_name, new_token, refused
from wire.raw import raw_client

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"


@pytest.mark.parametrize(
    ("asked", "days"),
    [
        ({}, 30),
        ({"RecoveryWindowInDays": 7}, 7),
        ({"RecoveryWindowInDays": 30}, 30),
        ({"RecoveryWindowInDays": 8, "ForceDeleteWithoutRecovery": False}, 8),
    ],
)
def test_a_secret_is_scheduled_for_the_end_of_its_window(client, asked, days: int) -> None:
    name = new_name()
    arn = client.create_secret(Name=name)["ARN"]
    before = datetime.now(UTC)
    deleted = client.delete_secret(SecretId=name, **asked)
    assert (deleted["ARN"], deleted["Name"]) == (arn, name)
    span = timedelta(days=days)
    millisecond = timedelta(milliseconds=1)
    assert before + span - millisecond <= deleted["DeletionDate"] <= datetime.now(UTC) + span + millisecond
    assert client.describe_secret(SecretId=name)["DeletedDate"] == deleted["DeletionDate"]


@pytest.mark.parametrize("days", [-1, 0, 1, 6, 31, 10**30])
def test_a_window_outside_seven_to_thirty_days_is_refused(client, detent: RunningDetent, days: int) -> None:
    name = new_name()
    client.create_secret(Name=name)
    told = raw_client(detent).call("DeleteSecret", {"SecretId": name, "RecoveryWindowInDays": days})
    assert told.error == (
        "InvalidParameterException",
        "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
    )
    assert "DeletedDate" not in client.describe_secret(SecretId=name)


def test_force_and_a_window_exclude_each_other(client) -> None:
    name = new_name()
    client.create_secret(Name=name)
    with refused(
        (
            "InvalidParameterException",
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        )
    ):
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True, RecoveryWindowInDays=7)


def test_a_forced_deletion_is_at_once(client, canary: Canary) -> None:
    name = new_name()
    arn = client.create_secret(Name=name, SecretString=canary.value())["ARN"]
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    deleted = client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    assert deleted["ARN"] == arn
    assert before <= deleted["DeletionDate"] <= datetime.now(UTC) + timedelta(milliseconds=1)
    with refused(NOT_FOUND):
        client.describe_secret(SecretId=name)
    with refused(NOT_FOUND):
        client.restore_secret(SecretId=name)


def test_a_secret_scheduled_already_can_be_deleted_by_force_only(client) -> None:
    name = new_name()
    client.create_secret(Name=name)
    client.delete_secret(SecretId=name)
    with refused(
        (
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was already scheduled for deletion.",
        )
    ):
        client.delete_secret(SecretId=name)
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    with refused(NOT_FOUND):
        client.describe_secret(SecretId=name)


def test_an_unknown_name_is_a_success_when_forced_and_not_found_otherwise(client) -> None:
    name = new_name()
    deleted = client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    assert deleted["Name"] == name
    assert deleted["ARN"].startswith(f"arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-")
    assert abs(deleted["DeletionDate"] - datetime.now(UTC)) < timedelta(minutes=1)
    with refused(NOT_FOUND):
        client.delete_secret(SecretId=name)
    with refused(BAD_NAME):
        client.delete_secret(SecretId="bad name", ForceDeleteWithoutRecovery=True)


def test_a_restored_secret_is_as_it_was(client, canary: Canary) -> None:
    name, token = new_name(), new_token()
    arn = client.create_secret(Name=name, SecretString=canary.value(), ClientRequestToken=token)["ARN"]
    client.delete_secret(SecretId=name)
    restored = client.restore_secret(SecretId=name)
    del restored["ResponseMetadata"]
    assert restored == {"ARN": arn, "Name": name}
    described = client.describe_secret(SecretId=name)
    assert "DeletedDate" not in described
    assert described["VersionIdsToStages"] == {token: ["AWSCURRENT"]}
    assert client.get_secret_value(SecretId=name)["SecretString"] == canary.value()


def test_restoring_a_secret_that_is_not_scheduled_changes_nothing(client) -> None:
    name = new_name()
    client.create_secret(Name=name)
    before = client.describe_secret(SecretId=name)["LastChangedDate"]
    assert client.restore_secret(SecretId=name)["Name"] == name
    assert client.describe_secret(SecretId=name)["LastChangedDate"] == before
    with refused(NOT_FOUND):
        client.restore_secret(SecretId=new_name())


@pytest.fixture
def scheduled(client, canary: Canary) -> str:
    name = new_name()
    client.create_secret(Name=name, SecretString=canary.value(), ClientRequestToken="a" * 32)
    client.delete_secret(SecretId=name)
    return name


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("get_secret_value", {}),
        ("put_secret_value", {"SecretString": "x"}),
        ("update_secret", {"Description": "x"}),
        ("update_secret_version_stage", {"VersionStage": "X", "MoveToVersionId": "a" * 32}),
        ("rotate_secret", {"RotationLambdaARN": FUNCTION}),
        ("rotate_secret", {"RotationLambdaARN": FUNCTION, "RotateImmediately": False}),
        ("cancel_rotate_secret", {}),
        ("tag_resource", {"Tags": [{"Key": "k", "Value": "v"}]}),
        ("untag_resource", {"TagKeys": ["k"]}),
        ("get_resource_policy", {}),
        ("delete_resource_policy", {}),
    ],
)
def test_an_operation_on_a_scheduled_secret_is_refused(client, scheduled: str, operation: str, members) -> None:
    with refused(MARKED):
        getattr(client, operation)(SecretId=scheduled, **members)


def test_a_scheduled_secret_is_described_and_its_versions_are_listed(client, scheduled: str) -> None:
    assert client.describe_secret(SecretId=scheduled)["VersionIdsToStages"] == {"a" * 32: ["AWSCURRENT"]}
    (version,) = client.list_secret_version_ids(SecretId=scheduled)["Versions"]
    assert version["VersionId"] == "a" * 32
