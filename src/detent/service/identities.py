"""Detent's own operations on users, and on what users and roles have in common: names, tags, attached policies."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from detent.model.errors import BadParameter, Exists, LimitExceeded, NotFound
from detent.model.identity import Identity, IdentityKind, identity_arn
from detent.model.policy import Ask, Principal
from detent.service import identity_policies
from detent.service.access import unique_id
from detent.service.authorization import allow
from detent.service.env import Env

USER = IdentityKind.USER
_PREFIXES = {IdentityKind.USER: "AIDA", IdentityKind.ROLE: "AROA"}  # AWS's, of unique ids
_UNIQUE = 17  # characters after the prefix
_MOST_ATTACHED = 20  # AWS: the most that an account can be allowed


@dataclass(frozen=True, slots=True)
class Attached:
    """A user or role, and the names of the policies that are attached to it."""

    identity: Identity
    policies: tuple[str, ...]


def create_user(env: Env, caller: Principal, *, user_name: str, tags: Mapping[str, str] | None = None) -> Attached:
    """Make a user, who has neither access keys nor policies yet."""
    return attached(env, env.tx.identities.add(tagged(new(env, caller, "CreateUser", USER, user_name), tags)))


def update_user(env: Env, caller: Principal, *, user_name: str, tags: Mapping[str, str]) -> Attached:
    """Put these tags in the place of all that the user has."""
    return saved(env, tagged(find(env, caller, "UpdateUser", USER, user_name), tags))


def describe_user(env: Env, caller: Principal, *, user_name: str) -> Attached:
    """Describe one user."""
    return attached(env, find(env, caller, "DescribeUser", USER, user_name))


def list_users(env: Env, caller: Principal) -> list[Attached]:
    """List the account's users by name."""
    return listed(env, caller, "ListUsers", USER)


def delete_user(env: Env, caller: Principal, *, user_name: str) -> Identity:
    """Remove a user with its access keys, its sessions and its attachments; they stop working at once."""
    return dropped(env, find(env, caller, "DeleteUser", USER, user_name))


def attach_policy(
    env: Env, caller: Principal, *, policy_name: str, user_name: str | None = None, role_name: str | None = None
) -> Attached:
    """Let a user or role have a policy; one that it has already is fine. Raises LimitExceeded."""
    holder = attached(env, find(env, caller, "AttachPolicy", *either(user_name, role_name)))
    policy = identity_policies.named(env, caller.account, policy_name)
    if len(holder.policies) >= _MOST_ATTACHED and policy.name not in holder.policies:
        told = f"{holder.identity.arn} has {_MOST_ATTACHED} policies, as many as it can have: detach one first."
        raise LimitExceeded(told)
    env.tx.identities.attach(holder.identity.key, policy)
    return attached(env, holder.identity)


def detach_policy(
    env: Env, caller: Principal, *, policy_name: str, user_name: str | None = None, role_name: str | None = None
) -> Attached:
    """Take a policy from a user or role; one that it does not have is fine."""
    holder = find(env, caller, "DetachPolicy", *either(user_name, role_name))
    env.tx.identities.detach(holder.key, identity_policies.named(env, caller.account, policy_name))
    return attached(env, holder)


def either(user_name: str | None, role_name: str | None) -> tuple[IdentityKind, str]:
    """Give the one that is named. Raises BadParameter when none is, or both are."""
    given = [(kind, name) for kind, name in ((USER, user_name), (IdentityKind.ROLE, role_name)) if name is not None]
    if len(given) != 1:
        raise BadParameter("You must give either UserName or RoleName, and not both.")
    return given[0]


def find(env: Env, caller: Principal, operation: str, kind: IdentityKind, name: str) -> Identity:
    """Find a user or role of the caller's account by exactly its name, once the caller may. Raises NotFound."""
    _may(env, caller, operation, kind, name)
    found = env.tx.identities.find(caller.account, kind, name)
    if found is None:
        raise NotFound(f"There is no {kind} {name} in this account.")
    return found


def new(env: Env, caller: Principal, operation: str, kind: IdentityKind, name: str) -> Identity:
    """Shape one of a free name, once the caller may. Raises Exists."""
    _may(env, caller, operation, kind, name)
    if env.tx.identities.is_taken(caller.account, kind, name):
        raise Exists(f"There is a {kind} of the name {name} already; upper and lower case make no difference.")
    return Identity(caller.account, kind, name, unique_id(_PREFIXES[kind], _UNIQUE), env.now)


def _may(env: Env, caller: Principal, operation: str, kind: IdentityKind, name: str) -> None:
    allow(env, caller, Ask(f"detent:{operation}", identity_arn(caller.account, kind, name), caller.account))


def tagged(identity: Identity, tags: Mapping[str, str] | None) -> Identity:
    """Give it with these tags; None: with those it has.

    Raises BadParameter for keys that a condition, which compares them in whatever case, could not tell apart.
    """
    if tags is None:
        return identity
    if len({key.lower() for key in tags}) != len(tags):
        raise BadParameter("Two tags have the same key; upper and lower case make no difference.")
    return replace(identity, tags=tags)


def attached(env: Env, identity: Identity) -> Attached:
    """Give it with the names of its policies."""
    return Attached(identity, tuple(name for name, _ in env.tx.identities.documents(identity.key)))


def saved(env: Env, changed: Identity) -> Attached:
    """Keep a changed one."""
    env.tx.identities.save(changed)
    return attached(env, changed)


def listed(env: Env, caller: Principal, operation: str, kind: IdentityKind) -> list[Attached]:
    """List the account's users or roles by name, once the caller may."""
    allow(env, caller, Ask(f"detent:{operation}", "*", caller.account))
    return [attached(env, one) for one in env.tx.identities.of(caller.account, kind)]


def dropped(env: Env, identity: Identity) -> Identity:
    """Remove one with all that hangs on it."""
    env.tx.identities.drop(identity.key)
    return identity
