"""The condition keys of G.2 and IAM's global ones: each decides over the wire, present and absent."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from servers.canary import Canary
from wire.accounts import HERE, Caller, allow, document, root
from wire.premises import Premises, premises

MOMENT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FUNCTION = f"arn:aws:lambda:us-east-1:{HERE}:function:idle"
EVERYWHERE = {"Region": "eu-west-1"}
TAG = [{"Key": "Team", "Value": "a"}]
NUMBER = itertools.count()
GET, CREATE, DELETE, ROTATE = "GetSecretValue", "CreateSecret", "DeleteSecret", "RotateSecret"


class Idle:
    def run(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    with premises(tmp_path_factory.mktemp("conditions") / "data", {"idle": Idle()}, MOMENT) as found:
        yield found


@pytest.fixture(scope="module")
def owner(house: Premises) -> Caller:
    return root(house)


@pytest.fixture
def when(owner: Caller) -> Callable[..., Caller]:
    """Make a user who may do everything, but the one action only under a condition."""

    def made(operation: str, operator: str, key: str, value: Any) -> Caller:
        action = f"secretsmanager:{operation}"
        others = {"Effect": "Allow", "NotAction": action, "Resource": "*"}
        conditioned = allow(action, Condition={operator: {key: value}})
        return owner.user(f"u{next(NUMBER)}", document(others, conditioned))

    return made


@pytest.fixture
def secret(owner: Caller, canary: Canary) -> str:
    made = owner.call(CREATE, Name=f"s{next(NUMBER)}", SecretString=canary.value(), Tags=TAG, Description="d", Type="T")
    return str(made["ARN"])


# operation, members, operator, key, value that holds, value that does not
SENT: list[tuple[str, dict[str, Any], str, str, Any, Any]] = [
    (GET, {"VersionStage": "AWSCURRENT"}, "StringEquals", "secretsmanager:VersionStage", "AWSCURRENT", "AWSPENDING"),
    (GET, {"VersionStage": "AWSCURRENT"}, "StringEquals", "SecretsManager:versionstage", "AWSCURRENT", "awscurrent"),
    (GET, {"VersionId": "v" * 32}, "StringEquals", "secretsmanager:VersionId", "v" * 32, "w" * 32),
    (
        "UpdateSecretVersionStage",
        {"VersionStage": "mine", "RemoveFromVersionId": "v" * 32},
        "StringLike",
        "secretsmanager:VersionStage",
        "mi*",
        "AWS*",
    ),
    (
        DELETE,
        {"RecoveryWindowInDays": 7},
        "NumericLessThan",
        "secretsmanager:RecoveryWindowInDays",
        "8",
        "7",
    ),
    (
        DELETE,
        {"ForceDeleteWithoutRecovery": False},
        "Bool",
        "secretsmanager:ForceDeleteWithoutRecovery",
        "false",
        "true",
    ),
    ("PutResourcePolicy", {"BlockPublicPolicy": True}, "Bool", "secretsmanager:BlockPublicPolicy", "true", "false"),
    (ROTATE, {"RotationLambdaARN": FUNCTION}, "ArnLike", "secretsmanager:RotationLambdaARN", FUNCTION, FUNCTION + "x"),
    (ROTATE, {"RotateImmediately": False}, "Bool", "secretsmanager:RotateImmediately", "false", "true"),
    (
        ROTATE,
        {"RotationRules": {"AutomaticallyAfterDays": 3}},
        "Bool",
        "secretsmanager:ModifyRotationRules",
        "true",
        "false",
    ),
    (
        ROTATE,
        {"ExternalSecretRotationRoleArn": f"arn:aws:iam::{HERE}:role/external"},
        "ArnEquals",
        "secretsmanager:ExternalSecretRotationRoleArn",
        f"arn:aws:iam::{HERE}:role/external",
        f"arn:aws:iam::{HERE}:role/other",
    ),
    (
        "ReplicateSecretToRegions",
        {"AddReplicaRegions": [EVERYWHERE]},
        "ForAllValues:StringEquals",
        "secretsmanager:AddReplicaRegions",
        "eu-west-1",
        "us-west-2",
    ),
    (
        "ReplicateSecretToRegions",
        {"AddReplicaRegions": [EVERYWHERE], "ForceOverwriteReplicaSecret": True},
        "Bool",
        "secretsmanager:ForceOverwriteReplicaSecret",
        "true",
        "false",
    ),
    ("TagResource", {"Tags": TAG}, "StringEquals", "aws:RequestTag/team", "a", "b"),
    ("TagResource", {"Tags": TAG}, "ForAnyValue:StringEquals", "aws:TagKeys", "Team", "team"),
    ("UntagResource", {"TagKeys": ["Team"]}, "ForAllValues:StringEquals", "aws:TagKeys", ["Team"], ["Other"]),
    ("UpdateSecret", {"Description": "new"}, "StringEquals", "secretsmanager:Description", "new", "old"),
    ("UpdateSecret", {"Type": "new"}, "StringEquals", "secretsmanager:Type", "new", "T"),
]


@pytest.mark.parametrize(("operation", "members", "operator", "key", "holds", "fails"), SENT)
def test_what_the_caller_sends_is_compared(
    when: Callable[..., Caller],
    secret: str,
    *,
    operation: str,
    members: Mapping[str, Any],
    operator: str,
    key: str,
    holds: Any,
    fails: Any,
) -> None:
    more = {"ResourcePolicy": document()} if operation == "PutResourcePolicy" else {}
    asked = {**members, **more, "SecretId": secret}
    assert not when(operation, operator, key, fails).may(operation, **asked)
    assert when(operation, operator, key, holds).may(operation, **asked)


@pytest.mark.parametrize(("operation", "members", "operator", "key", "holds", "_fails"), SENT)
def test_what_the_caller_does_not_send_is_absent(
    when: Callable[..., Caller],
    secret: str,
    *,
    operation: str,
    members: Mapping[str, Any],
    operator: str,
    key: str,
    holds: Any,
    _fails: Any,
) -> None:
    if operation in {"TagResource", "UntagResource", "ReplicateSecretToRegions", "UpdateSecretVersionStage"}:
        members = {**members, "ForceOverwriteReplicaSecret": None}
        if "Force" not in key:
            return _is_absent_on_another(when, secret, operator, key, holds)
    sent = {"ResourcePolicy": document()} if operation == "PutResourcePolicy" else {}
    if operation == "ReplicateSecretToRegions":
        sent = {"AddReplicaRegions": [EVERYWHERE]}
    assert not when(operation, operator, key, holds).may(operation, SecretId=secret, **sent)
    if_exists = when(operation, f"{operator}IfExists", key, holds)
    assert if_exists.may(operation, SecretId=secret, **sent)
    return None


def _is_absent_on_another(when: Callable[..., Caller], secret: str, operator: str, key: str, holds: Any) -> None:
    """Its parameter is required: DescribeSecret has none like it."""
    allowed = when("DescribeSecret", operator, key, holds).may("DescribeSecret", SecretId=secret)
    assert allowed is operator.startswith("ForAllValues")  # AWS: true when there is no value at all


CREATED: list[tuple[dict[str, Any], str, str, Any, Any]] = [
    ({}, "StringLike", "secretsmanager:Name", "made-*", "other-*"),
    ({"Description": "x"}, "StringEquals", "secretsmanager:Description", "x", "y"),
    ({"Type": "x"}, "StringEquals", "secretsmanager:Type", "x", "y"),
    ({"Tags": TAG}, "StringEquals", "aws:RequestTag/Team", "a", "b"),
    ({"Tags": TAG}, "ForAllValues:StringEquals", "aws:TagKeys", ["Team"], ["Other"]),
    (
        {"AddReplicaRegions": [EVERYWHERE]},
        "ForAnyValue:StringEquals",
        "secretsmanager:AddReplicaRegions",
        "eu-west-1",
        "us-west-2",
    ),
    (
        {"AddReplicaRegions": [EVERYWHERE], "ForceOverwriteReplicaSecret": True},
        "Bool",
        "secretsmanager:ForceOverwriteReplicaSecret",
        "true",
        "false",
    ),
]


@pytest.mark.parametrize(("members", "operator", "key", "holds", "fails"), CREATED)
def test_what_a_new_secret_is_made_with_is_compared(
    when: Callable[..., Caller], *, members: Mapping[str, Any], operator: str, key: str, holds: Any, fails: Any
) -> None:
    assert not when(CREATE, operator, key, fails).may(CREATE, Name=f"made-{next(NUMBER)}", **members)
    when(CREATE, operator, key, holds).call(CREATE, Name=f"made-{next(NUMBER)}", **members)


@pytest.mark.parametrize("operation", [CREATE, "UpdateSecret"])
def test_a_key_is_compared_by_its_arn_however_it_is_named(
    owner: Caller, when: Callable[..., Caller], secret: str, operation: str
) -> None:
    key = owner.own("CreateKey", Alias=f"alias/k{next(NUMBER)}")
    for named in (key["KeyId"], key["Alias"], key["ARN"]):
        on = {"SecretId": secret} if operation == "UpdateSecret" else {"Name": f"made-{next(NUMBER)}"}
        asked = {**on, "KmsKeyId": named}
        held = when(operation, "ArnEquals", "secretsmanager:KmsKeyArn", key["ARN"])
        assert held.may(operation, **asked)
        assert not when(operation, "ArnEquals", "secretsmanager:KmsKeyArn", key["ARN"] + "x").may(operation, **asked)
        assert when(operation, "StringEquals", "secretsmanager:KmsKeyId", named).may(operation, **asked)
        without = {**on, "KmsKeyId": None}
        assert not held.may(operation, **without)


OF_SECRET: list[tuple[str, str, Any, Any]] = [
    ("StringEquals", "aws:ResourceTag/Team", "a", "b"),
    ("StringEquals", "secretsmanager:ResourceTag/team", "a", "A"),
    ("StringEquals", "secretsmanager:resource/Type", "T", "t"),
    ("Null", "secretsmanager:resource/AllowRotationLambdaArn", "true", "false"),
    ("Null", "secretsmanager:SecretPrimaryRegion", "true", "false"),
    ("StringEquals", "aws:ResourceAccount", HERE, "1" * 12),
    ("StringEquals", "aws:RequestedRegion", "us-east-1", "eu-west-1"),
    ("StringEquals", "aws:PrincipalAccount", HERE, "1" * 12),
    ("StringEquals", "aws:PrincipalType", "User", "Account"),
    ("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{HERE}:user/u*", f"arn:aws:iam::{HERE}:role/*"),
    ("StringLike", "aws:username", "u*", "U*"),
    ("StringLike", "aws:userid", "AIDA*", "AROA*"),
    ("IpAddress", "aws:SourceIp", "127.0.0.0/8", "192.0.2.0/24"),
    ("Bool", "aws:SecureTransport", "false", "true"),
    ("DateLessThan", "aws:CurrentTime", "2026-03-10T12:00:01Z", "2026-03-10T12:00:00Z"),
    ("NumericGreaterThan", "aws:EpochTime", "1773143999", "1773144000"),
    ("Null", "aws:TokenIssueTime", "true", "false"),
    ("Null", "aws:MultiFactorAuthPresent", "true", "false"),
    ("Bool", "aws:PrincipalIsAWSService", "false", "true"),
    ("Null", "aws:SourceVpc", "true", "false"),
]


@pytest.mark.parametrize(("operator", "key", "holds", "fails"), OF_SECRET)
def test_what_is_so_is_compared(
    when: Callable[..., Caller], secret: str, *, operator: str, key: str, holds: Any, fails: Any
) -> None:
    assert not when(GET, operator, key, fails).may(GET, SecretId=secret)
    assert when(GET, operator, key, holds).may(GET, SecretId=secret)


def test_a_secrets_arn_is_compared_however_it_was_asked_for(when: Callable[..., Caller], secret: str) -> None:
    name = secret.rpartition(":")[2][:-7]
    held = when(GET, "ArnEquals", "secretsmanager:SecretId", secret)
    missed = when(GET, "ArnEquals", "secretsmanager:SecretId", secret + "x")
    for asked in (secret, secret[:-7], name):
        assert held.may(GET, SecretId=asked)
        assert not missed.may(GET, SecretId=asked)


def test_the_function_of_a_secret_that_rotates_is_compared(
    owner: Caller, when: Callable[..., Caller], secret: str
) -> None:
    held = when(GET, "ArnEquals", "secretsmanager:resource/AllowRotationLambdaArn", FUNCTION)
    assert not held.may(GET, SecretId=secret)
    owner.call(ROTATE, SecretId=secret, RotationLambdaARN=FUNCTION, RotateImmediately=False)
    assert held.may(GET, SecretId=secret)
    owner.call("CancelRotateSecret", SecretId=secret)
    assert not held.may(GET, SecretId=secret)


def test_the_primary_region_of_a_secret_in_several_is_compared(
    owner: Caller, when: Callable[..., Caller], secret: str
) -> None:
    held = when(GET, "StringEquals", "secretsmanager:SecretPrimaryRegion", "us-east-1")
    assert not held.may(GET, SecretId=secret)
    owner.call("ReplicateSecretToRegions", SecretId=secret, AddReplicaRegions=[EVERYWHERE])
    assert held.may(GET, SecretId=secret)


def test_a_principals_tags_and_name_stand_for_variables(owner: Caller, canary: Canary) -> None:
    mine = f"arn:aws:secretsmanager:us-east-1:{HERE}:secret:home/${{aws:username}}/*"
    same_team = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    reader = owner.user("home-owner", document(allow(f"secretsmanager:{GET}", mine)))
    for name in ("home/home-owner/x", "home/other/x"):
        owner.call(CREATE, Name=name, SecretString=canary.value())
    assert reader.may(GET, SecretId="home/home-owner/x")
    assert not reader.may(GET, SecretId="home/other/x")
    member = owner.user("member", document(allow(f"secretsmanager:{GET}", Condition=same_team)))
    owner.call(CREATE, Name="team-a", SecretString=canary.value(), Tags=[{"Key": "team", "Value": "a"}])
    owner.call(CREATE, Name="no-team", SecretString=canary.value())
    assert not member.may(GET, SecretId="team-a")
    owner.own("UpdateUser", UserName="member", Tags=[{"Key": "team", "Value": "a"}])
    assert member.may(GET, SecretId="team-a")
    assert not member.may(GET, SecretId="no-team")
    owner.own("UpdateUser", UserName="member", Tags=[{"Key": "team", "Value": "*"}])
    assert not member.may(GET, SecretId="team-a")


def test_a_session_is_told_apart_by_its_keys(owner: Caller, canary: Canary) -> None:
    owner.call(CREATE, Name="for-sessions", SecretString=canary.value())
    conditions = {
        "ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{HERE}:role/by-role"},
        "StringLike": {"aws:userid": "AROA*:s1"},
        "StringEquals": {"aws:PrincipalType": "AssumedRole", "aws:PrincipalTag/team": "a"},
        "DateGreaterThan": {"aws:TokenIssueTime": "2026-01-01T00:00:00Z"},
        "Bool": {"aws:MultiFactorAuthPresent": "false"},
        "Null": {"aws:username": "true"},
    }
    trust = document({"Effect": "Allow", "Principal": {"AWS": HERE}, "Action": ["sts:AssumeRole", "sts:TagSession"]})
    role = owner.role("by-role", trust, document(allow(f"secretsmanager:{GET}", Condition=conditions)))
    user = owner.user("assumes", document(allow("sts:*")))
    tags = {"Tags.member.1.Key": "team", "Tags.member.1.Value": "a"}
    assert user.assume(role, "s1", **tags).may(GET, SecretId="for-sessions")
    assert not user.assume(role, "s2", **tags).may(GET, SecretId="for-sessions")
    assert not user.assume(role, "s1").may(GET, SecretId="for-sessions")


def test_no_header_is_believed_about_where_a_call_comes_from(when: Callable[..., Caller], secret: str) -> None:
    told = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "Forwarded": "for=192.0.2.1;proto=https"}
    for operator, key, value in (
        ("IpAddress", "aws:SourceIp", "192.0.2.0/24"),
        ("Bool", "aws:SecureTransport", "true"),
    ):
        caller = when(GET, operator, key, value)
        caller.client.service = "secretsmanager"
        body = f'{{"SecretId": "{secret}"}}'.encode()
        headers = caller.client.signed(f"secretsmanager.{GET}", body, at=caller.client.clock.now(), extra=told)
        assert caller.client.send(headers, body).error[0] == "AccessDeniedException"
