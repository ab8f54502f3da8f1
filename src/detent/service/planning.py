"""Keeping the planned rotation, and the one under way, true when something else about a secret changes."""

from dataclasses import replace

from detent.model.rotation import Purpose, Rotation, State, asked_for, planned, without_test_version
from detent.model.secret import Secret, VersionId
from detent.service.env import Env


def stop_obstructed(env: Env, secret: Secret) -> Secret:
    """End every rotation that a change to its secret made pointless (D.7, D.8), then plan the next."""
    if secret.rotation is None:  # never configured, and so without any
        return secret
    for found in env.tx.rotations.open(secret.key):
        obstacle = found.obstacle(secret)
        if obstacle is not None:
            secret = _stop(env, secret, found, *obstacle)
    env.tx.rotations.replan(secret.key, planned(secret, env.server.jitter))
    return secret


def _stop(env: Env, secret: Secret, rotation: Rotation, state: State, reason: str) -> Secret:
    env.tx.rotations.overrule(rotation.stopped(state, env.now, reason))
    env.tx.access_keys.drop_sessions(secret.arn, env.now)  # a step still running must write nothing any more
    if rotation.purpose is Purpose.TEST:
        return drop_test_version(env, secret, rotation)
    if state is State.ABANDONED:
        env.server.audit.event("RotationAbandoned", secret, rotation.token, env.now)
    return secret


def drop_test_version(env: Env, secret: Secret, test: Rotation) -> Secret:
    """Take a configuration test's temporary version away, unless somebody has given it another label meanwhile."""
    cleaned = without_test_version(secret, test, env.now)
    if test.token is not None and not cleaned.labels_of(test.token):
        env.tx.secrets.drop_version(secret.key, test.token)
    return secret if cleaned is secret else env.tx.secrets.save(cleaned)


def reattempt(env: Env, secret: Secret, pending: VersionId) -> None:
    """Try the incomplete rotation of the pending version again now, unless that is being done already (D.3).

    A pending version that no rotation made waits for its window, or for whoever gave it the label.
    """
    found = env.tx.rotations.of_token(secret.key, pending)
    if found is None or not secret.rotates or (found.ended is not None and env.tx.rotations.open(secret.key)):
        return
    if found.purpose is Purpose.ROTATE and stands_still(env, found):
        resume(env, found)
    elif found.ended is not None:
        _begin_again(env, secret, pending)


def stands_still(env: Env, rotation: Rotation) -> bool:
    """Say whether a rotation waits, or ended before it was done."""
    waits = rotation.due is not None and rotation.due > env.now
    return waits or rotation.state in (State.FAILED, State.ABANDONED)


def resume(env: Env, rotation: Rotation) -> None:
    """Let a rotation that stands still go on now."""
    env.tx.rotations.replan(rotation.secret, None)
    env.tx.rotations.overrule(rotation.resumed(env.now, env.server.manual_window))


def _begin_again(env: Env, secret: Secret, pending: VersionId) -> None:
    """Rotate once more to a version that was current before, as its window would (a Choice).

    It has all its steps: that they succeeded once says nothing of the target now.
    """
    env.tx.rotations.replan(secret.key, None)
    acted = pending in env.tx.rotations.acted(secret.key)
    again = asked_for(secret.key, pending, env.now, length=env.server.manual_window)
    env.tx.rotations.add(replace(again, acted=acted))
    env.server.audit.event("RotationStarted", secret, pending, env.now)


def take_up_restored(env: Env, secret: Secret) -> None:
    """Go on with the rotation that a deletion stopped, if its target may have changed: the current value may be dead.

    Any other waits for its window, or until somebody asks (a Choice: B.10 says only that labels are as before).
    """
    pending = secret.pending_elsewhere
    found = None if pending is None else env.tx.rotations.of_token(secret.key, pending)
    if pending is not None and found is not None and found.acted:
        reattempt(env, secret, pending)
