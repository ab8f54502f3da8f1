"""The real AWS CLI with nothing but the two files that the server wrote."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import new_name

AWS = Path(sys.executable).with_name("aws")


class Cli:
    def __init__(self, data: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DETENT_"))}
        files = {"AWS_SHARED_CREDENTIALS_FILE": str(data / "credentials"), "AWS_CONFIG_FILE": str(data / "config")}
        self._environment = {**kept, **files, "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(AWS), "secretsmanager", *words]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False, timeout=60)

    def reply(self, *words: str) -> dict[str, object]:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        found: dict[str, object] = json.loads(done.stdout)
        return found


@pytest.fixture
def cli(detent: RunningDetent) -> Cli:
    return Cli(detent.data)


def test_a_secret_made_by_the_cli_is_listed_and_read(cli: Cli, canary: Canary) -> None:
    name = new_name()
    made = cli.reply("create-secret", "--name", name, "--secret-string", canary.value(), "--tags", "Key=k,Value=v")
    read = cli.reply("get-secret-value", "--secret-id", name)
    assert (read["SecretString"], read["VersionId"]) == (canary.value(), made["VersionId"])
    listed = cli.reply("list-secrets", "--query", f"{{found: SecretList[?Name=='{name}'].ARN}}")
    assert listed == {"found": [made["ARN"]]}


def test_a_binary_file_comes_back_as_it_was(cli: Cli, tmp_path: Path, canary: Canary) -> None:
    name, file = new_name(), tmp_path / "binary"
    file.write_bytes(canary.value().encode() + bytes(range(256)))
    cli.reply("create-secret", "--name", name, "--secret-binary", f"fileb://{file}")
    read = cli.reply("get-secret-value", "--secret-id", name)
    assert "SecretString" not in read
    assert read["SecretBinary"]


def test_an_error_is_told_in_the_words_of_the_service(cli: Cli, canary: Canary) -> None:
    name = new_name()
    cli.reply("create-secret", "--name", name, "--secret-string", canary.value())
    done = cli.run("rotate-secret", "--secret-id", name)
    assert done.returncode in {254, 255}
    assert done.stderr.strip().endswith(
        "An error occurred (InvalidRequestException) when calling the RotateSecret operation: No Lambda rotation"
        " function ARN is associated with this secret."
    )


def test_a_tag_is_removed_though_the_answer_is_empty(cli: Cli) -> None:
    name = new_name()
    cli.reply("create-secret", "--name", name, "--tags", "Key=k,Value=v")
    done = cli.run("untag-resource", "--secret-id", name, "--tag-keys", "k")
    assert (done.returncode, done.stdout.strip()) == (0, "")
    assert cli.reply("describe-secret", "--secret-id", name)["Tags"] == []
