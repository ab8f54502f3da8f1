"""Replicas in other regions: B.1, B.9, B.17 and H of the API reference."""

import json
from typing import Any

import pytest

from detent.model.arn import in_region
from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import NOT_FOUND, constraint, new_name, new_token, no_label, refused

BAD_REGION = ("InvalidParameterException", "Invalid replica region.")
ON_REPLICA = (
    "InvalidParameterException",
    "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
)
THERE, ELSEWHERE = "eu-central-1", "ap-southeast-2"
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "*", "Resource": "*"},
    }
)


@pytest.fixture
def there(detent: RunningDetent) -> Any:
    return detent.client(region_name=THERE)


@pytest.fixture
def elsewhere(detent: RunningDetent) -> Any:
    return detent.client(region_name=ELSEWHERE)


@pytest.fixture
def arn(client, canary: Canary) -> str:
    """A primary with one replica."""
    made = client.create_secret(Name=new_name(), SecretString=canary.value("1"), AddReplicaRegions=[{"Region": THERE}])
    assert made["ReplicationStatus"] == [{"Region": THERE, "Status": "InSync"}]
    return str(made["ARN"])


def statuses(client: Any, arn: str) -> dict[str, str]:
    described = client.describe_secret(SecretId=arn)
    return {one["Region"]: one["Status"] for one in described.get("ReplicationStatus", [])}


def versions_of(client: Any, arn: str) -> list[Any]:
    listed = client.list_secret_version_ids(SecretId=arn, IncludeDeprecated=True)["Versions"]
    return [(one["VersionId"], one["CreatedDate"]) for one in listed]


def test_a_replica_has_the_primarys_arn_but_for_the_region(client, there, arn: str, canary: Canary) -> None:
    name = client.describe_secret(SecretId=arn)["Name"]
    read = there.get_secret_value(SecretId=name)
    assert (read["ARN"], read["Name"], read["SecretString"]) == (in_region(arn, THERE), name, canary.value("1"))
    assert read["VersionId"] == client.get_secret_value(SecretId=arn)["VersionId"]
    for found in (client.describe_secret(SecretId=arn), there.describe_secret(SecretId=name)):
        assert found["PrimaryRegion"] == "us-east-1"
    assert "ReplicationStatus" not in there.describe_secret(SecretId=name)
    (listed,) = there.list_secrets(Filters=[{"Key": "name", "Values": [name]}])["SecretList"]
    assert (listed["PrimaryRegion"], listed["SecretVersionsToStages"]) == (
        "us-east-1",
        {read["VersionId"]: ["AWSCURRENT"]},
    )
    assert "ReplicationStatus" not in listed


def test_a_replica_follows_every_change(client, there, arn: str, canary: Canary) -> None:
    copy = in_region(arn, THERE)
    second, third = new_token(), new_token()
    client.put_secret_value(SecretId=arn, SecretString=canary.value("2"), ClientRequestToken=second)
    assert there.get_secret_value(SecretId=copy)["SecretString"] == canary.value("2")
    assert there.get_secret_value(SecretId=copy, VersionStage="AWSPREVIOUS")["SecretString"] == canary.value("1")
    client.put_secret_value(
        SecretId=arn, SecretBinary=canary.value("3").encode(), ClientRequestToken=third, VersionStages=["X"]
    )
    assert there.get_secret_value(SecretId=copy, VersionStage="X")["SecretBinary"] == canary.value("3").encode()
    client.update_secret_version_stage(
        SecretId=arn, VersionStage="X", MoveToVersionId=second, RemoveFromVersionId=third
    )
    client.update_secret(SecretId=arn, Description="new", Type="Kind")
    client.tag_resource(SecretId=arn, Tags=[{"Key": "k", "Value": "v"}])
    client.put_resource_policy(SecretId=arn, ResourcePolicy=POLICY)
    here, copied = client.describe_secret(SecretId=arn), there.describe_secret(SecretId=copy)
    for member in ("Description", "Type", "Tags", "VersionIdsToStages", "LastChangedDate"):
        assert here[member] == copied[member]
    client.untag_resource(SecretId=arn, TagKeys=["k"])
    assert there.describe_secret(SecretId=copy)["Tags"] == []
    assert versions_of(client, arn) == versions_of(there, copy)
    promoted = there.stop_replication_to_replica(SecretId=copy)["ARN"]
    assert there.get_resource_policy(SecretId=promoted)["ResourcePolicy"] == POLICY


def test_a_secret_without_a_value_is_replicated_too(client, there) -> None:
    made = client.create_secret(Name=new_name(), AddReplicaRegions=[{"Region": THERE}])
    with refused(no_label("AWSCURRENT")):
        there.get_secret_value(SecretId=made["Name"])


def test_each_region_keeps_its_own_date_of_access(client, there, arn: str) -> None:
    there.get_secret_value(SecretId=in_region(arn, THERE))
    described = client.describe_secret(SecretId=arn)
    assert "LastAccessedDate" not in described
    assert described["ReplicationStatus"][0]["LastAccessedDate"].hour == 0


@pytest.mark.parametrize("regions", [["us-east-1"], ["eu-nowhere-9"], [THERE, "us-east-1"]])
def test_what_is_no_other_region_is_refused(client, arn: str, regions: list[str]) -> None:
    wanted = [{"Region": region} for region in regions]
    with refused(BAD_REGION):
        client.replicate_secret_to_regions(SecretId=arn, AddReplicaRegions=wanted)
    name = new_name()
    with refused(BAD_REGION):
        client.create_secret(Name=name, AddReplicaRegions=wanted)
    with refused(NOT_FOUND):
        client.describe_secret(SecretId=name)


@pytest.mark.parametrize(
    ("operation", "members", "path"),
    [
        (
            "replicate_secret_to_regions",
            {"AddReplicaRegions": [{"Region": "Here"}]},
            "addReplicaRegions.1.member.region",
        ),
        ("remove_regions_from_replication", {"RemoveReplicaRegions": ["Here"]}, "removeReplicaRegions.1.member"),
    ],
)
def test_what_does_not_look_like_a_region_breaks_its_constraint(client, arn: str, operation, members, path) -> None:
    broken = r"Member must satisfy regular expression pattern: ^([a-z]+-)+\d+$"
    with refused(
        constraint(f"Value 'Here' at '{path.format('ReplicaRegions.1.member')}' failed to satisfy constraint: {broken}")
    ):
        getattr(client, operation)(SecretId=arn, **members)


def test_another_region_is_added_and_one_that_is_there_stays(client, elsewhere, arn: str, canary: Canary) -> None:
    told = client.replicate_secret_to_regions(
        SecretId=arn, AddReplicaRegions=[{"Region": THERE, "KmsKeyId": "alias/none"}, {"Region": ELSEWHERE}]
    )
    assert told["ARN"] == arn
    assert told["ReplicationStatus"] == [{"Region": r, "Status": "InSync"} for r in (THERE, ELSEWHERE)]
    assert elsewhere.get_secret_value(SecretId=in_region(arn, ELSEWHERE))["SecretString"] == canary.value("1")


def test_a_taken_name_fails_in_its_region_and_the_call_succeeds(client, there, canary: Canary) -> None:
    name = new_name()
    taken = there.create_secret(Name=name, SecretString=canary.value("theirs"))["ARN"]
    made = client.create_secret(Name=name, SecretString=canary.value(), AddReplicaRegions=[{"Region": THERE}])
    failed = {
        "Region": THERE,
        "Status": "Failed",
        "StatusMessage": "Secret with this name already exists in this region",
    }
    assert made["ReplicationStatus"] == [failed]
    client.put_secret_value(SecretId=name, SecretString=canary.value("2"))
    assert there.get_secret_value(SecretId=taken)["SecretString"] == canary.value("theirs")
    again = client.replicate_secret_to_regions(
        SecretId=name, AddReplicaRegions=[{"Region": THERE}], ForceOverwriteReplicaSecret=True
    )
    assert again["ReplicationStatus"] == [{"Region": THERE, "Status": "InSync"}]
    with refused(NOT_FOUND):
        there.describe_secret(SecretId=taken)
    assert there.get_secret_value(SecretId=name)["SecretString"] == canary.value("2")


def test_a_failed_replica_catches_up_once_the_name_is_free(client, there, canary: Canary) -> None:
    name = new_name()
    there.create_secret(Name=name)
    client.create_secret(Name=name, SecretString=canary.value("1"), AddReplicaRegions=[{"Region": THERE}])
    there.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    client.put_secret_value(SecretId=name, SecretString=canary.value("2"))
    assert statuses(client, name) == {THERE: "InSync"}
    assert there.get_secret_value(SecretId=name)["SecretString"] == canary.value("2")


def test_neither_anothers_replica_nor_a_primary_is_overwritten(client, there, elsewhere, canary: Canary) -> None:
    name = new_name()
    client.create_secret(Name=name, SecretString=canary.value("1"), AddReplicaRegions=[{"Region": THERE}])
    other = elsewhere.create_secret(Name=name, SecretString=canary.value("2"))
    told = elsewhere.replicate_secret_to_regions(
        SecretId=other["ARN"],
        AddReplicaRegions=[{"Region": THERE}, {"Region": "us-east-1"}],
        ForceOverwriteReplicaSecret=True,
    )
    assert [one["Status"] for one in told["ReplicationStatus"]] == ["Failed", "Failed"]
    assert there.get_secret_value(SecretId=name)["SecretString"] == canary.value("1")


def refused_on_a_replica(client: Any, arn: str) -> list[Any]:
    token = new_token()
    return [
        lambda: client.put_secret_value(SecretId=arn, SecretString="x"),
        lambda: client.update_secret(SecretId=arn, Description="x"),
        lambda: client.update_secret(SecretId=arn, KmsKeyId="", Description="x"),
        lambda: client.update_secret_version_stage(SecretId=arn, VersionStage="X", MoveToVersionId=token),
        lambda: client.tag_resource(SecretId=arn, Tags=[]),
        lambda: client.untag_resource(SecretId=arn, TagKeys=[]),
        lambda: client.put_resource_policy(SecretId=arn, ResourcePolicy=POLICY),
        lambda: client.get_resource_policy(SecretId=arn),
        lambda: client.delete_resource_policy(SecretId=arn),
        lambda: client.delete_secret(SecretId=arn),
        lambda: client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True),
        lambda: client.restore_secret(SecretId=arn),
        lambda: client.rotate_secret(SecretId=arn),
        lambda: client.cancel_rotate_secret(SecretId=arn),
        lambda: client.replicate_secret_to_regions(SecretId=arn, AddReplicaRegions=[{"Region": ELSEWHERE}]),
        lambda: client.remove_regions_from_replication(SecretId=arn, RemoveReplicaRegions=[THERE]),
    ]


def test_a_replica_is_read_only(there, arn: str, canary: Canary) -> None:
    copy = in_region(arn, THERE)
    for call in refused_on_a_replica(there, copy):
        with refused(ON_REPLICA):
            call()
    (read,) = there.batch_get_secret_value(SecretIdList=[copy])["SecretValues"]
    assert read["SecretString"] == canary.value("1")
    assert len(there.list_secret_version_ids(SecretId=copy)["Versions"]) == 1


def test_a_removed_region_loses_its_replica_at_once(client, there, arn: str) -> None:
    told = client.remove_regions_from_replication(SecretId=arn, RemoveReplicaRegions=[THERE, ELSEWHERE])
    assert (told["ARN"], told["ReplicationStatus"]) == (arn, [])
    with refused(NOT_FOUND):
        there.describe_secret(SecretId=in_region(arn, THERE))
    assert {"PrimaryRegion", "ReplicationStatus"}.isdisjoint(client.describe_secret(SecretId=arn))


def test_a_promoted_replica_stands_alone_under_the_same_arn(client, there, arn: str, canary: Canary) -> None:
    copy = in_region(arn, THERE)
    assert there.stop_replication_to_replica(SecretId=copy)["ARN"] == copy
    assert statuses(client, arn) == {}
    assert "PrimaryRegion" not in there.describe_secret(SecretId=copy)
    client.put_secret_value(SecretId=arn, SecretString=canary.value("2"))
    assert there.get_secret_value(SecretId=copy)["SecretString"] == canary.value("1")
    there.put_secret_value(SecretId=copy, SecretString=canary.value("own"))
    assert client.get_secret_value(SecretId=arn)["SecretString"] == canary.value("2")
    client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def test_replication_is_stopped_on_a_replica_only(client, arn: str) -> None:
    name = client.describe_secret(SecretId=arn)["Name"]
    with refused(("InvalidRequestException", f"The secret {name} is not a replica: there is no replication to stop.")):
        client.stop_replication_to_replica(SecretId=arn)


@pytest.mark.parametrize("how", [{}, {"ForceDeleteWithoutRecovery": True}])
def test_a_primary_is_not_deleted_while_it_has_replicas(client, arn: str, how: dict[str, bool]) -> None:
    name = client.describe_secret(SecretId=arn)["Name"]
    client.replicate_secret_to_regions(SecretId=arn, AddReplicaRegions=[{"Region": ELSEWHERE}])
    message = f"You can't delete secret {name} that still has replica regions [{THERE}, {ELSEWHERE}]"
    with refused(("InvalidParameterException", message)):
        client.delete_secret(SecretId=name, **how)
    client.remove_regions_from_replication(SecretId=name, RemoveReplicaRegions=[THERE, ELSEWHERE])
    client.delete_secret(SecretId=name, **how)


def test_secrets_are_found_by_their_primary_region(client, there, arn: str) -> None:
    def found(side: Any, *values: str) -> set[str]:
        filters = [{"Key": "primary-region", "Values": list(values)}]
        return {
            one["ARN"]
            for page in side.get_paginator("list_secrets").paginate(Filters=filters)
            for one in page["SecretList"]
        }

    assert arn in found(client, "us-")
    assert arn not in found(client, "!us-east-1")
    assert in_region(arn, THERE) in found(there, "us-east-1")
    assert in_region(arn, THERE) not in found(there, THERE)


def test_a_rotation_of_the_primary_reaches_the_replica(client, there, unreachable: str) -> None:
    made = client.create_secret(Name=new_name(), SecretString=unreachable, AddReplicaRegions=[{"Region": THERE}])
    function = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"
    token = client.rotate_secret(SecretId=made["ARN"], RotationLambdaARN=function)["VersionId"]
    described = there.describe_secret(SecretId=made["Name"])
    assert described["VersionIdsToStages"][token] == ["AWSPENDING"]
    assert "RotationEnabled" not in described
    client.cancel_rotate_secret(SecretId=made["ARN"])


def test_a_replica_whose_key_is_unknown_fails_and_the_primary_goes_on(client, there, canary: Canary) -> None:
    name = new_name()
    made = client.create_secret(
        Name=name, SecretString=canary.value("1"), AddReplicaRegions=[{"Region": THERE, "KmsKeyId": "alias/none"}]
    )
    (told,) = made["ReplicationStatus"]
    assert (told["Status"], told["KmsKeyId"]) == ("Failed", "alias/none")
    assert told["StatusMessage"] == "The operation failed because of an invalid KMS key: Invalid keyId"
    client.put_secret_value(SecretId=name, SecretString=canary.value("2"))
    with refused(NOT_FOUND):
        there.describe_secret(SecretId=name)
    client.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{"Region": THERE}])
    assert there.get_secret_value(SecretId=name)["SecretString"] == canary.value("2")
