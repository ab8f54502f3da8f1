"""Operations on secrets: make, describe, change, delete, restore, tag."""

import secrets as randomness
import string
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import NamedTuple

from detent.model.arn import secret_arn
from detent.model.errors import BadParameter, BadState, Exists, OnReplica, SecretNotFound
from detent.model.policy import Ask, Principal
from detent.model.secret import Secret, SecretKey, VersionId
from detent.model.value import SecretValue
from detent.service import keysets
from detent.service.authorization import allow
from detent.service.conditions import Conditions, Sent, tag_keys_sent, tags_sent
from detent.service.cross_account import checked_primary
from detent.service.env import Env
from detent.service.erasure import erase, version_events
from detent.service.following import copy_of
from detent.service.lookup import checked_id, checked_name, find
from detent.service.planning import stop_obstructed, take_up_restored
from detent.service.replication import WantedRegion, replica_rekeyed, replicated, require_no_replicas
from detent.service.sealing import require_shareable, resealed
from detent.service.values import checked_token, is_replay, value_of, write_value
from detent.service.versions import WrittenVersion

_SUFFIX_CHARACTERS = string.ascii_letters + string.digits
_RECOVERY_DAYS = range(7, 31)


def create_secret(
    env: Env,
    caller: Principal,
    *,
    name: str,
    client_request_token: str | None = None,
    description: str | None = None,
    kms_key_id: str | None = None,
    secret_string: str | None = None,
    secret_binary: bytes | None = None,
    tags: Mapping[str, str] | None = None,
    type: str | None = None,  # noqa: A002 - AWS's name for the member
    add_replica_regions: list[WantedRegion] | None = None,
    force_overwrite_replica_secret: bool | None = None,
    cross_account_primary_arn: str | None = None,
) -> WrittenVersion:
    """Make a secret, with its first version when a value is given (B.1)."""
    checked_name(name)
    value = value_of(secret_string, secret_binary)
    token = checked_token(client_request_token) if value is not None or client_request_token is not None else None
    primary = None
    if cross_account_primary_arn is not None:
        excluded = (value, description, add_replica_regions, type)
        primary = checked_primary(env, caller, cross_account_primary_arn, kms_key_id, excluded)
    arn = _new_arn(env, caller, name)
    sent = {
        "secretsmanager:name": name,
        "secretsmanager:addreplicaregions": _regions(add_replica_regions),
        "secretsmanager:forceoverwritereplicasecret": force_overwrite_replica_secret,
        **_described(env, caller.account, description, kms_key_id, type),
        **tags_sent(tags),
    }
    _allow_creation(env, caller, arn, sent, tagged=bool(tags), replicated=bool(add_replica_regions))
    taken = env.tx.secrets.named(caller.account, env.region, name)
    if taken is not None:
        return _made_already(env, taken, token, value)
    new = Secret(
        key=SecretKey(0),
        account=caller.account,
        region=env.region,
        name=name,
        arn=arn,
        created=env.now,
        changed=env.now,
        description=description or None,
        kms_key_id=keysets.chosen(env, caller.account, env.region, kms_key_id),
        type=type,
        primary=primary,
    )
    env.server.limits.check_secrets(env.tx.secrets.count(new.account, new.region))
    made = env.tx.secrets.add(env.server.limits.tagged(new.tagged(tags or {}, env.now), new))
    if value is not None and token is not None:
        made = write_value(env, made, token, value)
    if add_replica_regions:
        made = replicated(env, made, add_replica_regions, overwrite=bool(force_overwrite_replica_secret))
    return WrittenVersion(made, None if value is None else token)


def _allow_creation(env: Env, caller: Principal, arn: str, sent: Sent, *, tagged: bool, replicated: bool) -> None:
    """AWS: making a secret with tags or replicas takes the permissions for those too (G.3)."""
    context = Conditions(env, caller, caller.account, sent)
    for operation, needed in (
        ("CreateSecret", True),
        ("TagResource", tagged),
        ("ReplicateSecretToRegions", replicated),
    ):
        if needed:
            allow(env, caller, Ask(f"secretsmanager:{operation}", arn, caller.account, context=context))


def _regions(wanted: list[WantedRegion] | None) -> list[str] | None:
    return None if wanted is None else [region for region, _ in wanted if region is not None]


def _described(env: Env, account: str, description: str | None, kms_key_id: str | None, type: str | None) -> Sent:  # noqa: A002 - AWS's name for the member
    """Give the condition keys that making and changing a secret have in common."""
    return {
        "secretsmanager:description": description,
        "secretsmanager:kmskeyarn": partial(keysets.arn_of, env, account, env.region, kms_key_id),
        "secretsmanager:kmskeyid": kms_key_id,
        "secretsmanager:type": type,
    }


def _made_already(env: Env, taken: Secret, token: VersionId | None, value: SecretValue | None) -> WrittenVersion:
    """Answer a repeated CreateSecret as the first one; refuse any other use of a taken name."""
    if taken.deletion is not None:
        raise BadState(
            "You can't create this secret because a secret with this name is already scheduled for deletion."
        )
    if token is not None and value is not None and is_replay(env, taken, token, value):
        return WrittenVersion(taken, token)
    raise Exists(f"The operation failed because the secret {taken.name} already exists.")


def _new_arn(env: Env, caller: Principal, name: str) -> str:
    suffix = "".join(randomness.choice(_SUFFIX_CHARACTERS) for _ in range(6))
    return secret_arn(env.region, caller.account, f"{name}-{suffix}")


def update_secret(
    env: Env,
    caller: Principal,
    *,
    secret_id: str,
    client_request_token: str | None = None,
    description: str | None = None,
    kms_key_id: str | None = None,
    secret_string: str | None = None,
    secret_binary: bytes | None = None,
    type: str | None = None,  # noqa: A002 - AWS's name for the member
) -> WrittenVersion:
    """Change metadata, and store a new current version when a value is given (B.5)."""
    value = value_of(secret_string, secret_binary)
    checked_id(secret_id)
    token = checked_token(client_request_token) if value is not None else None
    sent = _described(env, caller.account, description, kms_key_id, type)
    secret = find(env, caller, "UpdateSecret", secret_id, version=token, on_replica=True, sent=sent)
    if value is not None:
        require_shareable(secret, caller)
    if secret.primary is not None:
        if kms_key_id is None or (value, description, type) != (None, None, None):
            raise OnReplica
        return WrittenVersion(replica_rekeyed(env, secret, kms_key_id), None)
    changed = replace(
        secret if kms_key_id is None else resealed(env, secret, kms_key_id),
        description=secret.description if description is None else description or None,
        type=secret.type if type is None else type,
    )
    if value is not None and token is not None:
        if not is_replay(env, secret, token, value):
            return WrittenVersion(write_value(env, changed, token, value), token)
        if changed == secret:
            return WrittenVersion(secret, token)
    return WrittenVersion(env.tx.secrets.save(replace(changed, changed=env.now)), token)


class Described(NamedTuple):
    """A secret, and on which day each of its replicas was last read, by ARN."""

    secret: Secret
    read: Mapping[str, date | None]


def describe_secret(env: Env, caller: Principal, *, secret_id: str) -> Described:
    """Describe a secret, one scheduled for deletion too (B.6)."""
    secret = find(env, caller, "DescribeSecret", secret_id, deleted=True, on_replica=True)
    copies = (copy_of(env, secret, replica) for replica in secret.replicas)
    return Described(secret, {copy.arn: copy.accessed for copy in copies if copy is not None})


@dataclass(frozen=True, slots=True)
class Deleted:
    """What DeleteSecret answers: also for a secret that was never there, when forced (AWS: B.9)."""

    arn: str
    name: str
    deletion: datetime


def delete_secret(
    env: Env,
    caller: Principal,
    *,
    secret_id: str,
    recovery_window_in_days: int | None = None,
    force_delete_without_recovery: bool | None = None,
) -> Deleted:
    """Schedule a secret for deletion, or erase it at once when forced (B.9)."""
    if force_delete_without_recovery and recovery_window_in_days is not None:
        raise BadParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
    if recovery_window_in_days is not None and recovery_window_in_days not in _RECOVERY_DAYS:
        raise BadParameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
    sent = {
        "secretsmanager:forcedeletewithoutrecovery": force_delete_without_recovery,
        "secretsmanager:recoverywindowindays": recovery_window_in_days,
    }
    if force_delete_without_recovery:
        return _erase(env, caller, secret_id, sent)
    secret = find(env, caller, "DeleteSecret", secret_id, deleted=True, sent=sent)
    if secret.deletion is not None:
        raise BadState("You can't perform this operation on the secret because it was already scheduled for deletion.")
    require_no_replicas(secret)
    deletion = env.now + timedelta(days=recovery_window_in_days or _RECOVERY_DAYS[-1])
    saved = env.tx.secrets.save(replace(secret, deletion=deletion, changed=env.now))
    stop_obstructed(env, saved)
    version_events(env, saved, "StartSecretVersionDelete")
    return Deleted(saved.arn, saved.name, deletion)


def _erase(env: Env, caller: Principal, secret_id: str, sent: Sent) -> Deleted:
    try:
        secret = find(env, caller, "DeleteSecret", secret_id, deleted=True, sent=sent)
    except SecretNotFound:
        arn = secret_id if secret_id.startswith("arn:") else _new_arn(env, caller, secret_id)
        context = Conditions(env, caller, caller.account, sent)
        allow(env, caller, Ask("secretsmanager:DeleteSecret", arn, caller.account, context=context))
        return Deleted(arn, secret_id, env.now)
    require_no_replicas(secret)
    version_events(env, secret, "StartSecretVersionDelete")
    erase(env, secret)
    return Deleted(secret.arn, secret.name, env.now)


def restore_secret(env: Env, caller: Principal, *, secret_id: str) -> Secret:
    """Take a secret back from deletion, as it was; one that is not scheduled is left alone (a Choice, B.10)."""
    secret = find(env, caller, "RestoreSecret", secret_id, deleted=True)
    if secret.deletion is None:
        return secret
    saved = env.tx.secrets.save(replace(secret, deletion=None, changed=env.now))
    version_events(env, saved, "CancelSecretVersionDelete")
    restored = stop_obstructed(env, saved)
    take_up_restored(env, restored)
    return restored


def tag_resource(env: Env, caller: Principal, *, secret_id: str, tags: Mapping[str, str]) -> None:
    """Add tags, or overwrite them by key (B.14)."""
    secret = find(env, caller, "TagResource", secret_id, sent=tags_sent(tags))
    env.tx.secrets.save(env.server.limits.tagged(secret.tagged(tags, env.now), secret))


def untag_resource(env: Env, caller: Principal, *, secret_id: str, tag_keys: list[str]) -> None:
    """Remove tags by key (B.14)."""
    secret = find(env, caller, "UntagResource", secret_id, sent=tag_keys_sent(tag_keys))
    env.tx.secrets.save(secret.untagged(tag_keys, env.now))
