"""Keys that a KmsKeyId names: B.1, B.5, B.8 and C.4 of the API reference, and Detent's own calls for making them."""

from typing import Any
from uuid import uuid4

import pytest

import detent as package
from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import new_name, new_token, refused

ACCOUNT = "000000000000"
UNKNOWN = ("InvalidParameterException", "The operation failed because of an invalid KMS key: Invalid keyId")
NOT_ALLOWED = ("AccessDeniedException", "Access to KMS is not allowed")
CANNOT_SEAL = (
    "EncryptionFailure",
    "The secret value can't be encrypted: the KMS key is disabled. Enable it, or name another.",
)
CANNOT_OPEN = (
    "DecryptionFailure",
    "Secrets Manager can't decrypt the protected secret text: its KMS key is disabled or gone.",
)


@pytest.mark.parametrize("form", ["KeyId", "ARN", "Alias", "alias ARN"])
def test_a_key_is_named_by_id_arn_or_alias_and_echoed_as_named(client, canary: Canary, key, form: str) -> None:
    named = f"arn:aws:kms:us-east-1:{ACCOUNT}:{key['Alias']}" if form == "alias ARN" else key[form]
    name = new_name()
    client.create_secret(Name=name, SecretString=canary.value(), KmsKeyId=named)
    assert client.describe_secret(SecretId=name)["KmsKeyId"] == named
    assert client.get_secret_value(SecretId=name)["SecretString"] == canary.value()
    (version,) = client.list_secret_version_ids(SecretId=name)["Versions"]
    assert version["KmsKeyIds"] == [key["ARN"]]


@pytest.mark.parametrize(
    "default", ["alias/aws/secretsmanager", f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/aws/secretsmanager", ""]
)
def test_the_default_key_is_never_shown(client, canary: Canary, default: str) -> None:
    name = new_name()
    client.create_secret(Name=name, SecretString=canary.value(), KmsKeyId=default)
    assert "KmsKeyId" not in client.describe_secret(SecretId=name)
    (version,) = client.list_secret_version_ids(SecretId=name)["Versions"]
    assert version["KmsKeyIds"] == ["DefaultEncryptionKey"]


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("alias/nobodys", UNKNOWN),
        ("nobodys", UNKNOWN),
        (f"arn:aws:kms:us-east-1:{ACCOUNT}:key/nobodys", UNKNOWN),
        (
            f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/nobodys",
            ("InvalidParameterException", "The operation failed because of an invalid KMS key: Invalid arn eu-west-1"),
        ),
        ("alias/aws/rds", NOT_ALLOWED),
        ("arn:aws:kms:us-east-1:111111111111:key/theirs", NOT_ALLOWED),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_and_nothing_is_made(client, canary: Canary, named: str, expected) -> None:
    name = new_name()
    with refused(expected):
        client.create_secret(Name=name, SecretString=canary.value(), KmsKeyId=named)
    client.create_secret(Name=name, SecretString=canary.value())
    with refused(expected):
        client.update_secret(SecretId=name, KmsKeyId=named)
    assert "KmsKeyId" not in client.describe_secret(SecretId=name)


def test_a_key_belongs_to_its_region(detent: RunningDetent, client, key) -> None:
    there = detent.client(region_name="eu-central-1")
    for named in (key["KeyId"], key["Alias"]):
        with refused(UNKNOWN):
            there.create_secret(Name=new_name(), KmsKeyId=named)
    client.create_secret(Name=new_name(), KmsKeyId=key["KeyId"])


def test_another_key_seals_the_labelled_versions_anew_and_no_others(client, canary: Canary, key) -> None:
    name, ids = new_name(), [new_token() for _ in range(4)]
    client.create_secret(Name=name)
    for number, token in enumerate(ids[:3]):
        client.put_secret_value(SecretId=name, SecretString=canary.value(str(number)), ClientRequestToken=token)
    client.put_secret_value(
        SecretId=name, SecretString=canary.value("3"), ClientRequestToken=ids[3], VersionStages=["AWSPENDING"]
    )
    client.update_secret(SecretId=name, KmsKeyId=key["ARN"])
    listed = client.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]
    lies_under = {one["VersionId"]: one["KmsKeyIds"] for one in listed}
    assert lies_under == {ids[0]: ["DefaultEncryptionKey"], **{token: [key["ARN"]] for token in ids[1:]}}
    for number, token in enumerate(ids):
        read = client.get_secret_value(SecretId=name, VersionId=token)
        assert read["SecretString"] == canary.value(str(number))
    client.update_secret(SecretId=name, KmsKeyId="")
    assert client.get_secret_value(SecretId=name)["SecretString"] == canary.value("2")
    assert "KmsKeyId" not in client.describe_secret(SecretId=name)


def test_a_disabled_key_neither_seals_nor_opens_until_it_is_enabled(client, own_api, canary: Canary, key) -> None:
    name = new_name()
    client.create_secret(Name=name, SecretString=canary.value(), KmsKeyId=key["Alias"])
    assert own_api.disable_key(KeyId=key["Alias"])["State"] == "disabled"
    with refused(CANNOT_OPEN):
        client.get_secret_value(SecretId=name)
    for call in (
        lambda: client.put_secret_value(SecretId=name, SecretString=canary.value("2")),
        lambda: client.create_secret(Name=new_name(), KmsKeyId=key["KeyId"]),
    ):
        with refused(CANNOT_SEAL):
            call()
    (failed,) = client.batch_get_secret_value(SecretIdList=[name])["Errors"]
    assert failed["ErrorCode"] == "DecryptionFailure"
    assert own_api.enable_key(KeyId=key["KeyId"])["State"] == "enabled"
    assert client.get_secret_value(SecretId=name)["SecretString"] == canary.value()


@pytest.fixture
def keys(detent: RunningDetent) -> Any:
    """A client of Detent's own API in another region."""
    access_key, secret_key = detent.credentials
    credentials = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
    return package.client(detent.endpoint, **credentials, region_name="eu-central-1")


def test_a_replica_under_a_disabled_key_fails_and_catches_up(detent, client, keys, canary: Canary) -> None:
    there, name, key = detent.client(region_name="eu-central-1"), new_name(), keys.create_key()["KeyId"]
    region = {"Region": "eu-central-1", "KmsKeyId": key}
    made = client.create_secret(Name=name, SecretString=canary.value("1"), AddReplicaRegions=[region])
    assert made["ReplicationStatus"] == [{**region, "Status": "InSync"}]
    keys.disable_key(KeyId=key)
    client.put_secret_value(SecretId=name, SecretString=canary.value("2"))
    (failed,) = client.describe_secret(SecretId=name)["ReplicationStatus"]
    assert (failed["Status"], failed["StatusMessage"]) == ("Failed", CANNOT_SEAL[1])
    assert client.get_secret_value(SecretId=name)["SecretString"] == canary.value("2")
    keys.enable_key(KeyId=key)
    assert there.get_secret_value(SecretId=name)["SecretString"] == canary.value("1")
    client.update_secret(SecretId=name, Description="anything")
    assert there.get_secret_value(SecretId=name)["SecretString"] == canary.value("2")
    (again,) = client.describe_secret(SecretId=name)["ReplicationStatus"]
    assert again["Status"] == "InSync"


def test_a_replicas_key_alone_can_be_changed_on_it(detent, client, keys, canary: Canary) -> None:
    name, there = new_name(), detent.client(region_name="eu-central-1")
    client.create_secret(Name=name, SecretString=canary.value(), AddReplicaRegions=[{"Region": "eu-central-1"}])
    key = keys.create_key()
    there.update_secret(SecretId=name, KmsKeyId=key["KeyId"])
    (version,) = there.list_secret_version_ids(SecretId=name)["Versions"]
    assert version["KmsKeyIds"] == [key["ARN"]]
    (shown,) = client.describe_secret(SecretId=name)["ReplicationStatus"]
    assert (shown["KmsKeyId"], shown["Status"]) == (key["KeyId"], "InSync")
    assert there.get_secret_value(SecretId=name)["SecretString"] == canary.value()


def test_keys_are_made_and_listed(own_api, key: dict[str, Any]) -> None:
    plain = own_api.create_key()
    assert "Alias" not in plain
    listed = own_api.list_keys()["Keys"]
    assert [one["KeyId"] for one in listed if one["KeyId"] in {key["KeyId"], plain["KeyId"]}] == [
        key["KeyId"],
        plain["KeyId"],
    ]
    assert key["ARN"] == f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{key['KeyId']}"


def test_what_makes_no_key_is_refused(own_api, key: dict[str, Any]) -> None:
    with refused(("ResourceExistsException", f"The alias {key['Alias']} is already in use.")):
        own_api.create_key(Alias=key["Alias"])
    with refused(("InvalidParameterException", "Aliases that begin with alias/aws/ are reserved.")):
        own_api.create_key(Alias="alias/aws/mine")
    missing = str(uuid4())
    with refused(("ResourceNotFoundException", f"There is no key {missing} in us-east-1.")):
        own_api.disable_key(KeyId=missing)
    default = "The default key is the root keyset: `detent keyset` shows and rotates it."
    with refused(("InvalidParameterException", default)):
        own_api.disable_key(KeyId="alias/aws/secretsmanager")
