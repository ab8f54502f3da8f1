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
    USER,
    Declared,
    Document,
    Members,
    Thing,
)
from detent.cli.failure import CommandFailed


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
    is_asked = any(thing.kind == ADMIN_SECRET for thing in named)
    linked = caller.own.list_admin_secrets()["AdminSecrets"] if is_asked else []
    links = {name: one["AdminSecretARN"] for one in linked if one["Holds"] for name in (one["Name"], one["ARN"])}
    admins = (thing for thing in named if thing.kind == ADMIN_SECRET and thing.name in links)
    return found | {thing: {"admin": links[thing.name]} for thing in admins}


def resolved(caller: Acting, named: Declared) -> Declared:
    """Give what is declared with the ARNs of admin secrets in the place of their names."""
    return {
        thing: {"admin": _secret_arn(caller, members["admin"])}
        if thing.kind == ADMIN_SECRET and members["admin"] is not None
        else members
        for thing, members in named.items()
    }


def _secret_arn(caller: Acting, name: str) -> str:
    try:
        arn: str = caller.secrets.describe_secret(SecretId=name)["ARN"]
    except caller.secrets.exceptions.ResourceNotFoundException:
        raise _no_secret(name) from None
    return arn


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
