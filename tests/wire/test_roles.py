"""Roles, policies and attachments: Detent's own API, by boto3 against the running server."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from detent.model.identity import IdentityKind
from servers.canary import Canary
from wire.answers import refused
from wire.identities import ACCOUNT, THERE, Caller, begin_session, roots
from wire.premises import Premises, premises

EITHER = ("InvalidParameterException", "You must give either UserName or RoleName, and not both.")
DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
OTHER = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}, indent=1)


def trust(principal: Any = None) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal or {"AWS": ACCOUNT}},
            ],
        }
    )


def missing(kind: str, name: str) -> tuple[str, str]:
    return ("ResourceNotFoundException", f"There is no {kind} {name} in this account.")


@pytest.fixture
def name() -> str:
    return f"n-{uuid4().hex}"


@pytest.fixture
def role(own_api: Any, name: str) -> str:
    own_api.create_role(RoleName=name, TrustPolicy=trust())
    return name


@pytest.fixture
def policy(own_api: Any, name: str) -> str:
    own_api.create_policy(PolicyName=name, PolicyDocument=DOCUMENT)
    return name


def without_metadata(told: dict[str, Any]) -> dict[str, Any]:
    return {member: value for member, value in told.items() if member != "ResponseMetadata"}


class TestRoles:
    def test_a_role_is_made_and_described_as_it_was_made(self, own_api: Any, name: str) -> None:
        made = own_api.create_role(RoleName=name, TrustPolicy=trust(), Tags=[{"Key": "team", "Value": "a"}])
        assert made["ARN"] == f"arn:aws:iam::{ACCOUNT}:role/{name}"
        assert made["RoleId"].startswith("AROA")
        assert len(made["RoleId"]) == 21
        assert (made["TrustPolicy"], made["MaxSessionSeconds"], made["PolicyNames"]) == (trust(), 3600, [])
        assert without_metadata(own_api.describe_role(RoleName=name)) == without_metadata(made)
        assert without_metadata(made) in own_api.list_roles()["Roles"]

    def test_what_is_sent_replaces_what_there_is_and_the_rest_stays(self, own_api: Any, role: str) -> None:
        before = without_metadata(own_api.describe_role(RoleName=role))
        changes = {
            "TrustPolicy": trust({"AWS": "*"}),
            "MaxSessionSeconds": 43200,
            "Tags": [{"Key": "k", "Value": "v"}],
        }
        for member, value in changes.items():
            before[member] = value
            assert without_metadata(own_api.update_role(RoleName=role, **{member: value})) == before
        assert without_metadata(own_api.update_role(RoleName=role)) == before
        assert own_api.update_role(RoleName=role, Tags=[])["Tags"] == []

    def test_a_user_and_a_role_may_have_one_name(self, own_api: Any, role: str) -> None:
        own_api.create_user(UserName=role)
        own_api.delete_user(UserName=role)
        own_api.delete_role(RoleName=role)
        for call in (own_api.describe_role, own_api.update_role, own_api.delete_role, own_api.revoke_sessions):
            with refused(missing("role", role)):
                call(RoleName=role)

    def test_a_name_is_taken_in_whatever_case_and_found_in_exactly_one(self, own_api: Any, role: str) -> None:
        told = f"There is a role of the name {role.upper()} already; upper and lower case make no difference."
        with refused(("ResourceExistsException", told)):
            own_api.create_role(RoleName=role.upper(), TrustPolicy=trust())
        for call in (own_api.describe_role, own_api.update_role, own_api.delete_role, own_api.revoke_sessions):
            with refused(missing("role", role.upper())):
                call(RoleName=role.upper())

    @pytest.mark.parametrize("seconds", [3599, 43201, 0, -1])
    def test_a_length_of_sessions_beyond_its_bounds_is_refused(self, unchecked: Any, role: str, seconds: int) -> None:
        for call in (unchecked.create_role, unchecked.update_role):
            with pytest.raises(unchecked.exceptions.ValidationException, match="at 'maxSessionSeconds' failed"):
                call(RoleName=role, TrustPolicy=trust(), MaxSessionSeconds=seconds)

    @pytest.mark.parametrize("pattern", ["{}\n", "{} ", "{}\u200b", "{}\u0430", "a/{}", "*", "", "x" * 65])
    def test_a_name_of_other_characters_is_refused(self, unchecked: Any, role: str, pattern: str) -> None:
        other = pattern.format(role)
        for call in (unchecked.describe_role, unchecked.update_role, unchecked.delete_role, unchecked.revoke_sessions):
            with pytest.raises(unchecked.exceptions.ValidationException, match="at 'roleName' failed"):
                call(RoleName=other)
        with pytest.raises(unchecked.exceptions.ValidationException, match="at 'roleName' failed"):
            unchecked.create_role(RoleName=other, TrustPolicy=trust())

    @pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": [ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"]}])
    def test_a_trust_policy_may_name_who_exists(self, own_api: Any, name: str, principal: Any) -> None:
        assert own_api.create_role(RoleName=name, TrustPolicy=trust(principal))["TrustPolicy"] == trust(principal)

    def test_a_trust_policy_may_name_a_user_and_a_role_once_they_exist(self, own_api: Any, role: str) -> None:
        for kind, make in (("user", lambda: own_api.create_user(UserName=f"{role}-x")), ("role", lambda: None)):
            arn = f"arn:aws:iam::{ACCOUNT}:{kind}/{role}{'-x' if kind == 'user' else ''}"
            if kind == "user":
                told = f'This trust policy names a principal that does not exist here: "{arn}".'
                with refused(("MalformedPolicyDocumentException", told)):
                    own_api.update_role(RoleName=role, TrustPolicy=trust({"AWS": arn}))
            make()
            own_api.update_role(RoleName=role, TrustPolicy=trust({"AWS": [arn]}))

    @pytest.mark.parametrize(
        ("principal", "message"),
        [
            ({"AWS": "999999999999"}, 'This trust policy names a principal that does not exist here: "999999999999".'),
            ({"AWS": [ACCOUNT, "é"]}, 'This trust policy names a principal that does not exist here: "\\u00e9".'),
            ({"Service": "lambda"}, 'This trust policy names a principal that does not exist here: "lambda".'),
            ({"Other": "x"}, "This trust policy contains a syntax error."),
            ({"AWS": [{}]}, "This trust policy contains a syntax error."),
            ("nobody", "This trust policy contains a syntax error."),
        ],
    )
    def test_a_trust_policy_that_names_nobody_is_refused(
        self, own_api: Any, role: str, name: str, principal: Any, message: str
    ) -> None:
        expected = ("MalformedPolicyDocumentException", message)
        with refused(expected):
            own_api.create_role(RoleName=f"{name}-other", TrustPolicy=trust(principal))
        with refused(expected):
            own_api.update_role(RoleName=role, TrustPolicy=trust(principal))
        assert own_api.describe_role(RoleName=role)["TrustPolicy"] == trust()


MALFORMED = ["x", "[]", "null", "{}", '{"Statement":[]}', '{"Statement":"x"}', '{"Statement":[null]}']
TWICE = '{"Statement":[{}],"Statement":[{}]}'


@pytest.mark.parametrize("document", [*MALFORMED, TWICE])
def test_a_document_that_is_none_is_refused_and_nothing_changes(
    own_api: Any, name: str, policy: str, document: str
) -> None:
    wrong = ("MalformedPolicyDocumentException", "This identity policy contains a syntax error.")
    with refused(wrong):
        own_api.create_policy(PolicyName=f"{name}-other", PolicyDocument=document)
    with refused(wrong):
        own_api.update_policy(PolicyName=policy, PolicyDocument=document)
    assert own_api.describe_policy(PolicyName=policy)["PolicyDocument"] == DOCUMENT
    with refused(("MalformedPolicyDocumentException", "This trust policy contains a syntax error.")):
        own_api.create_role(RoleName=name, TrustPolicy=document)
    with refused(missing("role", name)):
        own_api.describe_role(RoleName=name)


class TestPolicies:
    def test_a_policy_is_made_described_listed_changed_and_deleted(self, own_api: Any, name: str) -> None:
        made = own_api.create_policy(PolicyName=name, PolicyDocument=DOCUMENT)
        assert made["ARN"] == f"arn:aws:iam::{ACCOUNT}:policy/{name}"
        assert made["CreatedDate"] == made["ChangedDate"]
        described = own_api.describe_policy(PolicyName=name)
        assert (described["PolicyDocument"], described["AttachedTo"]) == (DOCUMENT, [])
        changed = own_api.update_policy(PolicyName=name, PolicyDocument=OTHER)
        assert changed["PolicyDocument"] == OTHER
        assert changed["ChangedDate"] > changed["CreatedDate"] == made["CreatedDate"]
        (listed,) = [one for one in own_api.list_policies()["Policies"] if one["PolicyName"] == name]
        assert set(listed) == {"PolicyName", "ARN", "CreatedDate", "ChangedDate"}
        told = own_api.delete_policy(PolicyName=name)
        assert (told["PolicyName"], told["ARN"]) == (name, made["ARN"])
        for call in (own_api.describe_policy, own_api.delete_policy):
            with refused(missing("policy", name)):
                call(PolicyName=name)
        with refused(missing("policy", name)):
            own_api.update_policy(PolicyName=name, PolicyDocument=DOCUMENT)

    def test_a_name_is_taken_in_whatever_case_and_found_in_exactly_one(self, own_api: Any, policy: str) -> None:
        other = policy.upper()
        told = f"There is a policy of the name {other} already; upper and lower case make no difference."
        with refused(("ResourceExistsException", told)):
            own_api.create_policy(PolicyName=other, PolicyDocument=DOCUMENT)
        for call in (own_api.describe_policy, own_api.delete_policy):
            with refused(missing("policy", other)):
                call(PolicyName=other)

    @pytest.mark.parametrize("pattern", ["{}\n", "{} ", "{}\u200b", "{}\u0430", "a/{}", "*", "", "x" * 129])
    def test_a_name_of_other_characters_is_refused(self, unchecked: Any, policy: str, pattern: str) -> None:
        for call in (unchecked.describe_policy, unchecked.delete_policy, unchecked.attach_policy):
            with pytest.raises(unchecked.exceptions.ValidationException, match="at 'policyName' failed"):
                call(PolicyName=pattern.format(policy))

    def test_a_document_beyond_its_length_is_refused(self, unchecked: Any, name: str) -> None:
        longest = DOCUMENT + " " * (20480 - len(DOCUMENT))
        unchecked.create_policy(PolicyName=name, PolicyDocument=longest)
        for document in (f"{longest} ", ""):
            with pytest.raises(unchecked.exceptions.ValidationException, match="at 'policyDocument' failed"):
                unchecked.update_policy(PolicyName=name, PolicyDocument=document)


class TestAttachments:
    @pytest.fixture(params=["user", "role"])
    def holder(self, request: pytest.FixtureRequest, own_api: Any, name: str) -> dict[str, str]:
        if request.param == "user":
            own_api.create_user(UserName=name)
            return {"UserName": name}
        own_api.create_role(RoleName=name, TrustPolicy=trust())
        return {"RoleName": name}

    def described(self, own_api: Any, holder: dict[str, str]) -> dict[str, Any]:
        call = own_api.describe_user if "UserName" in holder else own_api.describe_role
        told: dict[str, Any] = call(**holder)
        return told

    def test_a_policy_is_attached_and_detached_and_twice_is_as_good_as_once(
        self, own_api: Any, holder: dict[str, str], policy: str
    ) -> None:
        arn = self.described(own_api, holder)["ARN"]
        for call, names in ((own_api.attach_policy, [policy]), (own_api.detach_policy, [])):
            for _ in range(2):
                told = call(PolicyName=policy, **holder)
                assert (told["ARN"], told["PolicyNames"]) == (arn, names)
            assert self.described(own_api, holder)["PolicyNames"] == names
            attached = own_api.describe_policy(PolicyName=policy)["AttachedTo"]
            assert attached == ([arn] if names else [])

    def test_an_attached_policy_is_not_deleted_until_it_is_detached(
        self, own_api: Any, holder: dict[str, str], policy: str
    ) -> None:
        own_api.attach_policy(PolicyName=policy, **holder)
        ((member, name),) = holder.items()
        whom = f"{member.removesuffix('Name').lower()} {name}"
        with refused(("InvalidRequestException", f"The policy {policy} is attached to {whom}: detach it first.")):
            own_api.delete_policy(PolicyName=policy)
        own_api.detach_policy(PolicyName=policy, **holder)
        own_api.delete_policy(PolicyName=policy)

    def test_a_deleted_holder_takes_its_attachments_along(
        self, own_api: Any, holder: dict[str, str], policy: str
    ) -> None:
        own_api.attach_policy(PolicyName=policy, **holder)
        (own_api.delete_user if "UserName" in holder else own_api.delete_role)(**holder)
        assert own_api.describe_policy(PolicyName=policy)["AttachedTo"] == []
        own_api.delete_policy(PolicyName=policy)

    def test_a_twenty_first_policy_is_refused(self, own_api: Any, holder: dict[str, str], name: str) -> None:
        names = [f"{name}-{number:02}" for number in range(21)]
        for one in names:
            own_api.create_policy(PolicyName=one, PolicyDocument=DOCUMENT)
        for one in names[:20]:
            told = own_api.attach_policy(PolicyName=one, **holder)
        assert told["PolicyNames"] == names[:20]
        full = f"{told['ARN']} has 20 policies, as many as it can have: detach one first."
        with refused(("LimitExceededException", full)):
            own_api.attach_policy(PolicyName=names[20], **holder)
        own_api.attach_policy(PolicyName=names[0], **holder)
        own_api.detach_policy(PolicyName=names[0], **holder)
        own_api.attach_policy(PolicyName=names[20], **holder)

    def test_either_a_user_or_a_role_is_named(self, own_api: Any, name: str, policy: str) -> None:
        for both in ({}, {"UserName": name, "RoleName": name}):
            for call in (own_api.attach_policy, own_api.detach_policy):
                with refused(EITHER):
                    call(PolicyName=policy, **both)
            with refused(EITHER):
                own_api.revoke_sessions(**both)

    def test_what_does_not_exist_is_not_attached(self, own_api: Any, holder: dict[str, str], policy: str) -> None:
        ((member, name),) = holder.items()
        kind = member.removesuffix("Name").lower()
        for call in (own_api.attach_policy, own_api.detach_policy):
            with refused(missing("policy", f"{policy}-none")):
                call(PolicyName=f"{policy}-none", **holder)
            with refused(missing(kind, name.upper())):
                call(PolicyName=policy, **{member: name.upper()})


@pytest.fixture
def house(tmp_path: Path, canary: Canary) -> Iterator[Premises]:
    canary.folders.append(tmp_path)
    with premises(tmp_path / "data") as found:
        canary.texts = found.client.told
        yield found


@pytest.fixture
def accounts(house: Premises, canary: Canary) -> tuple[Caller, Caller]:
    return roots(house, canary)


def test_accounts_never_see_each_others_roles_and_policies(accounts: Any) -> None:
    here, there = accounts
    here.call("CreateRole", RoleName="r", TrustPolicy=trust())
    here.call("CreatePolicy", PolicyName="p", PolicyDocument=DOCUMENT)
    for operation in ("DescribeRole", "UpdateRole", "DeleteRole", "RevokeSessions"):
        assert there.refusal(operation, RoleName="r") == missing("role", "r")
    for operation, more in (("DescribePolicy", {}), ("DeletePolicy", {}), ("UpdatePolicy", {"PolicyDocument": OTHER})):
        assert there.refusal(operation, PolicyName="p", **more) == missing("policy", "p")
    there.call("CreateRole", RoleName="r", TrustPolicy=trust())
    for operation in ("AttachPolicy", "DetachPolicy"):
        assert there.refusal(operation, PolicyName="p", RoleName="r") == missing("policy", "p")
    there.call("CreatePolicy", PolicyName="p", PolicyDocument=OTHER)
    there.call("AttachPolicy", PolicyName="p", RoleName="r")
    assert here.call("DescribePolicy", PolicyName="p")["AttachedTo"] == []
    assert here.call("DescribeRole", RoleName="r")["PolicyNames"] == []
    for caller, account in ((here, ACCOUNT), (there, THERE)):
        for operation, listed in (("ListRoles", "Roles"), ("ListPolicies", "Policies")):
            (one,) = caller.call(operation)[listed]
            assert f"::{account}:" in one["ARN"]


def test_permission_is_asked_on_what_is_named(accounts: Any) -> None:
    root, _ = accounts
    root.call("CreateUser", UserName="alice")
    alice = root.with_key(root.call("CreateAccessKey", UserName="alice"))
    (of_root,) = root.call("ListAccessKeys")["AccessKeys"]
    role, policy = {"RoleName": "r"}, {"PolicyName": "p"}
    for operation, members, resource in (
        ("CreateRole", {**role, "TrustPolicy": trust()}, "role/r"),
        *((operation, role, "role/r") for operation in ("UpdateRole", "DescribeRole", "DeleteRole", "RevokeSessions")),
        ("RevokeSessions", {"UserName": "alice"}, "user/alice"),
        ("CreatePolicy", {**policy, "PolicyDocument": DOCUMENT}, "policy/p"),
        ("UpdatePolicy", {**policy, "PolicyDocument": DOCUMENT}, "policy/p"),
        *((operation, policy, "policy/p") for operation in ("DescribePolicy", "DeletePolicy")),
        *((operation, {**policy, **role}, "role/r") for operation in ("AttachPolicy", "DetachPolicy")),
        ("AttachPolicy", {**policy, "UserName": "alice"}, "user/alice"),
        ("DeleteAccessKey", {"AccessKeyId": of_root["AccessKeyId"]}, "root"),
        ("UpdateAccessKey", {"AccessKeyId": alice.client.access_key, "State": "active"}, "user/alice"),
        *((operation, {}, None) for operation in ("ListRoles", "ListPolicies")),
    ):
        code, message = alice.refusal(operation, **members)
        on = "*" if resource is None else f"arn:aws:iam::{ACCOUNT}:{resource}"
        assert code == "AccessDeniedException", operation
        assert f" is not authorized to perform: detent:{operation} on resource: {on} " in message


@pytest.mark.parametrize("kind", list(IdentityKind))
def test_revoked_sessions_sign_nothing_from_then_on_and_lasting_keys_go_on(
    accounts: Any, house: Premises, canary: Canary, kind: IdentityKind
) -> None:
    root, _ = accounts
    root.call("CreateUser", UserName="x")
    root.call("CreateRole", RoleName="x", TrustPolicy=trust())
    lasting = root.with_key(root.call("CreateAccessKey", UserName="x"))
    expires = house.clock.now() + timedelta(hours=1)
    session = root.with_key(begin_session(house.house, canary, kind, "x", expires))
    assert session.refusal("ListUsers")[0] == "AccessDeniedException"
    told = root.call("RevokeSessions", **{f"{kind.title()}Name": "x"})
    assert told == {"ARN": f"arn:aws:iam::{ACCOUNT}:{kind}/x"}
    assert session.refusal("ListUsers")[0] == "UnrecognizedClientException"
    assert lasting.refusal("ListUsers")[0] == "AccessDeniedException"
