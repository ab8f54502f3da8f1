"""The pages on access, run as they stand there: their commands in one shell, beside a server in the home's folder."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.command import surroundings
from detent.cli.declaration import _SECTIONS
from servers.canary import Canary
from servers.detent import RunningDetent, running

PAGES = Path(__file__).parent.parent.parent / "docs" / "how-to"
PROGRAMS = Path(sys.executable).parent
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Reader:
    """Somebody who types a page's commands in, in a home of their own."""

    def __init__(self, server: RunningDetent, home: Path) -> None:
        self.server, self.home = server, home
        path = f"{PROGRAMS}:{os.environ['PATH']}"
        self.environment = surroundings(HOME=str(home), PATH=path, AWS_PAGER="", COLUMNS="300")

    def type(self, page: str) -> list[str]:
        """Run all of a page's commands in one shell that stops at the first failure; gives what each block said."""
        blocks = SHELL.findall((PAGES / page).read_text())
        script = "\n".join(f"{block}\necho '=== end of block'" for block in blocks)
        script = script.replace("http://127.0.0.1:7373", self.server.endpoint)
        done = subprocess.run(
            ["bash", "-eu", "-c", script],
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout.split("=== end of block\n")[:-1]


@pytest.fixture
def reader(tmp_path: Path, canary: Canary) -> Iterator[Reader]:
    with running(tmp_path / ".detent") as server:
        client = server.client()
        for name in ("app/db", "admin/db"):
            client.create_secret(Name=name, SecretString=json.dumps({"password": canary.value()}))
        yield Reader(server, tmp_path)
    canary.folders.append(server.data)


def test_an_application_gets_access(reader: Reader, canary: Canary) -> None:
    _, may, _, read, keys = reader.type("give-an-application-access.md")
    assert may.splitlines() == [
        "yes with an explicit allow in an identity-based policy: policy app-reads, statement ReadsItsOwn",
        "no because no identity-based policy allows the secretsmanager:DeleteSecret action",
        "which is as it should be",
    ]
    assert json.loads(read)["SecretString"] == json.dumps({"password": canary.value()})
    assert [line.split()[1:3] for line in keys.splitlines()[1:]] == [["app", "active"], ["app", "active"]]
    assert "(secretsmanager, us-east-1)" in keys
    assert (reader.home / "app-credentials").stat().st_mode & 0o077 == 0


def test_a_role_is_assumed_by_the_real_aws_cli(reader: Reader, canary: Canary) -> None:
    made, read, by_hand, ended = reader.type("assume-a-role.md")
    assert made.splitlines()[-1].startswith("yes with an explicit allow")
    identity, value = (json.loads(text) for text in re.findall(r"^\{.*?^\}$", read, re.DOTALL | re.MULTILINE))
    assert identity["Arn"].startswith("arn:aws:sts::000000000000:assumed-role/deployer/")
    assert value["SecretString"] == json.dumps({"password": canary.value()})
    session = json.loads(by_hand)
    canary.watch(session["Credentials"]["SecretAccessKey"])
    canary.watch(session["Credentials"]["SessionToken"])
    assert session["AssumedRoleUser"]["Arn"] == "arn:aws:sts::000000000000:assumed-role/deployer/by-hand"
    assert ended == "Every session of arn:aws:iam::000000000000:role/deployer has ended.\n"


def test_access_is_declared(reader: Reader) -> None:
    page = (PAGES / "declare-access.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (reader.home / "access.toml").write_text(example)
    document = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    (reader.home / "app-reads.json").write_text(json.dumps(document))
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::000000000000:user/app"}}
    (reader.home / "trust.json").write_text(json.dumps({**document, "Statement": trust}))
    (said,) = reader.type("declare-access.md")
    shown, _, again = said.rpartition("Done: 7 changes.\n")
    assert again == "Nothing to do.\n"
    assert shown.count("+ policy app-reads\n") == 2  # the dry run, and the one that did it
    assert "+ role deployer\n" in shown


def test_every_key_of_the_file_is_on_the_page() -> None:
    page = (PAGES / "declare-access.md").read_text()
    words = {member for section in _SECTIONS.values() for member in section.members} | {"keys", "accounts"}
    assert [word for word in sorted(words | set(_SECTIONS)) if not re.search(rf"\b{word}\b", page)] == []
