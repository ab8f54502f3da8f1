"""The main job through an unmodified client: a real PostgreSQL password, rotated and proven, on 15 and on 18."""

import json
import os
import time
from typing import Any

import psycopg
import pytest

from servers.canary import Canary
from servers.detent import RunningDetent
from servers.postgres import PostgresTarget

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"
STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]
PATIENCE = 30


class Rotating:
    """A role, its secret, and what a user would look at."""

    def __init__(self, detent: RunningDetent, target: PostgresTarget, canary: Canary, **settings: Any) -> None:
        self.client, self.own = detent.client(), detent_api(detent)
        self.target, self.canary = target, canary
        self.role = f"app_{os.urandom(4).hex()}"
        self.first = canary.value("-first")
        target.create_user(self.role, self.first)
        self.value = {**target.value(self.role, self.first), "owner": "kept as it is", **settings}
        self.arn = self.client.create_secret(Name=self.role, SecretString=json.dumps(self.value))["ARN"]

    def rotate(self, **settings: Any) -> str:
        reply = self.client.rotate_secret(SecretId=self.arn, RotationLambdaARN=FUNCTION, **settings)
        version: str = reply["VersionId"]
        return version

    def outcome(self, version: str) -> dict[str, Any]:
        """Wait until the rotation has ended, or has failed a first time."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.own.describe_rotation(SecretId=self.arn, VersionId=version)
            if found["State"] != "in-progress" or "Reason" in found:
                return found
            time.sleep(0.01)
        raise AssertionError("the rotation neither ended nor failed")

    def stored(self, **which: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.client.get_secret_value(SecretId=self.arn, **which)["SecretString"])
        self.canary.watch(value["password"])
        return value

    def logs_in(self, password: str) -> bool:
        server = self.target.server
        place = {"host": server.host, "port": server.port, "user": self.role, "dbname": "postgres"}
        try:
            with psycopg.connect(password=password, **place) as connection:
                return connection.execute("SELECT current_user").fetchone() == (self.role,)
        except psycopg.OperationalError as error:
            if "password authentication failed" not in str(error):
                raise
            return False


def detent_api(detent: RunningDetent) -> Any:
    import detent as package  # noqa: PLC0415 - the fixture has the package's name

    access_key, secret_key = detent.credentials
    return package.client(
        endpoint_url=detent.endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
    )


@pytest.fixture
def rotating(detent: RunningDetent, postgres: PostgresTarget, canary: Canary) -> Rotating:
    return Rotating(detent, postgres, canary)


def test_three_rotations_each_change_the_password_and_move_the_labels(rotating: Rotating) -> None:
    known = [rotating.first]
    for _ in range(3):
        before = rotating.client.describe_secret(SecretId=rotating.arn)["VersionIdsToStages"]
        [current] = [version for version, labels in before.items() if "AWSCURRENT" in labels]
        version = rotating.rotate()
        outcome = rotating.outcome(version)
        assert outcome["State"] == "succeeded", outcome
        assert [(made["Step"], made["Outcome"]) for made in outcome["Attempts"]] == [(s, "succeeded") for s in STEPS]
        stages = rotating.client.describe_secret(SecretId=rotating.arn)["VersionIdsToStages"]
        assert stages == {version: ["AWSCURRENT", "AWSPENDING"], current: ["AWSPREVIOUS"]}
        value = rotating.stored()
        assert {key: value[key] for key in value if key != "password"} == {
            key: rotating.value[key] for key in rotating.value if key != "password"
        }
        known.append(value["password"])
        assert [rotating.logs_in(password) for password in known] == [False] * (len(known) - 1) + [True]
        assert rotating.stored(VersionStage="AWSPREVIOUS")["password"] == known[-2]
    assert len(set(known)) == 4


def test_the_dates_say_when_it_was_and_when_it_will_be(rotating: Rotating) -> None:
    version = rotating.rotate(RotationRules={"AutomaticallyAfterDays": 30})
    assert rotating.outcome(version)["State"] == "succeeded"
    described = rotating.client.describe_secret(SecretId=rotating.arn)
    rotated, following = described["LastRotatedDate"], described["NextRotationDate"]
    assert described["RotationEnabled"] is True
    assert 0 <= (rotated - described["LastChangedDate"]).total_seconds() < 5
    assert (following.astimezone(rotated.tzinfo).date() - rotated.date()).days in {30, 31}
    assert (following.minute, following.second) == (59, 59)


def test_a_wrong_current_password_says_so_and_changes_nothing(rotating: Rotating) -> None:
    rotating.target.set_password(rotating.role, rotating.canary.value("-by-hand"))
    outcome = rotating.outcome(rotating.rotate())
    assert outcome["Attempts"][-1]["Step"] == "setSecret"
    assert "AWSCURRENT" in outcome["Reason"]
    assert "refused" in outcome["Reason"]
    assert rotating.stored()["password"] == rotating.first
    assert rotating.logs_in(rotating.canary.value("-by-hand"))


def test_a_role_that_does_not_exist_says_so(rotating: Rotating) -> None:
    rotating.target.run("DROP ROLE {}", rotating.role, literals=0)
    outcome = rotating.outcome(rotating.rotate())
    assert "setSecret" in outcome["Reason"]
    assert rotating.role in outcome["Reason"]
    assert rotating.stored()["password"] == rotating.first


def test_an_unreachable_database_says_so(detent: RunningDetent, postgres: PostgresTarget, canary: Canary) -> None:
    rotating = Rotating(detent, postgres, canary, port=1)
    outcome = rotating.outcome(rotating.rotate())
    assert "127.0.0.1:1" in outcome["Reason"]
    assert "nothing listens" in outcome["Reason"]
    assert outcome["NextAttemptDate"] > outcome["StartedDate"]
    assert rotating.stored()["password"] == rotating.first


def test_a_value_with_missing_keys_names_them_all(detent: RunningDetent, canary: Canary) -> None:
    client = detent.client()
    name = f"bad_{os.urandom(4).hex()}"
    client.create_secret(Name=name, SecretString=json.dumps({"engine": "postgres", "password": canary.value()}))
    version = client.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION)["VersionId"]
    own, deadline = detent_api(detent), time.monotonic() + PATIENCE
    while "Reason" not in (found := own.describe_rotation(SecretId=name, VersionId=version)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert '"host" is missing' in found["Reason"]
    assert '"username" is missing' in found["Reason"]


def test_a_linked_admin_secret_helps_where_the_own_change_is_refused(
    detent: RunningDetent, postgres: PostgresTarget, canary: Canary
) -> None:
    server = postgres.server
    admin = {**postgres.value(server.superuser, canary.watch(server.password)), "dbname": "postgres"}
    client = detent.client()
    made = client.create_secret(Name=f"admin_{os.urandom(4).hex()}", SecretString=json.dumps(admin))
    rotating = Rotating(detent, postgres, canary, masterarn=made["ARN"])
    rotating.target.run("ALTER ROLE {} SET default_transaction_read_only = on", rotating.role, literals=0)
    version = rotating.rotate()
    assert rotating.outcome(version)["State"] == "succeeded", rotating.outcome(version)
    assert rotating.logs_in(rotating.stored()["password"])
    assert "admin" not in json.dumps(rotating.client.describe_secret(SecretId=rotating.arn), default=str)


def test_the_database_never_hears_a_password(rotating: Rotating) -> None:
    assert rotating.outcome(rotating.rotate())["State"] == "succeeded"
    password = rotating.stored()["password"]
    log = rotating.target.log_text()
    assert f'ALTER ROLE "{rotating.role}"' in log or rotating.role in log
    assert password not in log
