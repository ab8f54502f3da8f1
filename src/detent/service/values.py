"""Storing a version's value: idempotent by its version id, sealed, labelled, and minding the rotation under way."""

from detent.model.errors import BadParameter, BadState, TokenInUse
from detent.model.secret import CURRENT, Secret, StagingLabel, Version, VersionId
from detent.model.value import SecretValue
from detent.service import sealing
from detent.service.env import Env
from detent.service.planning import stop_obstructed
from detent.service.pruning import prune
from detent.service.targets import target_of

_TOKEN_LENGTHS = range(32, 65)


def value_of(text: str | None, binary: bytes | None) -> SecretValue | None:
    """Give the value a request brought; None: it brought none, or (AWS, B.2) an empty text."""
    if text and binary:  # the reference has no wording for this one: a Choice
        raise BadParameter("You can't specify both a binary secret value and a string secret value in the same secret.")
    plain = text or binary
    return SecretValue(plain) if plain else None


def checked_token(token: str | None, missing: type[BadState | BadParameter] = BadState) -> VersionId:
    """Give the version id a request brought. Raises `missing` when it brought none."""
    if token is None:
        raise missing("You must provide a ClientRequestToken value. We recommend a UUID-type value.")
    if len(token) not in _TOKEN_LENGTHS:
        raise BadParameter("ClientRequestToken must be 32-64 characters long.")
    return VersionId(token)


def is_replay(env: Env, secret: Secret, token: VersionId, value: SecretValue) -> bool:
    """Say whether this very version was stored before. Raises TokenInUse when it was, with another value (C.7)."""
    sealed = env.tx.secrets.sealed(secret.key, token)
    if sealed is None:
        return False
    if sealing.opened(env, secret, token, sealed).reveal() != value.reveal():
        raise TokenInUse(token, secret.arn)
    return True


def write_value(
    env: Env, secret: Secret, token: VersionId, value: SecretValue, stages: list[StagingLabel] | None = None
) -> Secret:
    """Store a version's value under its labels; gives the secret as saved. The version must not be stored yet."""
    written = env.server.limits.labelled(secret.version_written(token, stages, env.now), secret)
    grew = env.tx.secrets.version(secret.key, token) is None
    store_version(env, secret, token, value)
    if written.labels.get(CURRENT) != secret.labels.get(CURRENT):
        written = written.rescheduled(env.now)
    saved = stop_obstructed(env, env.tx.secrets.save(written))
    prune(env, saved, grew=grew)
    return saved


def store_version(env: Env, secret: Secret, version_id: VersionId, value: SecretValue) -> None:
    """Seal a value into a version, new or empty."""
    sealed = sealing.sealed(env, secret, version_id, value)
    version = Version(version_id, env.now, sealed.keyset_id, target=target_of(env, value))
    env.tx.secrets.put_version(secret.key, version, sealed)
