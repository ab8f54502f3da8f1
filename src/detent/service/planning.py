"""Keeping the planned rotation, and the one under way, true when something else about a secret changes."""

from detent.model.rotation import Purpose, Rotation, State, planned, without_test_version
from detent.model.secret import Secret
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
