"""Two `detent serve` on one store, and `kill -9`: every rotation ends well, and no two act on one secret at once."""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

import detent
from servers.canary import Canary
from servers.detent import RunningDetent, running
from servers.postgres import PostgresTarget

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"
OPTIONS = ("--lease-seconds", "1", "--target-rate", "0")
SECRETS = 6
PATIENCE = 90  # seconds for all rotations to end after a kill
SEED = 7


class Pair:
    """Two servers on one folder; one that is killed whole is started again."""

    def __init__(self, data: Path, stack: ExitStack) -> None:
        self.data, self.stack = data, stack
        self.servers = [self._started(), self._started()]

    def _started(self) -> RunningDetent:
        return self.stack.enter_context(running(self.data, *OPTIONS))

    def kill_a_rotator(self, number: int) -> None:
        os.kill(self.servers[number].children()[-1], signal.SIGKILL)

    def kill_a_server(self, number: int) -> None:
        self.servers[number].kill()
        self.servers[number] = self._started()


@pytest.fixture
def pair(tmp_path: Path, canary: Canary) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(tmp_path / "data", stack)
    canary.folders.append(tmp_path / "data")


def own(server: RunningDetent) -> Any:
    access_key, secret_key = server.credentials
    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key, "region_name": "us-east-1"}
    return detent.client(endpoint_url=server.endpoint, **keys)


def made(server: RunningDetent, target: PostgresTarget, canary: Canary) -> list[str]:
    found = []
    for number in range(SECRETS):
        role, password = f"two_{os.urandom(4).hex()}", canary.value(f"-{number}")
        target.create_user(role, password)
        secret = server.client().create_secret(Name=role, SecretString=json.dumps(target.value(role, password)))
        found.append(secret["ARN"])
    return found


def ended(api: Any, arn: str, version: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while (told := api.describe_rotation(SecretId=arn, VersionId=version))["State"] == "in-progress":
        assert time.monotonic() < deadline, told
        time.sleep(0.05)
    return told


def overlaps(attempts: list[Any]) -> list[tuple[Any, Any]]:
    """Give attempts that began before the one before had ended."""
    in_order = sorted(attempts, key=lambda one: one["StartedDate"])
    ends = [one["StartedDate"].timestamp() + one["DurationMillis"] / 1000 for one in in_order]
    pairs = zip(in_order, in_order[1:], ends, strict=False)
    return [(one, other) for one, other, end in pairs if other["StartedDate"].timestamp() < end - 0.002]


def logs_in(client: Any, arn: str, canary: Canary) -> bool:
    value = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
    canary.watch(value["password"])
    members = {"host": value["host"], "port": value["port"], "user": value["username"], "dbname": "postgres"}
    with psycopg.connect(password=value["password"], **members) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_whichever_of_two_rotators_is_killed_every_rotation_ends_well(
    pair: Pair, postgres_from: Callable[[str], PostgresTarget], canary: Canary
) -> None:
    chance = random.Random(SEED)
    arns = made(pair.servers[0], postgres_from("wheel"), canary)
    for kill in (pair.kill_a_rotator, pair.kill_a_server, pair.kill_a_rotator, pair.kill_a_rotator):
        asked = pair.servers[0].client()
        begun = {arn: asked.rotate_secret(SecretId=arn, RotationLambdaARN=FUNCTION)["VersionId"] for arn in arns}
        time.sleep(chance.uniform(0, 0.15))
        kill(chance.randrange(2))
        client, api = pair.servers[1].client(), own(pair.servers[1])
        for arn, version in begun.items():
            told = ended(api, arn, version)
            assert told["State"] == "succeeded", told
            assert overlaps(told["Attempts"]) == []
            described = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
            assert [found for found, labels in described.items() if "AWSCURRENT" in labels] == [version]
            assert logs_in(client, arn, canary)
