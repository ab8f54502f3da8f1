"""Access keys: who has signed, and temporary credentials for rotation steps."""

import base64
import hashlib
import hmac
import secrets as randomness
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import uuid4

from detent.crypto.keyset import Keyset
from detent.model.errors import BadState, LimitExceeded
from detent.model.identity import root_arn
from detent.model.policy import SERVICE, Principal, StepGrant
from detent.model.ports import AuditedCall, SessionCredentials
from detent.model.secret import Secret, VersionId
from detent.model.value import SealedValue, SecretValue
from detent.service.env import Env
from detent.service.rotations import admin_meant_by
from detent.store.protocol import AccessKey, KeyUse

_LASTING, _TEMPORARY = "AKIA", "ASIA"
_MOST_HELD = 2  # AWS: one is in use while its successor is handed out
_DECOY = "-" * 20  # as long as an id, and no id: those have no hyphens
_NOTED_EVERY = timedelta(hours=1)  # a key's use is committed at most so often


@dataclass(frozen=True, slots=True)
class Signer:
    """What the HTTP layer may know of an access key: whose it is, and a key derived for one day, region and service.

    `principal` None: nobody's, a decoy that takes as long to refuse.
    """

    principal: Principal | None
    signing_key: bytes
    expires: datetime | None
    session_token_hash: bytes | None
    note_from: datetime | None = None  # from then on a use is to be noted; None: no use ever is


def signer(env: Env, access_key_id: str, date: str, region: str, service: str) -> Signer:
    """Derive SigV4's signing key for a scope; `date` is YYYYMMDD. For an id that no active key has it is a decoy's."""
    found = env.tx.access_keys.find(access_key_id)
    known = found if found is not None and found.active else None
    sealed, sealed_for = (_decoy(env.server.keyset), _DECOY) if known is None else (known.sealed, access_key_id)
    secret = env.server.keyset.open(sealed, key_context(sealed_for)).reveal()
    key = f"AWS4{secret!s}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    if known is None:
        return Signer(None, key, None, None)
    return Signer(known.principal, key, known.expires, known.session_token_hash, _note_from(known))


@lru_cache(maxsize=1)
def _decoy(keyset: Keyset) -> SealedValue:
    """Seal a secret like those of access keys, which is made once per process and which nobody knows."""
    return keyset.seal(_new_secret(), key_context(_DECOY))


def _note_from(key: AccessKey) -> datetime | None:
    """Say from when on a use of a key is to be noted: temporary ones are not worth a commit."""
    if key.expires is not None:
        return None
    return key.created if key.used is None else key.used.moment + _NOTED_EVERY


def note_use(env: Env, caller: Principal, service: str) -> None:
    """Keep when, and for which service and region, the caller's key was used, unless that was done within the hour."""
    key = env.tx.access_keys.find(caller.access_key_id)
    since = None if key is None else _note_from(key)
    if since is not None and since <= env.now:
        env.tx.access_keys.note_use(caller.access_key_id, KeyUse(env.now, service, env.region))


def holder(env: Env, access_key_id: str) -> Principal | None:
    """Give whose key it is; None: there is no such key, or it is inactive or has expired."""
    found = env.tx.access_keys.made(access_key_id)
    if found is None or not found.active or (found.expires is not None and found.expires <= env.now):
        return None
    return found.principal


def create_root_key(env: Env, account: str) -> tuple[str, SecretValue]:
    """Make an access key for an account's root; its secret is given out this once. Raises LimitExceeded."""
    return create_lasting_key(env, Principal(account, root_arn(account), ""), env.tx.access_keys.of_root(account))


def create_lasting_key(env: Env, holder: Principal, held: Collection[AccessKey]) -> tuple[str, SecretValue]:
    """Make an access key for a holder who has those that are held. Raises LimitExceeded when they are enough."""
    if len(held) >= _MOST_HELD:
        raise LimitExceeded(f"{holder.arn} has {_MOST_HELD} access keys, as many as it can have: delete one first.")
    principal = replace(holder, access_key_id=_new_id(_LASTING))
    secret = _new_secret()
    sealed = env.server.keyset.seal(secret, key_context(principal.access_key_id))
    env.tx.access_keys.add(AccessKey(principal, sealed, env.now))
    return principal.access_key_id, secret


def create_temporary_key(env: Env, holder: Principal, expires: datetime) -> tuple[Principal, SecretValue, SecretValue]:
    """Make a session's key; gives its principal, its secret and its token. What expired long ago is cleared away."""
    principal = replace(holder, access_key_id=_new_id(_TEMPORARY))
    secret, token = (_new_secret() for _ in range(2))
    sealed = env.server.keyset.seal(secret, key_context(principal.access_key_id))
    env.tx.access_keys.drop_expired(env.now)
    env.tx.access_keys.add(AccessKey(principal, sealed, env.now, expires, _hash(token)))
    return principal, secret, token


def issue_session(
    env: Env, secret: Secret, token: VersionId, expires: datetime, *, alone: bool = True
) -> SessionCredentials:
    """Make one rotation step's credentials, and, if it is to be alone, end those of any other step of this secret.

    They reach the admin secret only while the current value names the very one that is linked.
    """
    if secret.rotation is None or secret.rotation.function is None:
        raise BadState("Rotation is not configured.")
    function = secret.rotation.function.partition(":function:")[2]
    arn = f"arn:aws:sts::{secret.account}:assumed-role/detent-rotation/{function}"
    grant = StepGrant(secret.arn, token, _linked_admin(env, secret))
    principal = Principal(secret.account, arn, _new_id(_TEMPORARY), grant)
    access, session = (_new_secret() for _ in range(2))
    rotation = SecretValue(randomness.token_hex(20))  # its pattern admits letters, digits and hyphens only (B.2)
    if alone:
        env.tx.access_keys.drop_sessions(secret.arn, env.now)
    sealed = env.server.keyset.seal(access, key_context(principal.access_key_id))
    env.tx.access_keys.add(AccessKey(principal, sealed, env.now, expires, _hash(session), _hash(rotation)))
    _record(env, secret, principal, expires)
    return SessionCredentials(principal.access_key_id, access, session, rotation, expires, secret.region)


def _record(env: Env, secret: Secret, principal: Principal, expires: datetime) -> None:
    """Put the session into the audit trail, in the transaction that makes it: without a record no step begins."""
    role, _, name = principal.arn.partition(":assumed-role/")[2].partition("/")
    env.server.audit.call(
        AuditedCall(
            moment=env.now,
            service="sts",
            operation="AssumeRole",
            region=secret.region,
            account=secret.account,
            request_id=str(uuid4()),
            event_id=str(uuid4()),
            peer=SERVICE.arn,
            user_agent=SERVICE.arn,
            principal=SERVICE,
            parameters={"roleArn": f"arn:aws:iam::{secret.account}:role/{role}", "roleSessionName": name},
            reply={
                "credentials": {"accessKeyId": principal.access_key_id, "expiration": expires.isoformat()},
                "assumedRoleUser": {"arn": principal.arn},
            },
            read_only=False,
        )
    )


def _linked_admin(env: Env, secret: Secret) -> str | None:
    link = secret.rotation.admin if secret.rotation is not None else None
    if link is None:
        return None
    admin = admin_meant_by(env, secret)
    return link.arn if admin is not None and admin.arn == link.arn else None


def _new_secret() -> SecretValue:
    return SecretValue(randomness.token_urlsafe(30))


def unique_id(prefix: str, length: int) -> str:
    """Make an id that nobody can guess; `length` counts the characters after the prefix."""
    return prefix + base64.b32encode(randomness.token_bytes(length)).decode()[:length]


def _new_id(prefix: str) -> str:
    return unique_id(prefix, 16)


def _hash(token: SecretValue) -> bytes:
    return hashlib.sha256(str(token.reveal()).encode()).digest()


def key_context(access_key_id: str) -> str:
    """Give the associated data of an access key's secret."""
    return f"access key {access_key_id}"
