"""What there is of all that can be declared."""

from collections.abc import Mapping
from typing import Any

from detent.cli.acting import Acting
from detent.cli.declaration import (
    ADMIN_SECRET,
    KEY,
    POLICY,
    RESOURCE_POLICY,
    ROLE,
    ROTATION,
    USER,
    Declared,
    Document,
    Members,
    Thing,
)
from detent.cli.failure import CommandFailed
from detent.cli.rotation_words import Wish, echoed


def standing(caller: Acting, account: str, named: Declared) -> Declared:
    """Read what there is in an account: all users, roles and policies, and of secrets those that are named."""
    found: Declared = {}
    for one in caller.own.list_policies()["Policies"]:
        document = caller.own.describe_policy(PolicyName=one["PolicyName"])["PolicyDocument"]
        found[Thing(account, POLICY, one["PolicyName"])] = {"document": Document.of(document)}
    for one in caller.own.list_users()["Users"]:
        found[Thing(account, USER, one["UserName"])] = _held(one)
    for one in caller.own.list_roles()["Roles"]:
        trust, seconds = Document.of(one["TrustPolicy"]), one["MaxSessionSeconds"]
        found[Thing(account, ROLE, one["RoleName"])] = {"trust": trust, "max_session_seconds": seconds, **_held(one)}
    aliases = {one.get("Alias") for one in caller.own.list_keys()["Keys"]}
    found |= {thing: {} for thing in named if thing.kind == KEY and thing.name in aliases}
    return found | _of_secrets(caller, named)


def _of_secrets(caller: Acting, named: Declared) -> Declared:
    found: Declared = {}
    for thing in named:
        if thing.kind == RESOURCE_POLICY:
            document = _resource_policy(caller, thing.name)
            found |= {} if document is None else {thing: {"document": Document.of(document)}}
        elif thing.kind == ROTATION:
            found |= _rotation(caller, thing)
    is_asked = any(thing.kind == ADMIN_SECRET for thing in named)
    linked = caller.own.list_admin_secrets()["AdminSecrets"] if is_asked else []
    links = {name: one["AdminSecretARN"] for one in linked if one["Holds"] for name in (one["Name"], one["ARN"])}
    admins = (thing for thing in named if thing.kind == ADMIN_SECRET and thing.name in links)
    return found | {thing: {"admin": links[thing.name]} for thing in admins}


def _rotation(caller: Acting, thing: Thing) -> Declared:
    """Give how a secret rotates; a rotation that was cancelled is none."""
    secret = _described(caller, thing.name)
    if not secret.get("RotationEnabled"):
        return {}
    return {thing: {"rotation": Wish(secret.get("RotationLambdaARN", ""), echoed(secret.get("RotationRules", {})))}}


def resolved(caller: Acting, named: Declared) -> Declared:
    """Give what is declared with ARNs in the place of the names of admin secrets and functions."""
    return {thing: _resolved(caller, thing, members) for thing, members in named.items()}


def _resolved(caller: Acting, thing: Thing, members: Members) -> Members:
    if thing.kind == ADMIN_SECRET and members["admin"] is not None:
        return {"admin": _described(caller, members["admin"])["ARN"]}
    if thing.kind == ROTATION and members["rotation"] is not None:
        wish: Wish = members["rotation"]
        return {"rotation": wish.of(_described(caller, thing.name)["ARN"])}
    return members


def _described(caller: Acting, name: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = caller.secrets.describe_secret(SecretId=name)
    except caller.secrets.exceptions.ResourceNotFoundException:
        raise _no_secret(name) from None
    return found


def _held(one: Mapping[str, Any]) -> Members:
    tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
    return {"tags": tags, "policies": tuple(sorted(one["PolicyNames"]))}


def _resource_policy(caller: Acting, name: str) -> str | None:
    try:
        found: str | None = caller.secrets.get_resource_policy(SecretId=name).get("ResourcePolicy")
    except caller.secrets.exceptions.ResourceNotFoundException:
        raise _no_secret(name) from None
    return found


def _no_secret(name: str) -> CommandFailed:
    return CommandFailed(f"there is no secret {name}: create it first, this file holds no values")
