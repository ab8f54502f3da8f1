"""AWS as moto's server speaks it, for functions that are packed for it: Secrets Manager, and who may call it.

What Secrets Manager does and moto does not, ``rotate`` does by plain boto3 calls:

* moto calls no function without Docker, so its own Lambda is told to answer without calling anything. RotateSecret then
  leaves what AWS's does before the first step: a version without a value that has AWSPENDING.
* moto refuses a rotation while AWSPENDING and AWSCURRENT are on one version, where AWS refuses it while they are not.
  So the label is taken off before the next one.

moto asks whether the caller may do the action; resources and conditions it does not look at (``servers.iam``).
"""

import json
import subprocess
import sys
import tempfile
import urllib.request
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import boto3

from servers.canary import Canary
from servers.iam import IamTarget

REGION = "us-east-1"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
RUNTIME = Path(__file__).parent.parent / "functions" / "lambda_runtime.py"
HANDLER = "function.handler"
ALONE = (sys.executable, "-I", "-S", "-B")  # neither this environment's packages nor its variables
PROVIDED = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")  # by Lambda's Python itself
_ANYBODY = json.dumps({"Version": "2012-10-17", "Statement": []})


class Aws:
    """An account. The operator may do everything."""

    def __init__(self, iam: IamTarget) -> None:
        self.endpoint = f"http://{iam.host}:{iam.port}"
        self.iam = iam.iam
        self._key = iam.issue("operator")
        told = json.dumps({"lambda": {"use_docker": False}}).encode()
        with urllib.request.urlopen(f"{self.endpoint}/moto-api/config", data=told) as answer:
            assert answer.status == 201

    def client(self, service: str) -> Any:
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, **self._key)

    def operator(self) -> dict[str, str]:
        """Give the variables by which AWS's tools sign as the operator."""
        return {name.upper(): value for name, value in self._key.items()}

    def deploy(self, package: Path, name: str = "") -> str:
        """Make a function of a zip; give its ARN."""
        name = name or f"rotate-{uuid.uuid4().hex[:8]}"
        role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=_ANYBODY)["Role"]["Arn"]
        made = self.client("lambda").create_function(
            FunctionName=name, Role=role, Handler=HANDLER, Runtime="python3.12", Code={"ZipFile": package.read_bytes()}
        )
        return str(made["FunctionArn"])

    def credentials_of(self, actions: Sequence[str]) -> dict[str, str]:
        """Give variables by which a function signs as one who may do these actions and nothing else."""
        user = f"function-{uuid.uuid4().hex[:8]}"
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        self.iam.create_user(UserName=user)
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.iam.put_user_policy(UserName=user, PolicyName="role", PolicyDocument=policy)
        key = self.iam.create_access_key(UserName=user)["AccessKey"]
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


class Worker:
    """A function that runs as on Lambda: a process that has the unpacked zip, the standard library and boto3."""

    def __init__(self, process: "subprocess.Popen[str]", canary: Canary) -> None:
        self._process, self._canary = process, canary
        self.loaded: set[str] = set()

    def invoke(self, event: Mapping[str, Any]) -> str | None:
        """Call it; give what failed."""
        stdin, stdout = _pipes(self._process)
        stdin.write(json.dumps(event) + "\n")
        stdin.flush()
        line = stdout.readline()
        assert line, "the function's process ended"
        self._canary.texts.append(line)
        told = json.loads(line)
        self.loaded.update(told["loaded"])
        return str(told["failure"]) if told["failure"] else None


def _pipes(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


@contextmanager
def unpacked(package: Path) -> Iterator[list[str]]:
    """Give what sys.path begins with on Lambda: a zip's files, then what Lambda's Python itself provides."""
    with tempfile.TemporaryDirectory(prefix="detent-lambda-") as scratch:
        task, provided = Path(scratch, "task"), Path(scratch, "provided")
        with zipfile.ZipFile(package) as archive:
            archive.extractall(task)
        provided.mkdir()
        for name in PROVIDED:
            (provided / name).symlink_to(Path(boto3.__file__).parent.parent / name)
        yield [str(task), str(provided)]


@contextmanager
def worker(package: Path, environment: Mapping[str, str], canary: Canary) -> Iterator[Worker]:
    """Start one of a zip, with these variables alone."""
    region = {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
    with unpacked(package) as path:
        command = [*ALONE, str(RUNTIME), *path, HANDLER]
        process = subprocess.Popen(
            command,
            cwd=path[0],
            env={**region, **environment},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            yield Worker(process, canary)
        finally:
            process.communicate(timeout=30)  # its input ends, and so does it


def start_rotation(secrets: Any, arn: str, function: str) -> str:
    """Do what RotateSecret does before the first step; give the new version's id."""
    stages = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
    for version in (version for version, labels in stages.items() if "AWSPENDING" in labels):
        secrets.update_secret_version_stage(SecretId=arn, VersionStage="AWSPENDING", RemoveFromVersionId=version)
    token = str(uuid.uuid4())
    secrets.rotate_secret(
        SecretId=arn,
        ClientRequestToken=token,
        RotationLambdaARN=function,
        RotationRules={"AutomaticallyAfterDays": 30},
    )
    return token


def take_the_steps(running: Worker, arn: str, token: str) -> None:
    """Call the function as Secrets Manager does, a step after the other."""
    for step in STEPS:
        failure = running.invoke({"Step": step, "SecretId": arn, "ClientRequestToken": token})
        assert failure is None, failure


def rotate(secrets: Any, arn: str, function: str, running: Worker) -> str:
    """Rotate a secret; give the new version's id."""
    token = start_rotation(secrets, arn, function)
    take_the_steps(running, arn, token)
    return token
