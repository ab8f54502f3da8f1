"""`detent can` and `detent admin-secret`: on a data folder, and over HTTP."""

import json
from pathlib import Path

import pytest

from cli.command import detent, refusal, success
from cli.test_identities import environment, written
from detent.main.operating import operating
from detent.main.settings import Settings
from servers.canary import Canary
from servers.detent import running

READS = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*", "Sid": "Reads"}


@pytest.fixture
def peopled(data: Path, canary: Canary) -> Path:
    """A folder with a user, a role, a policy, and two secrets."""
    canary.folders.append(data)
    with operating(Settings(data)) as operator:
        for name in ("app/db", "admin/db"):
            operator.secrets.create_secret(Name=name, SecretString=json.dumps({"password": canary.value()}))
        ann = operator.own.create_user(UserName="ann")["ARN"]
        trust = {"Effect": "Allow", "Principal": {"AWS": ann}, "Action": "sts:AssumeRole"}
        operator.own.create_role(RoleName="app", TrustPolicy=json.dumps({"Version": "2012-10-17", "Statement": trust}))
        document = json.dumps({"Version": "2012-10-17", "Statement": READS})
        operator.own.create_policy(PolicyName="reads", PolicyDocument=document)
        operator.own.attach_policy(PolicyName="reads", RoleName="app")
    return data


NO = "no because no identity-based policy allows the secretsmanager:GetSecretValue action\n"
NO_USER = "no because no identity-based policy allows the detent:CreateUser action\n"
YES = "yes with an explicit allow in an identity-based policy: policy reads, statement Reads\n"
ROOT = "yes because the account's root may do all that no policy denies\n"
ASKED = [
    (("role/app", "GetSecretValue", "app/db"), YES),
    (("arn:aws:iam::000000000000:role/app", "secretsmanager:GetSecretValue", "app/db"), YES),
    (("user/ann", "GetSecretValue", "app/db"), NO),
    (("root", "DeleteSecret", "app/db"), ROOT),
    (("root", "ListSecrets"), ROOT),
    (("user/ann", "detent:CreateUser", "arn:aws:iam::000000000000:user/bob"), NO_USER),
]


@pytest.mark.parametrize(("words", "said"), ASKED, ids=[" ".join(words) for words, _ in ASKED])
def test_it_says_yes_or_no_and_why(peopled: Path, words: tuple[str, ...], said: str) -> None:
    done = detent("can", *words, "--data", peopled)
    assert (done.returncode, done.stdout, done.stderr) == (0 if said.startswith("yes") else 1, said, "")


def test_what_is_not_there_is_one_line(peopled: Path) -> None:
    assert refusal(detent("can", "user/bob", "GetSecretValue", "app/db", "--data", peopled)) == (
        "There is no principal arn:aws:iam::000000000000:user/bob in account 000000000000. (ResourceNotFoundException)"
    )
    assert refusal(detent("can", "root", "GetSecretValue", "none", "--data", peopled)) == (
        "Secrets Manager can't find the specified secret. (ResourceNotFoundException)"
    )


def test_admin_secrets_are_attached_listed_and_detached(peopled: Path, canary: Canary) -> None:
    assert success(detent("admin-secret", "list", "--data", peopled)) == "No secret has an admin secret.\n"
    with operating(Settings(peopled)) as operator:
        arn = operator.secrets.describe_secret(SecretId="admin/db")["ARN"]
    said = success(detent("admin-secret", "attach", "app/db", "admin/db", "--data", peopled))
    assert said == f"The rotation of app/db may use {arn}.\n"
    listed = success(detent("admin-secret", "list", "--data", peopled))
    assert listed.splitlines()[1].split() == ["app/db", arn, "yes"]
    with operating(Settings(peopled)) as operator:
        value = json.dumps({"password": canary.value()})
        operator.secrets.put_secret_value(SecretId="app/db", SecretString=value)
    listed = success(detent("admin-secret", "list", "--data", peopled))
    assert listed.splitlines()[1].endswith("no: the current value does not name it")
    said = success(detent("admin-secret", "detach", "app/db", "--data", peopled))
    assert said == "app/db has no admin secret.\n"
    assert success(detent("admin-secret", "list", "--data", peopled)) == "No secret has an admin secret.\n"


def test_over_http_the_caller_asks_about_its_own_account(peopled: Path, tmp_path: Path, canary: Canary) -> None:
    with operating(Settings(peopled)) as operator:
        made = operator.own.create_access_key(UserName="ann")
    key = made["AccessKeyId"], canary.watch(made["SecretAccessKey"])
    with running(peopled) as server:
        as_ann = environment(server, key)
        assert "is not authorized to perform: detent:CheckAccess" in refusal(
            detent("can", "user/ann", "GetSecretValue", "app/db", env=as_ann)
        )
        statement = {"Effect": "Allow", "Action": "detent:CheckAccess", "Resource": "*"}
        asks = written(tmp_path, "asks.json", {"Version": "2012-10-17", "Statement": statement})
        success(detent("policies", "create", "asks", asks, "--data", peopled))
        success(detent("policies", "attach", "asks", "--user", "ann", "--data", peopled))
        assert success(detent("can", "role/app", "GetSecretValue", "app/db", env=as_ann)) == YES
        assert detent("can", "user/ann", "GetSecretValue", "app/db", env=as_ann).stdout == NO
        assert "is not authorized to perform: detent:AttachAdminSecret" in refusal(
            detent("admin-secret", "attach", "app/db", "admin/db", env=as_ann)
        )
        wrong = {**as_ann, "AWS_SECRET_ACCESS_KEY": "x"}
        for words in (("can", "role/app", "GetSecretValue", "app/db"), ("users", "list")):
            assert refusal(detent(*words, env=wrong)).startswith(f"{server.endpoint} does not accept the access key")
