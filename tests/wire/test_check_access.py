"""CheckAccess says what a call would be told, and which statement decides it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers.canary import Canary
from wire.accounts import HERE, Caller, allow, deny, document, root, root_arn, trusting
from wire.premises import Premises, premises

READ = "secretsmanager:GetSecretValue"


@pytest.fixture
def house(tmp_path: Path, canary: Canary) -> Iterator[Premises]:
    canary.folders.append(tmp_path)
    with premises(tmp_path / "data") as found:
        yield found


@pytest.fixture
def owner(house: Premises, canary: Canary) -> Caller:
    owner = root(house)
    owner.call("CreateSecret", Name="s", SecretString=canary.value())
    return owner


def policy(owner: Caller, name: str, text: str, **holder: str) -> None:
    owner.own("CreatePolicy", PolicyName=name, PolicyDocument=text)
    owner.own("AttachPolicy", PolicyName=name, **holder)


def checked(owner: Caller, arn: str, action: str = READ, **resource: str) -> dict[str, Any]:
    return owner.own("CheckAccess", PrincipalArn=arn, Action=action, **resource)


def test_root_may_by_its_own_power(owner: Caller) -> None:
    assert checked(owner, root_arn(HERE), SecretId="s") == {
        "Allowed": True,
        "Reason": "because the account's root may do all that no policy denies",
    }


def test_the_deciding_statement_is_told_by_sid_or_number(owner: Caller) -> None:
    ann = owner.user("ann")
    assert checked(owner, ann.arn, SecretId="s") == {
        "Allowed": False,
        "Reason": f"because no identity-based policy allows the {READ} action",
        "PolicyType": "identity-based policy",
    }
    policy(owner, "reads", document(allow("detent:*"), allow("secretsmanager:Get*")), UserName="ann")
    assert checked(owner, ann.arn, SecretId="s") == {
        "Allowed": True,
        "Reason": "with an explicit allow in an identity-based policy",
        "PolicyType": "identity-based policy",
        "PolicyName": "reads",
        "Statement": "#2",
    }
    text = document({**deny("secretsmanager:*", Principal={"AWS": ann.arn}), "Sid": "NotAnn"})
    owner.call("PutResourcePolicy", SecretId="s", ResourcePolicy=text)
    assert checked(owner, ann.arn, SecretId="s") == {
        "Allowed": False,
        "Reason": "with an explicit deny in a resource-based policy",
        "PolicyType": "resource-based policy",
        "PolicyName": "default",
        "Statement": "NotAnn",
    }


def test_it_agrees_with_what_the_call_itself_is_told(owner: Caller) -> None:
    arn = owner.call("DescribeSecret", SecretId="s")["ARN"]
    users = {
        "all": owner.user("all", document(allow())),
        "one": owner.user("one", document(allow(READ, arn))),
        "other": owner.user("other", document(allow(READ, f"{arn}x"))),
        "denied": owner.user("denied", document(allow()), document(deny(READ, arn))),
        "none": owner.user("none"),
        "tagged": owner.user("tagged", document(allow(Condition={"StringEquals": {"aws:username": "tagged"}}))),
    }
    found = {name: checked(owner, user.arn, SecretId=arn)["Allowed"] for name, user in users.items()}
    assert found == {name: user.may("GetSecretValue", SecretId="s") for name, user in users.items()}
    assert set(found.values()) == {True, False}
    for name, user in users.items():
        told = user.told("GetSecretValue", {"SecretId": "s"})
        if not found[name]:
            assert told.error[1].endswith(checked(owner, user.arn, SecretId=arn)["Reason"])


def test_a_role_is_asked_about_as_a_session_of_it(owner: Caller) -> None:
    role = owner.role("app", trusting(owner.user("ann").arn), document(allow(READ)))
    assert checked(owner, role, SecretId="s")["Allowed"] is True
    assert checked(owner, role, "secretsmanager:DeleteSecret", SecretId="s")["Allowed"] is False


def test_other_resources_are_asked_about_by_their_arn(owner: Caller) -> None:
    ann = owner.user("ann", document(allow("detent:DescribeUser", "arn:aws:iam::*:user/ann")))
    assert checked(owner, ann.arn, "detent:DescribeUser", Resource=ann.arn)["Allowed"] is True
    assert checked(owner, ann.arn, "detent:DescribeUser", Resource=ann.arn + "e")["Allowed"] is False
    assert checked(owner, ann.arn, "detent:ListUsers")["Allowed"] is False


def test_what_cannot_be_checked_is_refused(owner: Caller, house: Premises) -> None:
    there = root(house, "111111111111")
    theirs = there.call("CreateSecret", Name="theirs")["ARN"]
    nobody = f"arn:aws:iam::{HERE}:user/nobody"
    stranger = there.user("bob").arn
    for members, code in (
        ({"PrincipalArn": nobody, "SecretId": "s"}, "ResourceNotFoundException"),
        ({"PrincipalArn": stranger, "SecretId": "s"}, "ResourceNotFoundException"),
        ({"PrincipalArn": root_arn(HERE), "SecretId": "none"}, "ResourceNotFoundException"),
        ({"PrincipalArn": root_arn(HERE), "SecretId": theirs}, "ResourceNotFoundException"),
        ({"PrincipalArn": root_arn(HERE), "SecretId": theirs[:-1] + "x"}, "ResourceNotFoundException"),
        ({"PrincipalArn": root_arn(HERE), "SecretId": "s", "Resource": "*"}, "InvalidParameterException"),
        ({"PrincipalArn": root_arn(HERE), "Action": "GetSecretValue"}, "ValidationException"),
    ):
        assert owner.told("CheckAccess", {"Action": READ, **members}, service="detent").error[0] == code, members
    ann = owner.user("ann", document(allow("secretsmanager:*")))
    refused = ann.told("CheckAccess", {"Action": READ, "PrincipalArn": ann.arn}, service="detent")
    assert refused.error[0] == "AccessDeniedException"


def test_nothing_is_read_by_it(owner: Caller) -> None:
    before = owner.call("DescribeSecret", SecretId="s")
    checked(owner, root_arn(HERE), SecretId="s")
    assert owner.call("DescribeSecret", SecretId="s") == before
