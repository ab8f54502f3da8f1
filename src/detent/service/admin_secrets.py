"""Admin secrets: which secret's login may change another's password, attached by whoever has rights on both.

Attaching writes `masterarn` into the current value, as a new version, and records the link. The name in the value alone
opens nothing (architecture, 7): a step reaches the admin secret only while value and link agree.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import uuid4

from detent.model.errors import BadParameter, BadState, CannotOpen
from detent.model.policy import Ask, Principal
from detent.model.search import Sort, place
from detent.model.secret import AdminLink, RotationSettings, Secret, VersionId
from detent.model.value import SecretValue
from detent.service.authorization import allow
from detent.service.env import Env
from detent.service.lookup import find, permit
from detent.service.rotations import admin_meant_by, admin_named_by, current_value
from detent.service.values import write_value
from detent.store.protocol import Page

_NAMES_IT = "masterarn"  # AWS: the field that its rotation functions read
_PAGE = 500


class Attachment(NamedTuple):
    """A secret and its admin secret."""

    secret: Secret
    admin: str  # ARN
    holds: bool  # whether the current value still names this very admin secret


def attach_admin_secret(env: Env, caller: Principal, *, secret_id: str, admin_secret_id: str) -> Attachment:
    """Let a secret's rotation use an admin secret: the caller must be allowed to write the one and read the other."""
    secret = _changeable(env, caller, "AttachAdminSecret", secret_id)
    admin = find(env, caller, "GetSecretValue", admin_secret_id)
    if admin.arn == secret.arn:
        raise BadParameter(f"{secret.name} cannot be its own admin secret.")
    if admin_named_by(env, secret) == admin.arn:
        linked = secret
    else:
        linked = _with_fields(env, secret, {**_fields(env, secret), _NAMES_IT: admin.arn})
    return Attachment(_linked(env, linked, AdminLink(admin.arn)), admin.arn, holds=True)


def detach_admin_secret(env: Env, caller: Principal, *, secret_id: str) -> Secret:
    """Take `masterarn` out of the current value, and forget the link; a secret without either is left alone."""
    secret = _changeable(env, caller, "DetachAdminSecret", secret_id)
    if admin_named_by(env, secret) is not None:
        kept = {name: value for name, value in _fields(env, secret).items() if name != _NAMES_IT}
        secret = _with_fields(env, secret, kept)
    return _linked(env, secret, None)


def list_admin_secrets(env: Env, caller: Principal) -> list[Attachment]:
    """List the caller's secrets in this region that are linked to an admin secret, by name."""
    allow(env, caller, Ask("detent:ListAdminSecrets", "*", caller.account))
    return [
        Attachment(secret, link.arn, _names(env, secret, link.arn))
        for secret in _all(env, caller.account)
        if secret.rotation is not None and (link := secret.rotation.admin) is not None
    ]


def _changeable(env: Env, caller: Principal, operation: str, secret_id: str) -> Secret:
    """Find a secret whose value the caller may read and write; not amid a rotation, which would undo the change."""
    secret = find(env, caller, operation, secret_id, service="detent")
    for needed in ("GetSecretValue", "PutSecretValue"):
        permit(env, caller, f"secretsmanager:{needed}", secret, secret_id)
    if secret.pending_elsewhere is not None:
        raise BadState(f"A rotation of {secret.name} is not complete: wait for its end, or cancel it.")
    return secret


def _fields(env: Env, secret: Secret) -> dict[str, Any]:
    value = current_value(env, secret)
    try:
        fields = None if value is None else json.loads(value.reveal())
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise BadState(f"The current value of {secret.name} is not a JSON object, which rotation needs.")
    return fields


def _with_fields(env: Env, secret: Secret, fields: dict[str, Any]) -> Secret:
    """Write the value anew, as text or binary as it was. Raises BadState when it would be longer than one may be."""
    text = json.dumps(fields)
    if len(text) > env.server.limits.value_bytes:
        raise BadState(f"With {_NAMES_IT} the value of {secret.name} would be longer than a value may be.")
    was = current_value(env, secret)
    is_binary = was is not None and isinstance(was.reveal(), bytes)
    return write_value(env, secret, VersionId(str(uuid4())), SecretValue(text.encode() if is_binary else text))


def _linked(env: Env, secret: Secret, link: AdminLink | None) -> Secret:
    """Record the link, or its end; a secret that never rotated gets settings that are off."""
    if secret.rotation is None and link is None:
        return secret
    settings = secret.rotation or RotationSettings(None, enabled=False)
    if settings.admin == link:
        return secret
    return env.tx.secrets.save(replace(secret, rotation=replace(settings, admin=link), changed=env.now))


def _names(env: Env, secret: Secret, admin: str) -> bool:
    """Say whether the current value, if it can be opened, names this admin secret."""
    try:
        found = admin_meant_by(env, secret)
    except CannotOpen:
        return False
    return found is not None and found.arn == admin


def _all(env: Env, account: str) -> Iterator[Secret]:
    page = Page(account, env.region, _PAGE, sort=Sort.NAME)
    while found := env.tx.secrets.page(page):
        yield from found
        page = replace(page, after=place(found[-1], Sort.NAME))
