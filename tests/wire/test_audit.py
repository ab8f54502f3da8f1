"""The audit trail over the wire: one CloudTrail-shaped line for every call, there before the answer (D.10)."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import BAD_NAME, MISMATCH, NOT_FOUND, UNKNOWN_KEY, constraint, new_name, new_token, no_label
from wire.documents import document
from wire.raw import RawClient, Told, put, raw_client

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"
FIELDS = {
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "requestParameters",
    "responseElements",
    "requestID",
    "eventID",
    "readOnly",
    "eventType",
    "managementEvent",
    "recipientAccountId",
    "eventCategory",
    "sequence",
    "previous",
    "mac",
}


class Trail:
    """What stands in the file from a moment on."""

    def __init__(self, data: Path) -> None:
        self._file = data / "audit.log"
        self._from = self._file.stat().st_size

    def records(self) -> list[dict[str, Any]]:
        with self._file.open("rb") as file:
            file.seek(self._from)
            return [json.loads(line) for line in file if line.endswith(b"\n")]  # the rotator may be writing one

    def of(self, told: Told) -> dict[str, Any]:
        """The one record of an answered call."""
        (found,) = [one for one in self.records() if one["requestID"] == told.headers["x-amzn-requestid"]]
        return found

    def events(self, arn: str) -> list[dict[str, Any]]:
        service = [one for one in self.records() if one["eventType"] == "AwsServiceEvent"]
        return [one for one in service if one["additionalEventData"]["SecretId"] == arn]


@pytest.fixture
def trail(detent: RunningDetent) -> Trail:
    return Trail(detent.data)


@pytest.fixture
def raw(detent: RunningDetent) -> RawClient:
    return raw_client(detent)


def test_every_operation_leaves_one_record_with_its_name_and_caller(
    raw: RawClient, trail: Trail, canary: Canary, unreachable: str
) -> None:
    name, value = new_name(), {"SecretString": unreachable}
    calls: list[tuple[str, dict[str, Any], bool]] = [
        ("CreateSecret", {"Name": name, "ClientRequestToken": "a" * 32, **value}, False),
        ("DescribeSecret", {"SecretId": name}, True),
        ("GetSecretValue", {"SecretId": name}, True),
        ("GetSecretValue", {"SecretId": name, "VersionStage": "AWSCURRENT"}, True),
        ("PutSecretValue", {"SecretId": name, "ClientRequestToken": "b" * 32, **value}, False),
        ("UpdateSecret", {"SecretId": name, "ClientRequestToken": "c" * 32, **value}, False),
        ("UpdateSecretVersionStage", {"SecretId": name, "VersionStage": "X", "MoveToVersionId": "c" * 32}, False),
        ("ListSecretVersionIds", {"SecretId": name}, True),
        ("BatchGetSecretValue", {"Filters": [{"Key": "name", "Values": ["nowhere/"]}]}, True),
        ("ListSecrets", {"MaxResults": 1}, True),
        ("GetRandomPassword", {}, True),
        ("TagResource", {"SecretId": name, "Tags": [{"Key": "k", "Value": "v"}]}, False),
        ("UntagResource", {"SecretId": name, "TagKeys": ["k"]}, False),
        ("RotateSecret", {"SecretId": name, "ClientRequestToken": "d" * 32, "RotationLambdaARN": FUNCTION}, False),
        ("CancelRotateSecret", {"SecretId": name}, False),
        ("PutResourcePolicy", {"SecretId": name, "ResourcePolicy": document()}, False),
        ("GetResourcePolicy", {"SecretId": name}, True),
        ("ListResourcePolicies", {"SecretId": name}, True),
        ("ValidateResourcePolicy", {"SecretId": name, "ResourcePolicy": document()}, True),
        ("DeleteResourcePolicy", {"SecretId": name}, False),
        ("DeleteSecret", {"SecretId": name}, False),
        ("RestoreSecret", {"SecretId": name}, False),
    ]
    for operation, members, read_only in calls:
        told = raw.call(operation, members)
        assert told.status == 200, told.body
        if operation == "GetRandomPassword":
            canary.watch(told.members["RandomPassword"])
        record = trail.of(told)
        assert set(record) == FIELDS
        assert (record["eventName"], record["readOnly"]) == (operation, read_only)
        assert record["userIdentity"] == {
            "type": "Root",
            "principalId": "000000000000",
            "arn": "arn:aws:iam::000000000000:root",
            "accountId": "000000000000",
            "accessKeyId": raw.access_key,
        }
        shown = {key[:1].lower() + key[1:] for key in members} - {"secretString", "secretBinary"}
        assert set(record["requestParameters"]) == shown
        assert (record["responseElements"] is None) == (read_only or told.body == b"")
    assert len({record["eventID"] for record in trail.records()}) == len(trail.records())


def test_a_writes_reply_is_in_its_record(raw: RawClient, trail: Trail, canary: Canary) -> None:
    name, token = new_name(), new_token()
    told = raw.call("CreateSecret", {"Name": name, "SecretString": canary.value(), "ClientRequestToken": token})
    record = trail.of(told)
    assert record["responseElements"] == {"arn": told.members["ARN"], "name": name, "versionId": token}
    assert record["eventSource"] == "secretsmanager.amazonaws.com"
    assert (record["sourceIPAddress"], record["awsRegion"]) == ("127.0.0.1", "us-east-1")


def test_a_batch_leaves_its_own_record_and_one_for_each_secret_asked_for(
    client, raw: RawClient, trail: Trail, canary: Canary
) -> None:
    kept, bare = new_name(), new_name()
    client.create_secret(Name=kept, SecretString=canary.value())
    client.create_secret(Name=bare)
    asked = [kept, bare, "no such", kept]
    for members in ({"SecretIdList": asked}, {"SecretIdList": asked}):  # the first one writes the day of access
        told = raw.call("BatchGetSecretValue", members)
        found = [one for one in trail.records() if one["requestID"] == told.headers["x-amzn-requestid"]]
        assert [one["eventName"] for one in found] == ["BatchGetSecretValue", *["GetSecretValue"] * 3]
        assert [one["requestParameters"] for one in found] == [
            {"secretIdList": asked},
            *({"secretId": name} for name in (kept, bare, "no such")),
        ]
        refusals = [(one.get("errorCode"), one.get("errorMessage")) for one in found]
        assert refusals == [(None, None), (None, None), no_label("AWSCURRENT"), BAD_NAME]
        assert len({one["eventID"] for one in found}) == 4
        assert {one["readOnly"] for one in found} == {True}
        assert {one["responseElements"] for one in found} == {None}
        assert {one["userIdentity"]["accessKeyId"] for one in found} == {raw.access_key}
        assert set().union(*found) == FIELDS | {"errorCode", "errorMessage"}


def test_a_batch_by_filters_records_the_secrets_it_found(client, raw: RawClient, trail: Trail, canary: Canary) -> None:
    name = new_name()
    arn = client.create_secret(Name=name, SecretString=canary.value())["ARN"]
    told = raw.call("BatchGetSecretValue", {"Filters": [{"Key": "name", "Values": [name]}]})
    found = [one for one in trail.records() if one["requestID"] == told.headers["x-amzn-requestid"]]
    assert [one["eventName"] for one in found] == ["BatchGetSecretValue", "GetSecretValue"]
    assert found[1]["requestParameters"] == {"secretId": arn}


def test_a_batch_that_is_refused_reads_nothing(raw: RawClient, trail: Trail) -> None:
    told = raw.call("BatchGetSecretValue", {})
    record = trail.of(told)
    assert (record["errorCode"], record["errorMessage"]) == told.error


def test_detents_own_operations_are_recorded_under_their_own_source(detent: RunningDetent, trail: Trail) -> None:
    told = raw_client(detent, service="detent").call("ListRotations", {})
    record = trail.of(told)
    assert (record["eventName"], record["eventSource"]) == ("ListRotations", "detent")


LONG = "x" * 2049
REFUSED: list[tuple[str, dict[str, Any] | bytes, tuple[str, str]]] = [
    ("GetSecretValue", {"SecretId": "nowhere"}, NOT_FOUND),
    (
        "GetSecretValue",
        {"SecretId": LONG},
        constraint(
            f"Value '{LONG}' at 'secretId' failed to satisfy constraint:"
            " Member must have length less than or equal to 2048"
        ),
    ),
    ("GetSecretValue", b"{", ("SerializationException", "The request body is not a JSON object in UTF-8.")),
    ("PutSecretValue", b"[]", ("SerializationException", "The member 'body' has a wrong JSON type.")),
    ("DeleteSecret", {"SecretId": "nowhere"}, NOT_FOUND),
    ("Nothing", {}, ("UnknownOperationException", "")),
]


@pytest.mark.parametrize(("operation", "members", "expected"), REFUSED)
def test_a_refused_call_leaves_one_record_with_its_error_and_caller(
    raw: RawClient, trail: Trail, operation: str, members, expected: tuple[str, str]
) -> None:
    told = raw.call(operation, members)
    record = trail.of(told)
    assert told.error == expected
    assert (record["errorCode"], record["errorMessage"]) == expected
    assert record["eventName"] == ("" if operation == "Nothing" else operation)
    assert record["userIdentity"]["accessKeyId"] == raw.access_key
    assert record["responseElements"] is None


def test_a_caller_who_cannot_be_told_is_unknown(detent: RunningDetent, raw: RawClient, trail: Trail) -> None:
    stranger = raw_client(detent, access_key="AKIA" + "C" * 16)
    headers = raw.signed("secretsmanager.ListSecrets", b"{}")
    for told, (code, message) in (
        (stranger.call("ListSecrets"), UNKNOWN_KEY),
        (raw.send(headers, b'{"MaxResults": 1}'), MISMATCH),
        (
            raw.send(put(headers, "Authorization", None), b"{}"),
            ("MissingAuthenticationTokenException", "Request is missing Authentication Token"),
        ),
    ):
        record = trail.of(told)
        assert (record["eventName"], record["errorCode"], record["errorMessage"]) == ("ListSecrets", code, message)
        assert record["userIdentity"] == {"type": "Unknown", "accountId": "000000000000"}
        assert record["requestParameters"] is None


def test_a_body_that_is_too_large_is_recorded(raw: RawClient, trail: Trail) -> None:
    record = trail.of(raw.call("PutSecretValue", b" " * (1024 * 1024 + 1)))
    assert (record["eventName"], record["errorCode"]) == ("PutSecretValue", "RequestEntityTooLargeException")


def test_health_leaves_no_record(raw: RawClient, trail: Trail) -> None:
    raw.send([("Host", "h")], b"", "GET", "/health")
    assert [one for one in trail.records() if one["eventName"] in {"", "GET", "health"}] == []


def test_no_value_stands_in_the_trail(raw: RawClient, trail: Trail, canary: Canary) -> None:
    name, binary = new_name(), "Y2FuYXJ5"  # base64 of "canary"
    mark = canary.watch("tell-nobody-" + new_token())
    raw.call("CreateSecret", {"Name": name, "SecretString": mark, "ClientRequestToken": new_token()})
    raw.call("PutSecretValue", {"SecretId": name, "SecretBinary": binary, "ClientRequestToken": new_token()})
    raw.call("PutSecretValue", {"SecretId": name, "SecretString": [mark], "ClientRequestToken": new_token()})
    raw.call("PutSecretValue", {"SecretId": name, "SecretString": mark, "RotationToken": "t" * 36})
    raw.call("PutSecretValue", {"SecretId": name, "SecretString": mark, "RotationToken": mark + "!" * 36})
    raw.call("GetSecretValue", {"SecretId": name})
    text = json.dumps(trail.records())
    assert name in text
    assert mark not in text
    assert binary not in text
    assert "t" * 36 not in text


def _wait_for(trail: Trail, arn: str, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while True:
        found = [event for event in trail.events(arn) if event["eventName"] == name]
        if found:
            return found[0]
        assert time.monotonic() < deadline, f"no {name}"
        time.sleep(0.02)


def test_the_events_of_a_rotation_that_fails_and_is_abandoned(
    client, trail: Trail, canary: Canary, unreachable
) -> None:
    name, token = new_name(), new_token()
    arn = client.create_secret(Name=name, SecretString=unreachable)["ARN"]
    client.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION, ClientRequestToken=token)
    started = _wait_for(trail, arn, "RotationStarted")
    failed = _wait_for(trail, arn, "RotationFailed")
    client.put_secret_value(SecretId=name, SecretString=canary.value())
    abandoned = _wait_for(trail, arn, "RotationAbandoned")
    for event in (started, failed, abandoned):
        assert event["requestID"] == f"Rotation-{arn}-{token}"
        assert event["userIdentity"] == {"accountId": "000000000000", "invokedBy": "secretsmanager.amazonaws.com"}
        assert event["sourceIPAddress"] == event["userAgent"] == event["eventSource"] == "secretsmanager.amazonaws.com"
        assert (event["requestParameters"], event["responseElements"]) == (None, None)
        assert (event["readOnly"], event["managementEvent"], event["eventCategory"]) == (False, True, "Management")
        assert event["eventVersion"] == "1.08"
    assert failed["errorMessage"] == f"Error when executing lambda {FUNCTION} during setSecret step"
    assert "errorMessage" not in started
    assert [event["eventName"] for event in trail.events(arn)][-1] == "RotationAbandoned"


def test_what_a_step_does_is_recorded_as_its_own_session(client, trail: Trail, unreachable: str) -> None:
    name = new_name()
    arn = client.create_secret(Name=name, SecretString=unreachable)["ARN"]
    client.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION)
    _wait_for(trail, arn, "RotationFailed")
    client.cancel_rotate_secret(SecretId=name)
    by_step = [
        one
        for one in trail.records()
        if one["userIdentity"].get("type") == "AssumedRole" and one["requestParameters"].get("secretId") == arn
    ]
    assert {"DescribeSecret", "GetSecretValue", "PutSecretValue"} <= {one["eventName"] for one in by_step}
    for one in by_step:
        assert one["userIdentity"]["arn"] == (
            "arn:aws:sts::000000000000:assumed-role/detent-rotation/detent-postgres-single-user"
        )
        assert one["userIdentity"]["accessKeyId"].startswith("ASIA")


def test_the_events_of_a_configuration_test(client, trail: Trail, unreachable: str) -> None:
    name = new_name()
    arn = client.create_secret(Name=name, SecretString=unreachable)["ARN"]
    client.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION, RotateImmediately=False)
    failed = _wait_for(trail, arn, "TestRotationFailed")
    assert failed["errorMessage"] == f"Error when executing lambda {FUNCTION} during testSecret step"
    assert [event["eventName"] for event in trail.events(arn)] == ["TestRotationStarted", "TestRotationFailed"]


def test_the_events_of_a_deletion_and_a_restoration_name_each_version(client, trail: Trail, canary: Canary) -> None:
    name = new_name()
    arn = client.create_secret(Name=name, SecretString=canary.value(), ClientRequestToken="a" * 32)["ARN"]
    client.put_secret_value(SecretId=name, SecretString=canary.value(), ClientRequestToken="b" * 32)
    client.delete_secret(SecretId=name)
    client.restore_secret(SecretId=name)
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    seen = [(e["eventName"], e["additionalEventData"]["SecretVersionId"][0]) for e in trail.events(arn)]
    assert sorted(seen) == sorted(
        (event, version)
        for event in (
            "StartSecretVersionDelete",
            "CancelSecretVersionDelete",
            "StartSecretVersionDelete",
            "EndSecretVersionDelete",
        )
        for version in "ab"
    )
