"""Detent's own operations: which rotations there were, and how each went, step by step."""

from dataclasses import dataclass

from detent.model.errors import NotFound
from detent.model.policy import Ask, Principal
from detent.model.rotation import Attempt, Rotation
from detent.model.secret import Secret, VersionId
from detent.service.authorization import allow
from detent.service.env import Env
from detent.service.lookup import find
from detent.service.paging import Paged, page_start, token_for

_PAGE = 100


@dataclass(frozen=True, slots=True)
class SecretRotation:
    """A rotation with its secret; attempts only where one rotation is described."""

    secret: Secret
    rotation: Rotation
    attempts: tuple[Attempt, ...] = ()


def list_rotations(
    env: Env,
    caller: Principal,
    *,
    secret_id: str | None = None,
    max_results: int | None = None,
    next_token: str | None = None,
) -> Paged[SecretRotation]:
    """List rotations that began, newest first: of one secret, or of all."""
    limit = max_results or _PAGE
    secret = (
        None
        if secret_id is None
        else find(env, caller, "ListRotations", secret_id, service="detent", deleted=True, on_replica=True)
    )
    if secret is None:
        allow(env, caller, Ask("detent:ListRotations", "*", caller.account))
    bound = f"ListRotations {caller.account} {env.region} {secret and secret.arn}"
    start = page_start(env, next_token, bound)
    found = env.tx.rotations.page(
        caller.account,
        env.region,
        None if secret is None else secret.key,
        None if start is None else int(start),
        limit + 1,
    )
    listed = [SecretRotation(*pair) for pair in found[:limit]]
    more = token_for(env, str(listed[-1].rotation.id), bound) if len(found) > limit else None
    return Paged(listed, more)


def describe_rotation(env: Env, caller: Principal, *, secret_id: str, version_id: str | None = None) -> SecretRotation:
    """Describe the rotation that made a version, by default the secret's latest, with every attempt."""
    secret = find(env, caller, "DescribeRotation", secret_id, service="detent", deleted=True, on_replica=True)
    if version_id is not None:
        found = env.tx.rotations.of_token(secret.key, VersionId(version_id))
    else:
        latest = env.tx.rotations.page(secret.account, secret.region, secret.key, None, 1)
        found = latest[0][1] if latest else None
    if found is None:
        raise NotFound(
            f"There is no rotation of {secret.name}" + (f" with VersionId {version_id}." if version_id else ".")
        )
    return SecretRotation(secret, found, tuple(env.tx.rotations.attempts(found.id)))
