"""The calls that Terraform makes, in its order and with its tokens (K)."""

import json
import time
from typing import Any

import pytest

from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import NOT_FOUND, new_name, refused
from wire.raw import RawClient, raw_client

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"


def token(number: int) -> str:
    return f"terraform-{time.time_ns():018x}{number:08x}"


@pytest.fixture
def raw(detent: RunningDetent) -> RawClient:
    return raw_client(detent)


def done(raw: RawClient, operation: str, **members: Any) -> dict[str, Any]:
    told = raw.call(operation, members)
    assert told.status == 200, told.body
    return told.members if told.body else {}


def test_a_secret_lives_from_apply_to_destroy(raw: RawClient, client, canary: Canary) -> None:
    name = new_name()
    made = done(
        raw,
        "CreateSecret",
        Name=name,
        ClientRequestToken=token(0),
        Description="",
        ForceOverwriteReplicaSecret=False,
        Tags=[],
    )
    assert set(made) == {"ARN", "Name"}
    described = done(raw, "DescribeSecret", SecretId=made["ARN"])
    assert set(described) == {"ARN", "Name", "CreatedDate", "LastChangedDate"}
    assert "ResourcePolicy" not in done(raw, "GetResourcePolicy", SecretId=made["ARN"])

    first = token(1)
    assert len(first) == 36
    put = done(raw, "PutSecretValue", SecretId=made["ARN"], ClientRequestToken=first, SecretString=canary.value("1"))
    assert (put["VersionId"], put["VersionStages"]) == (first, ["AWSCURRENT"])
    assert done(raw, "GetSecretValue", SecretId=made["ARN"], VersionId=first)["SecretString"] == canary.value("1")

    second = token(2)
    done(raw, "PutSecretValue", SecretId=made["ARN"], ClientRequestToken=second, SecretString=canary.value("2"))
    versions = done(raw, "ListSecretVersionIds", SecretId=made["ARN"])["Versions"]
    assert [one["VersionId"] for one in versions if "AWSCURRENT" in one["VersionStages"]] == [second]
    done(
        raw,
        "UpdateSecretVersionStage",
        SecretId=made["ARN"],
        VersionStage="AWSPREVIOUS",
        RemoveFromVersionId=first,
    )
    with refused(
        (
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS",
        )
    ):
        client.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")

    done(raw, "UpdateSecret", SecretId=made["ARN"], ClientRequestToken=token(3), Description="changed")
    done(raw, "TagResource", SecretId=made["ARN"], Tags=[{"Key": "k", "Value": "v"}])
    done(raw, "UntagResource", SecretId=made["ARN"], TagKeys=["k"])

    deleted = done(raw, "DeleteSecret", SecretId=made["ARN"], RecoveryWindowInDays=30)
    assert done(raw, "DescribeSecret", SecretId=made["ARN"])["DeletedDate"] == deleted["DeletionDate"]
    code, message = raw.call("GetSecretValue", {"SecretId": made["ARN"], "VersionId": second}).error
    assert (code, "marked for deletion" in message) == ("InvalidRequestException", True)
    code, message = raw.call("CreateSecret", {"Name": name, "ClientRequestToken": token(4)}).error
    assert (code, "scheduled for deletion" in message) == ("InvalidRequestException", True)

    done(raw, "DeleteSecret", SecretId=made["ARN"], ForceDeleteWithoutRecovery=True)
    assert raw.call("DescribeSecret", {"SecretId": made["ARN"]}).error == NOT_FOUND


def test_a_policy_is_applied_read_and_destroyed(raw: RawClient) -> None:
    arn = done(raw, "CreateSecret", Name=new_name(), ClientRequestToken=token(0))["ARN"]
    statement = {
        "Sid": "EnableAnotherAWSAccountToReadTheSecret",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    put = done(raw, "PutResourcePolicy", SecretId=arn, ResourcePolicy=policy, BlockPublicPolicy=True)
    assert put["ARN"] == arn
    assert done(raw, "GetResourcePolicy", SecretId=arn)["ResourcePolicy"] == policy
    stranger = policy.replace("000000000000", "999999999999")
    code, message = raw.call("PutResourcePolicy", {"SecretId": arn, "ResourcePolicy": stranger}).error
    assert code == "MalformedPolicyDocumentException"
    assert "This resource policy contains an unsupported principal" in message  # on which Terraform tries again
    done(raw, "DeleteResourcePolicy", SecretId=arn)
    assert "ResourcePolicy" not in done(raw, "GetResourcePolicy", SecretId=arn)


def test_a_rotation_is_turned_on_and_off(raw: RawClient, unreachable: str) -> None:
    arn = done(raw, "CreateSecret", Name=new_name(), ClientRequestToken=token(0), SecretString=unreachable)["ARN"]
    rules = {"ScheduleExpression": "rate(30 days)"}
    asked = {"SecretId": arn, "RotationLambdaARN": FUNCTION, "RotationRules": rules, "RotateImmediately": True}
    rotated = token(1)
    assert done(raw, "RotateSecret", **asked, ClientRequestToken=rotated)["VersionId"] == rotated
    described = done(raw, "DescribeSecret", SecretId=arn)
    assert described["RotationEnabled"] is True
    assert described["RotationRules"]["ScheduleExpression"] == "rate(30 days)"
    assert described["VersionIdsToStages"][rotated] == ["AWSPENDING"]
    done(raw, "CancelRotateSecret", SecretId=arn)
    assert done(raw, "DescribeSecret", SecretId=arn)["RotationEnabled"] is False


def test_replicas_are_made_changed_and_removed_before_their_primary(raw: RawClient, canary: Canary) -> None:
    name = new_name()
    made = done(
        raw,
        "CreateSecret",
        Name=name,
        ClientRequestToken=token(0),
        Description="",
        SecretString=canary.value(),
        AddReplicaRegions=[{"Region": "eu-west-1"}],
        ForceOverwriteReplicaSecret=False,
    )
    assert [one["Region"] for one in made["ReplicationStatus"]] == ["eu-west-1"]
    added = [{"Region": "eu-west-3"}]
    done(raw, "ReplicateSecretToRegions", SecretId=made["ARN"], AddReplicaRegions=added)
    described = done(raw, "DescribeSecret", SecretId=made["ARN"])
    assert {one["Region"]: one["Status"] for one in described["ReplicationStatus"]} == {
        "eu-west-1": "InSync",
        "eu-west-3": "InSync",
    }
    done(
        raw,
        "RemoveRegionsFromReplication",
        SecretId=made["ARN"],
        RemoveReplicaRegions=[one["Region"] for one in described["ReplicationStatus"]],
    )
    assert "ReplicationStatus" not in done(raw, "DescribeSecret", SecretId=made["ARN"])
    done(raw, "DeleteSecret", SecretId=made["ARN"], ForceDeleteWithoutRecovery=True)
