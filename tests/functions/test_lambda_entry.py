"""The same function as an AWS Lambda handler: its own boto3 client, pointed at an endpoint."""

import datetime as dt
import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from detent.functions.contract import StepFailed
from detent.functions.testing import SecretsSimulator
from functions.stories import FUNCTION, STEPS, event, logs_in, new_user
from servers.postgres import PostgresTarget

CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 30_000)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretsSimulator]:
    """The simulator behind AWS JSON 1.1, named to the function by the environment as on AWS."""
    simulator = SecretsSimulator()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            operation = self.headers["X-Amz-Target"].split(".")[1]
            members = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, reply = 200, {}
            try:
                reply = getattr(simulator, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower())(**members)
            except ClientError as error:
                status = 400
                reply = {"__type": error.response["Error"]["Code"], "message": error.response["Error"]["Message"]}
            body = json.dumps(reply, default=dt.datetime.timestamp).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        monkeypatch.setenv("SECRETS_MANAGER_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
        yield simulator
        server.shutdown()
        serving.join()


def test_a_lambda_handler_rotates_through_boto3(postgres: PostgresTarget, client: SecretsSimulator) -> None:
    user = new_user(postgres)
    arn = client.create(postgres.value(user, "canary-current-password"))
    token = client.start_rotation(arn)
    for step in STEPS:
        FUNCTION(event(step, arn, token), CONTEXT)
    assert client.secrets[arn].labels["AWSCURRENT"] == token
    assert logs_in(postgres, client.value(arn))


def test_boto3s_pages_and_denials_are_understood(postgres: PostgresTarget, client: SecretsSimulator) -> None:
    user = new_user(postgres)
    arn = client.create(postgres.value(user, "canary-mistyped"))
    client.store(arn, postgres.value(user, "canary-mistyped-too"))
    client.store(arn, postgres.value(user, "canary-current-password"))
    client.store(arn, postgres.value(user, "canary-mistyped-again"))
    client.store(arn, postgres.value(user, "canary-mistyped-at-last"))
    token = client.start_rotation(arn)
    FUNCTION(event("createSecret", arn, token), CONTEXT)
    client.denied.add("list_secret_version_ids")
    with pytest.raises(StepFailed, match="no known password logs in"):
        FUNCTION(event("setSecret", arn, token), CONTEXT)
    client.denied.clear()
    FUNCTION(event("setSecret", arn, token), CONTEXT)
    assert logs_in(postgres, client.value(arn, "AWSPENDING"))


def test_an_error_of_the_service_leaves_as_a_failed_step(client: SecretsSimulator) -> None:
    with pytest.raises(StepFailed, match="ResourceNotFoundException"):
        FUNCTION(event("createSecret", "arn:aws:secretsmanager:nowhere", "token"), CONTEXT)
    assert client.calls
