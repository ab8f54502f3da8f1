"""Detent's own operations on the access keys that users and an account's root sign with."""

from dataclasses import dataclass
from typing import Literal

from detent.model.errors import BadParameter, BadState, NotFound
from detent.model.identity import Identity, IdentityKind, root_arn
from detent.model.policy import Ask, Principal
from detent.model.value import SecretValue
from detent.service import identities
from detent.service.access import create_lasting_key
from detent.service.authorization import allow
from detent.service.env import Env
from detent.store.protocol import AccessKey


@dataclass(frozen=True, slots=True)
class HeldKey:
    """An access key of a user or of root; `secret` only when it has just been made."""

    key: AccessKey
    secret: SecretValue | None = None


def create_access_key(env: Env, caller: Principal, *, user_name: str | None = None) -> HeldKey:
    """Make a key for a user, or for whoever calls. Raises LimitExceeded when there are two."""
    user = _holder(env, caller, "CreateAccessKey", user_name)
    holder = Principal(caller.account, root_arn(caller.account), "") if user is None else _principal(user)
    key_id, secret = create_lasting_key(env, holder, _held_by(env, caller.account, user))
    return HeldKey(_found(env, caller, key_id), secret)


def list_access_keys(env: Env, caller: Principal, *, user_name: str | None = None) -> list[HeldKey]:
    """List the keys of a user, or of whoever calls, oldest first."""
    user = _holder(env, caller, "ListAccessKeys", user_name)
    return [HeldKey(key) for key in _held_by(env, caller.account, user)]


def update_access_key(
    env: Env, caller: Principal, *, access_key_id: str, state: Literal["active", "inactive"]
) -> HeldKey:
    """Let a key sign, or not; it holds on the next request of every worker."""
    key = _permitted(env, caller, "UpdateAccessKey", access_key_id)
    if state == "inactive":
        _require_another(env, caller, key)
    env.tx.access_keys.set_active(access_key_id, active=state == "active")
    return HeldKey(_found(env, caller, access_key_id))


def delete_access_key(env: Env, caller: Principal, *, access_key_id: str) -> HeldKey:
    """Remove a key; it signs nothing from the next request of every worker on."""
    key = _permitted(env, caller, "DeleteAccessKey", access_key_id)
    _require_another(env, caller, key)
    env.tx.access_keys.drop(access_key_id)
    return HeldKey(key)


def _holder(env: Env, caller: Principal, operation: str, user_name: str | None) -> Identity | None:
    """Give the user who is meant, None for root, once the caller may."""
    name = user_name or caller.user
    if name is not None:
        return identities.find(env, caller, operation, IdentityKind.USER, name)
    allow(env, caller, Ask(f"detent:{operation}", caller.arn, caller.account))
    if not caller.is_root:
        raise BadParameter("A role has no access keys of its own: give the UserName of a user.")
    return None


def _held_by(env: Env, account: str, user: Identity | None) -> list[AccessKey]:
    return env.tx.access_keys.of_root(account) if user is None else env.tx.access_keys.of_identity(user.key)


def _principal(user: Identity) -> Principal:
    return Principal(user.account, user.arn, "", user=user.name, id=user.id, identity=user.key, tags=user.tags)


def _permitted(env: Env, caller: Principal, operation: str, access_key_id: str) -> AccessKey:
    key = _found(env, caller, access_key_id)
    allow(env, caller, Ask(f"detent:{operation}", key.principal.arn, caller.account))
    return key


def _found(env: Env, caller: Principal, access_key_id: str) -> AccessKey:
    """Find a lasting key of the caller's account; one of another account is as unknown as one that nobody has."""
    key = env.tx.access_keys.find(access_key_id)
    if key is None or key.expires is not None or key.principal.account != caller.account:
        raise NotFound(f"There is no access key {access_key_id} in this account.")
    return key


def _require_another(env: Env, caller: Principal, key: AccessKey) -> None:
    """Keep whoever signs with this very key from locking its holder out.

    Choice: to make it inactive is refused like to delete it.
    """
    if caller.access_key_id != key.principal.access_key_id:
        return
    user = key.principal.user
    found = None if user is None else env.tx.identities.find(caller.account, IdentityKind.USER, user)
    others = (
        one for one in _held_by(env, caller.account, found) if one.principal.access_key_id != caller.access_key_id
    )
    if not any(one.active for one in others):
        raise BadState("This request is signed with that very access key, and there is no other active one.")
