"""Detent's own operations on the keysets that a KmsKeyId can name."""

from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple
from uuid import uuid4

from detent.model.errors import BadParameter, BadState, CannotOpen, Exists, NotFound
from detent.model.keyset import AWS_ALIASES, CustomerKeyset, Seals
from detent.model.policy import Ask, Principal
from detent.service import keysets
from detent.service.authorization import allow
from detent.service.env import Env

_LONGEST_WINDOW = 30  # days; KMS: 7 to 30


class DescribedKey(NamedTuple):
    """A keyset, and the values under it."""

    keyset: CustomerKeyset
    seals: Seals


def create_key(env: Env, caller: Principal, *, alias: str | None = None) -> CustomerKeyset:
    """Make a keyset of the caller's in this region, sealed by the root keyset."""
    allow(env, caller, Ask("detent:CreateKey", "*", caller.account))
    if alias is not None and alias.startswith(AWS_ALIASES):
        raise BadParameter(f"Aliases that begin with {AWS_ALIASES} are reserved.")
    if alias is not None and env.tx.keysets.aliased(caller.account, env.region, alias) is not None:
        raise Exists(f"The alias {alias} is already in use.")
    made = CustomerKeyset(str(uuid4()), caller.account, env.region, env.now, alias)
    env.tx.keysets.add(made, env.server.keyset.sealed_keyset(made.id))
    return made


def list_keys(env: Env, caller: Principal) -> list[CustomerKeyset]:
    """List the caller's keysets in this region, oldest first; the default one is not among them."""
    allow(env, caller, Ask("detent:ListKeys", "*", caller.account))
    return env.tx.keysets.of(caller.account, env.region)


def describe_key(env: Env, caller: Principal, *, key_id: str) -> DescribedKey:
    """Describe a keyset, and how far the values under it are sealed by its primary key."""
    found = _named(env, caller, "DescribeKey", key_id)
    if not found.usable:  # nothing can be sealed anew now: what its primary key is, nobody is told
        return DescribedKey(found, env.tx.keysets.seals(found.id, b"")._replace(stale=0))
    return DescribedKey(found, env.tx.keysets.seals(found.id, keysets.opened(env, found).prefix))


def enable_key(env: Env, caller: Principal, *, key_id: str) -> CustomerKeyset:
    """Let a keyset seal and open again."""
    return _set(env, caller, "EnableKey", key_id, enabled=True)


def disable_key(env: Env, caller: Principal, *, key_id: str) -> CustomerKeyset:
    """Let a keyset neither seal nor open; it holds on the next request of every worker."""
    return _set(env, caller, "DisableKey", key_id, enabled=False)


def rotate_key(env: Env, caller: Principal, *, key_id: str) -> CustomerKeyset:
    """Give a keyset a new primary key; what the others sealed is sealed anew in the background."""
    found = _named(env, caller, "RotateKey", key_id)
    _require(found, usable=True)
    sealed = env.tx.keysets.sealed(found.id)
    if sealed is None:
        raise CannotOpen
    env.tx.keysets.reseal(found.id, env.server.keyset.rotated_keyset(found.id, sealed))
    return _saved(env, replace(found, generation=found.generation + 1, rotated=env.now))


def schedule_key_deletion(
    env: Env, caller: Principal, *, key_id: str, pending_window_in_days: int = _LONGEST_WINDOW
) -> CustomerKeyset:
    """Let a keyset neither seal nor open any more, and erase its material after so many days."""
    found = _named(env, caller, "ScheduleKeyDeletion", key_id)
    if found.deletion is not None:
        raise BadState(f"The key {found.id} is already scheduled for deletion.")
    return _saved(env, replace(found, deletion=env.now + timedelta(days=pending_window_in_days)))


def cancel_key_deletion(env: Env, caller: Principal, *, key_id: str) -> CustomerKeyset:
    """Keep a keyset after all; it is disabled then, as KMS has it."""
    found = _named(env, caller, "CancelKeyDeletion", key_id)
    if found.deletion is None:
        raise BadState(f"The key {found.id} is not scheduled for deletion.")
    return _saved(env, replace(found, deletion=None, enabled=False))


def _set(env: Env, caller: Principal, operation: str, key_id: str, *, enabled: bool) -> CustomerKeyset:
    found = _named(env, caller, operation, key_id)
    _require(found, usable=False)
    return _saved(env, replace(found, enabled=enabled))


def _named(env: Env, caller: Principal, operation: str, key_id: str) -> CustomerKeyset:
    """Find a keyset of the caller's in this region."""
    allow(env, caller, Ask(f"detent:{operation}", "*", caller.account))
    try:
        found = keysets.meant_by(env, caller.account, env.region, key_id)
    except BadParameter:
        raise NotFound(f"There is no key {key_id} in {env.region}.") from None
    if found is None:
        raise BadParameter("The default key is the root keyset: `detent keyset` shows and rotates it.")
    return found


def _require(found: CustomerKeyset, *, usable: bool) -> None:
    if found.deletion is not None:
        raise BadState(f"The key {found.id} is scheduled for deletion: cancel that first.")
    if usable and not found.enabled:
        raise BadState(f"The key {found.id} is disabled: enable it first.")


def _saved(env: Env, keyset: CustomerKeyset) -> CustomerKeyset:
    env.tx.keysets.save(keyset)
    return keyset
