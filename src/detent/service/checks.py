"""Checks between the steps: who places them, where a rotation waits for them, and who says go."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from detent.model.checks import Check, CheckKind, Checks, Hold, held_before, holding
from detent.model.errors import BadParameter, BadState
from detent.model.news import AWAITS_APPROVAL
from detent.model.policy import Ask, Principal
from detent.model.rotation import Purpose, Rotation, State
from detent.model.secret import PENDING, Secret, VersionId
from detent.service.authorization import allow
from detent.service.env import Env
from detent.service.history import SecretRotation, described
from detent.service.lookup import find
from detent.service.planning import stop_obstructed
from detent.service.webhooks import check_url

_MOST = 10
_LINE = re.compile(r"[^\x00-\x1f\x7f]{1,500}")


def put_rotation_checks(
    env: Env,
    caller: Principal,
    *,
    checks: Sequence[Mapping[str, Any]],
    secret_id: str | None = None,
    tag_key: str | None = None,
    tag_value: str | None = None,
) -> Checks:
    """Place checks on a secret, or on all secrets with a tag, in the place of those there are; none removes them."""
    if (secret_id is None) == (tag_key is None) or (tag_key is None and tag_value is not None):
        raise BadParameter("Give either a SecretId, or a TagKey with its TagValue.")
    placed = tuple(_check(given) for given in checks)
    if len(placed) > _MOST:
        raise BadParameter(f"There can be {_MOST} Checks at most.")
    if secret_id is not None:
        secret = find(env, caller, "PutRotationChecks", secret_id, service="detent")
        env.tx.checks.put_of_secret(secret, placed)
        return Checks(placed, secret_name=secret.name)
    allow(env, caller, Ask("detent:PutRotationChecks", "*", caller.account))
    tag = (tag_key or "", tag_value or "")
    env.tx.checks.put_of_tag(caller.account, env.region, tag, placed)
    return Checks(placed, tag=tag)


def list_rotation_checks(env: Env, caller: Principal) -> list[Checks]:
    """List the account's checks in the region: those of tags, then those of secrets."""
    allow(env, caller, Ask("detent:ListRotationChecks", "*", caller.account))
    return [*env.tx.checks.of_tags(caller.account, env.region), *env.tx.checks.of_secrets(caller.account, env.region)]


def _check(given: Mapping[str, Any]) -> Check:
    kind = CheckKind(given["type"])
    seconds, url, statement = given.get("seconds"), given.get("url"), given.get("statement")
    check = Check(kind, seconds or 0, url or "", statement or "")
    if kind is not CheckKind.WAIT and seconds is not None:
        raise BadParameter("Seconds are for a check of type wait.")
    if kind is CheckKind.WAIT and not seconds:
        raise BadParameter("A check of type wait needs Seconds.")
    if kind is CheckKind.PROBE and bool(url) == bool(statement):
        raise BadParameter("A check of type probe needs either a Url or a Statement.")
    if kind is not CheckKind.PROBE and (url or statement):
        raise BadParameter("A Url and a Statement are for a check of type probe.")
    if url:
        check_url(url)
    return check


def checks_of(env: Env, secret: Secret) -> tuple[Check, ...]:
    """Give the checks that hold for a secret: those of its tags, by tag, then its own."""
    tags: set[tuple[str, str] | None] = set((secret.tags or {}).items())
    of_tags = env.tx.checks.of_tags(secret.account, secret.region) if tags else []
    found = [check for placed in of_tags if placed.tag in tags for check in placed.checks]
    return (*found, *env.tx.checks.of_secret(secret.key))


def held(env: Env, secret: Secret, rotation: Rotation) -> Rotation | None:
    """Say whether a rotation has to wait before its step, and until when it is not due; None: it goes on."""
    function = secret.rotation.function if secret.rotation is not None else None
    overlaps = (function or "").rpartition(":")[2] in env.server.overlapping
    if rotation.purpose is not Purpose.ROTATE or rotation.step is not held_before(overlaps=overlaps):
        return None
    before = env.tx.checks.hold(rotation.id)
    hold = (before or Hold(holding(checks_of(env, secret)), env.now)).waited(env.now)
    if not hold.checks:
        return None
    check = hold.waits_for
    if hold != before:
        env.tx.checks.put_hold(rotation.id, hold)
        if check is not None and check.kind is CheckKind.APPROVE:
            env.server.audit.event(AWAITS_APPROVAL, secret, rotation.token, env.now)
    return None if check is None else replace(rotation, state=State.IN_PROGRESS, due=hold.until)


def approve_rotation(env: Env, caller: Principal, *, secret_id: str, version_id: str | None = None) -> SecretRotation:
    """Let a rotation that waits for a person go on."""
    secret, rotation, hold = _waiting(env, caller, "ApproveRotation", secret_id, version_id)
    env.tx.checks.put_hold(rotation.id, hold.approved(caller.arn, env.now))
    env.tx.rotations.overrule(replace(rotation, due=env.now))
    return described(env, secret, rotation.token)


def deny_rotation(
    env: Env, caller: Principal, *, secret_id: str, version_id: str | None = None, reason: str | None = None
) -> SecretRotation:
    """Abandon a rotation that waits for a person: the pending version goes, and current stays what it is."""
    if reason is not None and _LINE.fullmatch(reason) is None:
        raise BadParameter("A Reason is one line of up to 500 characters.")
    secret, rotation, _ = _waiting(env, caller, "DenyRotation", secret_id, version_id)
    why = f"Denied by {caller.arn}" + (f": {reason}" if reason else ".")
    env.tx.rotations.overrule(rotation.stopped(State.ABANDONED, env.now, why))
    env.server.audit.event("RotationAbandoned", secret, rotation.token, env.now)
    stop_obstructed(env, env.tx.secrets.save(secret.label_removed(PENDING, env.now)))
    return described(env, secret, rotation.token)


def _waiting(
    env: Env, caller: Principal, operation: str, secret_id: str, version_id: str | None
) -> tuple[Secret, Rotation, Hold]:
    """Find the rotation that waits for a person. Raises BadState: it does not."""
    secret = find(env, caller, operation, secret_id, service="detent")
    for rotation in env.tx.rotations.open(secret.key):
        hold = env.tx.checks.hold(rotation.id)
        check = None if hold is None else hold.waits_for
        is_meant = version_id is None or rotation.token == VersionId(version_id)
        if hold is not None and check is not None and check.kind is CheckKind.APPROVE and is_meant:
            return secret, rotation, hold
    raise BadState(f"No rotation of {secret.name} waits for an approval: DescribeRotation says where it stands.")


def waits(hold: Hold | None) -> tuple[str, datetime | None] | None:
    """Say what a rotation waits for, and until when; None: for nothing."""
    check = None if hold is None else hold.waits_for
    return None if hold is None or check is None else (check.kind, hold.until)
