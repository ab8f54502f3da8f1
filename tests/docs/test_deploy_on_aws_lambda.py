"""`docs/how-to/deploy-on-aws-lambda.md`, followed up to CloudFormation, which nothing here speaks: moto has no SAM.

The commands are the page's. AWS is moto's server, the AWS CLI is AWS's, and the secret is a real server's.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copy

import pytest

from cli.command import detent, success
from cli.packages import ARCHITECTURE, installed_drivers, only_from
from deployment.template import TEMPLATE, allowed_actions, template
from servers.aws import REGION, Aws, take_the_steps, worker
from servers.canary import Canary
from servers.target import Target

ROTATE_SECRET = ("aws", "secretsmanager", "rotate-secret")
PAGE = (Path(__file__).parent.parent.parent / "docs/how-to/deploy-on-aws-lambda.md").read_text(encoding="utf-8")


def commands(*begin: str) -> list[list[str]]:
    """Give those of the page's commands that begin so."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [shlex.split(line) for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [words for words in lines if words[: len(begin)] == [*begin]]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with the repository's deploy/aws in it."""
    folder = tmp_path / "repository"
    (folder / "deploy" / "aws").mkdir(parents=True)
    copy(TEMPLATE, folder / "deploy" / "aws")
    return folder


def package(here: Path, engine: str, words: list[str]) -> str:
    """Run the page's command, for this machine's architecture and with the driver that is installed."""
    wheels = here / "wheels"
    wheels.mkdir()
    installed_drivers(wheels, engine)
    words = [str(here / word) if word.startswith(("deploy/", "./")) else word for word in words[1:]]
    env = {"HOME": str(here), **only_from(wheels)}
    return success(detent(*words, "--architecture", ARCHITECTURE, env=env))


def aws_cli(here: Path, aws: Aws, words: list[str]) -> str:
    environment = {**os.environ, **aws.operator(), "AWS_ENDPOINT_URL": aws.endpoint, "AWS_DEFAULT_REGION": REGION}
    command = [str(Path(sys.executable).with_name("aws")), *words[1:]]
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done
    return done.stdout


def sent_code(here: Path, aws: Aws) -> bytes:
    """Give what the packaged template says is the function's code."""
    packaged = (here / "packaged.yaml").read_text()
    bucket, key = re.findall(r"CodeUri: s3://(.+?)/(\S+)", packaged)[0]
    content: bytes = aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def test_the_page_packages_a_function_sends_it_to_aws_and_rotates_a_secret_by_it(
    here: Path, server_of: Callable[[str], Target], aws: Aws, canary: Canary
) -> None:
    target, secrets, zipped = (
        server_of("postgres-system"),
        aws.client("secretsmanager"),
        here / "deploy/aws/function.zip",
    )
    (packing, _), (sending,) = commands("detent"), commands("aws", "cloudformation", "package")
    (tagging,), (asking,) = commands("aws", "secretsmanager", "tag-resource"), commands(*ROTATE_SECRET)

    assert "psycopg " in package(here, "postgres", packing)
    aws.client("s3").create_bucket(Bucket=sending[sending.index("--s3-bucket") + 1])
    aws_cli(here, aws, sending)
    assert sent_code(here, aws) == zipped.read_bytes()

    arn = secrets.create_secret(Name="app/orders", SecretString=json.dumps(target.new_value()))["ARN"]
    assert aws.deploy(zipped, name=tagging[-1].rpartition("=")[2]) in asking
    aws_cli(here, aws, tagging)
    aws_cli(here, aws, asking)
    stages = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
    token = next(version for version, labels in stages.items() if labels == ["AWSPENDING"])
    variables = {**aws.credentials_of(allowed_actions()), "SECRETS_MANAGER_ENDPOINT": aws.endpoint}
    with worker(zipped, variables, canary) as running:
        take_the_steps(running, arn, token)
    text = secrets.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSCURRENT")["SecretString"]
    canary.watch(json.loads(text)["password"])
    assert target.alive(json.loads(text))


def test_the_folder_that_the_page_describes_is_packed(here: Path) -> None:
    *_, own = commands("detent")
    (here / "rotate").mkdir()
    (here / "rotate" / "function.py").write_text(
        "from detent.functions.contract import RotationFunction\n"
        "from detent.functions.strategies import SingleUser\n\n"
        'handler = RotationFunction(SingleUser(), "redis")\n'
    )
    assert "Beside the function: redis " in package(here, "redis", own)


def test_the_parameters_and_variables_of_the_page_are_the_templates() -> None:
    declared = template()
    variables = declared["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    of_variables = {"".join(part.capitalize() for part in name.split("_")) for name in variables}
    told = {name for row in re.findall(r"^\| (`.+?) \|", PAGE, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert {name for name in told if name.isupper()} == set(variables)
    assert {name for name in told if name in declared["Parameters"]} | of_variables == set(declared["Parameters"])
    (deploying,) = commands("aws", "cloudformation", "deploy")
    given = deploying[deploying.index("--parameter-overrides") + 1 :]
    without_default = {name for name, said in declared["Parameters"].items() if "Default" not in said}
    assert {one.partition("=")[0] for one in given} == without_default
    assert "`rotates-with`" in PAGE
    assert "aws:ResourceTag/rotates-with" in TEMPLATE.read_text()
