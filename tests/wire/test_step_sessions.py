"""What a rotation step's temporary credentials may do over HTTP: the architecture's section 7, and nothing else."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from detent.crypto.root import RootKeyset
from detent.main.house import House, Steps
from detent.main.settings import Settings
from detent.model.ports import SessionCredentials
from detent.model.secret import VersionId
from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import MISMATCH, UNKNOWN_KEY, new_name, new_token, not_authorized, refused
from wire.raw import raw_client

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"
STEP = "arn:aws:sts::000000000000:assumed-role/detent-rotation/detent-postgres-single-user"


class Rotating:
    """A secret whose rotation waits, its linked admin secret, and another secret; sessions are issued as for a step."""

    def __init__(self, detent: RunningDetent, client: Any, canary: Canary, house: House) -> None:
        self.detent, self.root, self.canary, self._house = detent, client, canary, house
        self.admin = client.create_secret(Name=new_name("-admin"), SecretString=canary.value("admin"))["ARN"]
        self.other = client.create_secret(Name=new_name("-other"), SecretString=canary.value("other"))["ARN"]
        self.name, self.current, self.token = new_name(), new_token(), new_token()
        self.arn = client.create_secret(
            Name=self.name, SecretString=self.value(masterarn=self.admin), ClientRequestToken=self.current
        )["ARN"]
        client.rotate_secret(
            SecretId=self.arn,
            RotationLambdaARN=FUNCTION,
            RotateImmediately=False,  # nobody else issues sessions for it once its test has ended
        )
        self.settle()

    def settle(self) -> None:
        """Wait until the configuration test has ended."""
        deadline = time.monotonic() + 20
        while "AWSPENDING" in str(self.root.describe_secret(SecretId=self.arn)["VersionIdsToStages"]):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def value(self, **members: Any) -> str:
        place = {"engine": "postgres", "host": "127.0.0.1", "port": 1, "username": "app"}
        return json.dumps({**place, "password": self.canary.value(), **members})

    def credentials(self, expires: datetime | None = None, token: str | None = None) -> SessionCredentials:
        with self._house.store.read() as tx:
            secret = tx.secrets.named("000000000000", "us-east-1", self.name)
        assert secret is not None
        steps = Steps(self._house.server, self._house.store)
        until = expires or datetime.now(UTC) + timedelta(minutes=2)
        version = VersionId(token or self.token)
        found = self._house.store.write(lambda tx: steps.issue(tx, secret, version, until))
        for sensitive in (found.secret_access_key, found.session_token, found.rotation_token):
            self.canary.watch(str(sensitive.reveal()))
        return found

    def step(self, credentials: SessionCredentials | None = None) -> Any:
        """An unmodified boto3 client with a step's credentials."""
        return self.detent.client(**keys(credentials or self.credentials()))


def keys(credentials: SessionCredentials) -> dict[str, str]:
    return {
        "aws_access_key_id": credentials.access_key_id,
        "aws_secret_access_key": str(credentials.secret_access_key.reveal()),
        "aws_session_token": str(credentials.session_token.reveal()),
    }


@pytest.fixture(scope="module")
def house(shared_detent: RunningDetent) -> Iterator[House]:
    """This process's own rooms on the running server's data folder, as one more of its processes."""
    opened = House(Settings(shared_detent.data), RootKeyset.load(shared_detent.data / "keyset.json"))
    yield opened
    opened.close()


@pytest.fixture
def rotating(detent: RunningDetent, client, canary: Canary, house: House) -> Rotating:
    return Rotating(detent, client, canary, house)


def test_a_step_does_all_that_a_rotation_needs(rotating: Rotating) -> None:
    step, arn, token = rotating.step(), rotating.arn, rotating.token
    assert step.describe_secret(SecretId=arn)["RotationEnabled"] is True
    assert step.get_secret_value(SecretId=arn)["VersionId"] == rotating.current
    assert {"AWSCURRENT"} == set(step.list_secret_version_ids(SecretId=arn)["Versions"][0]["VersionStages"])
    assert len(rotating.canary.watch(step.get_random_password()["RandomPassword"])) == 32
    step.put_secret_value(
        SecretId=arn, ClientRequestToken=token, SecretString=rotating.value(), VersionStages=["AWSPENDING"]
    )
    assert step.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")["VersionId"] == token
    assert step.describe_secret(SecretId=rotating.admin)["ARN"] == rotating.admin
    assert step.get_secret_value(SecretId=rotating.admin)["SecretString"] == rotating.canary.value("admin")
    step.update_secret_version_stage(
        SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=rotating.current
    )
    step.update_secret_version_stage(SecretId=arn, VersionStage="AWSPENDING", RemoveFromVersionId=token)
    stages = rotating.root.describe_secret(SecretId=arn)["VersionIdsToStages"]
    assert stages == {token: ["AWSCURRENT"], rotating.current: ["AWSPREVIOUS"]}


ELSEWHERE = "e" * 32
FORBIDDEN: list[tuple[str, dict[str, Any]]] = [
    ("PutSecretValue", {"SecretString": "x", "ClientRequestToken": ELSEWHERE}),
    ("UpdateSecret", {"Description": "x"}),
    ("UpdateSecret", {"SecretString": "x"}),
    ("UpdateSecretVersionStage", {"VersionStage": "AWSCURRENT", "MoveToVersionId": ELSEWHERE}),
    ("UpdateSecretVersionStage", {"VersionStage": "AWSPREVIOUS", "MoveToVersionId": "own"}),
    ("UpdateSecretVersionStage", {"VersionStage": "X", "MoveToVersionId": "own"}),
    ("UpdateSecretVersionStage", {"VersionStage": "AWSPENDING", "RemoveFromVersionId": ELSEWHERE}),
    (
        "UpdateSecretVersionStage",
        {"VersionStage": "AWSCURRENT", "MoveToVersionId": ELSEWHERE, "RemoveFromVersionId": "own"},
    ),
    ("DeleteSecret", {}),
    ("DeleteSecret", {"ForceDeleteWithoutRecovery": True}),
    ("RestoreSecret", {}),
    ("RotateSecret", {}),
    ("CancelRotateSecret", {}),
    ("TagResource", {"Tags": [{"Key": "k", "Value": "v"}]}),
    ("UntagResource", {"TagKeys": ["k"]}),
    ("PutResourcePolicy", {"ResourcePolicy": "{}"}),
    ("GetResourcePolicy", {}),
    ("DeleteResourcePolicy", {}),
    ("ListResourcePolicies", {}),
    ("ValidateResourcePolicy", {"ResourcePolicy": "{}"}),
]
READS = ["DescribeSecret", "GetSecretValue", "ListSecretVersionIds"]


def _call(client: Any, operation: str, members: dict[str, Any]) -> None:
    method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation).lstrip("_")
    getattr(client, method)(**members)


@pytest.mark.parametrize(("operation", "members"), FORBIDDEN)
def test_a_step_may_do_nothing_else_to_its_own_secret(rotating: Rotating, operation: str, members) -> None:
    own = {name: rotating.token if value == "own" else value for name, value in members.items()}
    with refused(not_authorized(STEP, f"secretsmanager:{operation}", rotating.arn)):
        _call(rotating.step(), operation, {"SecretId": rotating.name, **own})


@pytest.mark.parametrize(
    ("operation", "members"),
    [(operation, {}) for operation in READS] + FORBIDDEN + [("PutSecretValue", {"SecretString": "x"})],
)
def test_a_step_may_do_nothing_to_another_secret(rotating: Rotating, operation: str, members) -> None:
    own = {name: rotating.token if value == "own" else value for name, value in members.items()}
    if operation == "PutSecretValue":
        own["ClientRequestToken"] = rotating.token
    with refused(not_authorized(STEP, f"secretsmanager:{operation}", rotating.other)):
        _call(rotating.step(), operation, {"SecretId": rotating.other, **own})


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("PutSecretValue", {"SecretString": "x", "ClientRequestToken": "own"}),
        ("UpdateSecretVersionStage", {"VersionStage": "AWSCURRENT", "MoveToVersionId": "own"}),
        ("ListSecretVersionIds", {}),
        ("DeleteSecret", {}),
    ],
)
def test_a_step_only_reads_its_admin_secret(rotating: Rotating, operation: str, members) -> None:
    own = {name: rotating.token if value == "own" else value for name, value in members.items()}
    with refused(not_authorized(STEP, f"secretsmanager:{operation}", rotating.admin)):
        _call(rotating.step(), operation, {"SecretId": rotating.admin, **own})


def test_a_step_makes_and_lists_no_secrets(rotating: Rotating) -> None:
    step = rotating.step()
    with refused(not_authorized(STEP, "secretsmanager:ListSecrets", "*")):
        step.list_secrets()
    with refused(not_authorized(STEP, "secretsmanager:BatchGetSecretValue", "*")):
        step.batch_get_secret_value(SecretIdList=[rotating.arn])
    with refused(not_authorized(STEP, "secretsmanager:ValidateResourcePolicy", "*")):
        step.validate_resource_policy(ResourcePolicy="{}")
    with pytest.raises(step.exceptions.ClientError) as caught:
        step.create_secret(Name="by/a/step")
    code, message = caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]
    assert code == "AccessDeniedException"
    assert message.startswith(
        f"User: {STEP} is not authorized to perform: secretsmanager:CreateSecret on resource: arn:"
    )


def test_a_step_has_no_business_in_detents_own_api(rotating: Rotating) -> None:
    found = rotating.credentials()
    raw = raw_client(
        rotating.detent,
        service="detent",
        access_key=found.access_key_id,
        secret_key=str(found.secret_access_key.reveal()),
        session_token=str(found.session_token.reveal()),
    )
    for operation, resource in (("ListRotations", rotating.arn), ("DescribeRotation", rotating.arn)):
        told = raw.call(operation, {"SecretId": rotating.arn})
        assert told.error == not_authorized(STEP, f"detent:{operation}", resource)
    assert raw.call("ListRotations").error == not_authorized(STEP, "detent:ListRotations", "*")


def test_a_newer_session_ends_the_older(rotating: Rotating) -> None:
    older = rotating.step()
    older.describe_secret(SecretId=rotating.arn)
    newer = rotating.step()
    with refused(UNKNOWN_KEY):
        older.describe_secret(SecretId=rotating.arn)
    newer.describe_secret(SecretId=rotating.arn)


def test_an_expired_session_is_refused(rotating: Rotating) -> None:
    expired = rotating.step(rotating.credentials(datetime.now(UTC) - timedelta(seconds=1)))
    with refused(("ExpiredTokenException", "The security token included in the request is expired")):
        expired.describe_secret(SecretId=rotating.arn)


def test_a_session_needs_its_own_token_and_secret(rotating: Rotating) -> None:
    good = keys(rotating.credentials())
    for changed, expected in (
        ({"aws_session_token": None}, UNKNOWN_KEY),
        ({"aws_session_token": "other"}, UNKNOWN_KEY),
        ({"aws_secret_access_key": "other"}, MISMATCH),
    ):
        with refused(expected):
            rotating.detent.client(**{**good, **changed}).describe_secret(SecretId=rotating.arn)
    root_key, root_secret = rotating.detent.credentials
    with refused(UNKNOWN_KEY):
        mixed = {**good, "aws_access_key_id": root_key, "aws_secret_access_key": root_secret}
        rotating.detent.client(**mixed).describe_secret(SecretId=rotating.arn)


def test_a_rotation_token_proves_that_a_put_belongs_to_the_step(rotating: Rotating) -> None:
    token = str(rotating.credentials().rotation_token.reveal())
    asked = {"SecretId": rotating.arn, "SecretString": rotating.value(), "VersionStages": ["AWSPENDING"]}
    wrong = (
        "InvalidParameterException",
        "The RotationToken is not valid: it belongs to another rotation, or its step has ended.",
    )
    with refused(wrong):  # of another version
        rotating.root.put_secret_value(**asked, ClientRequestToken=new_token(), RotationToken=token)
    with refused(wrong):  # of another secret
        other = {**asked, "SecretId": rotating.other}
        rotating.root.put_secret_value(**other, ClientRequestToken=rotating.token, RotationToken=token)
    rotating.root.put_secret_value(**asked, ClientRequestToken=rotating.token, RotationToken=token)
    rotating.credentials()
    with refused(wrong):  # of a step that has ended
        rotating.root.put_secret_value(**asked, ClientRequestToken=rotating.token, RotationToken=token)


def test_an_admin_secret_that_the_value_no_longer_names_is_out_of_reach(rotating: Rotating) -> None:
    no_admin = not_authorized(STEP, "secretsmanager:GetSecretValue", rotating.admin)
    other = not_authorized(STEP, "secretsmanager:GetSecretValue", rotating.other)
    rotating.root.put_secret_value(SecretId=rotating.arn, SecretString=rotating.value(masterarn=rotating.other))
    step = rotating.step()
    with refused(no_admin):
        step.get_secret_value(SecretId=rotating.admin)
    with refused(other):  # naming it links nothing
        step.get_secret_value(SecretId=rotating.other)
    rotating.root.rotate_secret(SecretId=rotating.arn, RotateImmediately=False)  # root may read it: now it is linked
    rotating.settle()
    step = rotating.step()
    assert step.get_secret_value(SecretId=rotating.other)["ARN"] == rotating.other
    with refused(no_admin):
        step.get_secret_value(SecretId=rotating.admin)


def test_an_admin_secret_made_anew_under_the_same_name_is_not_the_linked_one(rotating: Rotating) -> None:
    name = rotating.root.describe_secret(SecretId=rotating.admin)["Name"]
    rotating.root.put_secret_value(SecretId=rotating.arn, SecretString=rotating.value(masterarn=name))
    assert rotating.step().get_secret_value(SecretId=name)["ARN"] == rotating.admin
    rotating.root.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    anew = rotating.root.create_secret(Name=name, SecretString=rotating.canary.value("anew"))["ARN"]
    with refused(not_authorized(STEP, "secretsmanager:GetSecretValue", anew)):
        rotating.step().get_secret_value(SecretId=name)
