"""The real AWS CLI with nothing but the two files that the server wrote."""

import base64
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
    value = canary.value().encode() + bytes(range(256))
    file.write_bytes(value)
    cli.reply("create-secret", "--name", name, "--secret-binary", f"fileb://{file}")
    read = cli.reply("get-secret-value", "--secret-id", name)
    assert "SecretString" not in read
    assert base64.b64decode(str(read["SecretBinary"])) == value


def test_an_error_is_told_in_the_words_of_the_service(cli: Cli, canary: Canary) -> None:
    name = new_name()
    cli.reply("create-secret", "--name", name, "--secret-string", canary.value())
    done = cli.run("rotate-secret", "--secret-id", name)
    assert done.returncode in {254, 255}
    assert done.stderr.strip().endswith(
        "An error occurred (InvalidRequestException) when calling the RotateSecret operation: No Lambda rotation"
        " function ARN is associated with this secret."
    )


def test_tags_are_set_and_removed_though_the_answers_are_empty(cli: Cli) -> None:
    name = new_name()
    cli.reply("create-secret", "--name", name, "--tags", "Key=k,Value=v")
    for change in (("tag-resource", "--tags", "Key=l,Value=w"), ("untag-resource", "--tag-keys", "k")):
        done = cli.run(*change, "--secret-id", name)
        assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
    assert cli.reply("describe-secret", "--secret-id", name)["Tags"] == [{"Key": "l", "Value": "w"}]


POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}
)
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"


def test_a_secrets_life_in_real_command_lines(cli: Cli, tmp_path: Path, canary: Canary) -> None:
    name = new_name()
    value = tmp_path / "value.json"
    value.write_text(json.dumps({"password": canary.value("1")}))
    made = cli.reply(
        "create-secret", "--name", name, "--secret-string", f"file://{value}", "--description", "Of a test"
    )
    put = cli.reply("put-secret-value", "--secret-id", name, "--secret-string", canary.value("2"))
    assert put["VersionStages"] == ["AWSCURRENT"]
    previous = cli.reply("get-secret-value", "--secret-id", name, "--version-stage", "AWSPREVIOUS")
    assert previous["SecretString"] == value.read_text()
    by_id = ("get-secret-value", "--secret-id", name, "--version-id", str(put["VersionId"]))
    assert cli.run(*by_id, "--query", "SecretString", "--output", "text").stdout.strip() == canary.value("2")
    cli.reply("update-secret", "--secret-id", name, "--description", "Changed", "--secret-string", canary.value("3"))
    moved = ("--move-to-version-id", str(made["VersionId"]), "--version-stage", "mine")
    cli.reply("update-secret-version-stage", "--secret-id", name, *moved)
    listed = cli.reply("list-secret-version-ids", "--secret-id", name, "--include-deprecated")
    stages = {one["VersionId"]: one["VersionStages"] for one in listed["Versions"]}  # type: ignore[attr-defined]
    assert stages[made["VersionId"]] == ["mine"]
    assert len(stages) == 3
    described = cli.reply("describe-secret", "--secret-id", str(made["ARN"]))
    assert described["Description"] == "Changed"
    deleted = cli.reply("delete-secret", "--secret-id", name, "--recovery-window-in-days", "7")
    assert deleted["ARN"] == made["ARN"]
    assert "was marked for deletion" in cli.run("get-secret-value", "--secret-id", name).stderr
    assert cli.reply("restore-secret", "--secret-id", name)["Name"] == name
    assert cli.reply("delete-secret", "--secret-id", name, "--force-delete-without-recovery")["Name"] == name


def test_secrets_are_found_and_read_together(cli: Cli, canary: Canary) -> None:
    prefix = new_name()
    for number in "123":
        asked = json.dumps({"Name": f"{prefix}-{number}", "SecretString": canary.value(number)})
        cli.reply("create-secret", "--cli-input-json", asked, "--tags", f"Key=number,Value={number}")
    found = ("list-secrets", "--filters", f"Key=name,Values={prefix}", "--sort-by", "name", "--sort-order", "desc")
    names = cli.reply(*found, "--max-items", "2", "--page-size", "1")
    assert [one["Name"][-1] for one in names["SecretList"]] == ["3", "2"]  # type: ignore[attr-defined]
    batch = cli.reply("batch-get-secret-value", "--secret-id-list", f"{prefix}-1", f"{prefix}-none")
    assert [one["SecretString"] for one in batch["SecretValues"]] == [canary.value("1")]  # type: ignore[attr-defined]
    assert [one["ErrorCode"] for one in batch["Errors"]] == ["ResourceNotFoundException"]  # type: ignore[attr-defined]
    tagged = f"Key=name,Values={prefix}", "Key=tag-value,Values=!1"
    by_filter = cli.reply("batch-get-secret-value", "--filters", *tagged)
    assert len(by_filter["SecretValues"]) == 2  # type: ignore[arg-type]


def test_a_policy_is_checked_put_shown_and_taken_away(cli: Cli) -> None:
    name = new_name()
    cli.reply("create-secret", "--name", name)
    checked = cli.reply("validate-resource-policy", "--secret-id", name, "--resource-policy", POLICY)
    assert checked["PolicyValidationPassed"] is False
    broad = ("put-resource-policy", "--secret-id", name, "--resource-policy", POLICY)
    assert "PublicPolicyException" in cli.run(*broad, "--block-public-policy").stderr
    cli.reply(*broad)
    assert cli.reply("get-resource-policy", "--secret-id", name)["ResourcePolicy"] == POLICY
    cli.reply("delete-resource-policy", "--secret-id", name)
    assert "ResourcePolicy" not in cli.reply("get-resource-policy", "--secret-id", name)


def test_a_replica_is_made_read_and_removed(cli: Cli, canary: Canary) -> None:
    name = new_name()
    cli.reply("create-secret", "--name", name, "--secret-string", canary.value())
    made = cli.reply("replicate-secret-to-regions", "--secret-id", name, "--add-replica-regions", "Region=eu-west-1")
    assert made["ReplicationStatus"] == [{"Region": "eu-west-1", "Status": "InSync"}]
    there = cli.reply("get-secret-value", "--secret-id", name, "--region", "eu-west-1")
    assert there["SecretString"] == canary.value()
    removed = ("remove-regions-from-replication", "--secret-id", name, "--remove-replica-regions", "eu-west-1")
    assert cli.reply(*removed)["ReplicationStatus"] == []


def test_a_rotation_is_configured_and_cancelled(cli: Cli, unreachable: str) -> None:
    name = new_name()
    cli.reply("create-secret", "--name", name, "--secret-string", unreachable)
    rules = ("--rotation-rules", "AutomaticallyAfterDays=30,Duration=3h", "--rotation-lambda-arn", FUNCTION)
    rotated = cli.reply("rotate-secret", "--secret-id", name, *rules)
    assert cli.reply("cancel-rotate-secret", "--secret-id", name)["VersionId"] == rotated["VersionId"]
    password = cli.reply("get-random-password", "--password-length", "20", "--exclude-punctuation")
    assert str(password["RandomPassword"]).isalnum()
