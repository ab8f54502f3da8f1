"""Names and ids that look alike: each reaches exactly its own secret, or none (C.1, C.2)."""

import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import BAD_NAME, NOT_FOUND, new_name, not_shared, refused
from wire.raw import RawClient, raw_client

ROOT = "arn:aws:iam::000000000000:root"
# Names that some normalisation or path handling would take for one another; each is a secret of its own here.
ALIKE = (
    "a/b",
    "A/B",
    "a/B",
    "a//b",
    "a/./b",
    "a/../a/b",
    "a/b/",
    "/a/b",
    "a/b.",
    "a.b",
    "a_b",
    "a-b",
    "a+b",
    "a=b",
    "a@b",
    "a!b",
    "a/b-AbCdEf",
    "a/b-AbCdEf-AbCdEf",
)
CYRILLIC_A, FULLWIDTH_A, COMBINING = "\u0430", "\uff41", "a\u0301"
NO_NAMES = (
    f"{CYRILLIC_A}/b",
    f"{FULLWIDTH_A}/b",
    f"{COMBINING}/b",
    unicodedata.normalize("NFC", f"{COMBINING}/b"),
    "a%2Fb",
    "a%2fb",
    "a\\b",
    "a b",
    " a/b",
    "a/b ",
    "a/b\t",
    "a/b\n",
    "a\u200b/b",
    "a\u2215b",
    "a\u2044b",
    "a/b\u0000",
    "\ufeffa/b",
    "a*b",
    "a?b",
    "arn",
)


@pytest.fixture(scope="module")
def made(shared_detent: RunningDetent) -> Iterator[dict[str, str]]:
    """Each name's ARN; the value of each is its own name."""
    client, prefix = shared_detent.client(), new_name("/")
    arns = {prefix + name: client.create_secret(Name=prefix + name, SecretString=name)["ARN"] for name in ALIKE}
    yield arns
    for arn in arns.values():
        client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def test_each_name_reaches_its_own_secret(client, made: dict[str, str]) -> None:
    for name, arn in made.items():
        read = client.get_secret_value(SecretId=name)
        assert (read["ARN"], read["Name"]) == (arn, name)
        assert name.endswith(read["SecretString"])


def test_each_arn_reaches_its_own_secret_with_and_without_its_suffix(client, made: dict[str, str]) -> None:
    for name, arn in made.items():
        assert client.describe_secret(SecretId=arn)["Name"] == name
        assert client.describe_secret(SecretId=arn[:-7])["Name"] == name


def test_each_write_reaches_its_own_secret(client, made: dict[str, str]) -> None:
    for name, arn in made.items():
        client.update_secret(SecretId=arn, Description=f"of {name}")
        client.tag_resource(SecretId=name, Tags=[{"Key": "name", "Value": "x"}])
    for name, arn in made.items():
        described = client.describe_secret(SecretId=arn)
        assert (described["Name"], described["Description"]) == (name, f"of {name}")


@pytest.mark.parametrize("look", NO_NAMES, ids=ascii)
def test_what_only_looks_like_a_name_reaches_nothing(client, raw: RawClient, made: dict[str, str], look: str) -> None:
    prefix = next(iter(made)).removesuffix(ALIKE[0])
    for operation in ("GetSecretValue", "DescribeSecret", "DeleteSecret", "RestoreSecret"):
        assert raw.call(operation, {"SecretId": prefix + look}).error in {BAD_NAME, NOT_FOUND}
    told = raw.call("PutSecretValue", {"SecretId": prefix + look, "SecretString": "x", "ClientRequestToken": "t" * 32})
    assert told.error in {BAD_NAME, NOT_FOUND}
    arn = made[prefix + ALIKE[0]].replace("a/b", look)
    assert raw.call("GetSecretValue", {"SecretId": arn}).error == NOT_FOUND
    for name in made:
        assert name.endswith(client.get_secret_value(SecretId=name)["SecretString"])


@pytest.mark.parametrize("look", NO_NAMES[:-1], ids=ascii)  # the last is a name, only none that was given
def test_what_only_looks_like_a_name_names_no_new_secret(raw: RawClient, look: str) -> None:
    assert raw.call("CreateSecret", {"Name": new_name() + look, "ClientRequestToken": "t" * 32}).error == BAD_NAME


def test_each_value_written_through_a_partial_arn_reaches_its_own_secret(client, canary: Canary) -> None:
    prefix = new_name("/")
    arns = {name: client.create_secret(Name=prefix + name)["ARN"] for name in ALIKE}
    for name, arn in arns.items():
        client.put_secret_value(SecretId=arn[:-7], SecretString=canary.value(name))
    for name, arn in arns.items():
        assert client.get_secret_value(SecretId=arn)["SecretString"] == canary.value(name)


@pytest.fixture
def raw(detent: RunningDetent) -> RawClient:
    return raw_client(detent)


def changed(arn: str) -> Iterator[str]:
    """The ARN with one part changed."""
    parts = arn.split(":", 6)
    for at, others in {
        0: ["ARN", "arn "],
        1: ["aws-cn", "AWS", "*"],
        2: ["SecretsManager", "ssm", "*"],
        3: ["eu-west-1", "US-EAST-1", "*", ""],
        4: ["111111111111", "*", ""],
        5: ["Secret", "*"],
        6: [parts[6].swapcase(), f"{parts[6]}x", parts[6][:-1], f"{parts[6][:-6]}??????", "*", f"{parts[6]}:x"],
    }.items():
        for other in others:
            yield ":".join([*parts[:at], other, *parts[at + 1 :]])


def test_an_arn_with_any_part_changed_reaches_nothing(client, raw: RawClient, canary: Canary) -> None:
    arn = client.create_secret(Name=new_name("Aa"), SecretString=canary.value())["ARN"]
    for other in changed(arn):
        for operation in ("GetSecretValue", "DeleteSecret", "PutSecretValue", "UpdateSecret", "CancelRotateSecret"):
            value = {"SecretString": "x", "ClientRequestToken": "t" * 32} if operation[0] in "PU" else {}
            told = raw.call(operation, {"SecretId": other, **value})
            assert told.status == 400, other
            elsewhere = not_shared(ROOT, f"secretsmanager:{operation}", other)  # as if it were another account's secret
            assert told.error in {NOT_FOUND, BAD_NAME, elsewhere}, other
            assert told.error != elsewhere or other.split(":")[4] != arn.split(":")[4]
    assert client.get_secret_value(SecretId=arn)["SecretString"] == canary.value()


def test_a_partial_arn_never_reaches_a_longer_name(client, canary: Canary) -> None:
    name = new_name()
    longer = client.create_secret(Name=f"{name}-AbCdEf", SecretString=canary.value())["ARN"]
    partial = longer.rpartition("-")[0].rpartition("-")[0]
    with refused(NOT_FOUND):
        client.get_secret_value(SecretId=partial)
    own = client.create_secret(Name=name, SecretString=canary.value())["ARN"]
    assert client.describe_secret(SecretId=partial)["ARN"] == own
    assert client.describe_secret(SecretId=longer.rpartition("-")[0])["ARN"] == longer


def test_a_replica_and_its_primary_are_never_taken_for_each_other(detent: RunningDetent, client) -> None:
    arn = client.create_secret(Name=new_name(), AddReplicaRegions=[{"Region": "eu-west-2"}])["ARN"]
    there: Any = detent.client(region_name="eu-west-2")
    for side, other in ((client, arn.replace("us-east-1", "eu-west-2")), (there, arn)):
        for given in (other, other[:-7]):
            for call in (side.describe_secret, side.get_secret_value, side.delete_secret, side.cancel_rotate_secret):
                with pytest.raises(ClientError) as caught:
                    call(SecretId=given)
                assert caught.value.response["Error"]["Code"] == NOT_FOUND[0]
