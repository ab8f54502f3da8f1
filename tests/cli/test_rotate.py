"""`detent rotate`, `secrets` and `rotations` against a running server and a real PostgreSQL."""

import json
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cli.command import detent, refusal, success, surroundings
from detent.cli.rotating import Begun, outcome
from servers.canary import Canary
from servers.detent import RunningDetent, running
from servers.postgres import PostgresTarget

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDetent]:
    """A server that lists nothing but what the tests of this file make."""
    with running(tmp_path_factory.mktemp("alone") / "data") as server:
        yield server


class Rotating:
    """One secret of a real role, and the commands on it."""

    def __init__(self, server: RunningDetent, target: PostgresTarget, canary: Canary) -> None:
        self.server, self.target, self.canary = server, target, canary
        self.name = self.user = f"cli-{uuid4().hex}"
        self.client = server.client()
        self.password = canary.value()
        target.create_user(self.user, self.password)

    def create(self, password: str | None = None) -> None:
        value = self.target.value(self.user, password or self.password)
        self.client.create_secret(Name=self.name, SecretString=json.dumps(value))
        self.client.rotate_secret(SecretId=self.name, RotationLambdaARN=FUNCTION, RotateImmediately=False)
        while len(self.client.describe_secret(SecretId=self.name)["VersionIdsToStages"]) > 1:
            pass  # the test of the configuration has a version of its own, until it ends

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        done = detent(*words, "--data", self.server.data)
        self.watch(done.stdout, done.stderr)
        return done

    def watch(self, *texts: str) -> None:
        value = json.loads(self.client.get_secret_value(SecretId=self.name)["SecretString"])
        self.canary.watch(value["password"])
        self.canary.texts += texts

    @property
    def current(self) -> str:
        return self.client.get_secret_value(SecretId=self.name)["VersionId"]


@pytest.fixture
def rotating(
    alone: RunningDetent, postgres_from: Callable[[str], PostgresTarget], canary: Canary
) -> Iterator[Rotating]:
    subject = Rotating(alone, postgres_from("wheel"), canary)
    yield subject
    subject.client.delete_secret(SecretId=subject.name, ForceDeleteWithoutRecovery=True)


def test_rotate_wait_shows_the_steps_and_ends_when_the_new_version_is_current(rotating: Rotating) -> None:
    rotating.create()
    lines = success(rotating.run("rotate", rotating.name, "--wait")).splitlines()
    assert lines[0] == f"The rotation of {rotating.name} has begun (version {rotating.current})."
    steps = [line.split()[:2] for line in lines[1:-1]]
    assert steps == [[step, "succeeded"] for step in ("createSecret", "setSecret", "testSecret", "finishSecret")]
    assert lines[-1] == f"{rotating.name} is rotated: version {rotating.current} is current."


def test_rotate_without_wait_only_begins(rotating: Rotating) -> None:
    rotating.create()
    said = success(rotating.run("rotate", rotating.name))
    assert "has begun (version " in said
    assert f"How it goes: detent rotations {rotating.name}\n" in said


def test_on_a_terminal_the_steps_are_redrawn_in_place(rotating: Rotating) -> None:
    rotating.create()
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "detent.cli", "rotate", rotating.name, "--wait", "--data", rotating.server.data]
    with subprocess.Popen(command, stdout=theirs, stdin=subprocess.DEVNULL, env=surroundings(TERM="xterm")) as process:
        os.close(theirs)
        seen = b"".join(iter(lambda: _read(ours), b"")).decode()
    os.close(ours)
    rotating.watch(seen)
    assert process.returncode == 0
    assert seen.count("✓") >= 4
    assert "\x1b[1A" in seen  # the cursor goes up to draw again


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # Linux: the other side of a pseudo-terminal is closed
        return b""


def test_a_failed_step_ends_the_wait_and_the_next_wait_follows_the_same_rotation(rotating: Rotating) -> None:
    wrong = rotating.canary.value("-wrong")
    rotating.create(wrong)
    failed = rotating.run("rotate", rotating.name, "--wait")
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert line.startswith(f"detent: the rotation of {rotating.name} failed at setSecret: AWSCURRENT (version ")
    assert "login refused" in line
    assert "It is tried again only when you rotate again." in line  # more wrong passwords could lock the account
    assert [words.split()[:2] for words in failed.stdout.splitlines()[1:]] == [
        ["createSecret", "succeeded"],
        ["setSecret", "failed"],
    ]
    rotating.target.set_password(rotating.user, wrong)
    lines = success(rotating.run("rotate", rotating.name, "--wait")).splitlines()
    version = failed.stdout.split("(version ")[1].split(")")[0]
    assert lines[0] == f"The rotation of {rotating.name} is not complete and is tried again (version {version})."
    assert [line.split()[0] for line in lines[1:-1]] == ["setSecret", "testSecret", "finishSecret"]
    assert rotating.current == version


def test_a_pending_version_that_no_rotation_made_is_named(rotating: Rotating) -> None:
    rotating.create()
    token = str(uuid4())
    value = {"SecretString": rotating.canary.value(), "ClientRequestToken": token, "VersionStages": ["AWSPENDING"]}
    rotating.client.put_secret_value(SecretId=rotating.name, **value)
    said = refusal(rotating.run("rotate", rotating.name, "--wait"))
    assert said.startswith(f"{rotating.name} has a pending version ({token}) that no rotation made: take its label")


def test_rotations_of_a_secret_shows_every_attempt_and_why_one_failed(rotating: Rotating) -> None:
    rotating.create(rotating.canary.value("-wrong"))
    rotating.run("rotate", rotating.name, "--wait")
    said = success(rotating.run("rotations", rotating.name))
    assert f"secret   {rotating.name}" in said
    assert "state    failed" in said
    steps = [line.split()[:2] for line in said.splitlines() if line.startswith(("createSecret", "setSecret"))]
    assert steps == [["createSecret", "1"], ["setSecret", "1"]]
    assert "login refused" in said


def test_secrets_and_rotations_list_what_there_is(rotating: Rotating) -> None:
    rotating.create()
    rules = {"AutomaticallyAfterDays": 30}
    rotating.client.rotate_secret(SecretId=rotating.name, RotationRules=rules, RotateImmediately=False)
    success(rotating.run("rotate", rotating.name, "--wait"))
    bare, off = f"{rotating.name}-bare", f"{rotating.name}-off"
    for name in (bare, off):
        rotating.client.create_secret(Name=name)
    rotating.client.rotate_secret(SecretId=off, RotationLambdaARN=FUNCTION, RotateImmediately=False)
    unrotated = row(success(rotating.run("secrets")), off)
    rotating.client.cancel_rotate_secret(SecretId=off)
    listed = success(rotating.run("secrets"))
    assert row(listed, rotating.name)[1:4] == ["every", "30", "days"]
    assert row(listed, rotating.name)[-1] == "succeeded"
    assert row(listed, bare)[1:] == ["none"]
    assert unrotated[1:] == ["on", "demand", "not", "yet", "rotated"]
    assert row(listed, off)[1] == "off"
    rotations = success(rotating.run("rotations"))
    mine = [line for line in rotations.splitlines() if f" {rotating.name} " in line]
    assert ["succeeded" in line for line in mine] == [True] * len(mine)
    assert "finishSecret" in mine[0]
    assert "testSecret (test)" in mine[-1]
    short = success(rotating.run("rotations", "--limit", "1"))
    assert len(short.splitlines()) == 3
    assert short.endswith("There are more: --limit shows them.\n")
    for name in (bare, off):
        rotating.client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def row(listed: str, name: str) -> list[str]:
    (found,) = [line.split() for line in listed.splitlines() if line.split()[0] == name]
    return found


def test_all_pages_of_secrets_are_listed(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        assert success(detent("secrets", "--data", server.data)) == "There are no secrets.\n"
        assert success(detent("rotations", "--data", server.data)) == "There were no rotations.\n"
        client = server.client()
        names = [f"{'x' * 200}-{number:03}" for number in range(103)]
        for name in names:
            client.create_secret(Name=name)
        listed = success(detent("secrets", "--data", server.data, env={"COLUMNS": "300"}))
        assert sorted(line.split()[0] for line in listed.splitlines()[1:]) == names


REFUSED = [
    (["rotate", "none"], "Secrets Manager can't find the specified secret. (ResourceNotFoundException)"),
    (["rotate", "none", "--wait"], "Secrets Manager can't find the specified secret. (ResourceNotFoundException)"),
    (["rotations", "none"], "Secrets Manager can't find the specified secret. (ResourceNotFoundException)"),
    (["rotate", "a name"], "Invalid name. Must be a valid name "),
    (["rotate", ""], "Parameter validation failed: Invalid length for parameter SecretId"),
]


@pytest.mark.parametrize(("words", "said"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_a_secret_that_is_not_there_is_one_line(shared_detent: RunningDetent, words: list[str], said: str) -> None:
    assert refusal(detent(*words, "--data", shared_detent.data)).startswith(said)


def test_a_secret_without_a_function_is_one_line(detent_secret: str, shared_detent: RunningDetent) -> None:
    said = refusal(detent("rotate", detent_secret, "--data", shared_detent.data))
    assert said.startswith("No Lambda rotation function ARN is associated with this secret.")
    said = refusal(detent("rotations", detent_secret, "--data", shared_detent.data))
    assert said == f"There is no rotation of {detent_secret}. (ResourceNotFoundException)"


@pytest.fixture
def detent_secret(shared_detent: RunningDetent) -> Iterator[str]:
    client, name = shared_detent.client(), f"cli-{uuid4().hex}"
    client.create_secret(Name=name)
    yield name
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def test_a_server_that_does_not_run_is_one_line(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        pass
    for words in (["secrets"], ["rotations"], ["rotate", "x", "--wait"]):
        said = refusal(detent(*words, "--data", server.data))
        assert said == f"no server answers at {server.endpoint}: is detent serve running?"


def test_a_key_of_another_server_is_one_line(shared_detent: RunningDetent, tmp_path: Path) -> None:
    key, secret = shared_detent.credentials
    (tmp_path / "config").write_text((shared_detent.data / "config").read_text())
    wrong = {
        "aws_access_key_id = AKIANONE\naws_secret_access_key = x",
        f"aws_access_key_id = {key}\naws_secret_access_key = x",
    }
    for lines in wrong:
        (tmp_path / "credentials").write_text(f"[default]\n{lines}\n")
        said = refusal(detent("secrets", "--data", tmp_path))
        assert said.startswith(
            f"{shared_detent.endpoint} does not accept the access key, which may be another server's: "
        )
        assert secret not in said


ANOTHER_SERVER = """
import socket
listening = socket.socket(fileno={descriptor})
while True:
    call, _ = listening.accept()
    call.recv(65536)
    call.sendall(b"HTTP/1.0 404 Not Found\\r\\nContent-Length: 9\\r\\n\\r\\n<p>no</p>")
    call.close()
"""


def test_what_answers_but_is_no_server_of_ours_is_one_line(shared_detent: RunningDetent, tmp_path: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        endpoint = f"http://127.0.0.1:{listening.getsockname()[1]}"
        (tmp_path / "credentials").write_text((shared_detent.data / "credentials").read_text())
        (tmp_path / "config").write_text(f"[default]\nregion = us-east-1\nendpoint_url = {endpoint}\n")
        program = ANOTHER_SERVER.format(descriptor=listening.fileno())
        with subprocess.Popen([sys.executable, "-c", program], pass_fds=[listening.fileno()]) as another:
            said = refusal(detent("secrets", "--data", tmp_path))
            another.kill()
    assert said == f"what answers at {endpoint} is no Detent server"


PLACES: dict[str, Callable[[RunningDetent], dict[str, str]]] = {
    "files": lambda server: {
        "AWS_CONFIG_FILE": str(server.data / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(server.data / "credentials"),
    },
    "keys": lambda server: {
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": server.credentials[0],
        "AWS_SECRET_ACCESS_KEY": server.credentials[1],
    },
    "folder": lambda server: {"DETENT_DATA": str(server.data)},
}


@pytest.mark.parametrize("place", PLACES)
def test_without_data_the_environment_says_where_the_server_is(
    shared_detent: RunningDetent, detent_secret: str, place: str
) -> None:
    assert detent_secret in success(detent("secrets", env=PLACES[place](shared_detent)))


def test_data_goes_before_the_aws_variables_and_those_before_detent_data(
    shared_detent: RunningDetent, detent_secret: str
) -> None:
    elsewhere = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "AKIANONE",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_SESSION_TOKEN": "x",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_PROFILE": "none",
        "AWS_CONFIG_FILE": "/nonexistent",
        "http_proxy": "http://127.0.0.1:9",
    }
    assert detent_secret in success(detent("secrets", "--data", shared_detent.data, env=elsewhere))
    del elsewhere["AWS_PROFILE"], elsewhere["http_proxy"]
    said = refusal(detent("secrets", env={**elsewhere, "DETENT_DATA": str(shared_detent.data)}))
    assert said == "no server answers at http://127.0.0.1:9: is detent serve running?"


def test_no_call_goes_to_aws_for_want_of_an_endpoint(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nregion = us-east-1\n")
    said = refusal(detent("secrets", env={"AWS_CONFIG_FILE": str(tmp_path / "config")}))
    assert said.startswith("There is no endpoint: give endpoint_url, ")
    assert said.endswith("Or give --data DIR.")
    said = refusal(detent("secrets", env={"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_DEFAULT_REGION": "x-1"}))
    assert said.startswith("there are no credentials: ")


OUTCOMES: list[tuple[dict[str, Any], str]] = [
    (
        {"Purpose": "test", "State": "succeeded", "Attempts": []},
        "x was not rotated: a test of its configuration was under way. It has succeeded: rotate again.",
    ),
    (
        {
            "Purpose": "rotation",
            "State": "abandoned",
            "Step": "setSecret",
            "ARN": "a",
            "Attempts": [],
            "Reason": "Another value was written.",
        },
        "the rotation of x is abandoned: Another value was written. It is tried again only when you rotate again.",
    ),
]


@pytest.mark.parametrize(("rotation", "said"), OUTCOMES, ids=["test", "abandoned"])
def test_what_a_wait_says_of_a_rotation_that_did_not_succeed(rotation: dict[str, Any], said: str) -> None:
    assert outcome("x", rotation, Begun("v", 0, resumed=True)) == said
