"""Users' own functions on a whole server: its workers invoke them, its rotator has them do steps, each in a process."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import detent as package
from servers.canary import Canary
from servers.detent import RunningDetent, running
from servers.own_functions import ROLE, ROTATES, zipped
from servers.postgres import PostgresTarget
from wire.answers import new_name, new_token

WHOLE_SECONDS = 60
TELLS = """
import os

import boto3

client = boto3.client("secretsmanager", endpoint_url=os.environ["SECRETS_MANAGER_ENDPOINT"])

def handler(event, context):
    print("saw", event)
    return {"event": event, "arn": context.invoked_function_arn, "id": context.aws_request_id}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDetent]:
    with running(tmp_path_factory.mktemp("functions") / "data", "--workers", "2", "--lease-seconds", "1") as found:
        yield found


@pytest.fixture
def functions(server: RunningDetent) -> Any:
    return server.client("lambda")


def made(functions: Any, source: str = TELLS, **more: Any) -> str:
    members = {"Runtime": "python3.12", "Role": ROLE, "Handler": "function.handler", "Timeout": 30, **more}
    told = functions.create_function(FunctionName=f"f-{uuid4().hex}", Code={"ZipFile": zipped(source)}, **members)
    arn: str = told["FunctionArn"]
    return arn


def until(found: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + WHOLE_SECONDS
    while not (value := found()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return value


def own_api(server: RunningDetent) -> Any:
    access_key, secret_key = server.credentials
    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key, "region_name": "us-east-1"}
    return package.client(server.endpoint, **keys)


def logs(server: RunningDetent, arn: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = own_api(server).get_function_logs(FunctionName=arn)["Events"]
    return found


def test_the_aws_cli_makes_invokes_changes_and_deletes_a_function(server: RunningDetent, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DETENT_"))}
    files = {"AWS_SHARED_CREDENTIALS_FILE": server.data / "credentials", "AWS_CONFIG_FILE": server.data / "config"}
    environment = {**kept, **{name: str(path) for name, path in files.items()}, "AWS_PAGER": ""}
    name, code, answer = f"f-{uuid4().hex}", tmp_path / "code.zip", tmp_path / "answer.json"
    code.write_bytes(zipped(TELLS))

    def aws(*words: str) -> Any:
        command = [sys.executable, str(Path(sys.executable).with_name("aws")), "lambda", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    runs = ("--runtime", "python3.12", "--handler", "function.handler", "--role", ROLE, "--timeout", "30")
    arn = aws("create-function", "--function-name", name, *runs, "--zip-file", f"fileb://{code}")["FunctionArn"]
    aws("wait", "function-active-v2", "--function-name", name)
    payload = ("--payload", '{"from": "the CLI"}')
    told = aws("invoke", "--function-name", arn, *payload, "--log-type", "Tail", str(answer))
    assert told["StatusCode"] == 200
    assert json.loads(answer.read_text())["event"] == {"from": "the CLI"}
    assert "saw" in base64.b64decode(told["LogResult"]).decode()
    changed = ("--timeout", "5", "--environment", "Variables={A1=b}")
    assert aws("update-function-configuration", "--function-name", name, *changed)["Timeout"] == 5
    code.write_bytes(zipped("def handler(event, context):\n    return 'other'\n"))
    aws("update-function-code", "--function-name", name, "--zip-file", f"fileb://{code}")
    aws("invoke", "--function-name", name, str(answer))
    assert answer.read_text() == '"other"'
    permission = ("--statement-id", "s", "--action", "lambda:InvokeFunction")
    aws("add-permission", "--function-name", name, *permission, "--principal", "secretsmanager.amazonaws.com")
    assert "secretsmanager.amazonaws.com" in aws("get-policy", "--function-name", name)["Policy"]
    aws("remove-permission", "--function-name", name, "--statement-id", "s")
    assert name in [one["FunctionName"] for one in aws("list-functions")["Functions"]]
    aws("delete-function", "--function-name", name)
    assert name not in [one["FunctionName"] for one in aws("list-functions")["Functions"]]


def test_changed_code_holds_on_the_next_invocation_of_every_worker(functions: Any) -> None:
    arn = made(functions)
    for number in range(3):
        code = zipped(f"def handler(event, context):\n    return {number}\n")
        functions.update_function_code(FunctionName=arn, ZipFile=code)
        assert {functions.invoke(FunctionName=arn)["Payload"].read() for _ in range(6)} == {str(number).encode()}


def test_an_event_is_handled_by_the_rotator_soon(server: RunningDetent, functions: Any) -> None:
    arn = made(functions)
    told = functions.invoke(FunctionName=arn, InvocationType="Event", Payload=b'{"for": "later"}')
    events = until(lambda: logs(server, arn), "the event was not handled")
    assert events[0]["RequestId"] == told["ResponseMetadata"]["RequestId"]
    assert "saw {'for': 'later'}" in events[0]["Message"]


def test_an_event_that_was_accepted_outlives_the_server(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        functions = server.client("lambda")
        arn = made(functions)
        functions.invoke(FunctionName=arn, InvocationType="Event")
        server.kill()
    with running(tmp_path / "data") as server:
        until(lambda: logs(server, arn), "the event was lost")


def test_a_zip_function_rotates_a_postgres_user_killed_in_mid_step_and_resumed(
    tmp_path: Path, plain_postgres: PostgresTarget, canary: Canary
) -> None:
    user, first = f"u{uuid4().hex}", canary.value("-first")
    plain_postgres.create_user(user, first)
    options = ("--lease-seconds", "1")
    with running(tmp_path / "data", *options) as server:
        functions, secrets = server.client("lambda"), server.client()
        arn = made(functions, ROTATES, Environment={"Variables": {"SLOW": "20"}})
        name = new_name()
        secrets.create_secret(Name=name, SecretString=json.dumps(plain_postgres.value(user, first)))
        secrets.rotate_secret(SecretId=name, ClientRequestToken=new_token(), RotationLambdaARN=arn)
        until(lambda: not plain_postgres.logs_in(user, first), "setSecret did not happen")
        server.kill()
    with running(tmp_path / "data", *options) as server:
        functions, secrets = server.client("lambda"), server.client()
        functions.update_function_configuration(FunctionName=arn, Environment={"Variables": {}})
        api = own_api(server)
        until(lambda: api.describe_rotation(SecretId=name)["State"] == "succeeded", "the rotation was not resumed")
        log = "".join(event["Message"] for event in logs(server, arn))
        value = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
        canary.watch(value["password"])
        assert plain_postgres.logs_in(user, value["password"])
        assert [line for line in log.splitlines() if line.startswith("step")][-3:] == [
            "step setSecret",
            "step testSecret",
            "step finishSecret",
        ]
    canary.folders.append(tmp_path)
    canary.texts.append(log)
