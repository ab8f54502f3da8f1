"""Request rates: section I of the API reference, and A.4's ThrottlingException."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from detent.api.app import App
from detent.api.errors import Refused
from detent.api.operations import OPERATIONS
from detent.api.rates import GROUPS, Rates
from servers.canary import Canary
from wire.answers import MISMATCH
from wire.premises import Premises, premises

TABLE = {  # section I
    ("DescribeSecret", "GetSecretValue"): 10_000,
    ("BatchGetSecretValue",): 100,
    ("CreateSecret",): 50,
    ("DeleteSecret",): 50,
    ("GetRandomPassword",): 50,
    ("ListSecrets", "ListSecretVersionIds"): 50,
    ("DeleteResourcePolicy", "GetResourcePolicy", "PutResourcePolicy", "ValidateResourcePolicy"): 50,
    (
        "PutSecretValue",
        "UpdateSecret",
        "UpdateSecretVersionStage",
        "ReplicateSecretToRegions",
        "RemoveRegionsFromReplication",
        "StopReplicationToReplica",
    ): 50,
    ("RestoreSecret",): 50,
    ("RotateSecret", "CancelRotateSecret"): 50,
    ("TagResource", "UntagResource"): 50,
    ("AssociateCrossAccountReplica", "DisassociateCrossAccountReplica", "ListResourcePolicies"): 50,  # not in the table
    ("DescribeRotation", "ListRotations", "PreviewSchedule"): 50,  # Detent's own
    ("ExplainSecret", "RetryRotation", "AbandonRotation", "RollBackRotation"): 50,
    ("CreateKey", "DisableKey", "EnableKey", "ListKeys", "DescribeKey"): 50,
    ("DescribeServer", "ResumeRotation"): 50,
    ("RotateKey", "ScheduleKeyDeletion", "CancelKeyDeletion"): 50,
    ("CreateUser", "UpdateUser", "DescribeUser", "ListUsers", "DeleteUser"): 50,
    ("CreateRole", "UpdateRole", "DescribeRole", "ListRoles", "DeleteRole", "RevokeSessions"): 50,
    (
        "CreatePolicy",
        "UpdatePolicy",
        "DescribePolicy",
        "ListPolicies",
        "DeletePolicy",
        "AttachPolicy",
        "DetachPolicy",
    ): 50,
    ("CreateAccessKey", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey"): 50,
    ("CheckAccess",): 50,
    ("AttachAdminSecret", "DetachAdminSecret", "ListAdminSecrets"): 50,
    ("PutRemoteFunction", "GetFunctionLogs"): 50,
    ("PutWebhook", "ListWebhooks", "DeleteWebhook"): 50,
    ("PutRotationChecks", "ListRotationChecks", "ApproveRotation", "DenyRotation"): 50,
    ("GetFunction",): 100,  # Lambda's
    ("GetPolicy",): 15,
    (
        "CreateFunction",
        "UpdateFunctionCode",
        "UpdateFunctionConfiguration",
        "GetFunctionConfiguration",
        "ListFunctions",
        "DeleteFunction",
        "AddPermission",
        "RemovePermission",
    ): 15,
}
THROTTLED = ("ThrottlingException", "Rate exceeded")
LISTS = GROUPS["ListSecrets"]


class Watch:
    """Counts seconds when told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


def admitted(rates: Rates, account: str = "1" * 12, region: str = "us-east-1") -> int:
    """Spend until refused; gives how many calls were let through."""
    for count in range(20_000):
        try:
            rates.spend(account, region, LISTS)
        except Refused:
            return count
    raise AssertionError("nothing is refused")


def test_a_call_too_many_is_refused_in_the_references_words(watch: Watch) -> None:
    rates = Rates(0.02, 1, watch)
    rates.spend("1" * 12, "us-east-1", LISTS)
    with pytest.raises(Refused) as refused:
        rates.spend("1" * 12, "us-east-1", LISTS)
    assert (refused.value.code, refused.value.message, refused.value.status) == (*THROTTLED, 400)


def test_the_groups_and_their_rates_are_the_references() -> None:
    found = {group.operations: group.per_second for group in GROUPS.values()}
    assert found == TABLE
    assert {name: group.operations for name, group in GROUPS.items()} == {name: row for row in TABLE for name in row}


def test_every_operation_of_the_two_services_is_counted() -> None:
    counted = [row for row in OPERATIONS.values() if row.service in {"secretsmanager", "detent"}]
    assert len(counted) > 15
    assert [row.name for row in counted if row.group is None or row.name not in row.group.operations] == []


@pytest.mark.parametrize(
    ("factor", "workers", "burst"), [(1, 1, 50), (2, 1, 100), (1, 2, 25), (0.1, 1, 5), (0.001, 4, 1)]
)
def test_a_burst_of_one_seconds_calls_passes_and_no_more(watch: Watch, factor: float, workers: int, burst: int) -> None:
    assert admitted(Rates(factor, workers, watch)) == burst


def test_a_bucket_fills_with_time_and_never_beyond_a_second(watch: Watch) -> None:
    rates = Rates(1, 1, watch)
    admitted(rates)
    for seconds, let in ((0.5, 25), (0.25, 12), (0.25, 13), (3600, 50)):
        watch.seconds += seconds
        assert admitted(rates) == let


def test_a_refused_call_costs_nothing(watch: Watch) -> None:
    rates = Rates(0.02, 1, watch)
    assert admitted(rates) == 1
    for _ in range(3):
        watch.seconds += 0.25
        assert admitted(rates) == 0
    watch.seconds += 0.25
    assert admitted(rates) == 1


def test_accounts_regions_and_groups_are_counted_apart(watch: Watch) -> None:
    rates = Rates(1, 1, watch)
    assert admitted(rates) == 50
    assert admitted(rates, "2" * 12) == 50
    assert admitted(rates, region="eu-west-1") == 50
    rates.spend("1" * 12, "us-east-1", GROUPS["CreateSecret"])
    assert admitted(rates) == 0


@pytest.fixture
def house(tmp_path: Path, canary: Canary, watch: Watch) -> Iterator[Premises]:
    canary.folders.append(tmp_path)
    with premises(tmp_path / "data") as found:
        found.client.app = App(found.house.server, found.house.store, rates=Rates(0.04, 1, watch))
        yield found


def test_the_call_that_is_too_much_is_refused_and_the_others_group_is_not(house: Premises, watch: Watch) -> None:
    for _ in range(2):
        assert [house.client.call("ListSecrets").status for _ in range(2)] == [200, 200]
        assert house.client.call("ListSecrets").error == THROTTLED
        assert house.client.call("ListSecretVersionIds", {"SecretId": "s"}).error == THROTTLED
        assert house.client.call("GetRandomPassword").status == 200
        watch.seconds += 1


def test_the_body_says_message_in_lower_case_as_the_front_end_does(house: Premises) -> None:
    told = [house.client.call("ListSecrets") for _ in range(3)][-1]
    assert (told.status, told.members) == (400, {"__type": "ThrottlingException", "message": "Rate exceeded"})


def test_a_call_that_writes_at_its_first_read_is_counted_once(house: Premises, canary: Canary) -> None:
    house.client.app = App(house.house.server, house.house.store, rates=Rates(0.0002, 1, lambda: 0.0))
    asked = {"Name": "s", "SecretString": canary.value(), "ClientRequestToken": "a" * 32}
    assert house.client.call("CreateSecret", asked).status == 200
    assert [house.client.call("GetSecretValue", {"SecretId": "s"}).status for _ in range(3)] == [200, 200, 400]


def test_whoever_cannot_be_told_is_refused_for_that_and_spends_nobodys_calls(house: Premises) -> None:
    stranger = "x" * 40
    known, house.client.secret_key = house.client.secret_key, stranger
    assert {house.client.call("ListSecrets").error for _ in range(5)} == {MISMATCH}
    house.client.secret_key = known
    assert house.client.call("ListSecrets").status == 200


def test_the_refusal_comes_before_the_body_is_decoded(house: Premises) -> None:
    assert [house.client.call("ListSecrets", b"no JSON").error[0] for _ in range(3)] == [
        "SerializationException",
        "SerializationException",
        "ThrottlingException",
    ]


def test_the_refusal_is_in_the_audit_trail_with_its_caller(house: Premises) -> None:
    told = [house.client.call("ListSecrets") for _ in range(3)][-1]
    lines = [json.loads(line) for line in house.house.folder.audit.read_text().splitlines()]
    (record,) = [line for line in lines if line["requestID"] == told.headers["x-amzn-requestid"]]
    assert (record["errorCode"], record["errorMessage"]) == THROTTLED
    assert record["eventName"] == "ListSecrets"
    assert record["userIdentity"]["accessKeyId"] == house.client.access_key
    assert record["requestParameters"] is None


def test_without_a_factor_nothing_is_counted(tmp_path: Path) -> None:
    with premises(tmp_path / "off") as off:
        assert off.house.app()[0]._rates is None
        assert {off.client.call("ListSecrets").status for _ in range(120)} == {200}
    with premises(tmp_path / "on", rate_limit_factor=1.0, workers=4) as on:
        assert on.house.app()[0]._rates is not None
