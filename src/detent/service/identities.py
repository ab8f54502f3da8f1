"""Detent's own operations on users and roles: whom an account knows besides its root."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from detent.model.errors import BadParameter, Exists, NotFound
from detent.model.identity import Identity, IdentityKind, identity_arn
from detent.model.policy import Ask, Principal
from detent.service.access import unique_id
from detent.service.env import Env
from detent.service.lookup import allow

_PREFIXES = {IdentityKind.USER: "AIDA", IdentityKind.ROLE: "AROA"}  # AWS's, of unique ids
_UNIQUE = 17  # characters after the prefix


@dataclass(frozen=True, slots=True)
class Attached:
    """A user or role, and the names of the policies that are attached to it."""

    identity: Identity
    policies: tuple[str, ...]


def create_user(env: Env, caller: Principal, *, user_name: str, tags: Mapping[str, str] | None = None) -> Attached:
    """Make a user, who has neither access keys nor policies yet."""
    _may(env, caller, "CreateUser", IdentityKind.USER, user_name)
    return _added(env, _new(env, caller, IdentityKind.USER, user_name, tags))


def update_user(env: Env, caller: Principal, *, user_name: str, tags: Mapping[str, str]) -> Attached:
    """Put these tags in the place of all that the user has."""
    user = find(env, caller, "UpdateUser", IdentityKind.USER, user_name)
    return _saved(env, replace(user, tags=_checked(tags)))


def describe_user(env: Env, caller: Principal, *, user_name: str) -> Attached:
    """Describe one user."""
    return attached(env, find(env, caller, "DescribeUser", IdentityKind.USER, user_name))


def list_users(env: Env, caller: Principal) -> list[Attached]:
    """List the account's users by name."""
    return _listed(env, caller, "ListUsers", IdentityKind.USER)


def delete_user(env: Env, caller: Principal, *, user_name: str) -> Identity:
    """Remove a user with its access keys, its sessions and its attachments; they stop working at once."""
    return _dropped(env, find(env, caller, "DeleteUser", IdentityKind.USER, user_name))


def find(env: Env, caller: Principal, operation: str, kind: IdentityKind, name: str) -> Identity:
    """Find a user or role of the caller's account by exactly its name, once the caller may. Raises NotFound."""
    _may(env, caller, operation, kind, name)
    found = env.tx.identities.find(caller.account, kind, name)
    if found is None:
        raise NotFound(f"There is no {kind} {name} in this account.")
    return found


def attached(env: Env, identity: Identity) -> Attached:
    """Give it with the names of its policies."""
    return Attached(identity, tuple(name for name, _ in env.tx.identities.documents(identity.key)))


def _may(env: Env, caller: Principal, operation: str, kind: IdentityKind, name: str) -> None:
    allow(env, caller, Ask(f"detent:{operation}", identity_arn(caller.account, kind, name), caller.account))


def _new(env: Env, caller: Principal, kind: IdentityKind, name: str, tags: Mapping[str, str] | None) -> Identity:
    if env.tx.identities.is_taken(caller.account, kind, name):
        raise Exists(f"There is a {kind} of the name {name} already; upper and lower case make no difference.")
    return Identity(caller.account, kind, name, unique_id(_PREFIXES[kind], _UNIQUE), env.now, _checked(tags or {}))


def _checked(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Refuse keys that a condition, which compares them in whatever case, could not tell apart."""
    if len({key.lower() for key in tags}) != len(tags):
        raise BadParameter("Two tags have the same key; upper and lower case make no difference.")
    return tags


def _added(env: Env, new: Identity) -> Attached:
    return attached(env, env.tx.identities.add(new))


def _saved(env: Env, changed: Identity) -> Attached:
    env.tx.identities.save(changed)
    return attached(env, changed)


def _listed(env: Env, caller: Principal, operation: str, kind: IdentityKind) -> list[Attached]:
    allow(env, caller, Ask(f"detent:{operation}", "*", caller.account))
    return [attached(env, one) for one in env.tx.identities.of(caller.account, kind)]


def _dropped(env: Env, identity: Identity) -> Identity:
    env.tx.identities.drop(identity.key)
    return identity
