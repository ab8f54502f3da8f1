"""`docs/how-to/heal-a-rotation.md`, followed from its first command to its last on a server and a real PostgreSQL."""

import json
import re
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.command import detent, success
from detent.cli.healing import _CURES
from servers.canary import Canary
from servers.detent import RunningDetent, running
from servers.postgres import PostgresTarget

PAGE = (Path(__file__).parent.parent.parent / "docs/how-to/heal-a-rotation.md").read_text(encoding="utf-8")
SECTIONS = {part.splitlines()[0]: part for part in PAGE.split("\n## ")[1:]}
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"
SECRET = "app/db"


def commands(section: str) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", SECTIONS[section], re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


class Reader:
    """Somebody who follows the page, on a secret of a real role."""

    def __init__(self, server: RunningDetent, target: PostgresTarget, canary: Canary) -> None:
        self.server, self.target, self.canary = server, target, canary
        self.client = server.client()
        target.create_user(SECRET, canary.value("-first"))
        value = json.dumps(target.value(SECRET, canary.value("-first")))
        self.client.create_secret(Name=SECRET, SecretString=value)
        self.client.rotate_secret(SecretId=SECRET, RotationLambdaARN=FUNCTION)
        self.wait_until(lambda: self.password != canary.value("-first"))

    @property
    def value(self) -> dict[str, Any]:
        return self.client.get_secret_value(SecretId=SECRET)

    @property
    def password(self) -> str:
        return self.canary.watch(json.loads(self.value["SecretString"])["password"])

    def wait_until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def follow(self, section: str) -> list[str]:
        """Run a section's commands as they stand; gives what each said."""
        said = []
        for command in commands(section):
            assert command[0] == "detent"
            said.append(success(detent(*command[1:], "--data", self.server.data, env={"COLUMNS": "400"})))
        self.canary.texts += said
        return said

    def pending(self) -> bool:
        stages = self.client.describe_secret(SecretId=SECRET)["VersionIdsToStages"]
        return any("AWSPENDING" in labels and "AWSCURRENT" not in labels for labels in stages.values())


@pytest.fixture
def reader(tmp_path: Path, postgres_from: Callable[[str], PostgresTarget], canary: Canary) -> Iterator[Reader]:
    with running(tmp_path / "data") as server:
        canary.folders.append(server.data)
        yield Reader(server, postgres_from("wheel"), canary)


def test_the_page_heals_what_it_says(reader: Reader) -> None:
    password, canary = reader.password, reader.canary
    reader.target.set_password(SECRET, canary.value("-by-hand"))
    detent("rotate", SECRET, "--wait", "--data", reader.server.data)
    reader.wait_until(lambda: SECRET in success(detent("rotations", "--failed", "--data", reader.server.data)))
    failed, timeline, explained = reader.follow("See what is wrong")
    assert SECRET in failed
    assert "setSecret" in timeline
    assert "does not log in" in explained
    assert "put-secret-value" in explained.splitlines()[-1]
    shown = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[0]
    words = [line.split()[0] for line in shown.splitlines() if line.strip()]
    assert [line.split()[0] for line in explained.splitlines() if line.strip()] == [
        *words[:3],
        *(["AWSPREVIOUS"] if "AWSPREVIOUS" in explained else []),
        *words[3:],
    ]

    reader.target.set_password(SECRET, password)  # put right what the reason names
    [said] = reader.follow("Try again")
    assert "is current and logs in" in said
    assert reader.password != password

    [said] = reader.follow("Go back")
    assert "is current and logs in" in said
    assert reader.password == password

    *_, approved = reader.follow("Ask before anything changes")
    assert SECRET in approved
    reader.wait_until(lambda: reader.password != password and not reader.pending())

    before = reader.value["VersionId"]
    _, abandoned = reader.follow("Give up")
    assert "is abandoned; its target was not changed by it" in abandoned
    assert (reader.value["VersionId"], reader.pending()) == (before, False)


def test_every_command_that_explain_may_name_is_in_the_table() -> None:
    table = SECTIONS["See what is wrong"]
    named = [re.split(r" \{\}| --secret-id", cure)[0].removeprefix("aws secretsmanager ") for cure in _CURES.values()]
    assert len(named) == len(set(named)) > 6
    assert [name for name in named if f"| `{name}` |" not in table] == []
