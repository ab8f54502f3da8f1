"""Regions are namespaces; the signature's scope says which one a call is in."""

from pathlib import Path
from typing import Any

import botocore.session
import pytest

from detent.model.arn import COMMERCIAL_REGIONS, in_region, partition
from servers.canary import Canary
from servers.detent import RunningDetent, running
from wire.answers import NOT_FOUND, new_name, refused
from wire.premises import premises
from wire.raw import raw_client


def test_the_regions_are_awss_commercial_ones() -> None:
    assert set(botocore.session.get_session().get_available_regions("secretsmanager")) == COMMERCIAL_REGIONS


def test_one_name_in_two_regions_is_two_secrets(detent: RunningDetent, canary: Canary) -> None:
    name = new_name()
    here, there = detent.client(), detent.client(region_name="eu-central-1")
    first = here.create_secret(Name=name, SecretString=canary.value("here"))["ARN"]
    with refused(NOT_FOUND):
        there.get_secret_value(SecretId=name)
    second = there.create_secret(Name=name, SecretString=canary.value("there"))["ARN"]
    assert (first.split(":")[3], second.split(":")[3]) == ("us-east-1", "eu-central-1")
    assert here.get_secret_value(SecretId=name)["SecretString"] == canary.value("here")
    assert there.get_secret_value(SecretId=name)["SecretString"] == canary.value("there")


def test_an_arn_of_another_region_is_not_found(detent: RunningDetent, client) -> None:
    arn = client.create_secret(Name=new_name())["ARN"]
    with refused(NOT_FOUND):
        detent.client(region_name="eu-central-1").describe_secret(SecretId=arn)


@pytest.mark.parametrize("operation", ["list_secrets", "list_rotations"])
def test_lists_show_one_region(detent: RunningDetent, operation: str) -> None:
    name = new_name()
    detent.client(region_name="sa-east-1").create_secret(Name=name)
    service = "secretsmanager" if operation == "list_secrets" else "detent"
    if service == "secretsmanager":
        shown = detent.client(region_name="sa-east-1").list_secrets()["SecretList"]
        assert name in {secret["Name"] for secret in shown}
    other = raw_client(detent, region="af-south-1", service=service)
    told = other.call("ListSecrets" if service == "secretsmanager" else "ListRotations")
    assert told.members in ({"SecretList": []}, {"Rotations": []})


def test_only_the_configured_regions_are_served(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--regions", "eu-west-1,eu-west-3", "--region", "eu-west-2") as server:
        for region in ("eu-west-1", "eu-west-2", "eu-west-3"):
            assert server.client(region_name=region).list_secrets()["SecretList"] == []
        expected = ("InvalidSignatureException", "Credential should be scoped to a valid region.")
        with refused(expected):
            server.client(region_name="us-east-1").list_secrets()


@pytest.mark.parametrize(
    ("region", "expected"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_a_region_knows_its_partition(region: str, expected: str) -> None:
    assert partition(region) == expected
    arn = in_region("arn:aws:secretsmanager:us-east-1:000000000000:secret:a:b-AbCdEf", region)
    assert arn == f"arn:{expected}:secretsmanager:{region}:000000000000:secret:a:b-AbCdEf"


class MovesTheLabel:
    """A rotation function whose new value is the token's first letter, and which has nothing to change."""

    def run(self, event: Any, client: Any, _remaining: Any) -> None:
        secret, token = event["SecretId"], event["ClientRequestToken"]
        if event["Step"] == "createSecret":
            value = client.get_secret_value(SecretId=secret)["SecretString"]
            client.put_secret_value(
                SecretId=secret,
                ClientRequestToken=token,
                SecretString=f"{value} rotated",
                VersionStages=["AWSPENDING"],
            )
        if event["Step"] == "finishSecret":
            stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
            current = next(version for version, labels in stages.items() if "AWSCURRENT" in labels)
            client.update_secret_version_stage(
                SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
            )


def test_a_secret_rotates_in_its_own_region_and_its_replicas_follow(tmp_path: Path, canary: Canary) -> None:
    with premises(tmp_path / "data", {"moves": MovesTheLabel()}) as house:
        house.client.region = "eu-central-1"
        made = {"Name": "s", "SecretString": canary.value(), "AddReplicaRegions": [{"Region": "us-east-1"}]}
        house.client.call("CreateSecret", {**made, "ClientRequestToken": "a" * 32})
        asked = {"SecretId": "s", "ClientRequestToken": "b" * 32}
        abroad = "arn:aws:lambda:us-east-1:000000000000:function:moves"
        code, _ = house.client.call("RotateSecret", {**asked, "RotationLambdaARN": abroad}).error
        assert code == "InvalidParameterException"
        here = abroad.replace("us-east-1", "eu-central-1")
        assert house.client.call("RotateSecret", {**asked, "RotationLambdaARN": here}).status == 200
        house.drive()
        for region in ("eu-central-1", "us-east-1"):
            house.client.region = region
            read = house.client.call("GetSecretValue", {"SecretId": "s"}).members
            assert (read["SecretString"], read["VersionId"]) == (f"{canary.value()} rotated", "b" * 32)
