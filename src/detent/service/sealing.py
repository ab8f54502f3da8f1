"""Versions' values under the keyset of their secret, bound to its ARN and their id."""

from dataclasses import replace

from detent.crypto.keyset import version_context
from detent.model.errors import BadState
from detent.model.policy import Principal
from detent.model.secret import CURRENT, PENDING, PREVIOUS, Secret, VersionId
from detent.model.value import SealedValue, SecretValue
from detent.service import keysets
from detent.service.env import Env


def sealed(env: Env, secret: Secret, version_id: VersionId, value: SecretValue) -> SealedValue:
    """Seal a version's value. Raises CannotSeal, and what `keysets.meant_by` raises."""
    keyset = keysets.sealing(env, secret.account, secret.region, secret.kms_key_id)
    return keyset.seal(value, version_context(secret.arn, version_id))


def opened(env: Env, secret: Secret, version_id: VersionId, sealed: SealedValue) -> SecretValue:
    """Open a version's value. Raises CannotOpen."""
    return keysets.opening(env, sealed.keyset_id).open(sealed, version_context(secret.arn, version_id))


def require_shareable(secret: Secret, caller: Principal) -> None:
    """Raise BadState where another account wants a value under the default keyset, which is nobody else's (B.2)."""
    if caller.account != secret.account and keysets.is_default(secret.kms_key_id):
        raise BadState(
            "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS"
            " service key."
        )


def resealed(env: Env, secret: Secret, kms_key_id: str | None) -> Secret:
    """Give the secret under another keyset, its labelled versions sealed anew; others keep theirs (B.5)."""
    changed = replace(secret, kms_key_id=keysets.chosen(env, secret.account, secret.region, kms_key_id))
    for version_id in {secret.labels[label] for label in (CURRENT, PENDING, PREVIOUS) if label in secret.labels}:
        old = env.tx.secrets.sealed(secret.key, version_id)
        if old is not None:
            new = sealed(env, changed, version_id, opened(env, secret, version_id, old))
            env.tx.secrets.reseal(secret.key, version_id, new)
    return changed
