"""A secret rotates with a user's own function, which RotateSecret takes by its ARN as soon as it is made."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from detent.api import invoking
from detent.service import access, function_events, resealing
from servers.canary import Canary
from servers.own_functions import FunctionHouse, function_house, zipped
from wire.answers import new_name, new_token

HERE, THERE = "0" * 12, "1" * 12
# In the manner of AWS's own: its event and calls, and nothing else.
ROTATES = """
import os

import boto3

def handler(event, context):
    client = boto3.session.Session().client("secretsmanager", endpoint_url=os.environ["SECRETS_MANAGER_ENDPOINT"])
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    print(step, client.get_secret_value(SecretId=arn)["SecretString"], os.environ["AWS_SESSION_TOKEN"])
    if os.environ.get("FAILS_AT") == step:
        raise ValueError("cannot do it with " + client.get_secret_value(SecretId=arn)["SecretString"])
    if step == "createSecret":
        try:
            client.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")
        except client.exceptions.ResourceNotFoundException:
            client.put_secret_value(
                SecretId=arn, ClientRequestToken=token, SecretString=os.environ["NEXT"], VersionStages=["AWSPENDING"]
            )
    if step == "finishSecret":
        stages = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
        current = next(version for version, labels in stages.items() if "AWSCURRENT" in labels)
        client.update_secret_version_stage(
            SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
        )
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FunctionHouse]:
    with function_house(tmp_path_factory.mktemp("rotation") / "data") as found:
        yield found


@pytest.fixture
def house(shared: FunctionHouse, canary: Canary) -> FunctionHouse:
    canary.folders.append(shared.house.folder.path)
    return shared


@pytest.fixture
def secrets(house: FunctionHouse) -> Any:
    return house.client("secretsmanager")


@pytest.fixture
def secret(secrets: Any, canary: Canary) -> str:
    name = new_name()
    secrets.create_secret(Name=name, SecretString=canary.value("-first"))
    return name


@pytest.fixture
def function(house: FunctionHouse, canary: Canary) -> str:
    """The ARN of a function of this test's own."""
    variables = {"NEXT": canary.value("-next")}
    return house.made(f"f-{uuid4().hex}", ROTATES, Environment={"Variables": variables})


def rotate(secrets: Any, secret: str, function: str | None = None, **more: Any) -> Any:
    named = {} if function is None else {"RotationLambdaARN": function}
    return secrets.rotate_secret(SecretId=secret, ClientRequestToken=new_token(), **named, **more)


def reason(house: FunctionHouse, secret: str) -> str:
    told: str = house.client("detent").describe_rotation(SecretId=secret)["Attempts"][-1]["Reason"]
    return told


def test_a_secret_rotates_with_a_function_that_was_just_made(
    house: FunctionHouse, secrets: Any, secret: str, function: str, canary: Canary
) -> None:
    rotate(secrets, secret, function)
    house.drive()
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] == canary.value("-next")
    rotation = house.client("detent").describe_rotation(SecretId=secret)
    assert rotation["State"] == "succeeded"
    seen = house.runner.seen[-4:]
    assert [json.loads(one.payload)["Step"] for one in seen] == [
        *("createSecret", "setSecret"),
        *("testSecret", "finishSecret"),
    ]
    assert len({one.request_id for one in seen}) == 4
    assert len({one.credentials.access_key_id for one in seen if one.credentials}) == 4


def test_its_log_is_kept_without_the_secrets_values_and_the_steps_credentials(
    house: FunctionHouse, secrets: Any, secret: str, function: str, canary: Canary
) -> None:
    rotate(secrets, secret, function)
    house.drive()
    events = house.client("detent").get_function_logs(FunctionName=function)["Events"]
    steps = ["createSecret", "setSecret", "testSecret", "finishSecret"]
    assert [event["Message"].splitlines()[1] for event in events] == [f"{step} *** ***" for step in steps]
    canary.texts += [event["Message"] for event in events]


def test_a_step_that_fails_says_why_without_a_secret_value_and_is_tried_again(
    house: FunctionHouse, secrets: Any, secret: str, function: str
) -> None:
    broken = {"NEXT": "next", "FAILS_AT": "testSecret"}
    house.functions.update_function_configuration(FunctionName=function, Environment={"Variables": broken})
    rotate(secrets, secret, function)
    house.drive()
    assert reason(house, secret) == "ValueError: cannot do it with ***"
    mended = {"NEXT": "next"}
    house.functions.update_function_configuration(FunctionName=function, Environment={"Variables": mended})
    with pytest.raises(secrets.exceptions.InvalidRequestException, match="will be reattempted"):
        rotate(secrets, secret)
    house.drive()
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] == "next"


def test_the_admin_secrets_values_are_kept_out_of_the_log_too(
    house: FunctionHouse, secrets: Any, canary: Canary
) -> None:
    admin = secrets.create_secret(Name=new_name(), SecretString=json.dumps({"password": canary.value("-admin")}))["ARN"]
    secret = new_name()
    secrets.create_secret(Name=secret, SecretString=json.dumps({"masterarn": admin, "password": canary.value("-own")}))
    source = (
        "import os\nimport boto3\ndef handler(event, context):\n"
        "    place = os.environ['SECRETS_MANAGER_ENDPOINT']\n"
        "    client = boto3.session.Session().client('secretsmanager', endpoint_url=place)\n"
        f"    print('admin', client.get_secret_value(SecretId='{admin}')['SecretString'])\n"
        "    raise RuntimeError('stop')\n"
    )
    function = house.made(f"f-{uuid4().hex}", source)
    rotate(secrets, secret, function)
    house.drive()
    assert reason(house, secret) == "RuntimeError: stop"
    (event,) = house.client("detent").get_function_logs(FunctionName=function)["Events"]
    assert event["Message"].splitlines()[1] == "admin ***"
    canary.texts.append(event["Message"])


def test_a_function_that_was_deleted_is_the_reason_of_the_next_rotations_failure(
    house: FunctionHouse, secrets: Any, secret: str, function: str
) -> None:
    rotate(secrets, secret, function)
    house.functions.delete_function(FunctionName=function)
    house.drive()
    assert reason(house, secret) == f"There is no function {function}."
    secrets.cancel_rotate_secret(SecretId=secret)
    with pytest.raises(secrets.exceptions.ClientError, match="cannot invoke the specified Lambda function"):
        rotate(secrets, new_secret(secrets), function)


def new_secret(secrets: Any) -> str:
    name = new_name()
    secrets.create_secret(Name=name, SecretString="value")
    return name


def test_what_the_runner_cannot_run_is_the_reason(
    house: FunctionHouse, secrets: Any, secret: str, function: str
) -> None:
    rotate(secrets, secret, function)
    house.runner.refusals = {function.rpartition(":")[2]: "no isolation here"}
    try:
        house.drive()
    finally:
        house.runner.refusals = {}
    assert reason(house, secret) == "no isolation here"


def test_a_function_named_with_its_one_version_is_taken_and_no_other_version_is(
    house: FunctionHouse, secrets: Any, secret: str, function: str, canary: Canary
) -> None:
    with pytest.raises(secrets.exceptions.ClientError, match="cannot invoke the specified Lambda function"):
        rotate(secrets, secret, f"{function}:7")
    rotate(secrets, secret, f"{function}:$LATEST")
    house.drive()
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] == canary.value("-next")


def test_a_function_of_another_account_is_called_only_when_its_policy_lets_the_service_in(
    house: FunctionHouse, secrets: Any, secret: str, canary: Canary
) -> None:
    key_id, key = house.house.store.write(
        lambda tx: access.create_root_key(house.house.server.env(tx, "us-east-1"), THERE)
    )
    keys = {"aws_access_key_id": key_id, "aws_secret_access_key": str(key.reveal())}
    there = house.client(**keys)
    name = f"f-{uuid4().hex}"
    arn = there.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=f"arn:aws:iam::{THERE}:role/r",
        Handler="function.handler",
        Code={"ZipFile": zipped(ROTATES)},
        Environment={"Variables": {"NEXT": canary.value("-there")}},
    )["FunctionArn"]
    for statement, principal, more, may in (
        ("none", None, {}, False),
        ("another", "events.amazonaws.com", {}, False),
        ("elsewhere", "secretsmanager.amazonaws.com", {"SourceAccount": "2" * 12}, False),
        ("service", "secretsmanager.amazonaws.com", {"SourceAccount": HERE}, True),
        ("account", HERE, {}, True),
    ):
        if principal is not None:
            there.add_permission(
                FunctionName=name, StatementId=statement, Action="lambda:InvokeFunction", Principal=principal, **more
            )
        if may:
            rotate(secrets, secret, arn)
            house.drive()
            assert secrets.get_secret_value(SecretId=secret)["SecretString"] == canary.value("-there")
        else:
            with pytest.raises(secrets.exceptions.ClientError, match="cannot invoke the specified Lambda function"):
                rotate(secrets, secret, arn)
        if principal is not None:
            there.remove_permission(FunctionName=name, StatementId=statement)
    there.add_permission(FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal=HERE)
    rotate(secrets, secret)
    there.remove_permission(FunctionName=name, StatementId="s")
    house.drive()
    assert "Ensure that the function policy grants access" in reason(house, secret)


def test_what_lies_sealed_in_the_store_of_a_function_is_sealed_anew_with_all_else(
    house: FunctionHouse, function: str
) -> None:
    name = function.rpartition(":")[2]
    house.functions.invoke(FunctionName=name, Payload=b'{"Step": 1, "SecretId": 2, "ClientRequestToken": 3}')
    house.functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"Step": "none"}')
    store, server = house.house.store, house.house.server
    log = house.client("detent").get_function_logs(FunctionName=name)
    old = server.keyset.prefix
    server.keyset.rotate()
    with store.read() as tx:
        assert {part.kind for part in tx.functions.stale("root", server.keyset.prefix, 100)} == {
            *("environment", "log"),
            "event",
        }
    while store.write(lambda tx: resealing.run(server.env(tx, server.region), 10)):
        pass
    assert server.keyset.prefix != old
    with store.read() as tx:
        assert tx.functions.stale("root", server.keyset.prefix, 10) == []
        assert not resealing.finds_some(server.env(tx, server.region))
    assert house.client("detent").get_function_logs(FunctionName=name)["Events"] == log["Events"]
    told = house.functions.get_function_configuration(FunctionName=name)
    assert list(told["Environment"]["Variables"]) == ["NEXT"]
    events = house.house.events()
    assert events is not None
    assert events.handle_one()


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch, house: FunctionHouse) -> Callable[[str], int]:
    """Invoke a function later, and give how often it was called in the end."""
    monkeypatch.setattr(function_events, "_PAUSES", (timedelta(0), timedelta(0)))

    def calls(function: str) -> int:
        told = house.functions.invoke(FunctionName=function, InvocationType="Event")
        events = house.house.events()
        assert events is not None
        while events.handle_one():
            pass
        logs = house.client("detent").get_function_logs(FunctionName=function)["Events"]
        return [log["RequestId"] for log in logs].count(told["ResponseMetadata"]["RequestId"])

    return calls


def test_an_event_that_fails_is_tried_three_times_and_then_let_go(
    house: FunctionHouse, handled: Callable[[str], int]
) -> None:
    broken = house.made(f"f-{uuid4().hex}", "def handler(event, context):\n    raise ValueError('no')\n")
    assert handled(broken) == 3
    assert handled(house.made(f"f-{uuid4().hex}")) == 1


def test_an_event_that_is_too_old_is_not_tried_again(
    house: FunctionHouse, handled: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(function_events, "_OLDEST", timedelta(0))
    broken = house.made(f"f-{uuid4().hex}", "def handler(event, context):\n    raise ValueError('no')\n")
    assert handled(broken) == 1


def test_so_many_events_wait_for_a_function_and_no_more(house: FunctionHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_events, "_MOST", 1)
    function = house.made(f"f-{uuid4().hex}")
    house.functions.invoke(FunctionName=function, InvocationType="Event")
    with pytest.raises(house.functions.exceptions.TooManyRequestsException, match="Too many events wait"):
        house.functions.invoke(FunctionName=function, InvocationType="Event")


def test_functions_run_at_once_as_many_as_a_worker_lets(house: FunctionHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoking, "MOST_AT_ONCE", 0)
    function = house.made(f"f-{uuid4().hex}")
    with pytest.raises(house.functions.exceptions.TooManyRequestsException, match="Rate Exceeded"):
        house.functions.invoke(FunctionName=function)
