"""Sessions by STS: who may begin one, what narrows it, when it ends; the query protocol as SDKs speak it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree as ET

import boto3
import pytest
from botocore.exceptions import ClientError

import detent as package
from servers.canary import Canary
from servers.detent import RunningDetent
from wire.accounts import HERE, THERE, Caller, allow, deny, document, root, root_arn, trusting
from wire.premises import Premises, premises

GET = "secretsmanager:GetSecretValue"


@pytest.fixture
def house(tmp_path: Path, canary: Canary) -> Iterator[Premises]:
    canary.folders.append(tmp_path)
    with premises(tmp_path / "data") as found:
        canary.texts = found.client.told
        yield found


@pytest.fixture
def owner(house: Premises, canary: Canary) -> Caller:
    found = root(house)
    found.call("CreateSecret", Name="s", SecretString=canary.value())
    found.call("CreateSecret", Name="other", SecretString=canary.value("2"))
    return found


@pytest.fixture
def alice(owner: Caller) -> Caller:
    """A user without policies."""
    return owner.user("alice")


def error(caller: Caller, **members: str) -> tuple[int, str, str]:
    told = caller.query("AssumeRole", **{"RoleSessionName": "s1", **members})
    found = {one.tag.rpartition("}")[2]: one.text or "" for one in ET.fromstring(told.body).iter()}
    return told.status, found["Code"], found["Message"]


def denied(caller: Caller, role: str, action: str = "AssumeRole") -> tuple[int, str, str]:
    return 403, "AccessDenied", f"User: {caller.arn} is not authorized to perform: sts:{action} on resource: {role}"


def test_a_role_is_assumed_by_whom_it_trusts_by_name(owner: Caller, alice: Caller) -> None:
    role = owner.role("reader", trusting(alice.arn), document(allow(GET)))
    session = alice.assume(role)
    assert session.arn == f"arn:aws:sts::{HERE}:assumed-role/reader/s1"
    assert session.may("GetSecretValue", SecretId="s")
    assert not session.may("PutSecretValue", SecretId="s", SecretString="x")
    assert not alice.may("GetSecretValue", SecretId="s")


def test_a_role_that_trusts_its_account_takes_the_accounts_own_permission_too(owner: Caller, alice: Caller) -> None:
    role = owner.role("reader", trusting(HERE), document(allow(GET)))
    assert error(alice, RoleArn=role) == denied(alice, role)
    assert owner.user("bob", document(allow("sts:AssumeRole", role))).assume(role).may("GetSecretValue", SecretId="s")


def test_a_permission_without_the_roles_trust_is_not_enough(owner: Caller) -> None:
    role = owner.role("reader", trusting(owner.user("somebody").arn), document(allow()))
    powerful = owner.user("powerful", document(allow()))
    assert error(powerful, RoleArn=role) == denied(powerful, role)


def test_across_accounts_both_sides_must_allow(house: Premises, owner: Caller, canary: Canary) -> None:
    there = root(house, THERE)
    poor, rich = there.user("poor"), there.user("rich", document(allow("sts:AssumeRole")))
    closed, opened = owner.role("closed", trusting(HERE)), owner.role("open", trusting(THERE), document(allow(GET)))
    named = owner.role("named", trusting(poor.arn), document(allow(GET)))
    assert error(rich, RoleArn=closed) == denied(rich, closed)
    assert error(poor, RoleArn=opened) == denied(poor, opened)
    assert error(poor, RoleArn=named) == denied(poor, named)
    assert rich.assume(opened).call("GetSecretValue", SecretId="s")["SecretString"] == canary.value()


def test_an_explicit_deny_keeps_a_trusted_user_out(owner: Caller) -> None:
    barred = owner.user("barred", document(deny("sts:*")))
    role = owner.role("reader", trusting(barred.arn))
    assert error(barred, RoleArn=role) == denied(barred, role)


def test_a_role_that_is_not_there_is_refused_like_one_that_may_not_be_assumed(owner: Caller) -> None:
    powerful, missing = owner.user("powerful", document(allow())), f"arn:aws:iam::{HERE}:role/missing"
    assert error(powerful, RoleArn=missing) == denied(powerful, missing)


@pytest.mark.parametrize("name", ["Reader", "READER"])
def test_a_role_of_another_case_is_another_role(owner: Caller, name: str) -> None:
    powerful = owner.user("powerful", document(allow()))
    owner.role("reader", trusting(powerful.arn))
    other = f"arn:aws:iam::{HERE}:role/{name}"
    assert error(powerful, RoleArn=other) == denied(powerful, other)


def test_root_assumes_no_role(owner: Caller) -> None:
    role = owner.role("reader", trusting(root_arn(HERE)))
    assert error(owner, RoleArn=role) == (403, "AccessDenied", "Roles may not be assumed by root accounts.")


def test_a_session_policy_narrows_and_never_widens(owner: Caller, alice: Caller) -> None:
    secret = owner.call("DescribeSecret", SecretId="s")["ARN"]
    role = owner.role("reader", trusting(alice.arn), document(allow([GET, "secretsmanager:DescribeSecret"])))
    narrowed = alice.assume(role, Policy=document(allow("secretsmanager:*", secret)))
    assert narrowed.may("GetSecretValue", SecretId="s")
    assert not narrowed.may("PutSecretValue", SecretId="s", SecretString="x")
    code, message = narrowed.refusal("GetSecretValue", SecretId="other")
    assert (code, message.partition(" because ")[2]) == (
        "AccessDeniedException",
        f"no session policy allows the {GET} action",
    )
    denying = alice.assume(role, Policy=document(allow(), deny(GET)))
    assert denying.refusal("GetSecretValue", SecretId="s")[1].endswith("with an explicit deny in a session policy")


def test_policies_of_the_roles_account_narrow_by_their_arns(owner: Caller, alice: Caller) -> None:
    role = owner.role("reader", trusting(alice.arn), document(allow()))
    arn = owner.own("CreatePolicy", PolicyName="narrow", PolicyDocument=document(allow(GET)))["ARN"]
    session = alice.assume(role, **{"PolicyArns.member.1.arn": arn})
    assert session.may("GetSecretValue", SecretId="s")
    assert not session.may("DescribeSecret", SecretId="s")
    assert error(alice, RoleArn=role, **{"PolicyArns.member.1.arn": arn + "x"})[1] == "MalformedPolicyDocument"


def test_a_resources_allow_for_a_session_by_name_is_not_narrowed(owner: Caller, alice: Caller) -> None:
    role = owner.role("reader", trusting(alice.arn))
    session = alice.assume(role, "s1", Policy=document(allow("secretsmanager:DescribeSecret")))
    for principal, reaches in ((session.arn, True), (role, False), ("*", False)):
        policy = document({**allow(GET), "Principal": {"AWS": principal}})
        owner.call("PutResourcePolicy", SecretId="s", ResourcePolicy=policy)
        assert session.may("GetSecretValue", SecretId="s") is reaches
    assert alice.assume(role, "s2").may("GetSecretValue", SecretId="s")  # `*`, and nothing narrows this one


def test_tags_take_their_own_permission_and_are_handed_on_where_they_are_transitive(owner: Caller) -> None:
    trust = document({"Effect": "Allow", "Principal": {"AWS": HERE}, "Action": ["sts:AssumeRole", "sts:TagSession"]})
    by_team = document(allow(GET, Condition={"StringEquals": {"aws:PrincipalTag/team": "a"}}), allow("sts:AssumeRole"))
    first, second = owner.role("first", trust, by_team), owner.role("second", trust, by_team)
    untagging, tagging = owner.user("u", document(allow("sts:AssumeRole"))), owner.user("t", document(allow("sts:*")))
    tags = {"Tags.member.1.Key": "team", "Tags.member.1.Value": "a"}
    assert error(untagging, RoleArn=first, **tags) == denied(untagging, first, "TagSession")
    assert tagging.assume(first, **tags).may("GetSecretValue", SecretId="s")
    assert not tagging.assume(first, **tags).assume(second).may("GetSecretValue", SecretId="s")
    handing = tagging.assume(first, **tags, **{"TransitiveTagKeys.member.1": "team"})
    assert handing.assume(second).may("GetSecretValue", SecretId="s")
    assert error(handing, RoleArn=second, **{**tags, "Tags.member.1.Value": "b"})[:2] == (403, "AccessDenied")


@pytest.mark.parametrize(("given", "may"), [({"ExternalId": "abc"}, True), ({"ExternalId": "abd"}, False), ({}, False)])
def test_an_external_id_is_asked_for(owner: Caller, alice: Caller, given: dict[str, str], may: bool) -> None:
    role = owner.role("reader", trusting(alice.arn, Condition={"StringEquals": {"sts:ExternalId": "abc"}}))
    assert (alice.query("AssumeRole", RoleArn=role, RoleSessionName="s1", **given).status == 200) is may


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"DurationSeconds": "899"}, "ValidationError"),
        ({"DurationSeconds": "3601"}, "ValidationError"),
        ({"DurationSeconds": "x"}, "ValidationError"),
        ({"DurationSeconds": "9" * 400}, "ValidationError"),
        ({"RoleSessionName": "x"}, "ValidationError"),
        ({"RoleSessionName": "a b"}, "ValidationError"),
        ({"RoleSessionName": "a/b"}, "ValidationError"),
        ({"Policy": "{"}, "MalformedPolicyDocument"),
        (
            {"Policy": '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}'},
            "Malformed",
        ),
        ({"Tags.member.1": "x"}, "ValidationError"),
        ({"Tags.member.1.Value": "x"}, "ValidationError"),
        ({"Tags": "x"}, "ValidationError"),
        ({"TokenCode": "123456"}, "ValidationError"),
        ({"RoleArn": "arn:aws:iam::000000000000:user/alice"}, "ValidationError"),
        ({"RoleArn": f"arn:aws:iam::{HERE}:role/reader\n"}, "ValidationError"),
    ],
)
def test_what_makes_no_session_is_refused(owner: Caller, alice: Caller, members: dict[str, str], code: str) -> None:
    role = owner.role("reader", trusting(alice.arn))
    status, told, _ = error(alice, **{"RoleArn": role, **members})
    assert status == 400
    assert told.startswith(code)


def test_a_session_lasts_as_long_as_its_role_lets_it_and_an_hour_in_a_chain(house: Premises, owner: Caller) -> None:
    trust = trusting(HERE)
    user = owner.user("u", document(allow("sts:AssumeRole")))
    role = owner.role("long", trust, document(allow()), MaxSessionSeconds=43200)
    session = user.assume(role, DurationSeconds="43200")
    assert error(session, RoleArn=role, DurationSeconds="3601")[1:] == (
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    )
    house.clock.advance(hours=12, seconds=-1)
    assert session.may("GetSecretValue", SecretId="s")
    house.clock.advance(seconds=1)
    expired = ("ExpiredTokenException", "The security token included in the request is expired")
    assert session.refusal("GetSecretValue", SecretId="s") == expired
    assert error(session, RoleArn=role)[:2] == (403, "ExpiredToken")


def test_a_session_is_worth_nothing_without_its_own_token(owner: Caller, alice: Caller) -> None:
    role = owner.role("reader", trusting(alice.arn), document(allow()))
    one, other = alice.assume(role), alice.assume(role)
    for token in (None, other.client.session_token, "", "x"):
        one.client.session_token = token
        assert one.refusal("GetSecretValue", SecretId="s")[0] == "UnrecognizedClientException"
    alice.client.session_token = other.client.session_token
    assert alice.refusal("GetSecretValue", SecretId="s")[0] == "UnrecognizedClientException"


@pytest.mark.parametrize("ending", ["revoked", "role deleted", "policy detached"])
def test_a_session_ends_with_the_next_request(owner: Caller, alice: Caller, ending: str) -> None:
    role = owner.role("reader", trusting(alice.arn))
    owner.own("CreatePolicy", PolicyName="p", PolicyDocument=document(allow(GET)))
    owner.own("AttachPolicy", PolicyName="p", RoleName="reader")
    session = alice.assume(role)
    assert session.may("GetSecretValue", SecretId="s")
    if ending == "revoked":
        owner.own("RevokeSessions", RoleName="reader")
    elif ending == "role deleted":
        owner.own("DeleteRole", RoleName="reader")
    else:
        owner.own("DetachPolicy", PolicyName="p", RoleName="reader")
    code = session.refusal("GetSecretValue", SecretId="s")[0]
    assert code == ("AccessDeniedException" if ending == "policy detached" else "UnrecognizedClientException")


def test_a_user_gets_a_session_of_its_own(house: Premises, owner: Caller) -> None:
    user = owner.user("u", document(allow(GET)))
    told = user.query("GetSessionToken", DurationSeconds="900")
    found = {one.tag.rpartition("}")[2]: one.text or "" for one in ET.fromstring(told.body).iter()}
    user.client.access_key, user.client.secret_key = found["AccessKeyId"], found["SecretAccessKey"]
    user.client.session_token = found["SessionToken"]
    assert user.may("GetSecretValue", SecretId="s")
    again = ET.fromstring(user.query("GetSessionToken").body)
    assert "Cannot call GetSessionToken with session credentials" in ET.tostring(again).decode()
    house.clock.advance(minutes=15)
    assert user.refusal("GetSecretValue", SecretId="s")[0] == "ExpiredTokenException"


def test_what_is_given_out_is_not_in_the_audit_trail(house: Premises, owner: Caller, alice: Caller) -> None:
    session = alice.assume(owner.role("reader", trusting(alice.arn)))
    text = (house.house.folder.path / "audit.log").read_text()
    record = next(record for record in map(json.loads, text.splitlines()) if record["eventName"] == "AssumeRole")
    assert record["userIdentity"]["type"] == "IAMUser"
    assert record["userIdentity"]["userName"] == "alice"
    assert record["requestParameters"]["roleSessionName"] == "s1"
    assert record["responseElements"]["credentials"]["AccessKeyId"] == session.client.access_key
    for kept in (session.client.secret_key, session.client.session_token):
        assert str(kept) not in text


def test_boto3_assumes_a_role_and_reads_with_it(detent: RunningDetent, canary: Canary) -> None:
    access_key, secret_key = detent.credentials
    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key, "region_name": "us-east-1"}
    own, name = package.client(detent.endpoint, **keys), f"u{uuid4().hex}"
    user = own.create_user(UserName=name)
    role = own.create_role(RoleName=name, TrustPolicy=trusting(user["ARN"]))["ARN"]
    own.create_policy(PolicyName=name, PolicyDocument=document(allow(GET)))
    own.attach_policy(PolicyName=name, RoleName=name)
    key = own.create_access_key(UserName=name)
    made = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    sts = boto3.client("sts", endpoint_url=detent.endpoint, region_name="us-east-1", **made)
    assert sts.get_caller_identity()["UserId"] == user["UserId"]
    told = sts.assume_role(RoleArn=role, RoleSessionName="boto", DurationSeconds=900, Tags=[])
    assert told["AssumedRoleUser"]["Arn"].endswith(f":assumed-role/{name}/boto")
    given = told["Credentials"]
    session = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    secret = f"wire/{name}"
    detent.client().create_secret(Name=secret, SecretString=canary.value())
    reader = boto3.client("secretsmanager", endpoint_url=detent.endpoint, region_name="us-east-1", **session)
    assert reader.get_secret_value(SecretId=secret)["SecretString"] == canary.value()
    own.delete_role(RoleName=name)
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        reader.get_secret_value(SecretId=secret)
    taken: Any = sts.get_session_token(DurationSeconds=900)["Credentials"]
    assert taken["AccessKeyId"].startswith("ASIA")
