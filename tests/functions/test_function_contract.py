"""The checks before every step, and what leaves when a step fails."""

import json
import traceback
from collections.abc import Mapping
from typing import Any

import pytest

from detent.functions.abilities import Session
from detent.functions.contract import RotationFunction, StepFailed
from detent.functions.strategies import Turn
from detent.functions.testing import SecretsSimulator
from functions.stories import STEPS, event, run

VALUE = {"engine": "postgres", "host": "db.test", "username": "app", "password": "canary-old", "note": "canary-note"}


class RecordingStrategy:
    """A strategy without a target: it notes its steps, and can fail on demand."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.failure: BaseException | None = None

    name = "recording"
    about = "It notes its steps."

    def suits(self, session: type[Session]) -> bool:
        return bool(session)

    def create_secret(self, turn: Turn) -> Mapping[str, Any]:
        self._step("createSecret")
        return {**turn.secret.current().value, "password": f"canary-new-{len(self.steps)}"}

    def set_secret(self, turn: Turn) -> None:
        turn.secret.current()
        turn.secret.pending()
        self._step("setSecret")

    def test_secret(self, turn: Turn) -> None:
        assert turn.remaining() > 0
        self._step("testSecret")

    def roll_back(self, turn: Turn) -> None:
        assert turn.remaining() > 0
        self._step("rollbackSecret")

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def strategy() -> RecordingStrategy:
    return RecordingStrategy()


@pytest.fixture
def function(strategy: RecordingStrategy) -> RotationFunction:
    return RotationFunction(strategy, "postgres")


@pytest.fixture
def client() -> SecretsSimulator:
    return SecretsSimulator()


@pytest.fixture
def arn(client: SecretsSimulator) -> str:
    return client.create(VALUE)


def test_four_steps_move_current_to_the_token_and_leave_pending_on_it(
    client: SecretsSimulator, arn: str, function: RotationFunction, strategy: RecordingStrategy
) -> None:
    former = client.secrets[arn].labels["AWSCURRENT"]
    token = client.start_rotation(arn)
    for step in STEPS:
        run(step, arn, token, client, function)
    assert client.secrets[arn].labels == {"AWSCURRENT": token, "AWSPENDING": token, "AWSPREVIOUS": former}
    assert strategy.steps == ["createSecret", "setSecret", "testSecret"]
    assert client.value(arn) == {**VALUE, "password": "canary-new-1"}


def test_rotation_switched_off_is_refused(client: SecretsSimulator, arn: str, function: RotationFunction) -> None:
    token = client.start_rotation(arn)
    client.secrets[arn].rotation_enabled = False
    with pytest.raises(StepFailed, match="not enabled"):
        run("createSecret", arn, token, client, function)


def test_a_reply_that_does_not_say_whether_rotation_is_on_is_accepted(
    client: SecretsSimulator, arn: str, function: RotationFunction, strategy: RecordingStrategy
) -> None:
    token = client.start_rotation(arn)
    client.secrets[arn].rotation_enabled = None
    run("createSecret", arn, token, client, function)
    assert strategy.steps == ["createSecret"]


def test_an_unknown_token_is_refused(client: SecretsSimulator, arn: str, function: RotationFunction) -> None:
    with pytest.raises(StepFailed, match="is not a version of this secret"):
        run("createSecret", arn, "00000000-0000-0000-0000-000000000000", client, function)


@pytest.mark.parametrize("step", [*STEPS, "noSuchStep"])
def test_a_version_that_is_current_already_is_a_quiet_return_whatever_the_step(
    client: SecretsSimulator, arn: str, function: RotationFunction, strategy: RecordingStrategy, step: str
) -> None:
    run(step, arn, client.secrets[arn].labels["AWSCURRENT"], client, function)
    assert strategy.steps == []
    assert [name for name, _ in client.calls] == ["describe_secret"]


def test_a_version_that_is_not_pending_is_refused(
    client: SecretsSimulator, arn: str, function: RotationFunction
) -> None:
    token = client.start_rotation(arn)
    client.secrets[arn].labels["mine"] = client.secrets[arn].labels.pop("AWSPENDING")
    with pytest.raises(StepFailed, match="not set as AWSPENDING"):
        run("setSecret", arn, token, client, function)


def test_an_unknown_step_is_refused_with_the_known_ones(
    client: SecretsSimulator, arn: str, function: RotationFunction
) -> None:
    token = client.start_rotation(arn)
    with pytest.raises(StepFailed, match=r"'explode'.*createSecret, setSecret, testSecret, finishSecret"):
        run("explode", arn, token, client, function)


@pytest.mark.parametrize("lacking", ["Step", "SecretId", "ClientRequestToken"])
def test_an_event_that_lacks_a_member_is_refused(
    client: SecretsSimulator, arn: str, function: RotationFunction, lacking: str
) -> None:
    broken = {key: value for key, value in event("createSecret", arn, "token").items() if key != lacking}
    with pytest.raises(StepFailed, match=f"lacks {lacking}"):
        function.run(broken, client, lambda: 30.0)


def test_unknown_members_of_an_event_are_ignored(
    client: SecretsSimulator, arn: str, function: RotationFunction, strategy: RecordingStrategy
) -> None:
    token = client.start_rotation(arn)
    function.run(event("createSecret", arn, token, Novelty="1"), client, lambda: 30.0)
    assert strategy.steps == ["createSecret"]


def test_the_rotation_token_is_sent_back_with_the_new_value(
    client: SecretsSimulator, arn: str, function: RotationFunction
) -> None:
    token = client.start_rotation(arn)
    rotation_token = "canary-rotation-token-of-36-characters"
    function.run(event("createSecret", arn, token, RotationToken=rotation_token), client, lambda: 30.0)
    (put,) = [members for name, members in client.calls if name == "put_secret_value"]
    assert put["RotationToken"] == rotation_token
    assert put["VersionStages"] == ["AWSPENDING"]
    assert put["ClientRequestToken"] == token


def test_without_a_rotation_token_none_is_sent(client: SecretsSimulator, arn: str, function: RotationFunction) -> None:
    run("createSecret", arn, client.start_rotation(arn), client, function)
    (put,) = [members for name, members in client.calls if name == "put_secret_value"]
    assert "RotationToken" not in put


def test_create_secret_again_keeps_the_value_that_is_there(
    client: SecretsSimulator, arn: str, function: RotationFunction, strategy: RecordingStrategy
) -> None:
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client, function)
    run("createSecret", arn, token, client, function)
    assert strategy.steps == ["createSecret"]
    assert client.value(arn, "AWSPENDING")["password"] == "canary-new-1"


def test_of_two_workers_that_create_at_once_the_first_value_stands(
    client: SecretsSimulator, arn: str, function: RotationFunction
) -> None:
    token = client.start_rotation(arn)

    class Overtaken(RecordingStrategy):
        def create_secret(self, turn: Turn) -> Mapping[str, Any]:
            run("createSecret", arn, token, client, function)
            return {**turn.secret.current().value, "password": "canary-slower"}

    run("createSecret", arn, token, client, RotationFunction(Overtaken(), "postgres"))
    assert client.value(arn, "AWSPENDING")["password"] == "canary-new-1"


def test_finish_secret_never_makes_an_empty_version_current(
    client: SecretsSimulator, arn: str, function: RotationFunction
) -> None:
    former = client.secrets[arn].labels["AWSCURRENT"]
    token = client.start_rotation(arn)
    with pytest.raises(StepFailed, match="has no value"):
        run("finishSecret", arn, token, client, function)
    assert client.secrets[arn].labels["AWSCURRENT"] == former


def test_a_secret_without_a_current_value_says_what_to_do(
    client: SecretsSimulator, arn: str, function: RotationFunction
) -> None:
    del client.secrets[arn].labels["AWSCURRENT"]
    with pytest.raises(StepFailed, match="no AWSCURRENT version: store a value first"):
        run("createSecret", arn, client.start_rotation(arn), client, function)


def test_an_unknown_engine_names_the_installed_ones(client: SecretsSimulator, arn: str) -> None:
    function = RotationFunction(RecordingStrategy(), "os")
    with pytest.raises(StepFailed, match=r"no engine 'os'; installed are: .*postgres"):
        run("createSecret", arn, client.start_rotation(arn), client, function)


def test_an_error_of_a_driver_leaves_as_one_scrubbed_line_without_a_chain(
    client: SecretsSimulator, arn: str, function: RotationFunction, strategy: RecordingStrategy
) -> None:
    token = client.start_rotation(arn)
    run("createSecret", arn, token, client, function)
    pending = client.value(arn, "AWSPENDING")["password"]
    strategy.failure = RuntimeError(f"driver said:\n  ALTER ROLE x PASSWORD '{pending}' for canary-old, canary-note")
    with pytest.raises(StepFailed, match="RuntimeError") as caught:
        run("setSecret", arn, token, client, function)
    text = "".join(traceback.format_exception(caught.value))
    assert "canary" not in text
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"setSecret of {arn}: RuntimeError in")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_an_error_of_the_secrets_manager_is_named_by_its_code(
    client: SecretsSimulator, arn: str, function: RotationFunction
) -> None:
    client.denied.add("get_secret_value")
    with pytest.raises(StepFailed, match=r"the secrets manager refused .*AccessDeniedException"):
        run("createSecret", arn, client.start_rotation(arn), client, function)


def test_the_rotation_token_is_scrubbed_too(
    client: SecretsSimulator, arn: str, function: RotationFunction, strategy: RecordingStrategy
) -> None:
    token = client.start_rotation(arn)
    strategy.failure = ValueError("sent canary-rotation-token")
    with pytest.raises(StepFailed) as caught:
        function.run(event("createSecret", arn, token, RotationToken="canary-rotation-token"), client, lambda: 30.0)
    assert "canary" not in str(caught.value)


def test_the_end_of_the_process_is_not_taken_for_a_failed_step(
    client: SecretsSimulator, arn: str, function: RotationFunction, strategy: RecordingStrategy
) -> None:
    strategy.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run("createSecret", arn, client.start_rotation(arn), client, function)


def test_each_version_is_read_once_in_a_step(client: SecretsSimulator, arn: str, function: RotationFunction) -> None:
    run("createSecret", arn, client.start_rotation(arn), client, function)
    reads = [json.dumps(members, sort_keys=True) for name, members in client.calls if name == "get_secret_value"]
    assert len(reads) == len(set(reads)) == 2
