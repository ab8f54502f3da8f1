"""RotateSecret and CancelRotateSecret: deciding that a secret rotates. Running the steps is the rotator's."""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import replace

from detent.model.arn import function_parts, partition
from detent.model.errors import BadParameter, BadState, FailedConstraint, NotPermitted, RotationIncomplete, TokenInUse
from detent.model.policy import Ask, Principal
from detent.model.rotation import Purpose, State, asked_for
from detent.model.schedule import RotationRules
from detent.model.secret import CURRENT, AdminLink, ExternalRotation, RotationSettings, Secret, Version, VersionId
from detent.model.value import SecretValue
from detent.service import sealing
from detent.service.authorization import allow
from detent.service.env import Env
from detent.service.function_lookup import key_of
from detent.service.function_trust import CANNOT_INVOKE, INVOKE, permit_rotation
from detent.service.lookup import checked_id, find, meant_by, permit
from detent.service.pausing import require_no_roll_back, require_running
from detent.service.planning import reattempt, stop_obstructed
from detent.service.pruning import prune
from detent.service.values import checked_token, store_version
from detent.service.versions import WrittenVersion

_log = logging.getLogger(__name__)
_DURATION = re.compile(r"(\d{1,2})h")


def rotate_secret(
    env: Env,
    caller: Principal,
    *,
    secret_id: str,
    client_request_token: str | None = None,
    rotation_lambda_arn: str | None = None,
    rotation_rules: Mapping[str, int | str] | None = None,
    rotate_immediately: bool | None = None,
    external_secret_rotation_metadata: list[tuple[str, str]] | None = None,
    external_secret_rotation_role_arn: str | None = None,
) -> WrittenVersion:
    """Turn rotation on and start one, or only test the configuration (D.3, D.5). The steps run after the answer."""
    checked_id(secret_id)
    token = checked_token(client_request_token, missing=BadParameter)
    sent = {
        "secretsmanager:externalsecretrotationrolearn": external_secret_rotation_role_arn,
        "secretsmanager:modifyrotationrules": True if rotation_rules else None,
        "secretsmanager:rotateimmediately": rotate_immediately,
        "secretsmanager:rotationlambdaarn": rotation_lambda_arn or None,
    }
    secret = find(env, caller, "RotateSecret", secret_id, sent=sent)
    if external_secret_rotation_role_arn is not None:  # AWS: the role is handed on (G.3)
        allow(env, caller, Ask("iam:PassRole", external_secret_rotation_role_arn, secret.account))
    if env.tx.rotations.of_token(secret.key, token) is not None:
        return WrittenVersion(secret, token)
    external = _external(secret, external_secret_rotation_role_arn, external_secret_rotation_metadata)
    settings = _settings(env, caller, secret, rotation_lambda_arn, _rules(rotation_rules), external=external)
    if settings.function is None and rotate_immediately is not False:
        raise BadState(
            f"This server has no rotation of its own for secrets of type {secret.type}: name a RotationLambdaARN, or"
            " only keep these settings with RotateImmediately false."
        )
    if secret.pending_elsewhere is not None:
        require_running(env)
        reattempt(env, secret, secret.pending_elsewhere)
        raise RotationIncomplete
    if env.tx.secrets.version(secret.key, token) is not None:
        raise TokenInUse(token, secret.arn)
    require_no_roll_back(env, secret)
    if rotate_immediately is not False:
        require_running(env)
    configured = env.tx.secrets.save(replace(secret, rotation=settings, changed=env.now))
    return _test(env, configured, token) if rotate_immediately is False else _start(env, configured, token)


def _rules(members: Mapping[str, int | str] | None) -> RotationRules | None:
    if not members:
        return None
    duration = members.get("duration")
    hours = None if duration is None else _DURATION.fullmatch(str(duration))
    if duration is not None and hours is None:
        raise BadParameter("Duration must be at least 1 hour, at most 24 hour.")
    days, expression = members.get("automatically_after_days"), members.get("schedule_expression")
    return RotationRules(
        None if days is None else int(days), None if expression is None else str(expression), hours and int(hours[1])
    )


def _external(secret: Secret, role: str | None, metadata: list[tuple[str, str]] | None) -> ExternalRotation | None:
    """Join what was asked of a managed external secret with what is stored (D.11); None: it is none."""
    stored = secret.rotation.external if secret.rotation is not None else None
    if role is None and metadata is None:
        return stored
    kept = stored or ExternalRotation()
    return ExternalRotation(role or kept.role, kept.metadata if metadata is None else tuple(metadata))


def _settings(
    env: Env,
    caller: Principal,
    secret: Secret,
    function: str | None,
    rules: RotationRules | None,
    *,
    external: ExternalRotation | None,
) -> RotationSettings:
    """Join what was asked with what is stored; every check that can refuse a configuration is here."""
    stored = secret.rotation
    arn = function or (stored and stored.function)
    if arn:
        _check_function(env, caller, secret, arn)
    elif external is None:
        raise BadState("No Lambda rotation function ARN is associated with this secret.")
    turned_on = (stored or RotationSettings(None)).turned_on(rules, env.now)
    return replace(turned_on, function=arn or None, admin=_admin_link(env, caller, secret), external=external)


def _check_function(env: Env, caller: Principal, secret: Secret, arn: str) -> None:
    parts = function_parts(arn)
    if parts is None or parts.region != env.region:
        raise BadParameter(
            "Invalid rotation Lambda ARN. Ensure the ARN matches format"
            f" arn:{partition(env.region)}:lambda:{env.region}:{caller.account}:function:<functionName>."
        )
    key = key_of(arn)
    own = None if key is None else env.tx.functions.find(key)
    if own is not None:
        permit_rotation(env, caller, secret, own)
        return
    allow(env, caller, Ask(INVOKE, arn, parts.account))
    if not env.server.functions.exists(arn):
        raise NotPermitted(CANNOT_INVOKE)


def _admin_link(env: Env, caller: Principal, secret: Secret) -> AdminLink | None:
    """Link the admin secret that the current value names: only a caller who may read it can (architecture, 7)."""
    named = admin_named_by(env, secret)
    if named is None:
        return None
    admin = admin_meant_by(env, secret)
    if admin is None or admin.deletion is not None:
        raise BadState(f"The admin secret {named}, named by masterarn in the secret's value, does not exist.")
    permit(env, caller, "secretsmanager:GetSecretValue", admin, named)
    return AdminLink(admin.arn)


def admin_named_by(env: Env, secret: Secret) -> str | None:
    """Give the `masterarn` of the current value; None: it names none, or there is no value, or it is no JSON object."""
    value = current_value(env, secret)
    try:
        fields = json.loads(value.reveal()) if value is not None else None
    except (ValueError, RecursionError):
        return None
    named = fields.get("masterarn") if isinstance(fields, dict) else None
    return named if isinstance(named, str) and named else None


def admin_meant_by(env: Env, secret: Secret) -> Secret | None:
    """Find the secret that `masterarn` names; None too when that is no name at all, or nobody has it."""
    named = admin_named_by(env, secret)
    try:
        return None if named is None else meant_by(env, secret.account, named)
    except FailedConstraint:
        return None


def current_value(env: Env, secret: Secret) -> SecretValue | None:
    """Open the current version's value; None: there is none."""
    current = secret.labels.get(CURRENT)
    sealed = None if current is None else env.tx.secrets.sealed(secret.key, current)
    if current is None or sealed is None:
        return None
    return sealing.opened(env, secret, current, sealed)


def _start(env: Env, secret: Secret, token: VersionId) -> WrittenVersion:
    """Write the empty pending version and the due rotation in one transaction (D.4)."""
    env.tx.secrets.put_version(secret.key, Version(token, env.now, None), None)
    secret = _conclude_finished(env, secret)
    started = stop_obstructed(env, env.tx.secrets.save(_pending(env, secret, token)))
    prune(env, started, grew=True)  # its refusal is a Choice: AWS declares no quota error for RotateSecret (B.18)
    env.tx.rotations.replan(secret.key, None)
    env.tx.rotations.add(asked_for(secret.key, token, env.now, length=env.server.manual_window))
    env.server.audit.event("RotationStarted", started, token, env.now)
    return WrittenVersion(started, token)


def _pending(env: Env, secret: Secret, token: VersionId) -> Secret:
    return env.server.limits.labelled(secret.rotation_started(token, env.now), secret)


def _conclude_finished(env: Env, secret: Secret) -> Secret:
    """End a rotation whose new version is current already, but whose last step has not been recorded yet."""
    for found in env.tx.rotations.open(secret.key):
        if found.purpose is Purpose.ROTATE and found.token == secret.labels.get(CURRENT):
            env.tx.rotations.overrule(replace(found, state=State.SUCCEEDED, ended=env.now, due=None, reason=None))
            env.server.audit.event("RotationSucceeded", secret, found.token, env.now)
            secret = secret.rotation_succeeded(env.now)
    return secret


def _test(env: Env, secret: Secret, token: VersionId) -> WrittenVersion:
    """Copy the current value into a temporary pending version, for the function to test (D.5)."""
    value = current_value(env, secret)
    if value is None or secret.rotation is None or secret.rotation.function is None:  # nothing to test (with) (D.5)
        lacks = "current value" if value is None else "function"
        _log.info("%s: its configuration was not tested: there is no %s", secret.arn, lacks)
        return WrittenVersion(stop_obstructed(env, secret), None)
    store_version(env, secret, token, value)
    started = stop_obstructed(env, env.tx.secrets.save(_pending(env, secret, token)))
    prune(env, started, grew=True)
    env.tx.rotations.add(asked_for(secret.key, token, env.now, Purpose.TEST))
    env.server.audit.event("TestRotationStarted", started, token, env.now)
    return WrittenVersion(started, token)


def cancel_rotate_secret(env: Env, caller: Principal, *, secret_id: str) -> WrittenVersion:
    """Turn rotation off and stop the one in progress; labels stay as they are (D.7)."""
    secret = find(env, caller, "CancelRotateSecret", secret_id)
    if secret.rotation is None:  # a Choice of the reference: nothing is created
        return WrittenVersion(secret, None)
    off = replace(secret.rotation, enabled=False, next_window=None)
    saved = stop_obstructed(env, env.tx.secrets.save(replace(secret, rotation=off, changed=env.now)))
    return WrittenVersion(saved, saved.pending_elsewhere)  # what a configuration test had made is gone
