"""CreateSecret: B.1, C.1, C.7 of the API reference."""

import re
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import BAD_NAME, BOTH_VALUES, NO_TOKEN, SHORT_TOKEN, new_name, new_token, refused, token_used
from wire.raw import raw_client


def test_a_secret_with_a_value_has_a_version_named_by_the_token(client, canary: Canary) -> None:
    name, token = new_name(), new_token()
    made = client.create_secret(Name=name, SecretString=canary.value(), ClientRequestToken=token)
    assert (made["Name"], made["VersionId"]) == (name, token)
    assert re.fullmatch(
        rf"arn:aws:secretsmanager:us-east-1:000000000000:secret:{re.escape(name)}-[A-Za-z0-9]{{6}}", made["ARN"]
    )
    assert "ReplicationStatus" not in made


def test_a_secret_without_a_value_has_no_version(client) -> None:
    name = new_name()
    assert "VersionId" not in client.create_secret(Name=name)
    assert "VersionIdsToStages" not in client.describe_secret(SecretId=name)


def test_all_metadata_is_kept(client, key) -> None:
    name = new_name()
    tags = [{"Key": "b", "Value": "1"}, {"Key": "a", "Value": ""}]
    client.create_secret(Name=name, Description="what for", KmsKeyId=key["Alias"], Type="Kind", Tags=tags)
    described = client.describe_secret(SecretId=name)
    kept = {member: described[member] for member in ("Description", "KmsKeyId", "Type", "Tags")}
    assert kept == {"Description": "what for", "KmsKeyId": key["Alias"], "Type": "Kind", "Tags": tags}


@pytest.mark.parametrize("kind", ["SecretString", "SecretBinary"])
def test_a_version_holds_what_it_was_made_with(client, canary: Canary, kind: str) -> None:
    name = new_name()
    value = canary.value("ä\x00\n") if kind == "SecretString" else canary.value().encode() + bytes(range(256))
    client.create_secret(Name=name, **{kind: value})
    read = client.get_secret_value(SecretId=name)
    assert read[kind] == value
    assert {"SecretString", "SecretBinary"} & set(read) == {kind}


def test_the_same_token_and_value_again_is_the_same_success(client, canary: Canary) -> None:
    name, token = new_name(), new_token()
    asked = {"Name": name, "SecretString": canary.value(), "ClientRequestToken": token}
    first, second = client.create_secret(**asked), client.create_secret(**asked)
    for reply in (first, second):
        del reply["ResponseMetadata"]
    assert second == first
    assert len(client.list_secret_version_ids(SecretId=name)["Versions"]) == 1


def test_a_name_in_use_is_refused(client, canary: Canary) -> None:
    name, token = new_name(), new_token()
    arn = client.create_secret(Name=name, SecretString=canary.value(), ClientRequestToken=token)["ARN"]
    taken = ("ResourceExistsException", f"The operation failed because the secret {name} already exists.")
    with refused(taken):
        client.create_secret(Name=name, SecretString=canary.value())
    with refused(taken):
        client.create_secret(Name=name)
    with refused(token_used(token, arn)):
        client.create_secret(Name=name, SecretString=canary.value("2"), ClientRequestToken=token)
    with refused(token_used(token, arn)):  # text and binary of the same bytes are not the same value
        client.create_secret(Name=name, SecretBinary=canary.value().encode(), ClientRequestToken=token)


def test_a_name_scheduled_for_deletion_is_refused(client) -> None:
    name = new_name()
    client.create_secret(Name=name)
    client.delete_secret(SecretId=name)
    with refused(
        (
            "InvalidRequestException",
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
        )
    ):
        client.create_secret(Name=name)


def test_a_name_is_free_at_once_after_a_forced_deletion_and_gets_another_arn(client) -> None:
    name = new_name()
    first = client.create_secret(Name=name)["ARN"]
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    second = client.create_secret(Name=name)["ARN"]
    assert first != second
    assert first[:-6] == second[:-6]


@pytest.mark.parametrize("name", ["with space", "ünï", "a\nb", "a:b", "a#b", "a\\b", "a*", "{a}", "a\x00b", "a\n"])
def test_forbidden_characters_in_a_name_are_refused(client, name: str) -> None:
    with refused(BAD_NAME):
        client.create_secret(Name=name)


def test_every_permitted_character_is_admitted_and_case_matters(client) -> None:
    name = new_name("AZaz09/_+=.@-!")
    client.create_secret(Name=name)
    client.create_secret(Name=name.lower())
    client.create_secret(Name="n" * 512 if not _exists(client, "n" * 512) else new_name())
    assert client.describe_secret(SecretId=name)["Name"] == name


def _exists(client, name: str) -> bool:
    try:
        client.describe_secret(SecretId=name)
    except ClientError:
        return False
    return True


def test_both_kinds_of_value_are_refused(client, canary: Canary) -> None:
    with refused(BOTH_VALUES):
        client.create_secret(Name=new_name(), SecretString=canary.value(), SecretBinary=b"x")


@pytest.mark.parametrize("length", [1, 31, 65])
def test_a_token_of_a_wrong_length_is_refused(detent: RunningDetent, canary: Canary, length: int) -> None:
    told = raw_client(detent).call(
        "CreateSecret",
        {"Name": new_name(), "SecretString": canary.value(), "ClientRequestToken": "t" * length},
    )
    assert told.error == SHORT_TOKEN


@pytest.mark.parametrize("length", [32, 64])
def test_a_token_of_any_characters_becomes_the_version(client, canary: Canary, length: int) -> None:
    token = "terraform-".ljust(length, "0")
    made = client.create_secret(Name=new_name(), SecretString=canary.value(), ClientRequestToken=token)
    assert made["VersionId"] == token


def test_a_raw_request_with_a_value_needs_a_token_and_one_without_does_not(
    detent: RunningDetent, canary: Canary
) -> None:
    client = raw_client(detent)
    told = client.call("CreateSecret", {"Name": new_name(), "SecretString": canary.value()})
    assert told.error == ("InvalidRequestException", NO_TOKEN)
    assert client.call("CreateSecret", {"Name": new_name()}).status == 200


def test_whichever_replica_region_is_named_is_refused_and_nothing_is_made(client) -> None:
    name = new_name()
    with refused(("InvalidParameterException", "Invalid replica region.")):
        client.create_secret(Name=name, AddReplicaRegions=[{"Region": "us-east-1"}])
    assert not _exists(client, name)


def test_more_than_fifty_tags_are_refused_and_nothing_is_made(client) -> None:
    name = new_name()
    with refused(("InvalidParameterException", "A secret can have at most 50 tags.")):
        client.create_secret(Name=name, Tags=[{"Key": f"k{n}", "Value": ""} for n in range(51)])
    assert not _exists(client, name)
    client.create_secret(Name=name, Tags=[{"Key": f"k{n}", "Value": ""} for n in range(50)])


def test_an_empty_list_of_tags_is_as_good_as_none(client) -> None:
    name = new_name()
    client.create_secret(Name=name, Tags=[])
    assert "Tags" not in client.describe_secret(SecretId=name)


def test_dates_have_milliseconds(detent: RunningDetent, canary: Canary) -> None:
    raw, name = raw_client(detent), new_name()
    before = datetime.now(UTC).timestamp()
    raw.call("CreateSecret", {"Name": name, "SecretString": canary.value(), "ClientRequestToken": new_token()})
    told = raw.call("DescribeSecret", {"SecretId": name}).members
    assert told["CreatedDate"] == told["LastChangedDate"]
    assert before - 0.001 <= told["CreatedDate"] <= datetime.now(UTC).timestamp()
    assert round(told["CreatedDate"], 3) == told["CreatedDate"]
