"""`detent users`, `roles` and `policies`: on a data folder, and over HTTP as whoever the environment names."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.command import detent, refusal, success
from cli.folders import key_in, trail
from servers.canary import Canary
from servers.detent import RunningDetent, running

READS = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "secretsmanager:Get*", "Resource": "*"}}


def trusting(*arns: str) -> dict[str, object]:
    statement = {"Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": statement}


def written(folder: Path, name: str, document: object) -> Path:
    file = folder / name
    file.write_text(json.dumps(document))
    return file


@pytest.fixture
def reads(tmp_path: Path) -> Path:
    return written(tmp_path, "reads.json", READS)


def columns(listed: str) -> list[list[str]]:
    return [re.split(r" {2,}", line.strip()) for line in listed.splitlines()]


def test_a_user_is_made_listed_shown_and_deleted_without_a_server(data: Path) -> None:
    assert success(detent("users", "list", "--data", data)) == "There are no users.\n"
    made = success(detent("users", "create", "ann", "--tag", "team=a=b", "--tag", "x=", "--data", data))
    assert made == "arn:aws:iam::000000000000:user/ann is made.\n"
    listed = columns(success(detent("users", "list", "--data", data)))
    assert listed[0] == ["user", "policies", "tags", "created"]
    assert listed[1][:2] == ["ann", "team=a=b, x="]
    shown = dict(columns(success(detent("users", "show", "ann", "--data", data))))
    assert (shown["ARN"], shown["policies"]) == ("arn:aws:iam::000000000000:user/ann", "none")
    assert success(detent("users", "delete", "ann", "--data", data)).endswith("user/ann is deleted.\n")
    calls = [record["eventName"] for record in trail(data) if record["userAgent"] == "detent/cli"]
    assert calls == ["ListUsers", "CreateUser", "ListUsers", "DescribeUser", "DeleteUser"]


def test_users_of_another_account_are_apart(data: Path) -> None:
    there = ("--account", "222222222222", "--data", data)
    assert "222222222222:user/ann is made" in success(detent("users", "create", "ann", *there))
    assert "ann" in success(detent("users", "list", *there))
    assert success(detent("users", "list", "--data", data)) == "There are no users.\n"


def test_a_policy_is_made_shown_changed_attached_detached_and_deleted(data: Path, reads: Path, tmp_path: Path) -> None:
    success(detent("users", "create", "ann", "--data", data))
    arn = "arn:aws:iam::000000000000"
    assert success(detent("policies", "list", "--data", data)) == "There are no policies.\n"
    assert success(detent("policies", "create", "p", reads, "--data", data)) == f"{arn}:policy/p is made.\n"
    attached = success(detent("policies", "attach", "p", "--user", "ann", "--data", data))
    assert attached == f"{arn}:user/ann has p.\n"
    facts, _, document = success(detent("policies", "show", "p", "--data", data)).partition("\n\n")
    assert dict(columns(facts))["attached to"] == f"{arn}:user/ann"
    assert json.loads(document) == READS
    assert columns(success(detent("users", "list", "--data", data)))[1][:2] == ["ann", "p"]
    assert refusal(detent("policies", "delete", "p", "--data", data)) == (
        "The policy p is attached to user ann: detach it first. (InvalidRequestException)"
    )
    other = written(tmp_path, "other.json", {**READS, "Id": "other"})
    assert success(detent("policies", "update", "p", other, "--data", data)) == f"{arn}:policy/p is changed.\n"
    assert '"Id": "other"' in success(detent("policies", "show", "p", "--data", data))
    detached = success(detent("policies", "detach", "p", "--user", "ann", "--data", data))
    assert detached == f"{arn}:user/ann has no policy.\n"
    assert success(detent("policies", "delete", "p", "--data", data)) == f"{arn}:policy/p is deleted.\n"


def test_a_role_is_made_shown_changed_and_deleted(data: Path, tmp_path: Path) -> None:
    success(detent("users", "create", "ann", "--data", data))
    success(detent("users", "create", "bob", "--data", data))
    ann, bob = (f"arn:aws:iam::000000000000:user/{name}" for name in ("ann", "bob"))
    trust = written(tmp_path, "trust.json", trusting(ann))
    made = detent("roles", "create", "app", "--trust", trust, "--max-session-seconds", "7200", "--data", data)
    assert success(made) == "arn:aws:iam::000000000000:role/app is made.\n"
    facts, _, rest = success(detent("roles", "show", "app", "--data", data)).partition("\n\n")
    assert dict(columns(facts))["sessions"] == "at most 7200 s"
    assert json.loads(rest.removeprefix("Who may assume it:")) == trusting(ann)
    trust.write_text(json.dumps(trusting(bob)))
    success(detent("roles", "update", "app", "--trust", trust, "--tag", "a=b", "--data", data))
    assert bob in success(detent("roles", "show", "app", "--data", data))
    assert columns(success(detent("roles", "list", "--data", data)))[1][:2] == ["app", "a=b"]
    said = "Every session of arn:aws:iam::000000000000:role/app has ended.\n"
    assert success(detent("roles", "revoke-sessions", "app", "--data", data)) == said
    assert success(detent("roles", "delete", "app", "--data", data)).endswith("role/app is deleted.\n")
    assert success(detent("roles", "list", "--data", data)) == "There are no roles.\n"


def test_what_cannot_be_done_is_one_line(data: Path, reads: Path, tmp_path: Path) -> None:
    trust = written(tmp_path, "trust.json", trusting("arn:aws:iam::000000000000:user/nobody"))
    assert refusal(detent("roles", "create", "app", "--trust", trust, "--data", data)) == (
        'This trust policy names a principal that does not exist here: "arn:aws:iam::000000000000:user/nobody".'
        " (MalformedPolicyDocumentException)"
    )
    (tmp_path / "bad.json").write_text('{"Version": "2012-10-17",\n "Statement": oops}')
    for text, said in (
        ('{"Version": "2012-10-17",\n "Statement": oops}', "bad.json:2: not JSON: Expecting value"),
        ("[]", "bad.json: a policy is a JSON object, with Version and Statement"),
    ):
        (tmp_path / "bad.json").write_text(text)
        bad = detent("policies", "create", "p", tmp_path / "bad.json", "--data", data)
        assert refusal(bad) == f"{tmp_path}/{said}"
    (tmp_path / "bad.json").write_bytes(b"\xff")
    assert "not JSON in UTF-8" in refusal(detent("policies", "create", "p", tmp_path / "bad.json", "--data", data))
    gone = detent("policies", "create", "p", tmp_path / "none.json", "--data", data)
    assert refusal(gone) == f"cannot read {tmp_path / 'none.json'}: No such file or directory"
    success(detent("policies", "create", "p", reads, "--data", data))
    for holders in ((), ("--user", "a", "--role", "b")):
        assert "give either --user or --role" in refusal(detent("policies", "attach", "p", *holders, "--data", data), 2)
    assert "KEY=VALUE, not 'x'" in refusal(detent("users", "create", "ann", "--tag", "x", "--data", data), 2)
    assert "give what to change" in refusal(detent("roles", "update", "app", "--data", data), 2)
    assert refusal(detent("users", "show", "ann", "--data", data)) == (
        "There is no user ann in this account. (ResourceNotFoundException)"
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDetent]:
    with running(tmp_path_factory.mktemp("running") / "data") as server:
        yield server


def environment(server: RunningDetent, key: tuple[str, str]) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": key[0],
        "AWS_SECRET_ACCESS_KEY": key[1],
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def test_over_http_the_caller_of_the_environment_acts_with_its_own_rights(
    server: RunningDetent, canary: Canary, tmp_path: Path
) -> None:
    as_root = environment(server, server.credentials)
    success(detent("users", "create", "ann", env=as_root))
    assert success(detent("users", "list", "--data", server.data)).splitlines()[1].startswith("ann")
    key = key_in(success(detent("access-keys", "create", "--user", "ann", "--data", server.data)), canary)
    as_ann = environment(server, key)
    assert refusal(detent("users", "list", env=as_ann)) == (
        "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: detent:ListUsers on resource: *"
        " because no identity-based policy allows the detent:ListUsers action (AccessDeniedException)"
    )
    lists = {**READS, "Statement": {"Effect": "Allow", "Action": "detent:ListUsers", "Resource": "*"}}
    success(detent("policies", "create", "lists", written(tmp_path, "p.json", lists), env=as_root))
    success(detent("policies", "attach", "lists", "--user", "ann", env=as_root))
    assert columns(success(detent("users", "list", env=as_ann)))[1][:2] == ["ann", "lists"]
    shown = success(detent("users", "show", "ann", env=as_root))
    assert re.search(r"^created +\d{4}-", shown, re.MULTILINE)
    assert refusal(detent("users", "list", "--account", "222222222222", env=as_ann)) == (
        "--account is for a data folder: give --data DIR, or sign with a key of that account"
    )
