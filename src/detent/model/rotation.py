"""One rotation as a state machine; loading, saving and calling the function lie around it.

Rules:
- a PLANNED rotation has no token; it gets one when it begins, and keeps it through every step and try;
- steps run in order, each after the one before succeeded; a retry resumes at the step that failed (a Choice, D.6);
- five tries in a window, with doubling pauses; then the rotation is FAILED until the next window, or, without a
  schedule, until somebody asks for it again;
- a configuration test is a rotation with one step and one try, on a copy of the current value (D.5).
"""

import zlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from detent.model.schedule import Window
from detent.model.secret import CURRENT, PENDING, Secret, SecretKey, VersionId

# Pause after the first, second, … failed try of a window. Tries start 0, 10, 30, 70 and 150 seconds after the first.
PAUSES = (timedelta(seconds=10), timedelta(seconds=20), timedelta(seconds=40), timedelta(seconds=80))
MANUAL_WINDOW = timedelta(hours=24)  # of a rotation that somebody asks for, unless set otherwise


class Step(StrEnum):
    """The four steps, in order; the values are the wire's words."""

    CREATE = "createSecret"
    SET = "setSecret"
    TEST = "testSecret"
    FINISH = "finishSecret"


class Purpose(StrEnum):
    """What the steps are run for."""

    ROTATE = "rotation"
    TEST = "test"  # of the configuration, when rotation is turned on without rotating at once


class State(StrEnum):
    """Where a rotation stands."""

    PLANNED = "planned"
    IN_PROGRESS = "in-progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABANDONED = "abandoned"  # a new value was written meanwhile, or the secret or its pending label went away
    CANCELLED = "cancelled"


STEPS = {Purpose.ROTATE: (Step.CREATE, Step.SET, Step.TEST, Step.FINISH), Purpose.TEST: (Step.TEST,)}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of the function for one step."""

    step: Step
    number: int  # from 1, counted per step by the store, which ignores what it is given
    started: datetime
    ended: datetime
    reason: str | None  # None: it succeeded

    @property
    def duration(self) -> timedelta:
        """How long the call took."""
        return self.ended - self.started


@dataclass(frozen=True, slots=True)
class Rotation:
    """One rotation of one secret. `epoch` is the fence: it rises with each claim, and only its holder may save."""

    secret: SecretKey
    window: Window
    due: datetime | None  # None: nothing happens until somebody asks
    token: VersionId | None = None
    purpose: Purpose = Purpose.ROTATE
    state: State = State.PLANNED
    step: Step = Step.CREATE
    failures: int = 0  # in this window
    started: datetime | None = None
    ended: datetime | None = None
    reason: str | None = None  # of the last failed try
    epoch: int = 0
    id: int = 0

    def begun(self, token: VersionId, now: datetime) -> "Rotation":
        """Give the rotation its token and start it at its purpose's first step, due now.

        One whose window was missed, while no server ran, gets another as long as that.
        """
        first, missed = STEPS[self.purpose][0], self.window
        window = missed if now < missed.closes else Window(now, now + (missed.closes - missed.opens))
        begun = replace(self, token=token, state=State.IN_PROGRESS, step=first, window=window)
        return replace(begun, started=now, due=now, failures=0)

    def resumed(self, now: datetime, length: timedelta = MANUAL_WINDOW) -> "Rotation":
        """Make an incomplete rotation due again, at the step it stands at, with a fresh window's tries."""
        window = Window(now, now + length)
        return replace(self, state=State.IN_PROGRESS, due=now, window=window, failures=0, ended=None)

    def reopened(self) -> "Rotation":
        """Go on after a failed window, now that the next one has come."""
        return replace(self, state=State.IN_PROGRESS)

    def succeeded(self, now: datetime) -> "Rotation":
        """Go to the next step, or, after the last, end well."""
        steps = STEPS[self.purpose]
        after = steps.index(self.step) + 1
        if after == len(steps):
            return replace(self, state=State.SUCCEEDED, ended=now, due=None, reason=None)
        return replace(self, step=steps[after], due=now, reason=None)

    def failed(self, reason: str, now: datetime, next_window: Window | None) -> "Rotation":
        """Note the failure; try again after a pause, or in the next window, or not until asked."""
        noted = replace(self, reason=reason, failures=self.failures + 1)
        if self.purpose is Purpose.TEST:
            return replace(noted, state=State.FAILED, ended=now, due=None)
        if noted.failures <= len(PAUSES) and now + PAUSES[noted.failures - 1] < self.window.closes:
            return replace(noted, due=now + PAUSES[noted.failures - 1])
        if next_window is None:
            return replace(noted, state=State.FAILED, ended=now, due=None)
        return replace(noted, state=State.FAILED, due=next_window.opens, window=next_window, failures=0)

    def stopped(self, state: State, now: datetime, reason: str) -> "Rotation":
        """End without success: abandoned or cancelled."""
        return replace(self, state=state, ended=now, due=None, reason=reason)

    def obstacle(self, secret: Secret) -> tuple[State, str] | None:
        """Ask again, right before a step: is the work still needed? None: go on; else how it ends, and why."""
        if secret.deletion is not None:
            return State.ABANDONED, "The secret was scheduled for deletion."
        if not secret.rotates:
            return State.CANCELLED, "Rotation was cancelled."
        if self.token is not None and self.token not in (secret.labels.get(PENDING), secret.labels.get(CURRENT)):
            return State.ABANDONED, "Another value was written, or the pending label was taken off the new version."
        return None


def asked_for(
    secret: SecretKey,
    token: VersionId,
    now: datetime,
    purpose: Purpose = Purpose.ROTATE,
    *,
    length: timedelta = MANUAL_WINDOW,
) -> Rotation:
    """Begin a rotation, or a configuration test, that somebody asked for; due now, in a window of its own."""
    return Rotation(secret, Window(now, now + length), now, purpose=purpose).begun(token, now)


def planned(secret: Secret, jitter: timedelta) -> Rotation | None:
    """Plan a secret's next rotation from its next window; None: rotation is off, or has no schedule.

    It is due at the window's opening plus a share of `jitter` that is the same for a secret every time (a Choice, D.2).
    """
    settings = secret.rotation if secret.rotates else None
    window = settings.next_window if settings is not None and settings.function is not None else None
    if window is None or secret.deletion is not None:
        return None
    share = zlib.crc32(secret.arn.encode()) / 2**32
    return Rotation(secret.key, window, window.opens + min(jitter, window.closes - window.opens) * share)


def without_test_version(secret: Secret, test: Rotation, now: datetime) -> Secret:
    """Take the pending label off a configuration test's temporary version, if it is still there."""
    return secret.label_removed(PENDING, now) if secret.labels.get(PENDING) == test.token else secret
