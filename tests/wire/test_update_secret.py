"""UpdateSecret: B.5 and C.7 of the API reference."""

from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import (
    BOTH_VALUES,
    MARKED,
    NO_TOKEN,
    NOT_FOUND,
    SHORT_TOKEN,
    new_name,
    new_token,
    refused,
    token_used,
)
from wire.raw import raw_client


def test_a_value_makes_a_new_current_version_and_the_old_one_is_previous(client, canary: Canary) -> None:
    name, first, second = new_name(), new_token(), new_token()
    client.create_secret(Name=name, SecretString=canary.value("1"), ClientRequestToken=first)
    assert (
        client.update_secret(SecretId=name, SecretString=canary.value("2"), ClientRequestToken=second)["VersionId"]
        == second
    )
    stages = client.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert stages == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}


def test_the_same_value_under_a_new_token_is_a_new_version(client, canary: Canary) -> None:
    name = new_name()
    first = client.create_secret(Name=name, SecretString=canary.value())
    before = client.describe_secret(SecretId=name)["LastChangedDate"]
    second = client.update_secret(SecretId=name, SecretString=canary.value())
    assert second["VersionId"] != first["VersionId"]
    assert client.describe_secret(SecretId=name)["LastChangedDate"] > before


def test_metadata_alone_makes_no_version_and_moves_the_date_of_change(client, canary: Canary, key) -> None:
    name = new_name()
    client.create_secret(Name=name, SecretString=canary.value(), Description="old", Type="T", KmsKeyId=key["Alias"])
    before = client.describe_secret(SecretId=name)
    assert "VersionId" not in client.update_secret(SecretId=name, Description="new")
    after = client.describe_secret(SecretId=name)
    assert (after["Description"], after["Type"], after["KmsKeyId"]) == ("new", "T", key["Alias"])
    assert after["VersionIdsToStages"] == before["VersionIdsToStages"]
    assert after["LastChangedDate"] > before["LastChangedDate"]


def test_an_empty_description_or_key_is_shown_as_none(client, key) -> None:
    name = new_name()
    client.create_secret(Name=name, Description="old", KmsKeyId=key["Alias"])
    client.update_secret(SecretId=name, Description="", KmsKeyId="")
    assert {"Description", "KmsKeyId"}.isdisjoint(client.describe_secret(SecretId=name))


def test_a_known_token_is_a_success_with_the_same_value_and_refused_with_another(client, canary: Canary) -> None:
    name, token = new_name(), new_token()
    arn = client.create_secret(Name=name, SecretString=canary.value("1"), ClientRequestToken=token)["ARN"]
    again = client.update_secret(SecretId=name, SecretString=canary.value("1"), ClientRequestToken=token)
    assert again["VersionId"] == token
    with refused(token_used(token, arn)):
        client.update_secret(SecretId=name, SecretString=canary.value("2"), ClientRequestToken=token)
    assert client.describe_secret(SecretId=name)["VersionIdsToStages"] == {token: ["AWSCURRENT"]}


def test_a_raw_request_needs_a_token_only_with_a_value(detent: RunningDetent, canary: Canary) -> None:
    client, name = raw_client(detent), new_name()
    client.call("CreateSecret", {"Name": name})
    assert client.call("UpdateSecret", {"SecretId": name, "Description": "d"}).status == 200
    told = client.call("UpdateSecret", {"SecretId": name, "SecretString": canary.value()})
    assert told.error == ("InvalidRequestException", NO_TOKEN)
    told = client.call(
        "UpdateSecret", {"SecretId": name, "SecretString": canary.value(), "ClientRequestToken": "short"}
    )
    assert told.error == SHORT_TOKEN


def test_what_every_operation_on_a_secret_refuses_is_refused(client, canary: Canary) -> None:
    name = new_name()
    with refused(NOT_FOUND):
        client.update_secret(SecretId=name, Description="d")
    client.create_secret(Name=name)
    with refused(BOTH_VALUES):
        client.update_secret(SecretId=name, SecretString=canary.value(), SecretBinary=b"x")
    client.delete_secret(SecretId=name)
    with refused(MARKED):
        client.update_secret(SecretId=name, Description="d")


def test_a_version_of_the_default_key_and_of_another_key_are_told_apart(client, canary: Canary, key) -> None:
    name = new_name()
    client.create_secret(Name=name, SecretString=canary.value())
    (version,) = client.list_secret_version_ids(SecretId=name)["Versions"]
    assert version["KmsKeyIds"] == ["DefaultEncryptionKey"]
    client.update_secret(SecretId=name, KmsKeyId=key["ARN"])
    (version,) = client.list_secret_version_ids(SecretId=name)["Versions"]
    assert version["KmsKeyIds"] == [key["ARN"]]
