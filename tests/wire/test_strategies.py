"""Every built-in function through an unmodified client and a real server: three rotations, and what works then."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from detent.functions.builtin import BUILTIN
from servers.canary import Canary
from servers.detent import RunningDetent
from servers.table import ROWS
from servers.target import Target
from wire.answers import new_name

OVERLAP = ("dual-password", "issued-keys", "alternating-users")
PATIENCE = 60


@pytest.fixture(params=ROWS, ids=[f"{row}:{name.removeprefix('detent-')}" for row, name in ROWS])
def row(request: pytest.FixtureRequest, server_of: Callable[[str], Target]) -> tuple[Target, str]:
    server, name = request.param
    return server_of(server), name


def ended(own_api: Any, arn: str, version: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found: dict[str, Any] = own_api.describe_rotation(SecretId=arn, VersionId=version)
        if found["State"] != "in-progress" or "Reason" in found:
            return found
        time.sleep(0.02)
    raise AssertionError("the rotation neither ended nor failed")


def test_three_rotations_end_to_end(
    detent: RunningDetent, client: Any, own_api: Any, canary: Canary, row: tuple[Target, str]
) -> None:
    target, name = row
    strategy, key = BUILTIN[name].strategy.name, target.module.FACTS.password_key
    value = target.new_value()
    if target.module.FACTS.privileges[strategy].own != ():
        admin = f"{value['username']}_admin"
        target.create_administrator(admin, canary.value("-admin"), over=value["username"])
        text = json.dumps(target.value(admin, canary.value("-admin")))
        value["masterarn"] = client.create_secret(Name=new_name(), SecretString=text)["ARN"]
    arn = client.create_secret(Name=new_name(), SecretString=json.dumps(value))["ARN"]
    function = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    former = [value]
    for _ in range(3):
        version = client.rotate_secret(SecretId=arn, RotationLambdaARN=function)["VersionId"]
        outcome = ended(own_api, arn, version)
        assert outcome["State"] == "succeeded", outcome.get("Reason")
        current = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
        canary.watch(current[key])
        assert target.alive(current)
        assert target.alive(former[-1]) is (strategy in OVERLAP)
        assert not any(target.alive(older) for older in former[:-1])
        former.append(current)
    assert detent.process.poll() is None
