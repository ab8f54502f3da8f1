"""Keeping a secret's versions within the quota: in the transaction that would exceed it, without a job of its own."""

from datetime import timedelta

from detent.model.errors import LimitExceeded
from detent.model.pruning import YOUNG, pruning
from detent.model.secret import Secret
from detent.service.env import Env

_HOURS = YOUNG // timedelta(hours=1)


def prune(env: Env, secret: Secret, *, grew: bool) -> None:
    """Drop the deprecated versions that are too many, now that a value was stored under the secret's labels.

    Raises LimitExceeded when the secret grew and too few may go; the transaction then takes the new version back.
    """
    limit = env.server.limits.versions
    if env.tx.secrets.count_versions(secret.key) <= limit:
        return
    acted = env.tx.rotations.acted(secret.key)
    found = pruning(env.tx.secrets.versions(secret.key), secret.labels, acted, env.now, limit)
    if grew and found.excess:
        raise LimitExceeded(
            f"A secret can have at most {limit} versions, and too few of this one's are without a staging label and"
            f" older than {_HOURS} hours: write later, or remove labels."
        )
    for version_id in found.going:
        env.tx.secrets.drop_version(secret.key, version_id)
        env.server.audit.event("EndSecretVersionDelete", secret, version_id, env.now)
