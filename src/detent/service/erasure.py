"""Erasing secrets: by force, or once their recovery window has passed (C.9)."""

from detent.model.secret import Secret
from detent.service.env import Env


def erase(env: Env, secret: Secret) -> None:
    """Remove a secret with its versions, its rotations, and the sessions of their steps."""
    version_events(env, secret, "EndSecretVersionDelete")
    env.tx.access_keys.drop_sessions(secret.arn, env.now)
    env.tx.secrets.erase(secret.key)


def finds_some(env: Env) -> bool:
    """Say whether any secret's recovery window has passed."""
    return bool(env.tx.secrets.due_for_erasure(env.now, 1))


def erase_due(env: Env, limit: int) -> int:
    """Erase secrets of every account and region whose recovery window has passed; says how many.

    It ends after the secret with which `limit` versions are gone, for the longer it takes the longer writers wait.
    What is due is asked in the transaction that erases it: a secret that was restored before is not, and servers that
    share the store do not meet.
    """
    erased = versions = 0
    for secret in env.tx.secrets.due_for_erasure(env.now, limit):
        if versions >= limit:
            break
        versions += max(1, env.tx.secrets.count_versions(secret.key))
        erase(env, secret)
        erased += 1
    return erased


def version_events(env: Env, secret: Secret, name: str) -> None:
    """Put one event for each version into the audit trail (D.10)."""
    for version in env.tx.secrets.versions(secret.key):
        env.server.audit.event(name, secret, version.id, env.now)
