"""Operations on versions: reading and writing values, moving staging labels."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from detent.model.errors import (
    BadParameter,
    BadState,
    LabelNotFound,
    LabelNotOnVersion,
    VersionNotFound,
)
from detent.model.policy import Principal
from detent.model.secret import CURRENT, Secret, StagingLabel, Version, VersionId
from detent.model.value import SecretValue
from detent.service import sealing
from detent.service.env import Env
from detent.service.lookup import checked_id, find
from detent.service.paging import Paged, page_start, token_for
from detent.service.planning import stop_obstructed
from detent.service.values import checked_token, is_replay, value_of, write_value

_PAGE = 100  # the reference's default page size is unconfirmed


class ReadValue(NamedTuple):
    """A version with its value."""

    secret: Secret
    version: Version
    value: SecretValue


@dataclass(frozen=True, slots=True)
class WrittenVersion:
    """A secret and the version a call made, or found made already; None: it made none."""

    secret: Secret
    version_id: VersionId | None


def get_secret_value(
    env: Env,
    caller: Principal,
    *,
    secret_id: str,
    version_id: str | None = None,
    version_stage: str | None = None,
) -> ReadValue:
    """Open one version, by default the current one (B.3). The first read of a UTC day is noted (C.8)."""
    sent = {"secretsmanager:versionid": version_id, "secretsmanager:versionstage": version_stage}
    secret = find(env, caller, "GetSecretValue", secret_id, on_replica=True, sent=sent)
    sealing.require_shareable(secret, caller)
    chosen = _chosen(secret, version_id, version_stage)
    version = env.tx.secrets.version(secret.key, chosen)
    sealed = env.tx.secrets.sealed(secret.key, chosen)
    if version is None:
        raise VersionNotFound(chosen)
    if (
        version_id is not None
        and version_stage is not None
        and StagingLabel(version_stage) not in secret.labels_of(chosen)
    ):
        raise LabelNotOnVersion
    if sealed is None:  # an empty placeholder: which wording is a Choice of the reference
        raise VersionNotFound(chosen) if version_id is not None else LabelNotFound(version_stage or CURRENT)
    value = sealing.opened(env, secret, chosen, sealed)
    today = env.now.date()
    if version.accessed != today or secret.accessed != today:
        env.note(lambda tx: tx.secrets.touch(secret, chosen, today))
    return ReadValue(secret, version, value)


def _chosen(secret: Secret, version_id: str | None, version_stage: str | None) -> VersionId:
    if version_id is not None:
        return VersionId(version_id)
    label = StagingLabel(version_stage or CURRENT)
    if label not in secret.labels:
        raise LabelNotFound(label)
    return secret.labels[label]


def put_secret_value(
    env: Env,
    caller: Principal,
    *,
    secret_id: str,
    client_request_token: str | None = None,
    secret_string: str | None = None,
    secret_binary: bytes | None = None,
    version_stages: list[str] | None = None,
    rotation_token: str | None = None,
) -> WrittenVersion:
    """Store a new version (B.2), or fill the empty version of the rotation under way (D.4)."""
    value = value_of(secret_string, secret_binary)
    checked_id(secret_id)
    token = checked_token(client_request_token)
    secret = find(env, caller, "PutSecretValue", secret_id, version=token)
    sealing.require_shareable(secret, caller)
    if value is None:
        raise BadState("You must provide either SecretString or SecretBinary.")
    if rotation_token is not None:
        _check_rotation_token(env, secret, token, rotation_token)
    if is_replay(env, secret, token, value):
        return WrittenVersion(secret, token)
    stages = None if version_stages is None else [StagingLabel(stage) for stage in version_stages]
    return WrittenVersion(write_value(env, secret, token, value, stages), token)


def _check_rotation_token(env: Env, secret: Secret, token: VersionId, rotation_token: str) -> None:
    key = env.tx.access_keys.of_rotation_token(hashlib.sha256(rotation_token.encode()).digest())
    grant = None if key is None or key.expires is None or key.expires <= env.now else key.principal.grant
    if grant is None or (grant.secret, grant.token) != (secret.arn, token):  # the code is a Choice of the reference
        raise BadParameter("The RotationToken is not valid: it belongs to another rotation, or its step has ended.")


@dataclass(frozen=True, slots=True)
class ListedVersions:
    """One page of a secret's versions."""

    secret: Secret
    page: Paged[Version]


def list_secret_version_ids(
    env: Env,
    caller: Principal,
    *,
    secret_id: str,
    max_results: int | None = None,
    next_token: str | None = None,
    include_deprecated: bool | None = None,
) -> ListedVersions:
    """List versions, by default those with labels; works on a secret scheduled for deletion (B.8)."""
    secret = find(env, caller, "ListSecretVersionIds", secret_id, deleted=True, on_replica=True)
    listed = [
        version for version in env.tx.secrets.versions(secret.key) if include_deprecated or secret.labels_of(version.id)
    ]
    bound = f"ListSecretVersionIds {secret.arn} {include_deprecated}"
    start = int(page_start(env, next_token, bound) or 0)
    end = start + (max_results or _PAGE)
    token = token_for(env, str(end), bound) if end < len(listed) else None
    return ListedVersions(secret, Paged(listed[start:end], token))


def update_secret_version_stage(
    env: Env,
    caller: Principal,
    *,
    secret_id: str,
    version_stage: str,
    remove_from_version_id: str | None = None,
    move_to_version_id: str | None = None,
) -> Secret:
    """Move, attach or remove one staging label (C.6)."""
    label = StagingLabel(version_stage)
    to = None if move_to_version_id is None else VersionId(move_to_version_id)
    source = None if remove_from_version_id is None else VersionId(remove_from_version_id)
    sent = {"secretsmanager:versionstage": version_stage}
    operation = "UpdateSecretVersionStage"
    secret = find(env, caller, operation, secret_id, version=to or source, label=label, sent=sent)
    for version_id in (to, source):
        version = None if version_id is None else env.tx.secrets.version(secret.key, version_id)
        if version_id is not None and version is None:
            raise BadParameter(f"Not a valid version: {version_id}")
        if version is not None and version.is_empty and version_id == to and label == CURRENT:
            raise BadState(f"Version {to} has no value yet, and the current value must stay readable.")
    moved = env.server.limits.labelled(secret.label_moved(label, to, source, env.now), secret)
    return stop_obstructed(env, env.tx.secrets.save(moved))
