"""How a SecretId is looked up (C.2), and in which order a request is checked (B.0)."""

import pytest

from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import BAD_NAME, NO_TOKEN, NOT_FOUND, constraint, new_name, new_token, not_shared, refused
from wire.raw import raw_client


def test_a_name_a_full_arn_and_a_partial_arn_all_mean_the_secret(client) -> None:
    name = new_name()
    arn = client.create_secret(Name=name)["ARN"]
    for meant in (name, arn, arn[:-7]):
        assert client.describe_secret(SecretId=meant)["ARN"] == arn


def test_an_arn_of_another_account_is_refused_as_if_the_secret_were_there(client) -> None:
    arn = client.create_secret(Name=new_name())["ARN"].replace("000000000000", "111111111111")
    with refused(not_shared("arn:aws:iam::000000000000:root", "secretsmanager:DescribeSecret", arn)):
        client.describe_secret(SecretId=arn)


def test_what_only_resembles_an_arn_matches_nothing(client) -> None:
    name = new_name()
    arn = client.create_secret(Name=name)["ARN"]
    suffix = arn[-6:]
    other = "AAAAAA" if suffix != "AAAAAA" else "BBBBBB"
    for wrong in (
        arn[:-6] + other,
        arn[:-6] + suffix.swapcase(),
        arn[:-1],
        arn[:-6],
        arn + "x",
        arn.replace("us-east-1", "eu-west-1"),
        arn.replace("arn:aws:", "arn:aws-cn:"),
        arn[:-7].replace("us-east-1", "eu-west-1"),
        arn[:-7].replace("arn:aws:", "arn:aws-cn:"),
        arn.replace(":secret:", ":other:"),
        f"{name}-{suffix}",
        "arn:",
        "arn:aws:s3:::bucket",
    ):
        with refused(NOT_FOUND):
            client.describe_secret(SecretId=wrong)


def test_a_name_that_ends_like_an_arn_never_matches_two_secrets(client) -> None:
    short = new_name()
    first = client.create_secret(Name=short)["ARN"]
    suffix = first[-6:]
    long = f"{short}-{suffix}"  # its partial ARN is the full ARN of the first
    second = client.create_secret(Name=long)["ARN"]
    assert client.describe_secret(SecretId=first)["Name"] == short
    assert client.describe_secret(SecretId=long)["ARN"] == second
    assert client.describe_secret(SecretId=second)["Name"] == long
    client.delete_secret(SecretId=short, ForceDeleteWithoutRecovery=True)
    assert client.describe_secret(SecretId=first)["Name"] == long  # now it is nothing but the partial one


def test_a_partial_arn_works_for_a_name_with_hyphen_and_six_characters(client) -> None:
    name = new_name("-abc123")
    arn = client.create_secret(Name=name)["ARN"]
    assert client.describe_secret(SecretId=arn[:-7])["ARN"] == arn


NAMED = [
    ("CancelRotateSecret", {}),
    ("DeleteSecret", {}),
    ("DeleteSecret", {"ForceDeleteWithoutRecovery": True}),
    ("DescribeSecret", {}),
    ("GetSecretValue", {}),
    ("ListSecretVersionIds", {}),
    ("PutSecretValue", {"SecretString": "x"}),
    ("PutSecretValue", {}),
    ("RestoreSecret", {}),
    ("RotateSecret", {}),
    ("TagResource", {"Tags": []}),
    ("UntagResource", {"TagKeys": []}),
    ("UpdateSecret", {"SecretString": "x"}),
    ("UpdateSecret", {}),
    ("UpdateSecretVersionStage", {"VersionStage": "X"}),
]


@pytest.mark.parametrize(("operation", "members"), NAMED)
def test_bad_characters_are_reported_before_anything_about_the_secret(
    detent: RunningDetent, operation: str, members
) -> None:
    for wrong in ("bad name", "näme", "a:b", "*", "a\n", "ARN:aws"):
        assert raw_client(detent).call(operation, {"SecretId": wrong, **members}).error == BAD_NAME


@pytest.mark.parametrize(("operation", "members"), NAMED)
def test_a_constraint_is_reported_before_bad_characters(detent: RunningDetent, operation: str, members) -> None:
    told = raw_client(detent).call(operation, {"SecretId": " " * 2049, **members})
    assert told.error == constraint(
        f"Value '{' ' * 2049}' at 'secretId' failed to satisfy constraint:"
        " Member must have length less than or equal to 2048"
    )


@pytest.mark.parametrize(("operation", "members"), NAMED)
def test_an_absent_secret_id_is_reported(detent: RunningDetent, operation: str, members) -> None:
    for absent in ({}, {"SecretId": None}):
        told = raw_client(detent).call(operation, {**absent, **members})
        assert told.error == constraint(
            "Value null at 'secretId' failed to satisfy constraint: Member must not be null"
        )


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("PutSecretValue", "InvalidRequestException"),
        ("UpdateSecret", "InvalidRequestException"),
        ("RotateSecret", "InvalidParameterException"),
    ],
)
def test_a_missing_token_is_reported_before_a_secret_that_is_not_there(
    detent: RunningDetent, canary: Canary, operation: str, code: str
) -> None:
    members = {} if operation == "RotateSecret" else {"SecretString": canary.value()}
    told = raw_client(detent).call(operation, {"SecretId": new_name(), **members})
    assert told.error == (code, NO_TOKEN)
    told = raw_client(detent).call(operation, {"SecretId": new_name(), "ClientRequestToken": new_token(), **members})
    assert told.error == NOT_FOUND
