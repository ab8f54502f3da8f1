"""A house with users' own functions behind a real socket, and a runner that runs their Python in this process.

What the API promises is shown with it: how functions are kept apart is the runtime's, and its tests' matter.
"""

import configparser
import contextlib
import io
import json
import os
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3
import uvicorn
from botocore.config import Config

import detent as package
from detent.functions.builtin import BUILTIN
from detent.main.folder import Folder
from detent.main.house import House
from detent.main.http import uvicorn_config
from detent.main.settings import Settings
from detent.model.function import UserFunction
from detent.model.ports import Invocation, Invoked

ROLE = "arn:aws:iam::000000000000:role/service-role"
ECHO = "def handler(event, context):\n    print('called', event)\n    return {'event': event}\n"

# A rotation of a PostgreSQL user's own password, in the manner of AWS's templates; it waits where it is told to.
ROTATES = """
import json
import os
import pathlib
import time

import boto3
import psycopg

client = boto3.client("secretsmanager", endpoint_url=os.environ["SECRETS_MANAGER_ENDPOINT"])

def handler(event, context):
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    stages = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    if "AWSCURRENT" in stages[token]:
        return
    print("step", step)
    globals()[step](arn, token, stages)
    if step == "setSecret" and os.environ.get("SLOW"):
        print("slow")
        time.sleep(float(os.environ["SLOW"]))

def value(arn, **which):
    return json.loads(client.get_secret_value(SecretId=arn, **which)["SecretString"])

def createSecret(arn, token, stages):
    current = value(arn, VersionStage="AWSCURRENT")
    try:
        value(arn, VersionId=token, VersionStage="AWSPENDING")
    except client.exceptions.ResourceNotFoundException:
        current["password"] = client.get_random_password(ExcludePunctuation=True)["RandomPassword"]
        client.put_secret_value(
            SecretId=arn, ClientRequestToken=token, SecretString=json.dumps(current), VersionStages=["AWSPENDING"]
        )

def connected(login):
    place = {"host": login["host"], "port": login["port"], "dbname": "postgres"}
    return psycopg.connect(user=login["username"], password=login["password"], **place)

def setSecret(arn, token, stages):
    pending = value(arn, VersionId=token, VersionStage="AWSPENDING")
    try:
        connected(pending).close()
        return
    except psycopg.OperationalError:
        pass
    with connected(value(arn, VersionStage="AWSCURRENT")) as connection:
        made = psycopg.sql.SQL("ALTER ROLE {} PASSWORD {}")
        user, password = psycopg.sql.Identifier(pending["username"]), psycopg.sql.Literal(pending["password"])
        connection.execute(made.format(user, password))

def testSecret(arn, token, stages):
    with connected(value(arn, VersionId=token, VersionStage="AWSPENDING")) as connection:
        connection.execute("SELECT 1")

def finishSecret(arn, token, stages):
    current = next(version for version, labels in stages.items() if "AWSCURRENT" in labels)
    client.update_secret_version_stage(
        SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
    )
"""


def zipped(source: str = ECHO, name: str = "function.py", **more: str) -> bytes:
    """A zip of one module, and of other files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for file, text in {name: source, **more}.items():
            archive.writestr(file, text)
    return made.getvalue()


class InProcessRunner:
    """`ports.FunctionRunner` without any isolation, a call at a time."""

    def __init__(self, code: Callable[[UserFunction], bytes]) -> None:
        self.code = code
        self.endpoint = ""
        self.refusals: dict[str, str] = {}
        self.warnings: dict[str, str] = {}
        self.forgotten: list[UserFunction] = []
        self.seen: list[Invocation] = []
        self._turn = threading.RLock()

    def refusal(self, function: UserFunction) -> str | None:
        return self.refusals.get(function.key.name)

    def warning(self, function: UserFunction) -> str | None:
        return self.warnings.get(function.key.name)

    def flaw(self, code: bytes) -> str | None:
        return None if zipfile.is_zipfile(io.BytesIO(code)) else "The code is no zip file."

    def forget(self, function: UserFunction) -> None:
        self.forgotten.append(function)

    def close(self) -> None:
        pass

    def invoke(self, invocation: Invocation) -> Invoked:
        written = io.StringIO()
        with self._turn, mock.patch.dict(os.environ, self._environment(invocation)):
            self.seen.append(invocation)
            with contextlib.redirect_stdout(written):
                payload, error = self._answer(invocation)
        head, foot = f"START RequestId: {invocation.request_id}\n", f"END RequestId: {invocation.request_id}\n"
        return Invoked(payload, error, head + written.getvalue() + foot)

    def _answer(self, invocation: Invocation) -> tuple[bytes, str | None]:
        module, _, name = invocation.function.handler.partition(".")
        with zipfile.ZipFile(io.BytesIO(self.code(invocation.function))) as archive:
            source = archive.read(f"{module}.py")
        left = invocation.deadline - datetime.now(UTC)
        context = SimpleNamespace(
            aws_request_id=invocation.request_id,
            invoked_function_arn=invocation.function.arn,
            get_remaining_time_in_millis=lambda: left.total_seconds() * 1000,
        )
        try:
            namespace: dict[str, Any] = {}
            exec(compile(source, module, "exec"), namespace)
            return json.dumps(namespace[name](json.loads(invocation.payload), context)).encode(), None
        except Exception as error:  # noqa: BLE001 - whatever a function raises is that function's failure
            return json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)}).encode(), "Unhandled"

    def _environment(self, invocation: Invocation) -> Mapping[str, str]:
        found = {"SECRETS_MANAGER_ENDPOINT": self.endpoint, **invocation.environment}
        if invocation.credentials is not None:
            found["AWS_ACCESS_KEY_ID"] = invocation.credentials.access_key_id
            found["AWS_SECRET_ACCESS_KEY"] = str(invocation.credentials.secret_access_key.reveal())
            found["AWS_SESSION_TOKEN"] = str(invocation.credentials.session_token.reveal())
            found["AWS_DEFAULT_REGION"] = invocation.credentials.region
        return found


class FunctionHouse:
    """The house; its endpoint; clients of its root, or of whoever has the keys given."""

    def __init__(self, house: House, runner: InProcessRunner, endpoint: str) -> None:
        self.house, self.runner, self.endpoint = house, runner, endpoint
        runner.endpoint = endpoint
        self.functions = self.client()

    @property
    def credentials(self) -> tuple[str, str]:
        keys = configparser.RawConfigParser()
        keys.read(self.house.folder.credentials)
        return keys["default"]["aws_access_key_id"], keys["default"]["aws_secret_access_key"]

    def client(self, service: str = "lambda", **changed: Any) -> Any:
        access_key, secret_key = self.credentials
        settings = {
            "region_name": "us-east-1",
            "aws_access_key_id": access_key,
            "aws_secret_access_key": secret_key,
            "config": Config(retries={"total_max_attempts": 1}, parameter_validation=False),
            **changed,
        }
        if service == "detent":
            return package.client(self.endpoint, **settings)
        return boto3.session.Session().client(service, endpoint_url=self.endpoint, **settings)

    def made(self, name: str, source: str = ECHO, **changed: Any) -> str:
        """Make a function; gives its ARN."""
        members = {"Runtime": "python3.12", "Role": ROLE, "Handler": "function.handler", **changed}
        told = self.functions.create_function(FunctionName=name, Code={"ZipFile": zipped(source)}, **members)
        arn: str = told["FunctionArn"]
        return arn

    def drive(self) -> None:
        """Run what is due now, as the rotator would."""
        for rotation in self.house.store.write(lambda tx: tx.rotations.claim_due("test", 60.0, 10)):
            self.house.runner().drive(rotation, lambda: True)


@contextmanager
def function_house(folder: Path, **changed: Any) -> Iterator[FunctionHouse]:
    made: list[InProcessRunner] = []

    def runners(code: Callable[[UserFunction], bytes]) -> InProcessRunner:
        made.append(InProcessRunner(code))
        return made[0]

    house = House(Settings(folder, jitter_seconds=0, **changed), Folder(folder).open(), BUILTIN, runners=runners)
    house.folder.initialise(house.server, house.store)
    app, turn = house.app()
    config = uvicorn_config(app, turn)
    config.port = 0
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield FunctionHouse(house, made[0], f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        thread.join()
        house.close()
