"""`kill -9` of real processes at moments nobody chose: nothing acknowledged is lost, and every rotation ends well."""

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
from botocore.exceptions import BotoCoreError, ClientError

import detent
from servers.canary import Canary
from servers.detent import RunningDetent, running
from servers.postgres import PostgresTarget
from servers.receiver import Receiver, receiver

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"
OPTIONS = ("--lease-seconds", "1", "--workers", "2")
PATIENCE = 60  # seconds for a rotation to end after a kill


@pytest.fixture
def server(tmp_path: Path, canary: Canary) -> Iterator[RunningDetent]:
    with running(tmp_path / "data", *OPTIONS) as server:
        yield server
        server.stop()
        canary.folders.append(server.data)
        canary.texts += [server.log.read_text(), *server.refusals]


@pytest.fixture
def target(postgres_from: Callable[[str], PostgresTarget]) -> PostgresTarget:
    return postgres_from("wheel")


def a_rotating_secret(client: Any, target: PostgresTarget, canary: Canary) -> str:
    role = f"killed_{os.urandom(4).hex()}"
    password = canary.value("-first")
    target.create_user(role, password)
    made = client.create_secret(Name=role, SecretString=json.dumps(target.value(role, password)))
    arn: str = made["ARN"]
    return arn


def patiently(ask: Callable[[], Any]) -> Any:
    """Ask again while the process that would answer is dead."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except (BotoCoreError, ConnectionError):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def wait_for_current(client: Any, arn: str, version: str, canary: Canary) -> None:
    """Wait until the version is current; all the while AWSCURRENT can be read."""
    deadline = time.monotonic() + PATIENCE
    while version not in _current(client, arn, canary):
        assert time.monotonic() < deadline, patiently(lambda: client.describe_secret(SecretId=arn))
        time.sleep(0.02)


def _current(client: Any, arn: str, canary: Canary) -> str:
    read = patiently(lambda: client.get_secret_value(SecretId=arn))
    canary.watch(json.loads(read["SecretString"])["password"])
    version: str = read["VersionId"]
    return version


def logs_in(client: Any, arn: str) -> bool:
    value = json.loads(patiently(lambda: client.get_secret_value(SecretId=arn))["SecretString"])
    members = {"host": value["host"], "port": value["port"], "user": value["username"], "dbname": "postgres"}
    with psycopg.connect(password=value["password"], **members) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def rotate(client: Any, arn: str) -> str:
    """Ask for a rotation, also of a server whose rotation before is not recorded as ended yet."""

    def ask() -> Any:
        try:
            return client.rotate_secret(SecretId=arn, RotationLambdaARN=FUNCTION)
        except ClientError as error:
            if "previous rotation" not in str(error):
                raise
            return {"VersionId": client.get_secret_value(SecretId=arn, VersionStage="AWSPENDING")["VersionId"]}

    version: str = patiently(ask)["VersionId"]
    return version


def test_a_killed_rotator_is_replaced_and_the_rotation_ends_well(
    client, server: RunningDetent, target: PostgresTarget, canary: Canary
) -> None:
    client = server.client()
    arn = a_rotating_secret(client, target, canary)
    for _ in range(8):
        version = rotate(client, arn)
        time.sleep(random.uniform(0, 0.06))
        os.kill(server.children()[-1], signal.SIGKILL)
        wait_for_current(client, arn, version, canary)
        assert logs_in(client, arn)


def test_killed_workers_are_replaced_and_lose_nothing_acknowledged(
    client, server: RunningDetent, canary: Canary
) -> None:
    client = server.client()
    acknowledged: list[str] = []
    for number in range(60):
        if number % 15 == 7:
            os.kill(server.children()[number % 2], signal.SIGKILL)
        name = f"killed/{number}"
        try:
            client.create_secret(Name=name, SecretString=canary.value())
            acknowledged.append(name)
        except (BotoCoreError, ConnectionError):
            time.sleep(0.1)
    assert len(acknowledged) > 50
    for name in acknowledged:
        assert patiently(lambda name=name: client.get_secret_value(SecretId=name))["SecretString"] == canary.value()


def test_a_server_killed_whole_goes_on_where_it_was_when_started_again(
    client, tmp_path: Path, target: PostgresTarget, canary: Canary
) -> None:
    data = tmp_path / "data"
    with running(data, *OPTIONS) as server:
        arn = a_rotating_secret(server.client(), target, canary)
    for _ in range(4):
        with running(data, *OPTIONS) as server:
            version = rotate(server.client(), arn)
            time.sleep(random.uniform(0, 0.06))
            server.kill()
        with running(data, *OPTIONS) as server:
            client = server.client()
            wait_for_current(client, arn, version, canary)
            assert logs_in(client, arn)
            assert server.stop() == 0
    canary.folders.append(data)


def test_sigterm_ends_every_process_with_exit_code_0(tmp_path: Path) -> None:
    with running(tmp_path / "data", *OPTIONS) as server:
        children = server.children()
        assert len(children) == 3
        assert server.stop() == 0
        assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def own(server: RunningDetent) -> Any:
    access, secret = server.credentials
    return detent.client(
        server.endpoint, region_name="us-east-1", aws_access_key_id=access, aws_secret_access_key=secret
    )


def begin_to_fail(server: RunningDetent, names: list[str], canary: Canary) -> None:
    """Begin rotations of targets that are not there: what is news of them goes on for a while."""
    value = {"engine": "postgres", "host": "127.0.0.1", "port": 1, "username": "app", "password": canary.value()}
    for name in names:
        server.client().create_secret(Name=name, SecretString=json.dumps(value))
        server.client().rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION)


@pytest.mark.parametrize("dies", ["the process that posts", "the server"])
def test_every_event_is_posted_again_under_its_id_when_who_posts_it_is_killed(
    tmp_path: Path, canary: Canary, dies: str
) -> None:
    data, names = tmp_path / "data", ["one", "two", "three"]
    cut_off: list[str] = []
    with receiver() as hook, ExitStack() as ending:
        server = ending.enter_context(running(data, *OPTIONS))

        def kill() -> None:
            """The second event has come, and is not answered yet."""
            if len(hook.received) == 2 and not cut_off:
                cut_off.append(hook.received[1].event["id"])
                os.kill(server.children()[-1], signal.SIGKILL)

        hook.meanwhile = kill
        own(server).put_webhook(Name="ops", Url=hook.url, SigningSecret=canary.value("-signing"))
        begin_to_fail(server, names, canary)
        wait_until(lambda: bool(cut_off))
        if dies == "the server":
            server.kill()
            server = ending.enter_context(running(data, *OPTIONS))
        wait_until(lambda: [one.event["id"] for one in hook.received].count(cut_off[0]) > 1)
        wait_until(lambda: started(hook) >= set(names))
        ids = {(one.event["type"], one.event["data"]["Name"], one.event["id"]) for one in hook.received}
        assert len([one for one in ids if one[0] == "detent.rotation.started"]) == len(names)
        [again, *_] = [one for one in hook.received[2:] if one.event["id"] == cut_off[0]]
        assert again.body == hook.received[1].body
        assert again.headers["webhook-id"] == cut_off[0]
        first_seen = list(dict.fromkeys(one.event["id"] for one in hook.received))
        told = {one.event["id"]: one.event["time"] for one in hook.received}
        assert [told[one] for one in first_seen] == sorted(told.values())
        assert server.stop() == 0
    canary.folders.append(data)


def started(hook: Receiver) -> set[str]:
    return {one.event["data"]["Name"] for one in hook.received if one.event["type"] == "detent.rotation.started"}


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
