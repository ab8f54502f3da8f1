"""The client of functions that run in process: in boto3's shape, and authorized and audited as any other."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from detent.main.house import Steps
from detent.model.secret import VersionId
from servers.canary import Canary
from wire.premises import Premises, premises

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:idle"
TOKEN = "b" * 32


class Idle:
    def run(self, *_: Any) -> None:
        pass


@pytest.fixture
def house(tmp_path: Path, canary: Canary) -> Iterator[Premises]:
    with premises(tmp_path / "data", {"idle": Idle()}) as found:
        canary.folders.append(tmp_path)
        found.client.call("CreateSecret", {"Name": "s", "SecretString": canary.value(), "ClientRequestToken": "a" * 32})
        found.client.call("RotateSecret", {"SecretId": "s", "RotationLambdaARN": FUNCTION, "ClientRequestToken": TOKEN})
        yield found


@pytest.fixture
def step(house: Premises) -> Any:
    """A step's own client."""
    with house.house.store.read() as tx:
        secret = tx.secrets.named("000000000000", "us-east-1", "s")
    assert secret is not None
    steps = Steps(house.house.server, house.house.store)
    until = house.clock.now() + timedelta(minutes=1)
    return house.house.client(house.house.store.write(lambda tx: steps.issue(tx, secret, VersionId(TOKEN), until)))


def last_record(house: Premises) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(house.house.folder.audit.read_text().splitlines()[-1])
    return found


def test_it_answers_as_boto3_does(house: Premises, step: Any, canary: Canary) -> None:
    assert step.get_secret_value(SecretId="s")["SecretString"] == canary.value()
    put = step.put_secret_value(
        SecretId="s", SecretString=canary.value("2"), ClientRequestToken=TOKEN, VersionStages=["AWSPENDING"]
    )
    assert (put["VersionId"], put["VersionStages"]) == (TOKEN, ["AWSPENDING"])
    assert last_record(house)["eventName"] == "PutSecretValue"


def test_it_raises_as_boto3_does(step: Any) -> None:
    with pytest.raises(step.exceptions.ResourceNotFoundException) as caught:
        step.get_secret_value(SecretId="s", VersionId=TOKEN)
    told = f"Secrets Manager can't find the specified secret value for VersionId: {TOKEN}"
    assert caught.value.response["Error"] == {"Code": "ResourceNotFoundException", "Message": told}
    assert str(caught.value) == (
        f"An error occurred (ResourceNotFoundException) when calling the GetSecretValue operation: {told}"
    )
    with pytest.raises(step.exceptions.ClientError):
        step.delete_secret(SecretId="s")
    with pytest.raises(AttributeError):
        step.paginate("s")


def test_a_call_that_does_not_decode_is_in_the_trail(house: Premises, step: Any) -> None:
    with pytest.raises(step.exceptions.ClientError) as caught:
        step.get_secret_value(SecretId="")
    record = last_record(house)
    assert caught.value.response["Error"]["Code"] == record["errorCode"] == "ValidationException"
    assert record["eventName"] == "GetSecretValue"
    assert record["userIdentity"]["type"] == "AssumedRole"


def test_a_step_that_outlived_its_session_is_refused_and_in_the_trail(house: Premises, step: Any) -> None:
    house.clock.advance(minutes=2)
    with pytest.raises(step.exceptions.ClientError) as caught:
        step.get_secret_value(SecretId="s")
    record = last_record(house)
    assert caught.value.response["Error"]["Code"] == record["errorCode"] == "ExpiredTokenException"
    assert record["userIdentity"]["type"] == "Unknown"


def test_an_operator_acts_as_an_accounts_root_and_each_call_is_in_the_trail(house: Premises) -> None:
    made = house.house.operator("222222222222", "eu-west-1").create_user(UserName="ann")
    record = last_record(house)
    assert made["ARN"] == "arn:aws:iam::222222222222:user/ann"
    assert (record["eventName"], record["eventSource"], record["userAgent"]) == ("CreateUser", "detent", "detent/cli")
    assert record["userIdentity"] == {
        "type": "Root",
        "principalId": "222222222222",
        "arn": "arn:aws:iam::222222222222:root",
        "accountId": "222222222222",
    }
    secrets = house.house.operator("000000000000", "us-east-1", "secretsmanager")
    assert secrets.describe_secret(SecretId="s")["Name"] == "s"
