"""One rotation as a state machine; loading, saving and calling the function lie around it.

Rules:
- a PLANNED rotation has no token; it gets one when it begins, and keeps it through every step and try;
- steps run in order, each after the one before succeeded; a retry resumes at the step that failed (a Choice, D.6);
- five tries in a window, with doubling pauses; then the rotation is FAILED until the next window, or, without a
  schedule, until somebody asks for it again; what the target refused for sure is tried less often (`model.faults`);
- before that, one that may have changed the target is rolled back there, for as long as it takes: the step ROLL_BACK;
- a new password that the target's rules refuse is replaced: another rotation takes this one's place;
- a configuration test is a rotation with one step and one try, on a copy of the current value (D.5).
"""

import zlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from detent.model.faults import Fault, most_tries, pause_after
from detent.model.schedule import Window
from detent.model.secret import CURRENT, PENDING, Secret, SecretKey, VersionId

MANUAL_WINDOW = timedelta(hours=24)  # of a rotation that somebody asks for, unless set otherwise


class Step(StrEnum):
    """The four steps, in order, and the one that functions may declare; the values are the wire's words."""

    CREATE = "createSecret"
    SET = "setSecret"
    TEST = "testSecret"
    FINISH = "finishSecret"
    ROLL_BACK = "rollbackSecret"  # the target accepts a version's credential again


class Purpose(StrEnum):
    """What the steps are run for."""

    ROTATE = "rotation"
    TEST = "test"  # of the configuration, when rotation is turned on without rotating at once
    ROLL_BACK = "roll-back"  # to a version that there is, which becomes the current one


class State(StrEnum):
    """Where a rotation stands."""

    PLANNED = "planned"
    IN_PROGRESS = "in-progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABANDONED = "abandoned"  # a new value was written meanwhile, or the secret or its pending label went away
    CANCELLED = "cancelled"
    REPLACED = "replaced"  # the target's rules refused its password: another rotation has taken its place


STEPS = {
    Purpose.ROTATE: (Step.CREATE, Step.SET, Step.TEST, Step.FINISH),
    Purpose.TEST: (Step.TEST,),
    Purpose.ROLL_BACK: (Step.ROLL_BACK,),
}
UNSURE = (
    f"{CURRENT} may not log in: the target may have been changed, and the secret's function can neither tell nor roll"
    " it back."
)
MOST_REPLACED = 3  # new passwords in a window, after one that the target's rules refuse


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
    acted: bool = False  # whether the target may know the new credential
    replaced: int = 0  # rotations whose place this one has taken, in this window
    origin: VersionId | None = None  # of a roll-back: the version that was current when somebody asked for it

    @property
    def is_healing(self) -> bool:
        """Whether its tries are used up, and the target is being put back to the current version."""
        return self.purpose is Purpose.ROTATE and self.step is Step.ROLL_BACK

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
        return replace(self, state=State.IN_PROGRESS, due=now, window=window, failures=0, replaced=0, ended=None)

    def acting(self) -> "Rotation":
        """Note that from now on the target may know the new credential, if this step is the one that tells it."""
        return replace(self, acted=True) if self.step is Step.SET else self

    def replacement(self, token: VersionId, now: datetime) -> "Rotation":
        """Begin the rotation that takes this one's place, in the same window."""
        return Rotation(self.secret, self.window, now, replaced=self.replaced + 1).begun(token, now)

    def reopened(self, now: datetime, next_window: Window | None) -> "Rotation":
        """Go on after a failed window, now that the next one has come; if that was missed, wait for another.

        What heals its target goes on in any case: the current version may not log in.
        """
        if now < self.window.closes or self.is_healing:
            return replace(self, state=State.IN_PROGRESS)
        return self.parked(now, next_window)

    def succeeded(self, now: datetime) -> "Rotation":
        """Go to the next step, or, after the last, end well."""
        steps = STEPS[self.purpose]
        after = steps.index(self.step) + 1
        if after == len(steps):
            return replace(self, state=State.SUCCEEDED, ended=now, due=None, reason=None)
        return replace(self, step=steps[after], due=now, reason=None)

    def failed(
        self,
        reason: str,
        now: datetime,
        next_window: Window | None,
        fault: Fault = Fault.OTHER,
        *,
        heals: bool = False,
    ) -> "Rotation":
        """Note the failure; try again after a pause, or heal, or wait for the next window, or until asked.

        `heals` says that the function can roll the target back.
        """
        noted = replace(self, reason=reason, failures=self.failures + 1)
        if self.purpose is Purpose.TEST:
            return replace(noted, state=State.FAILED, ended=now, due=None)
        again = now + pause_after(noted.failures, f"{self.token}")
        if noted.may_try_again(again, fault):
            return replace(noted, due=again)
        hopeless = self.step is Step.SET and fault is Fault.LOGIN_REFUSED  # no version logs in: a person must help
        if heals and self.acted and self.step is not Step.ROLL_BACK and not hopeless:
            return replace(noted, step=Step.ROLL_BACK, failures=0, due=now)
        if self.acted and not heals and self.purpose is Purpose.ROTATE:
            noted = replace(noted, reason=f"{reason.rstrip('.')}. {UNSURE}")
        return noted.parked(now, next_window)

    def healed(self, now: datetime, next_window: Window | None) -> "Rotation":
        """Note that the target takes the current version again, and wait; what comes next is to set the new one."""
        said = f"{self.reason or 'It failed'}; the target was rolled back to {CURRENT}"
        return replace(self, step=Step.SET, acted=False, reason=said).parked(now, next_window)

    def may_try_again(self, again: datetime, fault: Fault) -> bool:
        """Say whether a step that just failed is tried at that moment, in this window or, healing, whenever it is."""
        if self.step is Step.ROLL_BACK:  # until it is done: the current version may not log in
            return fault is not Fault.LOGIN_REFUSED
        return self.failures < most_tries(fault, sole=self.step is not Step.SET) and again < self.window.closes

    def parked(self, now: datetime, next_window: Window | None) -> "Rotation":
        """Fail until the next window, or, without one, until asked."""
        if next_window is None or self.purpose is Purpose.ROLL_BACK:
            return replace(self, state=State.FAILED, ended=now, due=None)
        again = next_window.opens
        return replace(self, state=State.FAILED, due=again, window=next_window, failures=0, replaced=0)

    def stopped(self, state: State, now: datetime, reason: str) -> "Rotation":
        """End without success: abandoned or cancelled."""
        return replace(self, state=state, ended=now, due=None, reason=reason)

    def obstacle(self, secret: Secret) -> tuple[State, str] | None:
        """Ask again, right before a step: is the work still needed? None: go on; else how it ends, and why."""
        if secret.deletion is not None:
            return State.ABANDONED, "The secret was scheduled for deletion."
        if self.purpose is Purpose.ROLL_BACK:
            return self._overtaken(secret)
        if not secret.rotates:
            return State.CANCELLED, "Rotation was cancelled."
        if self.token is not None and self.token not in (secret.labels.get(PENDING), secret.labels.get(CURRENT)):
            return State.ABANDONED, "Another value was written, or the pending label was taken off the new version."
        return None

    def _overtaken(self, secret: Secret) -> tuple[State, str] | None:
        """Say that a roll-back is no longer meant, now that the labels have moved under it."""
        if secret.labels.get(CURRENT) in (self.origin, self.token) and self.token in secret.labels.values():
            return None
        return State.ABANDONED, "Another value was written, or a label was moved, since the roll-back was asked for."


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


def roll_back_to(secret: Secret, token: VersionId, now: datetime) -> Rotation:
    """Begin to roll a secret back, or forward, to one of its versions."""
    row = Rotation(secret.key, Window(now, now + MANUAL_WINDOW), now, purpose=Purpose.ROLL_BACK)
    return replace(row.begun(token, now), origin=secret.labels.get(CURRENT))


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
