"""One secret of one IAM user, who rotates it."""

import uuid
from typing import Any

import pytest

from detent.functions.builtin import BUILTIN
from detent.functions.contract import StepFailed
from detent.functions.testing import SecretsSimulator
from functions.stories import event, rotate
from servers.iam import IamTarget

FUNCTION = BUILTIN["detent-iam-issued-keys"]
KEY = "aws_access_key_id"


class Story:
    def __init__(self, iam: IamTarget, value: dict[str, Any] | None = None) -> None:
        self.iam = iam
        self.client = SecretsSimulator()
        value = value or iam.new_value()
        self.user: str = value["username"]
        iam.let_rotate_itself(self.user)
        self.arn = self.client.create(value, name=f"app-{uuid.uuid4().hex[:8]}")

    def step(self, step: str, token: str) -> Any:
        return FUNCTION.run(event(step, self.arn, token), self.client, lambda: 30.0)

    def rotate(self, times: int = 1) -> str:
        return rotate(self.arn, self.client, times=times, function=FUNCTION)

    def started(self) -> str:
        return self.client.start_rotation(self.arn)

    def refusal(self, step: str, token: str) -> str:
        with pytest.raises(StepFailed) as caught:
            self.step(step, token)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def key(self, label: str) -> str:
        found: str = self.client.value(self.arn, label)[KEY]
        return found

    def version(self, label: str) -> str:
        return self.client.secrets[self.arn].labels[label]

    def alive(self, label: str) -> bool:
        return self.iam.alive(self.client.value(self.arn, label))

    def ids(self) -> set[str]:
        return self.iam.keys_of(self.user)

    def tags(self) -> dict[str, str]:
        return self.iam.traces_of(self.user)
