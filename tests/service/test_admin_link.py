"""Who may link an admin secret, asked of the service itself; over the wire: tests/wire/test_admin_secrets.py."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from detent.model.errors import NotPermitted
from detent.model.policy import Principal
from detent.service import rotations, secrets
from servers.canary import Canary
from wire.premises import Premises, premises

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:idle"
ROOT = Principal("000000000000", "arn:aws:iam::000000000000:root", "AKIAROOT")
STRANGER = Principal("111111111111", "arn:aws:iam::111111111111:root", "AKIASTRANGER")
NOBODY = Principal("000000000000", "arn:aws:iam::000000000000:user/nobody", "AKIANOBODY")


class Idle:
    def run(self, *_: Any) -> None:
        pass


@pytest.fixture
def house(tmp_path: Path, canary: Canary) -> Iterator[Premises]:
    canary.folders.append(tmp_path)
    with premises(tmp_path / "data", {"idle": Idle()}) as found:
        yield found


def ask(house: Premises, operation: Any, caller: Principal, **members: Any) -> Any:
    return house.house.store.write(lambda tx: operation(house.house.server.env(tx, "us-east-1"), caller, **members))


def test_rotation_is_refused_when_the_caller_may_not_read_the_admin_secret(house: Premises, canary: Canary) -> None:
    theirs = ask(
        house,
        secrets.create_secret,
        STRANGER,
        name="admin",
        client_request_token="a" * 32,
        secret_string=canary.value(),
    ).secret
    value = json.dumps({"password": canary.value(), "masterarn": theirs.arn})
    ask(house, secrets.create_secret, ROOT, name="s", client_request_token="a" * 32, secret_string=value)
    with pytest.raises(NotPermitted) as caught:
        ask(
            house,
            rotations.rotate_secret,
            ROOT,
            secret_id="s",
            client_request_token="b" * 32,
            rotation_lambda_arn=FUNCTION,
        )
    assert str(caught.value) == (
        f"User: {ROOT.arn} is not authorized to perform: secretsmanager:GetSecretValue on resource: {theirs.arn}"
        " because no resource-based policy allows the secretsmanager:GetSecretValue action"
    )
    assert ask(house, secrets.describe_secret, ROOT, secret_id="s").secret.rotation is None


@pytest.mark.parametrize("caller", [NOBODY, STRANGER], ids=["a user", "another account"])
def test_whoever_is_not_root_may_do_nothing(house: Premises, caller: Principal) -> None:
    arn = ask(house, secrets.create_secret, ROOT, name="s").secret.arn
    for operation, members in (
        (secrets.describe_secret, {"secret_id": arn}),
        (secrets.delete_secret, {"secret_id": arn}),
        (rotations.rotate_secret, {"secret_id": arn, "client_request_token": "b" * 32}),
    ):
        with pytest.raises(NotPermitted):
            ask(house, operation, caller, **members)
    if caller is NOBODY:
        with pytest.raises(NotPermitted):
            ask(house, secrets.create_secret, caller, name="other")
