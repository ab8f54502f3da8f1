import pytest

from detent.model.judgement import judge
from detent.model.policy import Ask, Principal, StepGrant
from detent.model.secret import CURRENT, PENDING, PREVIOUS, StagingLabel, VersionId

ACCOUNT, SECRET, ADMIN, OTHER = "0" * 12, "arn:secret", "arn:admin", "arn:other"
TOKEN, OTHER_TOKEN = VersionId("t"), VersionId("o")
ROOT = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", "AKIA")
STEP = Principal(ACCOUNT, "arn:aws:sts::0:assumed-role/x/f", "ASIA", StepGrant(SECRET, TOKEN, ADMIN))
UNLINKED = Principal(ACCOUNT, "arn:aws:sts::0:assumed-role/x/f", "ASIA", StepGrant(SECRET, TOKEN))
STRANGER = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/eve", "AKIB")


def may(principal: Principal, asked: Ask) -> bool:
    return judge(principal, asked).allowed


def ask(operation: str, resource: str, version: VersionId | None = None, label: StagingLabel | None = None) -> Ask:
    return Ask(f"secretsmanager:{operation}", resource, ACCOUNT, version, label)


def named(asked: Ask) -> str:
    return " ".join(str(part) for part in asked[:5])


ALLOWED = [
    ask("DescribeSecret", SECRET),
    ask("GetSecretValue", SECRET),
    ask("ListSecretVersionIds", SECRET),
    ask("PutSecretValue", SECRET, TOKEN),
    ask("UpdateSecretVersionStage", SECRET, TOKEN, CURRENT),
    ask("UpdateSecretVersionStage", SECRET, TOKEN, PENDING),
    ask("GetRandomPassword", "*"),
    ask("GetSecretValue", ADMIN),
    ask("DescribeSecret", ADMIN),
]
DENIED = [
    ask("PutSecretValue", SECRET, OTHER_TOKEN),
    ask("PutSecretValue", SECRET),
    ask("UpdateSecretVersionStage", SECRET, OTHER_TOKEN, CURRENT),
    ask("UpdateSecretVersionStage", SECRET, TOKEN, PREVIOUS),
    ask("UpdateSecret", SECRET, TOKEN),
    ask("DeleteSecret", SECRET),
    ask("RotateSecret", SECRET),
    ask("CreateSecret", SECRET),
    ask("ListSecrets", "*"),
    ask("PutSecretValue", ADMIN, TOKEN),
    ask("UpdateSecretVersionStage", ADMIN, TOKEN, CURRENT),
    ask("ListSecretVersionIds", ADMIN),
    ask("GetSecretValue", OTHER),
    ask("DescribeSecret", OTHER),
    Ask("detent:ListRotations", SECRET, ACCOUNT),
    Ask("lambda:InvokeFunction", "arn:f", ACCOUNT),
]


@pytest.mark.parametrize("asked", ALLOWED, ids=named)
def test_a_step_may_do_what_its_rotation_needs(asked: Ask) -> None:
    assert may(STEP, asked)


@pytest.mark.parametrize("asked", DENIED, ids=named)
def test_a_step_may_do_nothing_else(asked: Ask) -> None:
    assert not may(STEP, asked)


@pytest.mark.parametrize("asked", [asked for asked in ALLOWED if asked.resource == ADMIN], ids=named)
def test_an_admin_secret_that_is_not_linked_is_out_of_reach(asked: Ask) -> None:
    assert not may(UNLINKED, asked)


@pytest.mark.parametrize("asked", ALLOWED + DENIED, ids=named)
def test_root_may_do_everything_in_its_account_and_a_stranger_nothing(asked: Ask) -> None:
    assert may(ROOT, asked)
    assert not may(STRANGER, asked)
    assert not may(Principal("1" * 12, f"arn:aws:iam::{'1' * 12}:root", "AKIC"), asked)
