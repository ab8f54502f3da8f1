"""Keysets by what a KmsKeyId names: id, ARN or alias (C.4)."""

import re

from detent.crypto.keyset import Keyset
from detent.model.errors import BadParameter, CannotOpen, CannotSeal, NotPermitted
from detent.model.keyset import AWS_ALIASES, DEFAULT_ALIAS, ROOT_KEYSET_ID, CustomerKeyset
from detent.service.env import Env

_ARN = re.compile(r"arn:[^:]+:kms:(?P<region>[^:]*):(?P<account>[^:]*):(?:key/(?P<id>.+)|(?P<alias>alias/.+))")


def meant_by(env: Env, account: str, region: str, kms_key_id: str | None) -> CustomerKeyset | None:
    """Find the keyset of an account in a region; None: the default one. Raises BadParameter, NotPermitted."""
    if not kms_key_id:
        return None
    parts = _ARN.fullmatch(kms_key_id)
    if parts is not None and parts["region"] != region:
        raise BadParameter(f"The operation failed because of an invalid KMS key: Invalid arn {parts['region']}")
    alias = parts["alias"] if parts is not None else kms_key_id
    if (parts is not None and parts["account"] != account) or _is_anothers(alias):
        raise NotPermitted("Access to KMS is not allowed")
    if alias == DEFAULT_ALIAS:
        return None
    if alias and alias.startswith("alias/"):
        found = env.tx.keysets.aliased(account, region, alias)
    else:
        found = env.tx.keysets.find(parts["id"] if parts is not None else kms_key_id)
    if found is None or (found.account, found.region) != (account, region):
        raise BadParameter("The operation failed because of an invalid KMS key: Invalid keyId")
    return found


def _is_anothers(alias: str | None) -> bool:
    """Whether it is the key that AWS keeps for another of its services."""
    return alias is not None and alias.startswith(AWS_ALIASES) and alias != DEFAULT_ALIAS


def arn_of(env: Env, account: str, region: str, kms_key_id: str | None) -> str | None:
    """Give the ARN of the keyset that a KmsKeyId names; None: it names none, the default one, or an unknown one."""
    try:
        found = meant_by(env, account, region, kms_key_id)
    except (BadParameter, NotPermitted):
        return None
    return None if found is None else found.arn


def is_default(kms_key_id: str | None) -> bool:
    """Whether a KmsKeyId names the default keyset, which is never shown (B.6)."""
    return not kms_key_id or kms_key_id.endswith(f":{DEFAULT_ALIAS}") or kms_key_id == DEFAULT_ALIAS


def chosen(env: Env, account: str, region: str, kms_key_id: str | None) -> str | None:
    """Check that a KmsKeyId can seal; gives it back as it is kept: None for the default. Raises as `sealing`."""
    sealing(env, account, region, kms_key_id)
    return None if is_default(kms_key_id) else kms_key_id


def sealing(env: Env, account: str, region: str, kms_key_id: str | None) -> Keyset:
    """Give the keyset that seals for a KmsKeyId. Raises CannotSeal for one that is not usable; else as `meant_by`."""
    found = meant_by(env, account, region, kms_key_id)
    if found is None:
        return env.server.keyset
    if not found.usable:
        raise CannotSeal
    return opened(env, found)


def opening(env: Env, keyset_id: str) -> Keyset:
    """Give the keyset of this id. Raises CannotOpen for one that is disabled, about to be deleted, or gone."""
    if keyset_id == ROOT_KEYSET_ID:
        return env.server.keyset
    found = env.tx.keysets.find(keyset_id)
    if found is None or not found.usable:
        raise CannotOpen("Secrets Manager can't decrypt the protected secret text: its KMS key is disabled or gone.")
    return opened(env, found)


def opened(env: Env, found: CustomerKeyset) -> Keyset:
    """Open a keyset once a process and generation: its key material does not change under the same one."""
    generation, kept = env.server.keysets.get(found.id, (0, None))
    if kept is None or generation != found.generation:
        sealed = env.tx.keysets.sealed(found.id)
        if sealed is None:
            raise CannotOpen
        kept = env.server.keyset.opened_keyset(found.id, sealed)
        env.server.keysets[found.id] = found.generation, kept
    return kept
