"""Detent's own operations on roles, and on the sessions that are given out of them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from detent.model.identity import Identity, IdentityKind
from detent.model.policy import Principal
from detent.service import identities
from detent.service.env import Env
from detent.service.identities import Attached
from detent.service.identity_policies import checked_trust

_SHORTEST = timedelta(hours=1)  # AWS: how long a role's sessions last at most, if nothing else is said

ROLE = IdentityKind.ROLE


def create_role(
    env: Env,
    caller: Principal,
    *,
    role_name: str,
    trust_policy: str,
    max_session_seconds: int | None = None,
    tags: Mapping[str, str] | None = None,
) -> Attached:
    """Make a role, which those whom its trust policy names may assume."""
    new = identities.new(env, caller, "CreateRole", ROLE, role_name)
    longest = _SHORTEST if max_session_seconds is None else timedelta(seconds=max_session_seconds)
    trusting = replace(new, trust=checked_trust(env, trust_policy), longest_session=longest)
    return identities.attached(env, env.tx.identities.add(identities.tagged(trusting, tags)))


def update_role(
    env: Env,
    caller: Principal,
    *,
    role_name: str,
    trust_policy: str | None = None,
    max_session_seconds: int | None = None,
    tags: Mapping[str, str] | None = None,
) -> Attached:
    """Put what is given in the place of what there is. Sessions that were begun go on."""
    role = identities.tagged(identities.find(env, caller, "UpdateRole", ROLE, role_name), tags)
    if trust_policy is not None:
        role = replace(role, trust=checked_trust(env, trust_policy))
    if max_session_seconds is not None:
        role = replace(role, longest_session=timedelta(seconds=max_session_seconds))
    return identities.saved(env, role)


def describe_role(env: Env, caller: Principal, *, role_name: str) -> Attached:
    """Describe one role."""
    return identities.attached(env, identities.find(env, caller, "DescribeRole", ROLE, role_name))


def list_roles(env: Env, caller: Principal) -> list[Attached]:
    """List the account's roles by name."""
    return identities.listed(env, caller, "ListRoles", ROLE)


def delete_role(env: Env, caller: Principal, *, role_name: str) -> Identity:
    """Remove a role with its sessions and its attachments; they stop working at once."""
    return identities.dropped(env, identities.find(env, caller, "DeleteRole", ROLE, role_name))


def revoke_sessions(
    env: Env, caller: Principal, *, role_name: str | None = None, user_name: str | None = None
) -> Identity:
    """End every session of a role or user; it holds on the next request of every worker."""
    found = identities.find(env, caller, "RevokeSessions", *identities.either(user_name, role_name))
    env.tx.access_keys.drop_sessions_of(found.key)
    return found
