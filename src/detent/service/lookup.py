"""Finding the secret a caller means, and asking whether the caller may."""

import re

from detent.model.arn import secret_parts
from detent.model.errors import FailedConstraint, MarkedForDeletion, OnReplica, SecretNotFound
from detent.model.policy import Ask, Principal
from detent.model.secret import Secret, StagingLabel, VersionId
from detent.service.authorization import allow, resource_policy
from detent.service.conditions import NOTHING_SENT, Conditions, Sent
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
    sent: Sent = NOTHING_SENT,
) -> Secret:
    """Find the secret and allow the operation, in the reference's order: name, lookup, permission, state (B.0).

    `version` and `label` are what a write would touch; `deleted` admits secrets scheduled for deletion,
    `on_replica` replicas; `sent` is what the call tells policies' conditions.
    """
    secret = meant_by(env, caller.account, secret_id)
    if secret is None:
        _hide_others(env, caller, f"{service}:{operation}", secret_id)
        raise SecretNotFound
    permit(env, caller, f"{service}:{operation}", secret, secret_id, version=version, label=label, sent=sent)
    if secret.deletion is not None and not deleted:
        raise MarkedForDeletion
    if secret.primary is not None and not on_replica:
        raise OnReplica
    return secret


def permit(
    env: Env,
    caller: Principal,
    action: str,
    secret: Secret,
    secret_id: str | None = None,
    *,
    version: VersionId | None = None,
    label: StagingLabel | None = None,
    sent: Sent = NOTHING_SENT,
) -> None:
    """Raise NotPermitted unless the caller may do this to the secret, `secret_id` being how it was asked for."""
    context = Conditions(env, caller, secret.account, sent, secret=secret)
    shown = secret_id if secret.account != caller.account else None  # else a refusal would tell the rest of its ARN
    ask = Ask(action, secret.arn, secret.account, version, label, context)
    allow(env, caller, ask, resource_policy(env, secret), shown=shown)


def _hide_others(env: Env, caller: Principal, action: str, secret_id: str) -> None:
    """Refuse what is not there in another account as what is not permitted there: nobody learns which it was."""
    parts = secret_parts(secret_id)
    if parts is not None and parts.account != caller.account:
        allow(env, caller, Ask(action, secret_id, parts.account))


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
