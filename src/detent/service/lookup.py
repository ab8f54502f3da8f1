"""Finding the secret a caller means, and asking whether the caller may."""

import re

from detent.model.arn import secret_parts
from detent.model.errors import FailedConstraint, MarkedForDeletion, NotPermitted, OnReplica, SecretNotFound
from detent.model.policy import Ask, Principal, may
from detent.model.secret import Secret, StagingLabel, VersionId
from detent.service.env import Env

_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]+", re.ASCII)


def checked_name(name: str) -> str:
    """Give the name back. Raises FailedConstraint for characters no name may have (A.5)."""
    if _NAME.fullmatch(name) is None:
        raise FailedConstraint(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
        )
    return name


def checked_id(secret_id: str) -> None:
    """Check a SecretId's characters, for operations that check something else before they look it up (B.0)."""
    if not secret_id.startswith("arn:"):
        checked_name(secret_id)


def find(
    env: Env,
    caller: Principal,
    operation: str,
    secret_id: str,
    *,
    version: VersionId | None = None,
    label: StagingLabel | None = None,
    deleted: bool = False,
    on_replica: bool = False,
    service: str = "secretsmanager",
) -> Secret:
    """Find the secret and allow the operation, in the reference's order: name, lookup, permission, state (B.0).

    `version` and `label` are what a write would touch; `deleted` admits secrets scheduled for deletion,
    `on_replica` replicas.
    """
    secret = meant_by(env, caller.account, secret_id)
    if secret is None:
        raise SecretNotFound
    allow(env, caller, Ask(f"{service}:{operation}", secret.arn, secret.account, version, label))
    if secret.deletion is not None and not deleted:
        raise MarkedForDeletion
    if secret.primary is not None and not on_replica:
        raise OnReplica
    return secret


def meant_by(env: Env, account: str, secret_id: str) -> Secret | None:
    """Look a SecretId up: a name, a full ARN, or one without its suffix (C.2). Never matches two secrets."""
    if not secret_id.startswith("arn:"):
        return env.tx.secrets.named(account, env.region, checked_name(secret_id))
    parts = secret_parts(secret_id)
    if parts is None or parts.region != env.region:
        return None
    full = with_arn(env, secret_id)
    if full is not None:
        return full
    partial = env.tx.secrets.named(parts.account, parts.region, parts.rest)
    return partial if partial is not None and partial.arn.startswith(f"{secret_id}-") else None


def with_arn(env: Env, arn: str) -> Secret | None:
    """Find the secret that has exactly this ARN, in whatever region."""
    parts = secret_parts(arn)
    found = env.tx.secrets.named(parts.account, parts.region, parts.name) if parts is not None and parts.name else None
    return found if found is not None and found.arn == arn else None


def allow(env: Env, caller: Principal, ask: Ask) -> None:  # noqa: ARG001 - policies are in the store
    """Raise NotPermitted, in the reference's words (A.6), unless the caller may."""
    if not may(caller, ask):
        raise NotPermitted(
            f"User: {caller.arn} is not authorized to perform: {ask.action} on resource: {ask.resource}"
            f" because no identity-based policy allows the {ask.action} action"
        )
