"""Every operation between two accounts: nothing crosses unless the caller's policy and the secret's both allow it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from detent.api.operations import OPERATIONS
from servers.canary import Canary
from wire.accounts import HERE, THERE, Caller, allow, deny, document, root, trusting
from wire.premises import Premises, premises

FUNCTION = f"arn:aws:lambda:us-east-1:{HERE}:function:idle"
ON_SECRET: Mapping[str, dict[str, Any]] = {  # an operation on one secret, and its other members
    "AssociateCrossAccountReplica": {
        "CrossAccountReplicaARN": f"arn:aws:secretsmanager:us-east-1:{THERE}:secret:r-abcdef"
    },
    "CancelRotateSecret": {},
    "DeleteResourcePolicy": {},
    "DeleteSecret": {},
    "DescribeSecret": {},
    "DisassociateCrossAccountReplica": {
        "CrossAccountReplicaARN": f"arn:aws:secretsmanager:us-east-1:{THERE}:secret:r-abcdef"
    },
    "GetResourcePolicy": {},
    "GetSecretValue": {},
    "ListResourcePolicies": {},
    "ListSecretVersionIds": {},
    "PutResourcePolicy": {"ResourcePolicy": "{}"},
    "PutSecretValue": {"SecretString": "x"},
    "RemoveRegionsFromReplication": {"RemoveReplicaRegions": ["eu-west-1"]},
    "ReplicateSecretToRegions": {"AddReplicaRegions": [{"Region": "nowhere-1"}]},
    "RestoreSecret": {},
    "RotateSecret": {"RotateImmediately": False},
    "StopReplicationToReplica": {},
    "TagResource": {"Tags": [{"Key": "k", "Value": "v"}]},
    "UntagResource": {"TagKeys": ["k"]},
    "UpdateSecret": {"Description": "d"},
    "UpdateSecretVersionStage": {"VersionStage": "x", "RemoveFromVersionId": "v" * 32},
    "ValidateResourcePolicy": {"ResourcePolicy": "{}"},
}
IN_OWN_ACCOUNT = {"BatchGetSecretValue", "CreateSecret", "GetRandomPassword", "ListSecrets"}  # they name no secret
WHO = ("root", "user", "session")
REACHED = [("both", True), ("identity only", False), ("resource only", False), ("neither", False)]


class Idle:
    def run(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    with premises(tmp_path_factory.mktemp("accounts") / "data", {"idle": Idle()}) as found:
        yield found


@pytest.fixture(scope="module")
def owner(house: Premises) -> Caller:
    return root(house)


@pytest.fixture(scope="module")
def stranger(house: Premises) -> Caller:
    return root(house, THERE)


@pytest.fixture(scope="module")
def callers(stranger: Caller) -> dict[tuple[str, bool], Caller]:
    """Who calls from the other account, with and without a policy of their own that allows everything."""
    powerful = stranger.user("powerful", document(allow()))
    poor = stranger.user("poor", document(allow("sts:AssumeRole")))
    roles = {
        True: stranger.role("all", trusting(THERE), document(allow())),
        False: stranger.role("nothing", trusting(THERE)),
    }
    return {
        ("root", True): stranger,
        ("user", True): powerful,
        ("user", False): poor,
        ("session", True): poor.assume(roles[True]),
        ("session", False): poor.assume(roles[False]),
    }


@pytest.fixture
def secret(owner: Caller, canary: Canary) -> str:
    """A secret under a key of its account's own."""
    key = owner.own("CreateKey")["KeyId"]
    name = f"s-{key}"
    return str(owner.call("CreateSecret", Name=name, KmsKeyId=key, SecretString=canary.value())["ARN"])


def test_the_matrix_covers_every_operation() -> None:
    named = {key.decode().partition(".") for key in OPERATIONS}
    assert {name for service, _, name in named if service == "secretsmanager"} == set(ON_SECRET) | IN_OWN_ACCOUNT


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("operation", ON_SECRET)
def test_nothing_crosses_without_both_policies(
    owner: Caller, callers: Mapping[tuple[str, bool], Caller], secret: str, operation: str, who: str
) -> None:
    members = {**ON_SECRET[operation], "SecretId": secret}
    shared = document({**allow(), "Principal": {"AWS": THERE}, "Action": "secretsmanager:*"})
    crossed = {}
    for policy in (None, shared):
        if policy is not None:
            owner.call("PutResourcePolicy", SecretId=secret, ResourcePolicy=policy)
        for own in (True, False):
            if (who, own) in callers:
                crossed[own, policy is not None] = callers[who, own].may(operation, **members)
                if policy is not None:  # whatever it did to the policy
                    owner.call("RestoreSecret", SecretId=secret)
                    owner.call("PutResourcePolicy", SecretId=secret, ResourcePolicy=policy)
    assert crossed.pop((True, True))
    assert not any(crossed.values()), crossed


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("operation", ON_SECRET)
def test_an_explicit_deny_on_either_side_stops_what_both_allow(
    owner: Caller, callers: Mapping[tuple[str, bool], Caller], secret: str, operation: str, who: str
) -> None:
    members = {**ON_SECRET[operation], "SecretId": secret}
    everyone = {"Principal": {"AWS": THERE}, "Action": f"secretsmanager:{operation}"}
    shared = document({**allow(), **everyone, "Action": "secretsmanager:*"}, {**deny(), **everyone})
    owner.call("PutResourcePolicy", SecretId=secret, ResourcePolicy=shared)
    refusal = callers[who, True].refusal(operation, **members)
    assert refusal[0] == "AccessDeniedException"
    assert refusal[1].endswith("with an explicit deny in a resource-based policy")
    assert secret in refusal[1]


@pytest.mark.parametrize("operation", ON_SECRET)
def test_a_secret_that_is_not_there_is_refused_like_one_that_is(
    callers: Mapping[tuple[str, bool], Caller], secret: str, operation: str
) -> None:
    powerful, missing = callers["user", True], secret[:-6] + "zzzzzz"
    told = [powerful.refusal(operation, **{**ON_SECRET[operation], "SecretId": named}) for named in (secret, missing)]
    assert told[0] == (told[1][0], told[1][1].replace(missing, secret))


def test_a_partial_arn_of_another_account_does_not_tell_the_rest_of_it(
    callers: Mapping[tuple[str, bool], Caller], secret: str
) -> None:
    partial = secret[:-7]
    code, message = callers["user", True].refusal("GetSecretValue", SecretId=partial)
    assert code == "AccessDeniedException"
    assert partial in message
    assert secret not in message


def test_lists_and_names_never_leave_the_account(
    owner: Caller, callers: Mapping[tuple[str, bool], Caller], secret: str
) -> None:
    shared = document({**allow("secretsmanager:*"), "Principal": {"AWS": THERE}})
    owner.call("PutResourcePolicy", SecretId=secret, ResourcePolicy=shared)
    name = owner.call("DescribeSecret", SecretId=secret)["Name"]
    for who in WHO:
        caller = callers[who, True]
        assert caller.call("ListSecrets")["SecretList"] == []
        assert caller.call("BatchGetSecretValue", Filters=[])["SecretValues"] == []
        assert caller.refusal("GetSecretValue", SecretId=name)[0] == "ResourceNotFoundException"
        (value,) = caller.call("BatchGetSecretValue", SecretIdList=[secret])["SecretValues"]
        assert value["ARN"] == secret


def test_a_value_under_the_default_key_does_not_cross(
    owner: Caller, callers: Mapping[tuple[str, bool], Caller], canary: Canary
) -> None:
    arn = owner.call("CreateSecret", Name="default-key", SecretString=canary.value())["ARN"]
    shared = document({**allow("secretsmanager:*"), "Principal": {"AWS": THERE}})
    owner.call("PutResourcePolicy", SecretId=arn, ResourcePolicy=shared)
    caller = callers["user", True]
    assert caller.call("DescribeSecret", SecretId=arn)["ARN"] == arn
    refusal = (
        "InvalidRequestException",
        (
            "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS"
            " service key."
        ),
    )
    assert caller.refusal("GetSecretValue", SecretId=arn) == refusal
    assert caller.refusal("PutSecretValue", SecretId=arn, SecretString="x") == refusal
    assert caller.refusal("UpdateSecret", SecretId=arn, SecretString="x") == refusal


def test_the_own_api_never_reaches_another_account(owner: Caller, stranger: Caller, secret: str) -> None:
    mine = {one["UserName"] for one in stranger.own("ListUsers")["Users"]}
    owner.own("CreateUser", UserName="only-here")
    assert {one["UserName"] for one in stranger.own("ListUsers")["Users"]} == mine
    for operation, members in (
        ("DescribeUser", {"UserName": "only-here"}),
        ("DeleteUser", {"UserName": "only-here"}),
        ("CreateAccessKey", {"UserName": "only-here"}),
        ("UpdateAccessKey", {"AccessKeyId": owner.client.access_key, "State": "inactive"}),
        ("DeleteAccessKey", {"AccessKeyId": owner.client.access_key}),
    ):
        assert stranger.told(operation, members, service="detent").error[0] == "ResourceNotFoundException"
    for operation in ("DescribeRotation", "ListRotations"):
        told = stranger.told(operation, {"SecretId": secret}, service="detent")
        assert told.error[0] == "AccessDeniedException"
