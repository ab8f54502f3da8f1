"""Driving a claimed rotation through its steps, one transaction between two calls of the function.

Everything a crash must not lose is in the store before the next effect. A step may run twice; it runs under the same
token, and only while this worker's lease holds.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from detent.model.errors import FunctionFailed, StaleRevision
from detent.model.faults import Fault
from detent.model.ports import Audit, Clock, FunctionCaller, Gate, LastCall, Scrubber, SessionIssuer, StepCall, Traits
from detent.model.rotation import (
    MOST_REPLACED,
    UNSURE,
    Attempt,
    Purpose,
    Rotation,
    State,
    Step,
    planned,
    without_test_version,
)
from detent.model.secret import CURRENT, RotationSettings, Secret, Version, VersionId
from detent.rotation.explaining import is_refuted
from detent.store.protocol import Store, Tx

_GRACE = timedelta(minutes=1)  # a step's session outlives its deadline by this
_WAIT = timedelta(seconds=10)  # for something else that is under way with the same secret
_NO_WRITES = VersionId("")  # no version: a session whose step only reads the secret


@dataclass(frozen=True, slots=True)
class Prepared:
    """One step about to be run: what was true in the transaction that prepared it."""

    rotation: Rotation
    secret: Secret
    settings: RotationSettings
    token: VersionId
    call: StepCall
    traits: Traits
    untouched: bool  # whether the target surely knew nothing of the new credential before


@dataclass(frozen=True, slots=True)
class Done:
    """One step that was run; `reason` None: it did not fail. `refuted`: its new password certainly does not log in."""

    step: Prepared
    started: datetime
    ended: datetime
    reason: str | None
    fault: Fault = Fault.OTHER
    refuted: bool = False

    @property
    def is_repeatable(self) -> bool:
        """Whether its record need not last: should a power cut undo it, the step is done again and finds all done."""
        rotation = self.step.rotation
        return self.reason is None and rotation.purpose is Purpose.ROTATE and rotation.step in (Step.SET, Step.TEST)


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs rotations; one object serves all threads."""

    store: Store
    functions: FunctionCaller
    sessions: SessionIssuer
    audit: Audit
    scrubber: Scrubber
    clock: Clock
    step_seconds: float
    jitter: timedelta
    gate: Gate | None = None  # None: nothing is checked between the steps

    def drive(
        self, rotation: Rotation, may_go_on: Callable[[], bool], begun: "Future[Prepared | None] | None" = None
    ) -> None:
        """Run a claimed rotation until it ends or waits, or `may_go_on` says that the lease or the process ends.

        `begun` is what `prepare` gave when it was claimed; None: it was claimed alone.
        """
        done: Done | None = None
        try:
            while may_go_on():
                turn = partial(self._turn, rotation=rotation, done=done)
                lasts = done is None or not done.is_repeatable
                prepared = self.store.write(turn, lasts=lasts) if begun is None else begun.result()
                begun = None
                if prepared is None:
                    return
                done = self._run(prepared)
            self.store.write(partial(self._give_back, rotation=rotation, done=done))
        except StaleRevision:  # somebody else has it now, or decided otherwise: their word holds
            logging.getLogger(__name__).info("rotation %s went to another worker", rotation.id)

    def _turn(self, tx: Tx, rotation: Rotation, done: Done | None) -> Prepared | None:
        """Between two steps: record the one that ran, and prepare the next; None: there is nothing to do now."""
        succeeded = None if done is None else self._conclude(tx, done)
        if succeeded is None:
            return self.prepare(tx, rotation)
        return None if succeeded[0].ended is not None else self._ready(tx, *succeeded)

    def _give_back(self, tx: Tx, rotation: Rotation, done: Done | None) -> None:
        """Record the step that ran, and give the lease back: another worker goes on."""
        if done is not None:
            self._conclude(tx, done)
        current = _held(tx, rotation)
        secret = None if current is None else tx.secrets.keyed(current.secret)
        if current is not None:
            tx.rotations.save(current, release=True)
        if secret is not None:
            tx.access_keys.drop_sessions(secret.arn, self.clock.now())

    def prepare(self, tx: Tx, claimed: Rotation) -> Prepared | None:
        """Ask again whether the next step is needed; None: nothing to do now, and the lease is given back."""
        rotation = _held(tx, claimed)
        secret = None if rotation is None else tx.secrets.keyed(rotation.secret)
        return None if rotation is None or secret is None else self._ready(tx, rotation, secret)

    def _ready(self, tx: Tx, kept: Rotation, secret: Secret) -> Prepared | None:
        """Make the next step ready from what the store has."""
        rotation = kept
        if secret.rotation is None:
            return None
        if rotation.due is None or rotation.due > self.clock.now():
            tx.rotations.save(rotation, release=True)
            return None
        obstacle = rotation.obstacle(secret)
        if obstacle is not None:
            self._stop(tx, secret, rotation, *obstacle)
            return None
        rotation, secret = self._opened(tx, rotation, secret)
        if rotation.state is not State.IN_PROGRESS:
            tx.rotations.save(rotation, release=True)
            return None
        waiting = None if self.gate is None else self.gate.hold(tx, secret, rotation)
        if waiting is not None:
            tx.rotations.save(waiting, release=True)
            return None
        untouched, rotation = not rotation.acted, rotation.acting()
        if rotation != kept:
            tx.rotations.save(rotation, release=False)
        if rotation.token is None or secret.rotation is None or secret.rotation.function is None:
            raise AssertionError("a rotation under way has a token, and its secret has a function")
        traits = self.functions.traits(tx, secret.rotation.function)
        call = self._call(tx, secret, rotation, secret.rotation.function, traits)
        return Prepared(rotation, secret, secret.rotation, rotation.token, call, traits, untouched)

    def _call(self, tx: Tx, secret: Secret, rotation: Rotation, function: str, traits: Traits) -> StepCall:
        """Make ready one call of the function, with a session of its own and the time that it may take."""
        deadline = self.clock.now() + (traits.timeout or timedelta(seconds=self.step_seconds))
        token = secret.labels[CURRENT] if rotation.is_healing else rotation.token or _NO_WRITES
        writes = _NO_WRITES if rotation.step is Step.ROLL_BACK else token
        credentials = self.sessions.issue(tx, secret, writes, deadline + _GRACE)
        event = {
            "Step": str(rotation.step),
            "SecretId": secret.arn,
            "ClientRequestToken": token,
            "RotationToken": str(credentials.rotation_token.reveal()),
        }
        return StepCall(function, event, credentials, deadline, traits.is_builtin, LastCall())

    def _opened(self, tx: Tx, rotation: Rotation, secret: Secret) -> tuple[Rotation, Secret]:
        """Begin a planned rotation, or reopen a failed one; one that is not in progress then has to wait."""
        now = self.clock.now()
        if rotation.state is State.PLANNED:
            if tx.rotations.open(secret.key):  # a configuration test has the pending label: wait for its end
                return replace(rotation, due=now + _WAIT), secret
            return self._begin(tx, rotation, secret)
        if rotation.state is State.FAILED and secret.rotation is not None:
            return rotation.reopened(now, secret.rotation.window_following(now)), secret
        return rotation, secret

    def _begin(self, tx: Tx, rotation: Rotation, secret: Secret) -> tuple[Rotation, Secret]:
        """Give a planned rotation its token: that of an incomplete one, which is tried again, or a new one."""
        now = self.clock.now()
        token = secret.pending_elsewhere or VersionId(str(uuid4()))
        if tx.secrets.version(secret.key, token) is None:
            tx.secrets.put_version(secret.key, Version(token, now, None), None)
        started = tx.secrets.save(secret.rotation_started(token, now))
        self.audit.event("RotationStarted", started, token, now)
        begun = replace(rotation.begun(token, now), acted=token in tx.rotations.acted(secret.key))
        return begun, started

    def _run(self, prepared: Prepared) -> Done:
        """Call the function."""
        started = self.clock.now()
        try:
            self.functions.call(prepared.call)
        except FunctionFailed as failure:
            reason = self.scrubber.scrub(prepared.secret, str(failure))
            refuted = failure.fault is Fault.PASSWORD_REFUSED and is_refuted(
                self.functions, prepared.traits, prepared.call
            )
            return Done(prepared, started, self.clock.now(), reason, failure.fault, refuted)
        return Done(prepared, started, self.clock.now(), None)

    def _conclude(self, tx: Tx, done: Done) -> tuple[Rotation, Secret] | None:
        """Record what the call gave; tells where the rotation stands now if the step succeeded."""
        prepared, now = done.step, done.ended
        last = prepared.call.last
        reason = done.reason or (None if last is None else last.failure())
        rotation = _held(tx, prepared.rotation)
        secret = None if rotation is None else tx.secrets.keyed(rotation.secret)
        if rotation is None or secret is None:
            raise StaleRevision(f"rotation {prepared.rotation.id}")
        if reason is None and rotation.step is Step.FINISH and secret.labels.get(CURRENT) != prepared.token:
            reason = f"The function returned from its last step, but {CURRENT} is not on the new version."
        tx.rotations.record(rotation, Attempt(rotation.step, 0, done.started, now, reason))
        if reason is not None:
            self._fail(tx, secret, rotation, done, reason)
            return None
        if rotation.is_healing:
            tx.rotations.save(rotation.healed(now, _settings(secret, prepared).window_following(now)), release=True)
            tx.access_keys.drop_sessions(secret.arn, now)
            self.audit.event("RotationRolledBack", secret, rotation.token, now)
            return None
        # its last call was made in this transaction, a moment after the function returned: no rotation ends before that
        return self._succeed(tx, secret, rotation.succeeded(max(now, secret.changed)))

    def _succeed(self, tx: Tx, secret: Secret, rotation: Rotation) -> tuple[Rotation, Secret]:
        ended = rotation.ended
        tx.rotations.save(rotation, release=ended is not None)
        if ended is None:
            return rotation, secret  # the session ends when the next step's is made, in this transaction
        tx.access_keys.drop_sessions(secret.arn, ended)
        if rotation.purpose is Purpose.TEST:
            secret = _drop_test_version(tx, secret, rotation, ended)
            self.audit.event("TestRotationSucceeded", secret, rotation.token, ended)
        elif rotation.purpose is Purpose.ROLL_BACK:
            secret = tx.secrets.save(secret.rolled_back(rotation.token or _NO_WRITES, ended))
            self.audit.event("RotationRolledBack", secret, rotation.token, ended)
        else:
            secret = tx.secrets.save(secret.rotation_succeeded(ended))
            self.audit.event("RotationSucceeded", secret, rotation.token, ended)
        tx.rotations.replan(secret.key, planned(secret, self.jitter))
        return rotation, secret

    def _fail(self, tx: Tx, secret: Secret, rotation: Rotation, done: Done, reason: str) -> None:
        now, coming = self.clock.now(), _settings(secret, done.step).window_following(self.clock.now())
        if done.fault is Fault.UNREACHABLE and done.step.untouched:
            rotation = replace(rotation, acted=False)
        heals = Step.ROLL_BACK in done.step.traits.declares
        failed = rotation.failed(reason, now, coming, done.fault, heals=heals)
        replaces = done.refuted and rotation.replaced < MOST_REPLACED and now < rotation.window.closes
        if replaces:
            failed = rotation.stopped(State.REPLACED, now, reason)
        if failed.state is State.FAILED and UNSURE in (failed.reason or ""):
            logging.getLogger(__name__).error(
                "%s: %s detent explain %s says what heals it", secret.arn, UNSURE, secret.name
            )
        tx.rotations.save(failed, release=not failed.is_healing or rotation.is_healing)  # healing begins at once
        tx.access_keys.drop_sessions(secret.arn, now)
        test = rotation.purpose is Purpose.TEST
        failure = f"Error when executing lambda {done.step.call.function} during {rotation.step} step"
        self.audit.event("TestRotationFailed" if test else "RotationFailed", secret, rotation.token, now, failure)
        if replaces:
            self._replace(tx, secret, rotation)
        if test:
            cleaned = _drop_test_version(tx, secret, rotation, now)
            tx.rotations.replan(secret.key, planned(cleaned, self.jitter))

    def _replace(self, tx: Tx, secret: Secret, rotation: Rotation) -> None:
        """Begin another rotation in the place of one whose password the target's rules refuse."""
        now, token = self.clock.now(), VersionId(str(uuid4()))
        tx.secrets.put_version(secret.key, Version(token, now, None), None)
        started = tx.secrets.save(secret.rotation_started(token, now))
        tx.rotations.add(rotation.replacement(token, now))
        self.audit.event("RotationStarted", started, token, now)

    def _stop(self, tx: Tx, secret: Secret, rotation: Rotation, state: State, reason: str) -> None:
        now = self.clock.now()
        if rotation.state is State.PLANNED:
            tx.rotations.replan(secret.key, None)
            return
        tx.rotations.save(rotation.stopped(state, now, reason), release=True)
        if rotation.purpose is Purpose.TEST:
            secret = _drop_test_version(tx, secret, rotation, now)
        elif state is State.ABANDONED:
            self.audit.event("RotationAbandoned", secret, rotation.token, now)
        tx.rotations.replan(secret.key, planned(secret, self.jitter))


def _held(tx: Tx, rotation: Rotation) -> Rotation | None:
    """Read the rotation again; None: it is gone. Raises StaleRevision when another epoch has begun."""
    current = tx.rotations.current(rotation.id)
    if current is not None and current.epoch != rotation.epoch:
        raise StaleRevision(f"rotation {rotation.id}")
    return current


def _settings(secret: Secret, prepared: Prepared) -> RotationSettings:
    """Give the settings as they are now: the schedule may have been changed while the step ran."""
    return secret.rotation or prepared.settings


def _drop_test_version(tx: Tx, secret: Secret, test: Rotation, now: datetime) -> Secret:
    cleaned = without_test_version(secret, test, now)
    if test.token is not None and not cleaned.labels_of(test.token):
        tx.secrets.drop_version(secret.key, test.token)
    return secret if cleaned is secret else tx.secrets.save(cleaned)
