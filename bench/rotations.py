"""A whole rotation on PostgreSQL against the bare work, on the same throwaway server."""

import json
import secrets
import time
from collections.abc import Mapping
from contextlib import ExitStack
from statistics import median, quantiles
from typing import Any

import psycopg
from psycopg import sql

import detent
from bench.floors import alter_role
from bench.servers import Detent
from detent.cli.throwaway import ThrowawayPostgres

GOAL = 1.6
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"
ROUNDS = 6  # the first is not counted
IN_A_ROUND = 10
LONGEST = 60.0  # seconds for one rotation
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
ENDED = {"succeeded", "failed", "abandoned", "cancelled"}


class RotationFailed(Exception):
    """A rotation did not succeed."""


def main() -> bool:
    """Print both medians and their ratio."""
    with ExitStack() as stack:
        postgres = stack.enter_context(ThrowawayPostgres())
        server = stack.enter_context(Detent(1, None))
        bare_role, rotate = BareWork(postgres), Rotations(postgres, server)
        bare: list[float] = []
        whole: list[Mapping[str, Any]] = []
        for turn in range(ROUNDS):
            timed = [bare_role.change() for _ in range(IN_A_ROUND)]
            rotated = [rotate.once() for _ in range(IN_A_ROUND)]
            if turn:
                bare += timed
                whole += rotated
        print_result(postgres.version, bare, whole)
    return True


class BareWork:
    """The work that no rotation can do without: log in, change the password, log in with it, one statement.

    The password is hashed by the client, as psql's own command for it does: sent in clear it would stand in logs.
    """

    def __init__(self, postgres: ThrowawayPostgres, name: str = "bare") -> None:
        """Make a role of its own."""
        self._login = made_role(postgres, name)

    def change(self) -> float:
        """Give the seconds that one change took."""
        new = secrets.token_urlsafe(24)
        began = time.perf_counter()
        with psycopg.connect(**self._login, autocommit=True) as connection:
            alter_role(connection, "ALTER ROLE {} PASSWORD {}", self._login["user"], new)
        self._login["password"] = new
        with psycopg.connect(**self._login, autocommit=True) as connection:
            connection.execute("SELECT 1")
        return time.perf_counter() - began


class Rotations:
    """One secret, rotated again and again."""

    def __init__(self, postgres: ThrowawayPostgres, server: Detent) -> None:
        """Store a role's login and turn its rotation on."""
        self._aws, self._own = server.client(), detent.client(endpoint_url=server.url)
        login = made_role(postgres, "rotated")
        value = {**login, "engine": "postgres", "username": login["user"]}
        self._aws.create_secret(Name="bench/rotation", SecretString=json.dumps(value))
        self._rotate(RotationLambdaARN=FUNCTION)

    def once(self) -> Mapping[str, Any]:
        """Rotate, and give the rotation as described when it has succeeded. Raises RotationFailed."""
        return self._rotate()

    def _rotate(self, **members: str) -> Mapping[str, Any]:
        version = self._aws.rotate_secret(SecretId="bench/rotation", **members)["VersionId"]
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            time.sleep(0.1)  # the times are the server's own, so asking seldom costs them nothing
            described: Mapping[str, Any] = self._own.describe_rotation(SecretId="bench/rotation", VersionId=version)
            if described["State"] in ENDED or described.get("Reason"):
                break
        if described["State"] != "succeeded":
            raise RotationFailed(f"{described['State']}: {described.get('Reason', 'it took too long')}")
        return described


def made_role(postgres: ThrowawayPostgres, name: str) -> dict[str, Any]:
    """Make a role and give its login as psycopg takes it."""
    password = secrets.token_urlsafe(24)
    with postgres.connect() as connection:
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Literal(password)))
    return {"host": postgres.host, "port": postgres.port, "dbname": "postgres", "user": name, "password": password}


def print_result(version: int, bare: list[float], whole: list[Mapping[str, Any]]) -> None:
    """Print medians, the 90th percentiles and where the time went."""
    spans = [(row["EndedDate"] - row["StartedDate"]).total_seconds() for row in whole]
    print(f"\nA whole rotation, PostgreSQL {version} on this machine ({len(spans)} of each, in turn, one secret)")
    for name, found in (("bare work", bare), ("rotation", spans)):
        print(f"  {name:10} median {median(found) * 1e3:7.1f} ms   p90 {quantiles(found, n=10)[-1] * 1e3:7.1f} ms")
    print(f"  {'ratio':10} {median(spans) / median(bare):14.2f}      (goal: at most {GOAL})")
    print("  steps, ms: " + ", ".join(f"{step} {step_millis(whole, step):.1f}" for step in STEPS))


def step_millis(whole: list[Mapping[str, Any]], step: str) -> float:
    """Give a step's median, all its attempts together."""
    attempts = [[made["DurationMillis"] for made in row["Attempts"] if made["Step"] == step] for row in whole]
    return float(median(sum(made) for made in attempts))
