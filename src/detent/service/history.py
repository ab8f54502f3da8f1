"""Detent's own operations: which rotations there were, and how each went, step by step."""

from dataclasses import dataclass
from datetime import timedelta

from detent.model.checks import Hold
from detent.model.errors import NotFound
from detent.model.policy import Ask, Principal
from detent.model.rotation import Attempt, Rotation, State
from detent.model.secret import Secret, VersionId
from detent.service.authorization import allow
from detent.service.env import Env
from detent.service.lookup import find
from detent.service.paging import Paged, page_start, token_for

_PAGE = 100
_SOON = timedelta(days=1)
_STATES = {"failed": State.FAILED, "running": State.IN_PROGRESS}


@dataclass(frozen=True, slots=True)
class SecretRotation:
    """A rotation with its secret; attempts only where one rotation is described."""

    secret: Secret
    rotation: Rotation
    attempts: tuple[Attempt, ...] = ()
    hold: Hold | None = None  # where it stands among its checks; None: it came to none


def list_rotations(
    env: Env,
    caller: Principal,
    *,
    secret_id: str | None = None,
    status: str | None = None,
    max_results: int | None = None,
    next_token: str | None = None,
) -> Paged[SecretRotation]:
    """List rotations that began, newest first: of one secret, or of all; or only those of a status.

    What is due within a day is listed too when it is only planned yet.
    """
    limit = max_results or _PAGE
    secret = (
        None
        if secret_id is None
        else find(env, caller, "ListRotations", secret_id, service="detent", deleted=True, on_replica=True)
    )
    if secret is None:
        allow(env, caller, Ask("detent:ListRotations", "*", caller.account))
    bound = f"ListRotations {caller.account} {env.region} {secret and secret.arn} {status}"
    start = page_start(env, next_token, bound)
    found = env.tx.rotations.page(
        caller.account,
        env.region,
        None if secret is None else secret.key,
        None if start is None else int(start),
        limit + 1,
        state=_STATES.get(status or ""),
        due=env.now + _SOON if status == "due" else None,
    )
    listed = [SecretRotation(*pair, hold=env.tx.checks.hold(pair[1].id)) for pair in found[:limit]]
    more = token_for(env, str(listed[-1].rotation.id), bound) if len(found) > limit else None
    return Paged(listed, more)


def describe_rotation(env: Env, caller: Principal, *, secret_id: str, version_id: str | None = None) -> SecretRotation:
    """Describe the rotation that made a version, by default the secret's latest, with every attempt."""
    secret = find(env, caller, "DescribeRotation", secret_id, service="detent", deleted=True, on_replica=True)
    return described(env, secret, None if version_id is None else VersionId(version_id))


def described(env: Env, secret: Secret, version_id: VersionId | None) -> SecretRotation:
    """Give the rotation that made a version, or the latest. Raises NotFound."""
    if version_id is not None:
        found = env.tx.rotations.of_token(secret.key, version_id)
    else:
        latest = env.tx.rotations.page(secret.account, secret.region, secret.key, None, 1)
        found = latest[0][1] if latest else None
    if found is None:
        raise NotFound(
            f"There is no rotation of {secret.name}" + (f" with VersionId {version_id}." if version_id else ".")
        )
    return SecretRotation(secret, found, tuple(env.tx.rotations.attempts(found.id)), env.tx.checks.hold(found.id))


def finds_old(env: Env) -> bool:
    """Say whether rotations are kept that are too old."""
    return env.tx.history.has_forgettable(env.now - env.server.history)


def forget_old(env: Env, limit: int) -> int:
    """Remove rotations that ended too long ago, with their attempts; says how many."""
    return env.tx.history.forget(env.now - env.server.history, limit)
