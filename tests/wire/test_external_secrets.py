"""Managed external secrets: kept and shown (D.11); no function here rotates them."""

import pytest

from servers.canary import Canary
from wire.answers import new_name, refused

ROLE = "arn:aws:iam::000000000000:role/rotates"
METADATA = [{"Key": "adminSecretArn", "Value": "arn:admin"}, {"Key": "apiVersion", "Value": "v65.0"}]
EXTERNAL = {"ExternalSecretRotationRoleArn": ROLE, "ExternalSecretRotationMetadata": METADATA}
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"


@pytest.fixture
def name(client, canary: Canary) -> str:
    found = new_name()
    client.create_secret(Name=found, SecretString=canary.value(), Type="SalesforceClientSecret")
    return found


def shown(client, name: str) -> tuple[object, ...]:
    described = client.describe_secret(SecretId=name)
    (listed,) = client.list_secrets(Filters=[{"Key": "name", "Values": [name]}])["SecretList"]
    members = ("Type", "ExternalSecretRotationRoleArn", "ExternalSecretRotationMetadata")
    found = [tuple(one.get(member) for member in members) for one in (described, listed)]
    assert found[0] == found[1]
    return found[0]


def test_their_settings_are_kept_and_shown(client, name: str) -> None:
    told = client.rotate_secret(
        SecretId=name, RotateImmediately=False, RotationRules={"AutomaticallyAfterDays": 7}, **EXTERNAL
    )
    assert "VersionId" not in told
    assert shown(client, name) == ("SalesforceClientSecret", ROLE, METADATA)
    described = client.describe_secret(SecretId=name)
    assert described["RotationEnabled"] is True
    assert "RotationLambdaARN" not in described
    client.rotate_secret(SecretId=name, RotateImmediately=False, ExternalSecretRotationMetadata=METADATA[:1])
    assert shown(client, name) == ("SalesforceClientSecret", ROLE, METADATA[:1])


def test_nothing_pretends_to_rotate_them(client, name: str) -> None:
    message = (
        "This server has no rotation of its own for secrets of type SalesforceClientSecret: name a RotationLambdaARN,"
        " or only keep these settings with RotateImmediately false."
    )
    with refused(("InvalidRequestException", message)):
        client.rotate_secret(SecretId=name, **EXTERNAL)
    assert shown(client, name) == ("SalesforceClientSecret", None, None)


def test_a_function_may_rotate_them(client, name: str) -> None:
    assert "VersionId" in client.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION, **EXTERNAL)
    assert shown(client, name) == ("SalesforceClientSecret", ROLE, METADATA)
    client.cancel_rotate_secret(SecretId=name)
