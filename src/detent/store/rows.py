"""Rows to domain types and back. Times are microseconds since 1970 UTC, days are ordinals, maps are JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from detent.model.checks import Check, Hold, Passed
from detent.model.function import FunctionKey, Remote, UserFunction
from detent.model.identity import Identity, IdentityKind, IdentityPolicy, identity_arn
from detent.model.keyset import CustomerKeyset
from detent.model.news import Kind, Webhook
from detent.model.policy import Principal, Session, StepGrant
from detent.model.replication import PrimaryLink, Replica
from detent.model.rotation import Attempt, Purpose, Rotation, State, Step
from detent.model.schedule import Window
from detent.model.secret import CURRENT, RotationSettings, Secret, Version, VersionId
from detent.model.value import SealedValue
from detent.store.protocol import AccessKey, FunctionLog, KeyUse, StaleFunctionPart

Row = Sequence[Any]
Params = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_encode = msgspec.json.encode
_labels = msgspec.json.Decoder(dict[str, str]).decode
_settings = msgspec.json.Decoder(RotationSettings).decode
_replicas = msgspec.json.Decoder(tuple[Replica, ...]).decode
_primary = msgspec.json.Decoder(PrimaryLink).decode
_session = msgspec.json.Decoder(Session).decode
_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_remote = msgspec.json.Decoder(Remote).decode
_kinds = msgspec.json.Decoder(tuple[Kind, ...]).decode
_checks = msgspec.json.Decoder(tuple[Check, ...]).decode
_passed = msgspec.json.Decoder(tuple[Passed, ...]).decode


def to_micros(moment: datetime | None) -> int | None:
    """Give a moment as the store keeps it."""
    return None if moment is None else (moment - _EPOCH) // MICROSECOND


def moment(micros: int) -> datetime:
    """Give a moment from what the store keeps."""
    return _EPOCH + timedelta(microseconds=micros)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else moment(micros)


def _day(ordinal: int | None) -> date | None:
    return None if ordinal is None else date.fromordinal(ordinal)


def _json(value: object) -> str | None:
    return None if value is None else _encode(value).decode()


def secret(row: Row) -> Secret:
    """Read a row of the columns in `queries._SECRET`."""
    key, account, region, name, arn, description, kms_key_id, kind, tags, labels, created, changed, *rest = row
    accessed, deletion, rotation, replicas, primary, revision = rest
    return Secret(
        key,
        account,
        region,
        name,
        arn,
        moment(created),
        moment(changed),
        description,
        kms_key_id,
        kind,
        None if tags is None else _labels(tags),
        _labels(labels),  # type: ignore[arg-type]  # str is what StagingLabel and VersionId are
        _day(accessed),
        _moment(deletion),
        None if rotation is None else _settings(rotation),
        () if replicas is None else _replicas(replicas),
        None if primary is None else _primary(primary),
        revision,
    )


def secret_params(secret: Secret) -> Params:
    """Give a secret's columns."""
    return {
        "key": secret.key,
        "account": secret.account,
        "region": secret.region,
        "name": secret.name,
        "arn": secret.arn,
        "description": secret.description,
        "kms_key_id": secret.kms_key_id,
        "type": secret.type,
        "tags": _json(secret.tags),
        "labels": _json(secret.labels),
        "created_at": to_micros(secret.created),
        "changed_at": to_micros(secret.changed),
        "accessed_day": None if secret.accessed is None else secret.accessed.toordinal(),
        "deletion_at": to_micros(secret.deletion),
        "rotation": _json(secret.rotation),
        "replicas": _json(secret.replicas or None),
        "primary_link": _json(secret.primary),
        "revision": secret.revision,
        "credential": credential(secret),
    }


def credential(secret: Secret) -> VersionId | None:
    """Give the version whose age counts: the current one of a secret that rotates here."""
    counts = secret.rotates and secret.deletion is None and secret.primary is None
    return secret.labels.get(CURRENT) if counts else None


def version(row: Row) -> Version:
    """Read a row of the columns in `queries._VERSION`."""
    version_id, created, keyset_id, accessed, target = row
    return Version(version_id, moment(created), keyset_id, _day(accessed), target)


def sealed(row: Row) -> SealedValue:
    """Read a row of a version's ciphertext."""
    return SealedValue(row[0], row[1])


def version_params(version: Version, sealed: SealedValue | None) -> Params:
    """Give a version's columns."""
    return {
        "id": version.id,
        "created_at": to_micros(version.created),
        "accessed_day": None if version.accessed is None else version.accessed.toordinal(),
        "keyset_id": None if sealed is None else sealed.keyset_id,
        "ciphertext": None if sealed is None else sealed.ciphertext,
        "target": version.target,
    }


def rotation(row: Row) -> Rotation:
    """Read a row of the columns in `queries._ROTATION`."""
    *begun, reason, epoch, number, acted, replaced, origin = row
    key, opens, closes, due, token, purpose, state, step, failures, started, ended = begun
    return Rotation(
        key,
        Window(moment(opens), moment(closes)),
        _moment(due),
        token,
        Purpose(purpose),
        State(state),
        Step(step),
        failures,
        _moment(started),
        _moment(ended),
        reason,
        epoch,
        number,
        bool(acted),
        replaced,
        origin,
    )


def rotation_params(rotation: Rotation) -> Params:
    """Give a rotation's columns."""
    return {
        "id": rotation.id,
        "secret_key": rotation.secret,
        "token": rotation.token,
        "purpose": rotation.purpose,
        "state": rotation.state,
        "step": rotation.step,
        "failures": rotation.failures,
        "due_at": to_micros(rotation.due),
        "opens_at": to_micros(rotation.window.opens),
        "closes_at": to_micros(rotation.window.closes),
        "started_at": to_micros(rotation.started),
        "ended_at": to_micros(rotation.ended),
        "reason": rotation.reason,
        "epoch": rotation.epoch,
        "acted": int(rotation.acted),
        "replaced": rotation.replaced,
        "origin": rotation.origin,
    }


def attempt(row: Row) -> Attempt:
    """Read a row of an attempt."""
    step, number, started, ended, reason = row
    return Attempt(Step(step), number, moment(started), moment(ended), reason)


def keyset(row: Row) -> CustomerKeyset:
    """Read a row of the columns in `queries._KEYSET`."""
    keyset_id, account, region, created, alias, enabled, deletion, rotated, generation = row
    deleted_at = None if deletion is None else moment(deletion)
    rotated_at = None if rotated is None else moment(rotated)
    enabled = bool(enabled)
    return CustomerKeyset(
        keyset_id, account, region, moment(created), alias, enabled, deleted_at, rotated_at, generation
    )


def keyset_params(keyset: CustomerKeyset) -> Params:
    """Give a keyset's columns, but for its key material."""
    return {
        "id": keyset.id,
        "account": keyset.account,
        "region": keyset.region,
        "alias": keyset.alias,
        "created_at": to_micros(keyset.created),
        "enabled": keyset.enabled,
        "deletion_at": None if keyset.deletion is None else to_micros(keyset.deletion),
        "rotated_at": None if keyset.rotated is None else to_micros(keyset.rotated),
        "generation": keyset.generation,
    }


# A row like those of users' keys, to be read in the place of one that is not there.
NO_ACCESS_KEY: Row = (
    *("", "", "", None, None, None, "", b"", 0, None, None, None, 1, None, None, None, None),
    *(0, IdentityKind.USER.value, "", "", None),
)


def access_key(row: Row) -> AccessKey:
    """Read a row of the columns in `queries._ACCESS_KEY`."""
    account, arn, key_id, secret, token, admin, keyset_id, ciphertext, created, expires, *hashes = row[:12]
    active, used, used_service, used_region, session, *identity = row[12:]
    principal = _principal(account, arn, key_id, None if session is None else _session(session), identity)
    return AccessKey(
        replace(principal, grant=None if secret is None else StepGrant(secret, VersionId(token), admin)),
        SealedValue(ciphertext, keyset_id),
        moment(created),
        _moment(expires),
        hashes[0],
        hashes[1],
        bool(active),
        None if used is None else KeyUse(moment(used), used_service, used_region),
    )


def _principal(account: str, arn: str, key_id: str, session: Session | None, identity: Row) -> Principal:
    """Say whose key it is; `identity` are the columns of the user or role, None for root's and steps'."""
    key, kind, name, unique, tags = identity
    if key is None:
        return Principal(account, arn, key_id, id=account, session=session)
    is_role = kind == IdentityKind.ROLE
    return Principal(
        account,
        arn,
        key_id,
        role=identity_arn(account, IdentityKind.ROLE, name) if is_role else None,
        user=None if is_role else name,
        id=f"{unique}:{arn.rpartition('/')[2]}" if is_role else unique,
        identity=key,
        tags={**({} if tags is None else _labels(tags)), **({} if session is None else session.tags)},
        session=session,
    )


def access_key_params(key: AccessKey) -> Mapping[str, Any]:
    """Give an access key's columns."""
    principal = key.principal
    grant = principal.grant
    return {
        "id": principal.access_key_id,
        "account": principal.account,
        "principal_arn": principal.arn,
        "keyset_id": key.sealed.keyset_id,
        "ciphertext": key.sealed.ciphertext,
        "created_at": to_micros(key.created),
        "expires_at": to_micros(key.expires),
        "session_token_hash": key.session_token_hash,
        "rotation_token_hash": key.rotation_token_hash,
        "grant_secret": grant and grant.secret,
        "grant_token": grant and grant.token,
        "grant_admin": grant and grant.admin,
        "identity_key": principal.identity,
        "active": key.active,
        "session": _json(principal.session),
    }


def identity(row: Row) -> Identity:
    """Read a row of the columns in `queries._IDENTITY`."""
    key, account, kind, name, unique, created, tags, trust, longest = row
    return Identity(
        account,
        IdentityKind(kind),
        name,
        unique,
        moment(created),
        {} if tags is None else _labels(tags),
        trust,
        None if longest is None else timedelta(seconds=longest),
        key,
    )


def identity_params(identity: Identity) -> Params:
    """Give a user's or role's columns."""
    longest = identity.longest_session
    return {
        "key": identity.key,
        "account": identity.account,
        "kind": identity.kind,
        "name": identity.name,
        "id": identity.id,
        "created_at": to_micros(identity.created),
        "tags": _json(identity.tags or None),
        "trust": identity.trust,
        "longest_session": None if longest is None else int(longest.total_seconds()),
    }


def identity_policy(row: Row) -> IdentityPolicy:
    """Read a row of the columns in `queries._IDENTITY_POLICY`."""
    account, name, document, created, changed = row
    return IdentityPolicy(account, name, document, moment(created), moment(changed))


def identity_policy_params(policy: IdentityPolicy) -> Params:
    """Give an identity policy's columns."""
    return {
        "account": policy.account,
        "name": policy.name,
        "document": policy.document,
        "created_at": to_micros(policy.created),
        "changed_at": to_micros(policy.changed),
    }


def function(row: Row) -> UserFunction:
    """Read a row of the columns in `queries._FUNCTION`."""
    account, region, name, runtime, handler, timeout, memory, code_sha256, code_bytes, revision, modified, *rest = row
    role, description, layers, remote, policy, tags = rest
    return UserFunction(
        FunctionKey(account, region, name),
        runtime,
        handler,
        timeout * MICROSECOND,
        memory,
        code_sha256,
        code_bytes,
        revision,
        moment(modified),
        role,
        description,
        () if layers is None else _texts(layers),
        None if remote is None else _remote(remote),
        policy,
        {} if tags is None else _labels(tags),
    )


def function_params(function: UserFunction) -> Params:
    """Give a function's columns, but for its environment."""
    return {
        **function.key._asdict(),
        "runtime": function.runtime,
        "handler": function.handler,
        "timeout": function.timeout // MICROSECOND,
        "memory": function.memory,
        "code_sha256": function.code_sha256,
        "code_bytes": function.code_bytes,
        "revision": function.revision,
        "modified_at": to_micros(function.modified),
        "role": function.role,
        "description": function.description,
        "layers": _json(function.layers or None),
        "remote": _json(function.remote),
        "policy": function.policy,
        "tags": _json(function.tags or None),
    }


def function_log(row: Row) -> FunctionLog:
    """Read a row of a function's log."""
    request_id, logged, *kept = row
    return FunctionLog(request_id, moment(logged), SealedValue(*kept))


def stale_function_part(row: Row) -> StaleFunctionPart:
    """Read a row of `queries.STALE_FUNCTION_PARTS`."""
    kind, number, account, region, name, request_id, *kept = row
    return StaleFunctionPart(kind, number, FunctionKey(account, region, name), request_id, SealedValue(*kept))


def webhook(row: Row) -> Webhook:
    """Read a row of the columns in `queries._WEBHOOK`."""
    account, region, name, url, kinds, created, due, *rest = row
    return Webhook(account, region, name, url, _kinds(kinds), moment(created), _moment(due), *rest)


def webhook_params(webhook: Webhook) -> Params:
    """Give a webhook's columns, but for what says how it goes."""
    return {
        "account": webhook.account,
        "region": webhook.region,
        "name": webhook.name,
        "url": webhook.url,
        "kinds": _json(webhook.kinds),
        "created_at": to_micros(webhook.created),
    }


def checks(text: str) -> tuple[Check, ...]:
    """Read checks."""
    return _checks(text)


def checks_text(checks: tuple[Check, ...]) -> str:
    """Give checks as the store keeps them."""
    return _encode(checks).decode()


def hold(row: Row) -> Hold:
    """Read a row of a hold."""
    checks, since, position, passed = row
    return Hold(_checks(checks), moment(since), position, _passed(passed))


def hold_params(hold: Hold) -> Params:
    """Give a hold's columns."""
    return {
        "checks": checks_text(hold.checks),
        "since_at": to_micros(hold.since),
        "position": hold.position,
        "passed": _json(hold.passed),
    }
