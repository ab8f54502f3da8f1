"""RetryRotation, AbandonRotation, RollBackRotation: a person steers an incomplete rotation, or undoes a complete one.

What touches the target is written down as a rotation of its own, which the rotator does: durable like any other.
"""

from dataclasses import replace

from detent.model.errors import BadState
from detent.model.policy import Principal
from detent.model.rotation import UNSURE, Purpose, Rotation, State, Step, planned, roll_back_to
from detent.model.secret import CURRENT, PENDING, PREVIOUS, Secret, VersionId
from detent.service.env import Env
from detent.service.explaining import NOT_ASKED, LogsIn, Told, declares, latest, tried
from detent.service.history import SecretRotation
from detent.service.lookup import find
from detent.service.pausing import require_running
from detent.service.planning import drop_test_version, reattempt, resume, stands_still

_CANNOT = (
    "The secret's function cannot roll its target back: only those that come with Detent can. Put the target right by"
    " hand, then move the labels by UpdateSecretVersionStage."
)


def retry_rotation(env: Env, caller: Principal, *, secret_id: str) -> SecretRotation:
    """Try an incomplete rotation, or a roll-back that failed, again now; one that is being tried already is told."""
    secret = find(env, caller, "RetryRotation", secret_id, service="detent")
    require_running(env)
    found = _incomplete(env, secret)
    if found is None:
        raise BadState(f"There is no incomplete rotation of {secret.name}: RotateSecret begins one.")
    obstacle = found.obstacle(secret)
    if obstacle is not None:
        raise BadState(f"{obstacle[1]} RotateSecret begins another rotation.")
    if found.purpose is Purpose.ROTATE and found.token is not None:
        reattempt(env, secret, found.token)
    elif stands_still(env, found):
        resume(env, found)
    return _told(env, secret, _incomplete(env, secret) or found)


def abandon_rotation(env: Env, caller: Principal, *, secret_id: str) -> SecretRotation:
    """End an incomplete rotation; where its target may have changed, that is put back to the current version first."""
    secret = find(env, caller, "AbandonRotation", secret_id, service="detent")
    pending, current = secret.pending_elsewhere, secret.labels.get(CURRENT)
    if pending is None:
        raise BadState(f"There is no incomplete rotation of {secret.name}.")
    found = env.tx.rotations.of_token(secret.key, pending)
    acted = pending in env.tx.rotations.acted(secret.key) if found is None else found.acted
    if acted and current is not None and declares(env, secret, Step.ROLL_BACK):
        require_running(env)
        return _rolling(env, secret, current)
    secret = env.tx.secrets.save(_cleared(env, secret, None))
    env.tx.rotations.replan(secret.key, planned(secret, env.server.jitter))
    if found is None:
        raise BadState(f"No rotation made the pending version {pending}: take its label away instead.")
    told = _told(env, secret, found)
    return _unsure(told) if found.acted and not declares(env, secret, Step.ROLL_BACK) else told


def _unsure(told: SecretRotation) -> SecretRotation:
    """Say with whatever became of a rotation that its target may have been left as it was not before."""
    reason = told.rotation.reason or ""
    said = reason if UNSURE in reason else f"{reason} {UNSURE}".strip()
    return replace(told, rotation=replace(told.rotation, reason=said))


def roll_back_rotation(env: Env, caller: Principal, *, secret_id: str, told: Told = NOT_ASKED) -> SecretRotation:
    """Put the target and the labels back, or forward to the pending version when that is the one which works.

    `told` is what the target answered meanwhile.
    """
    secret = find(env, caller, "RollBackRotation", secret_id, service="detent")
    require_running(env)
    if not declares(env, secret, Step.ROLL_BACK):
        raise BadState(_CANNOT)
    under_way = latest(env, secret)
    if under_way is not None and under_way.purpose is Purpose.ROLL_BACK and under_way.ended is None:
        return _told(env, secret, under_way)
    return _rolling(env, secret, _destination(env, secret, told))


def _destination(env: Env, secret: Secret, told: Told) -> VersionId:
    """Choose the version to go to."""
    found = {one.label: one for one in tried(env, secret, told)}
    if CURRENT not in found:
        raise BadState("The secret has no current version: store a value first (PutSecretValue).")
    current, pending = found[CURRENT], found.get(PENDING)
    if current.logs_in is LogsIn.UNKNOWN:
        raise BadState(f"Nothing was changed, for it could not be told what logs in: {current.reason}")
    if all(one.logs_in is not LogsIn.YES for one in found.values()):
        raise BadState("No version with a label logs in: store a value that does (PutSecretValue).")
    if pending is not None:
        forward = pending.logs_in is LogsIn.YES and current.logs_in is LogsIn.NO
        return pending.version if forward else current.version
    if PREVIOUS not in found:
        raise BadState("There is no previous version to go back to.")
    return found[PREVIOUS].version


def _rolling(env: Env, secret: Secret, to: VersionId) -> SecretRotation:
    secret = env.tx.secrets.save(_cleared(env, secret, to))
    env.tx.rotations.replan(secret.key, None)
    return SecretRotation(secret, env.tx.rotations.add(roll_back_to(secret, to, env.now)))


def _cleared(env: Env, secret: Secret, to: VersionId | None) -> Secret:
    """End every rotation that is not over, and take PENDING off its version, unless that is where to go."""
    pending = secret.pending_elsewhere
    found = {one.id: one for one in env.tx.rotations.open(secret.key)}
    failed = None if pending is None else env.tx.rotations.of_token(secret.key, pending)
    if failed is not None and failed.state is State.FAILED:
        found[failed.id] = failed
    for one in found.values():
        secret = _ended(env, secret, one)
    env.tx.access_keys.drop_sessions(secret.arn, env.now)  # a step still running must write nothing any more
    return secret if secret.labels.get(PENDING) == to else secret.label_removed(PENDING, env.now)


def _ended(env: Env, secret: Secret, rotation: Rotation) -> Secret:
    env.tx.rotations.overrule(rotation.stopped(State.ABANDONED, env.now, "Somebody ended it."))
    if rotation.purpose is Purpose.TEST:
        return drop_test_version(env, secret, rotation)
    env.server.audit.event("RotationAbandoned", secret, rotation.token, env.now)
    return secret


def _incomplete(env: Env, secret: Secret) -> Rotation | None:
    last = latest(env, secret)
    if last is not None and last.purpose is Purpose.ROLL_BACK and last.state in (State.FAILED, State.IN_PROGRESS):
        return last
    pending = secret.pending_elsewhere
    found = None if pending is None else env.tx.rotations.of_token(secret.key, pending)
    return found if found is not None and found.purpose is Purpose.ROTATE else None


def _told(env: Env, secret: Secret, rotation: Rotation) -> SecretRotation:
    now = env.tx.rotations.current(rotation.id) or rotation
    return SecretRotation(secret, replace(now), tuple(env.tx.rotations.attempts(rotation.id)))
