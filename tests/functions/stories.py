"""How these tests call a rotation function."""

import uuid
from typing import Any

import psycopg

from detent.functions.builtin import BUILTIN
from detent.functions.contract import RotationFunction, SecretClient
from detent.functions.testing import SecretsSimulator
from servers.postgres import PostgresTarget

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
FUNCTION = BUILTIN["detent-postgres-single-user"]


def event(step: str, arn: str, token: str, **more: str) -> dict[str, Any]:
    return {"Step": step, "SecretId": arn, "ClientRequestToken": token, **more}


def run(
    step: str, arn: str, token: str, client: SecretClient, function: RotationFunction = FUNCTION, *, seconds: float = 30
) -> None:
    function.run(event(step, arn, token), client, lambda: seconds)


def rotate(arn: str, client: SecretsSimulator, *, times: int = 1, function: RotationFunction = FUNCTION) -> str:
    """Rotate once, each step so many times; return the token."""
    token = client.start_rotation(arn)
    for step in STEPS:
        for _ in range(times):
            run(step, arn, token, client, function)
    return token


def logs_in(target: PostgresTarget, value: dict[str, Any]) -> bool:
    """Ask the server itself, without the engine under test."""
    try:
        target.server.connect(
            user=value["username"], password=value["password"], dbname=value.get("dbname", "postgres")
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def new_user(target: PostgresTarget, password: str = "canary-current-password") -> str:
    name = f"app_{uuid.uuid4().hex[:12]}"
    target.create_user(name, password)
    return name
