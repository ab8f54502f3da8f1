"""`detent functions new` and `try`: a function of one's own from an empty folder, rehearsed on the real target."""

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cli.command import detent, refusal, success, surroundings
from detent.cli import starters
from detent.cli.failure import CommandFailed
from detent.cli.stand_in import StandIn
from detent.functions.builtin import BUILTIN
from detent.functions.own import EngineUnavailable, Login, Password, Refused, Service
from servers.canary import Canary
from servers.detent import RunningDetent
from servers.iam import IamTarget
from servers.mariadb import MariadbTarget
from servers.postgres import PostgresTarget
from servers.target import OLD, Target


class Rehearsing:
    """A secret on a server that is served, with an admin secret; and the command on it."""

    def __init__(self, server: RunningDetent, target: Any, canary: Canary) -> None:
        self.server, self.target, self.canary = server, target, canary
        self.name = f"try-{uuid4().hex[:8]}"
        self.client = server.client()
        self.value = target.new_value()
        self.admin = f"{self.name}-admin"
        canary.watch(OLD)

    def store(self, **keys: Any) -> None:
        self.client.create_secret(Name=self.name, SecretString=json.dumps({**self.value, **keys}))

    def store_admin(self) -> str:
        admin = self.admin.replace("-", "_")
        self.target.create_administrator(admin, OLD, self.value["username"])
        value = json.dumps(self.target.value(admin, OLD))
        arn: str = self.client.create_secret(Name=self.admin, SecretString=value)["ARN"]
        return arn

    def run(self, function: str | Path, *words: str) -> "subprocess.CompletedProcess[str]":
        done = detent("functions", "try", function, "--secret", self.name, *words, "--data", self.server.data)
        self.canary.texts += (done.stdout, done.stderr)
        return done

    def untouched(self) -> bool:
        stages = self.client.describe_secret(SecretId=self.name)["VersionIdsToStages"]
        return list(stages.values()) == [["AWSCURRENT"]] and self.target.alive(self.value)


@pytest.fixture
def postgres_secret(shared_detent: RunningDetent, tls_postgres: PostgresTarget, canary: Canary) -> Rehearsing:
    return Rehearsing(shared_detent, tls_postgres, canary)


def roles(postgres: PostgresTarget) -> list[Any]:
    with postgres.server.connect() as connection:
        found = connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'detent_try_%'").fetchall()
    return [name for (name,) in found]


@pytest.mark.parametrize("function", ["detent-postgres-single-user", "detent-postgres-alternating-users"])
def test_a_rotation_is_rehearsed_and_nothing_is_left(postgres_secret: Rehearsing, function: str) -> None:
    one = postgres_secret
    one.store(masterarn=one.store_admin())
    shown = success(one.run(function))
    assert f"AWSCURRENT of {one.name} logs in. The user 'detent_try_" in shown
    for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
        assert f"  {step}" in shown
    assert f"{function} rotates {one.name}. Nothing of the rehearsal is left at the target." in shown
    assert one.untouched()
    assert roles(one.target) == []


def test_a_missing_privilege_is_told_before_it_matters(postgres_secret: Rehearsing) -> None:
    one = postgres_secret
    one.store()
    said = refusal(one.run("detent-postgres-single-user"))
    assert said.startswith("AWSCURRENT cannot make a throw-away user: ")
    one.store_admin()
    shown = one.run("detent-postgres-alternating-users", "--admin", one.admin)
    assert success(shown)
    assert one.untouched()


def test_a_probe_that_would_fail_fails_the_rehearsal(postgres_secret: Rehearsing) -> None:
    one = postgres_secret
    one.store(masterarn=one.store_admin(), probes=[{"statement": "SELECT 1", "expect": 2}])
    done = one.run("detent-postgres-alternating-users")
    assert done.returncode == 1
    assert "detent: the rehearsal failed at testSecret: " in done.stderr
    assert "probe 1 did not give what is expected of it" in done.stderr
    assert one.untouched()
    assert roles(one.target) == []


def test_a_dead_credential_a_missing_secret_and_an_unknown_function_are_one_line(postgres_secret: Rehearsing) -> None:
    one = postgres_secret
    assert refusal(one.run("detent-postgres-single-user")) == f"there is no secret {one.name}"
    one.store(masterarn=one.store_admin())
    one.target.set_password(one.value["username"], "canary-another")
    assert "wrong password" in refusal(one.run("detent-postgres-single-user"))
    assert refusal(one.run("no-such")).startswith("no-such is neither a function that comes with Detent")
    assert "A complete value: " in refusal(one.run("detent-mariadb-single-user"))


def test_mariadb_is_rehearsed(shared_detent: RunningDetent, mariadb: MariadbTarget, canary: Canary) -> None:
    one = Rehearsing(shared_detent, mariadb, canary)
    one.store(masterarn=one.store_admin())
    assert success(one.run("detent-mariadb-alternating-users"))
    assert one.untouched()
    assert mariadb.run("SELECT User FROM mysql.user WHERE User LIKE 'detent_try_%'") == ()


def test_an_engine_without_throw_away_users_says_what_to_do(
    shared_detent: RunningDetent, server_of: Callable[[str], Target], canary: Canary
) -> None:
    one = Rehearsing(shared_detent, server_of("redis-alone"), canary)
    one.store()
    said = refusal(one.run("detent-redis-single-user"))
    assert said.startswith("AWSCURRENT logs in, but a rotation was not rehearsed")
    assert one.untouched()


def test_a_key_is_issued_and_revoked(shared_detent: RunningDetent, iam: IamTarget, canary: Canary) -> None:
    one = Rehearsing(shared_detent, iam, canary)
    one.store(masterarn=one.store_admin())
    shown = success(one.run("detent-iam-issued-keys"))
    assert "A key is issued, and revoked afterwards." in shown
    keys = iam.iam.list_access_keys(UserName=one.value["username"])["AccessKeyMetadata"]
    assert [key["AccessKeyId"] for key in keys] == [one.value["aws_access_key_id"]]
    assert one.untouched()


class HalfMade(Service):
    """A service that makes a user, and whose answer is lost."""

    name = "half-made"

    def __init__(self) -> None:
        self.users = {"app": "canary-app"}

    def log_in(self, login: Login) -> None:
        if self.users.get(login.username) != login.password.reveal():
            raise Refused

    def make_user(self, admin: Login, like: str, user: str, password: Password) -> None:
        assert (admin.username, like) == ("app", "app")
        self.users[user] = password.reveal()
        raise EngineUnavailable("the answer was lost")

    def drop_user(self, admin: Login, user: str) -> None:
        assert admin.username == "app"
        self.users.pop(user, None)


def test_a_user_that_was_made_though_the_answer_was_lost_is_removed() -> None:
    service = HalfMade()
    value = {"engine": "half-made", "host": "127.0.0.1", "username": "app", "password": "canary-app"}
    with (
        pytest.raises(CommandFailed, match="cannot make a throw-away user: the answer was lost"),
        StandIn(service, value, None),
    ):
        raise AssertionError("nothing can be rehearsed")
    assert list(service.users) == ["app"]


# Functions of one's own


def made(folder: Path, *words: str) -> Path:
    success(detent("functions", "new", folder, *words))
    return folder


def outcome_of(folder: Path, **variables: str) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", folder.name]
    done = subprocess.run(
        command, cwd=folder.parent, env=surroundings(**variables), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_new_function_passes_its_own_test(tmp_path: Path) -> None:
    folder = made(tmp_path / "shop")
    assert "2 passed" in outcome_of(folder)
    assert "is there already" in refusal(detent("functions", "new", folder))


def test_a_shipped_function_is_varied_rehearsed_and_added(postgres_secret: Rehearsing, tmp_path: Path) -> None:
    one = postgres_secret
    folder = made(tmp_path / "varied", "--from", "detent-postgres-alternating-users")
    assert "1 passed, 1 skipped" in outcome_of(folder)
    one.store(masterarn=one.store_admin())
    assert "rotates" in success(one.run(folder))
    assert one.untouched()
    assert roles(one.target) == []
    name = one.name
    success(detent("functions", "add", name, "--path", folder, "--data", one.server.data))
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    one.client.rotate_secret(SecretId=name, RotationLambdaARN=arn, RotateImmediately=False)
    shown = success(detent("rotate", name, "--wait", "--data", one.server.data))
    assert "is rotated" in shown
    new = json.loads(one.client.get_secret_value(SecretId=name)["SecretString"])
    one.canary.watch(new["password"])
    assert len(new["password"]) == 40
    assert new["login"] == f"{new['username']} at 127.0.0.1"


def test_every_shipped_function_can_be_varied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, function in BUILTIN.items():
        starters.new(name, name)
        handler = runpy.run_path(f"{name}/function.py")["handler"]
        assert (handler.engine, handler.strategy) == (function.engine, function.strategy)
    with pytest.raises(CommandFailed, match="there is no function 'no' built in; there are: "):
        starters.new("x", "no")
