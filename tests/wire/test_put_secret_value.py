"""PutSecretValue: B.2, C.6 and C.7 of the API reference."""

import pytest

from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import (
    BOTH_VALUES,
    MARKED,
    NO_TOKEN,
    NO_VALUE,
    NOT_FOUND,
    SHORT_TOKEN,
    new_name,
    new_token,
    refused,
    token_used,
)
from wire.raw import raw_client


def test_a_reply_has_the_new_version_and_its_labels(client, canary: Canary) -> None:
    name, token = new_name(), new_token()
    arn = client.create_secret(Name=name)["ARN"]
    put = client.put_secret_value(
        SecretId=name, SecretString=canary.value(), ClientRequestToken=token, VersionStages=["X", "B"]
    )
    del put["ResponseMetadata"]
    assert put == {"ARN": arn, "Name": name, "VersionId": token, "VersionStages": ["AWSCURRENT", "B", "X"]}


def test_the_same_token_and_value_again_changes_nothing(client, canary: Canary) -> None:
    name, token = new_name(), new_token()
    client.create_secret(Name=name, SecretString=canary.value("1"))
    asked = {"SecretId": name, "SecretString": canary.value("2"), "ClientRequestToken": token}
    client.put_secret_value(**asked)
    client.put_secret_value(SecretId=name, SecretString=canary.value("3"))
    before = client.describe_secret(SecretId=name)
    again = client.put_secret_value(**asked, VersionStages=["OTHER"])
    after = client.describe_secret(SecretId=name)
    assert (again["VersionId"], again["VersionStages"]) == (token, ["AWSPREVIOUS"])
    for described in (before, after):
        del described["ResponseMetadata"]
    assert after == before


@pytest.mark.parametrize("other", [{"SecretString": "other "}, {"SecretBinary": b"same"}])
def test_the_same_token_with_another_value_is_refused(client, canary: Canary, other) -> None:
    name, token = new_name(), new_token()
    arn = client.create_secret(Name=name, SecretString=canary.value("same"), ClientRequestToken=token)["ARN"]
    with refused(token_used(token, arn)):
        client.put_secret_value(SecretId=name, ClientRequestToken=token, **other)


@pytest.mark.parametrize("value", [{}, {"SecretString": ""}, {"SecretBinary": ""}, {"SecretString": None}])
def test_no_value_is_refused(detent: RunningDetent, client, value) -> None:
    name = new_name()
    client.create_secret(Name=name)
    told = raw_client(detent).call("PutSecretValue", {"SecretId": name, "ClientRequestToken": new_token(), **value})
    assert told.error == NO_VALUE


def test_both_kinds_of_value_are_refused(client, canary: Canary) -> None:
    name = new_name()
    client.create_secret(Name=name)
    with refused(BOTH_VALUES):
        client.put_secret_value(SecretId=name, SecretString=canary.value(), SecretBinary=b"x")


def test_a_raw_request_needs_a_token_even_for_a_secret_that_is_not_there(detent: RunningDetent, canary: Canary) -> None:
    asked = {"SecretId": new_name(), "SecretString": canary.value()}
    assert raw_client(detent).call("PutSecretValue", asked).error == ("InvalidRequestException", NO_TOKEN)
    asked["ClientRequestToken"] = "short"
    assert raw_client(detent).call("PutSecretValue", asked).error == SHORT_TOKEN


def test_a_secret_that_is_not_there_is_not_found(client, canary: Canary) -> None:
    with refused(NOT_FOUND):
        client.put_secret_value(SecretId=new_name(), SecretString=canary.value())


def test_a_secret_marked_for_deletion_takes_no_value(client, canary: Canary) -> None:
    name = new_name()
    client.create_secret(Name=name)
    client.delete_secret(SecretId=name)
    with refused(MARKED):
        client.put_secret_value(SecretId=name, SecretString=canary.value())


def test_a_rotation_token_that_nobody_was_given_is_refused(client, canary: Canary) -> None:
    name = new_name()
    client.create_secret(Name=name)
    with refused(
        (
            "InvalidParameterException",
            "The RotationToken is not valid: it belongs to another rotation, or its step has ended.",
        )
    ):
        client.put_secret_value(SecretId=name, SecretString=canary.value(), RotationToken="a" * 36)


def test_more_than_twenty_labels_over_all_versions_are_refused(client, canary: Canary) -> None:
    name = new_name()
    client.create_secret(Name=name, SecretString=canary.value("1"))
    client.put_secret_value(SecretId=name, SecretString=canary.value("2"), VersionStages=[f"L{n}" for n in range(19)])
    with refused(("LimitExceededException", "A secret can have at most 20 staging labels over all its versions.")):
        client.put_secret_value(SecretId=name, SecretString=canary.value("3"), VersionStages=["ONE-MORE"])
    assert len(client.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]) == 2


@pytest.mark.parametrize(
    "value",
    [{"SecretString": "x" * 65536}, {"SecretString": "ä" * 32768}, {"SecretBinary": b"\x00" * 65536}],
    ids=["text", "multi-byte", "binary"],
)
def test_a_value_of_exactly_the_largest_size_is_stored(client, value) -> None:
    name = new_name()
    client.create_secret(Name=name)
    client.put_secret_value(SecretId=name, **value)
    read = client.get_secret_value(SecretId=name)
    assert {kind: read[kind] for kind in value} == value


@pytest.mark.parametrize("operation", ["create_secret", "put_secret_value", "update_secret"])
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("SecretString", "x" * 70000),
        ("SecretString", "x" * 65537),
        ("SecretString", "ä" * 35000),
        ("SecretString", "ä" * 32800),
        ("SecretBinary", b"\x00" * 70000),
        ("SecretBinary", b"\x00" * 65537),
    ],
    ids=["text", "text by one", "multi-byte", "multi-byte by little", "binary", "binary by one"],
)
def test_a_value_that_is_too_large_is_refused_and_not_shown(
    client, canary: Canary, operation: str, member: str, value: str | bytes
) -> None:
    name = new_name()
    marked = canary.value() if isinstance(value, str) else canary.value().encode()
    value = marked + value[len(marked) :]
    named = {"Name": name} if operation == "create_secret" else {"SecretId": name}
    if operation != "create_secret":
        client.create_secret(Name=name)
    path = member[:1].lower() + member[1:]
    with refused(
        (
            "ValidationException",
            (
                f"1 validation error detected: Value at '{path}' failed to satisfy constraint:"
                " Member must have length less than or equal to 65536"
            ),
        )
    ):
        getattr(client, operation)(**named, **{member: value})
