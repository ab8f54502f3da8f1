"""The four steps of a rotation, once, for every strategy and every engine.

Before every step, in this order (AWS: its templates do so; DescribeSecret once):

* rotation is switched off: refused; where the reply does not say, accepted
* the token names no version: refused
* the token's version has AWSCURRENT: nothing is left to do, whatever the step
* the token's version lacks AWSPENDING: refused
* the step is unknown: refused

Whatever goes wrong leaves as ``StepFailed``: one line, scrubbed of every secret value that was read or made, without
a cause or a context that could carry one.

Two more steps are declared (``DECLARES``), for whom may call them; AWS's templates have none. They take the same event,
whose version may have any label, also when no rotation is under way:

* ``explainSecret`` tries each labelled version once and returns which logs in and why not; it changes nothing.
* ``rollbackSecret`` makes the target accept the credential of the event's version: the previous one to go back, the
  pending one to go forward. Labels are the caller's business.
"""

import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from detent.functions.engines import Engine, Remaining, engine_named
from detent.functions.errors import (
    ChangeRefused,
    EngineUnavailable,
    LoginRefused,
    LoginRejected,
    PasswordRefused,
    StepFailed,
    Unreachable,
    UnusableValue,
)
from detent.functions.explaining import explained
from detent.functions.passwords import PasswordRules
from detent.functions.redaction import Redactor
from detent.functions.staged import CURRENT, PENDING, SecretClient, StagedSecret, error_code
from detent.functions.strategies import Strategy, Turn

__all__ = ["RotationFunction", "SecretClient", "StepFailed"]

_ROOM: Final = str(Path(__file__).parent)

# Errors of this room: their text says all. Any other is named by its class and its place too.
_OURS: Final = (StepFailed, EngineUnavailable, LoginRejected, ChangeRefused, UnusableValue)

_KINDS: Final = (PasswordRefused, LoginRefused, Unreachable)  # of StepFailed, which callers tell apart

EXPLAIN: Final = "explainSecret"
ROLL_BACK: Final = "rollbackSecret"

Outcome = Mapping[str, Any] | None  # what a step returns; only explainSecret tells something


class RotationFunction:
    """A rotation function: called by Detent with a client, or by AWS Lambda as a handler.

    What is to be different is said by the environment, or by a subclass: ``passwords``, ``more_fields``,
    ``more_probes`` and ``after_set`` are there to be replaced.
    """

    DECLARES: Final = (EXPLAIN, ROLL_BACK)  # the steps that it has besides AWS's four

    passwords: PasswordRules | None = None  # how a new password is made; None: as the engine has it

    def __init__(self, strategy: Strategy, engine: str | Engine) -> None:
        """Take the engine by its name, to be imported at the first step; or an engine of one's own."""
        self.strategy = strategy
        self._own = None if isinstance(engine, str) else engine
        self.engine = engine if isinstance(engine, str) else engine.FACTS.names[0]

    @property
    def about(self) -> str:
        """What it does, in one line."""
        return f"{self.strategy.about} ({self.engine})"

    def the_engine(self) -> Engine:
        """Give the engine itself. Raises StepFailed where there is none of its name."""
        return self._own or engine_named(self.engine)

    def more_fields(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give fields that a new value has besides, made of what is in it: a connection URL, say."""
        del value
        return {}

    def more_probes(self, value: Mapping[str, Any]) -> Sequence[str | Mapping[str, Any]]:
        """Give probes besides those of the secret and the environment, in the form of its key ``probes``."""
        del value
        return ()

    def after_set(self, session: Any, value: Mapping[str, Any]) -> None:  # noqa: ANN401 - the engine's own
        """Do more at the target, over a session that the new credential has opened. It may be run twice."""

    @property
    def overlaps(self) -> bool:
        """Whether the former credential works until the next rotation."""
        return self.strategy.overlaps

    def __repr__(self) -> str:
        return f"RotationFunction({type(self.strategy).__name__}, {self.engine!r})"

    def run(self, event: Mapping[str, Any], client: SecretClient, remaining: Remaining) -> Outcome:
        """Do one step; ``remaining`` gives the seconds left until its deadline. Raises StepFailed and nothing else."""
        told = self._told(event, client, remaining)
        if isinstance(told, StepFailed):  # raised out here, it has no context whose text or frames hold a password
            raise told
        return told

    def __call__(self, event: Mapping[str, Any], context: Any) -> Outcome:  # noqa: ANN401 - AWS Lambda's context object
        """Do one step as an AWS Lambda handler; SECRETS_MANAGER_ENDPOINT, if set, names the service's endpoint."""
        import boto3  # noqa: PLC0415 - in Detent a client is given; only a Lambda makes its own

        client = boto3.client("secretsmanager", endpoint_url=os.environ.get("SECRETS_MANAGER_ENDPOINT") or None)
        return self.run(event, client, lambda: float(context.get_remaining_time_in_millis()) / 1000)

    def _told(self, event: Mapping[str, Any], client: SecretClient, remaining: Remaining) -> Outcome | StepFailed:
        redactor = Redactor()
        redactor.learn(str(event.get("RotationToken") or ""))
        try:
            told: Outcome = redactor.scrubbed(self._step(event, client, remaining, redactor))
        except Exception as error:  # noqa: BLE001 - whatever a driver or a client raises may quote a password
            kind = next((kind for kind in _KINDS if isinstance(error, kind)), StepFailed)
            return kind(redactor.scrub(f"{_where(event)}: {_what(error)}"))
        return told

    def _step(
        self, event: Mapping[str, Any], client: SecretClient, remaining: Remaining, redactor: Redactor
    ) -> Outcome:
        missing = [name for name in ("Step", "SecretId", "ClientRequestToken") if not event.get(name)]
        if missing:
            raise StepFailed(f"the rotation event lacks {', '.join(missing)}")
        description = client.describe_secret(SecretId=event["SecretId"])
        stages = description.get("VersionIdsToStages", {})
        if event["Step"] not in self.DECLARES and _is_finished(event["ClientRequestToken"], description, stages):
            return None
        step = self._steps().get(event["Step"])
        if step is None:
            raise StepFailed(f"unknown step {event['Step']!r}: there are {', '.join(self._steps())}")
        engine = self.the_engine()
        secret = StagedSecret(client, event, stages, engine, redactor)
        return step(Turn(secret, engine, remaining, self.passwords, self.more_probes))

    def _steps(self) -> Mapping[str, Callable[[Turn], Outcome]]:
        return {
            "createSecret": self._create_secret,
            "setSecret": self._set_secret,
            "testSecret": self.strategy.test_secret,
            "finishSecret": _finish_secret,
            EXPLAIN: explained,
            ROLL_BACK: self._roll_back,
        }

    def _create_secret(self, turn: Turn) -> None:
        """Store the new credential before any target hears of it; a value that is there already stands."""
        turn.secret.current()
        if not turn.secret.has_pending_value():
            made = self.strategy.create_secret(turn)
            turn.secret.put_pending({**made, **self.more_fields(made)})

    def _set_secret(self, turn: Turn) -> None:
        """Have the target accept it, then do what a subclass adds."""
        self.strategy.set_secret(turn)
        if type(self).after_set is not RotationFunction.after_set:
            pending = turn.secret.pending()
            with turn.session(pending, turn.engine.FACTS.settle_seconds) as session:
                self.after_set(session, pending.value)

    def _roll_back(self, turn: Turn) -> None:
        """Put the target to the event's version, and prove it."""
        self.strategy.roll_back(turn)
        with turn.session(turn.secret.wanted()) as session:
            session.ping()


def _finish_secret(turn: Turn) -> None:
    """Move AWSCURRENT, but never to a version without a value."""
    turn.secret.pending()
    turn.secret.move_current()


def _is_finished(token: str, description: Mapping[str, Any], stages: Mapping[str, list[str]]) -> bool:
    if not description.get("RotationEnabled", True):
        raise StepFailed("rotation is not enabled for this secret: RotateSecret switches it on")
    if token not in stages:
        raise StepFailed(f"the version {token} is not a version of this secret: start a rotation by RotateSecret")
    if CURRENT in stages[token]:
        return True
    if PENDING not in stages[token]:
        raise StepFailed(f"the version {token} is not set as AWSPENDING: its rotation was abandoned")
    return False


def _where(event: Mapping[str, Any]) -> str:
    return f"{event.get('Step') or 'rotation'} of {event.get('SecretId') or 'an unnamed secret'}"


def _what(error: Exception) -> str:
    if isinstance(error, _OURS):
        return str(error)
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return f"the secrets manager refused {_place(error)}: {error_code(error)}: {error}"
    return f"{type(error).__name__} {_place(error)}: {error}"


def _place(error: Exception) -> str:
    """Name the innermost line of this room: what a developer needs, without a traceback that could hold a value."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(_ROOM)]
    return f"in {frames[-1].name} (line {frames[-1].lineno})" if frames else "outside of the function"
