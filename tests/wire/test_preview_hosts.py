"""PreviewSchedule names the host of a secret to whoever may read its value, and to nobody else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers.canary import Canary
from wire.accounts import Caller, allow, deny, document, root
from wire.premises import Premises, premises

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:quiet"
PREVIEW, READ = "detent:PreviewSchedule", "secretsmanager:GetSecretValue"


class Quiet:
    def run(self, *_: object) -> None:
        """Do nothing: no rotation is driven here."""


@pytest.fixture
def house(tmp_path: Path, canary: Canary) -> Iterator[Premises]:
    canary.folders.append(tmp_path)
    with premises(tmp_path / "data", {"quiet": Quiet()}) as found:
        yield found


@pytest.fixture
def owner(house: Premises) -> Caller:
    return root(house)


def rotating(owner: Caller, canary: Canary, name: str, **place: Any) -> None:
    value = {"engine": "postgres", "username": name, "password": canary.value(name), **place}
    owner.call("CreateSecret", Name=name, SecretString=json.dumps(value))
    rules = {"AutomaticallyAfterDays": 30}
    owner.call("RotateSecret", SecretId=name, RotationLambdaARN=FUNCTION, RotationRules=rules, RotateImmediately=False)


def hosts(caller: Caller, **asked: Any) -> dict[str, str | None]:
    return {one["Name"]: one.get("Host") for one in caller.own("PreviewSchedule", Days=60, **asked)["Windows"]}


def test_whoever_may_read_a_value_is_told_its_host(owner: Caller, canary: Canary) -> None:
    rotating(owner, canary, "ported", host="DB.example", port=5432)
    rotating(owner, canary, "plain", host="db.example")
    rotating(owner, canary, "six", host="::1", port="6432")
    assert hosts(owner) == {"ported": "db.example:5432", "plain": "db.example", "six": "[::1]:6432"}
    assert hosts(owner, SecretId="plain") == {"plain": "db.example"}


def test_whoever_may_not_is_told_the_names_alone(owner: Caller, canary: Canary) -> None:
    for name in ("read", "unread"):
        rotating(owner, canary, name, host="db.example", port=5432)
    nothing = owner.user("nothing", document(allow(PREVIEW)))
    assert hosts(nothing) == {"read": None, "unread": None}
    arn = owner.call("DescribeSecret", SecretId="read")["ARN"]
    one = owner.user("one", document(allow(PREVIEW), allow(READ, arn)))
    assert hosts(one) == {"read": "db.example:5432", "unread": None}
    described = owner.user("described", document(allow(PREVIEW), allow("secretsmanager:DescribeSecret")))
    assert hosts(described, SecretId="read") == {"read": None}


def test_the_secrets_own_policy_counts_as_for_reading(owner: Caller, canary: Canary) -> None:
    for name in ("granted", "denied"):
        rotating(owner, canary, name, host="db.example", port=5432)
    ann = owner.user("ann", document(allow(PREVIEW)))
    bob = owner.user("bob", document(allow(PREVIEW), allow(READ)))
    granted = document({**allow(READ), "Principal": {"AWS": ann.arn}})
    denied = document({**deny(READ), "Principal": {"AWS": bob.arn}})
    owner.call("PutResourcePolicy", SecretId="granted", ResourcePolicy=granted)
    owner.call("PutResourcePolicy", SecretId="denied", ResourcePolicy=denied)
    assert hosts(ann) == {"granted": "db.example:5432", "denied": None}
    assert hosts(bob) == {"granted": "db.example:5432", "denied": None}


@pytest.mark.parametrize(
    "host", ["app:hidden@db.example", "db.example/hidden", "db\x1b[31mhidden", "db hidden", "h" * 300]
)
def test_what_is_no_host_name_is_not_shown(owner: Caller, canary: Canary, host: str) -> None:
    rotating(owner, canary, "odd", host=host, port=5432)
    told = owner.own("PreviewSchedule", Days=60)["Windows"]
    assert [one.get("Host") for one in told] == [None] * len(told)
    assert all(one["Target"] for one in told)


@pytest.mark.parametrize("port", ["5432; hidden", True, 5.5, {"hidden": 1}, "x" * 9])
def test_what_is_no_port_is_not_shown(owner: Caller, canary: Canary, port: Any) -> None:
    rotating(owner, canary, "odd", host="db.example", port=port)
    assert set(hosts(owner).values()) == {None}


def test_a_value_that_does_not_open_hides_no_window(owner: Caller, canary: Canary) -> None:
    key = owner.own("CreateKey")["KeyId"]
    rotating(owner, canary, "locked", host="db.example")
    owner.call("UpdateSecret", SecretId="locked", KmsKeyId=key)
    owner.own("DisableKey", KeyId=key)
    assert hosts(owner) == {"locked": None}
