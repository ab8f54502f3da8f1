"""Detent's own operations on the keysets that a KmsKeyId can name."""

from dataclasses import replace
from uuid import uuid4

from detent.model.errors import BadParameter, Exists, NotFound
from detent.model.keyset import AWS_ALIASES, CustomerKeyset
from detent.model.policy import Ask, Principal
from detent.service import keysets
from detent.service.authorization import allow
from detent.service.env import Env


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


def enable_key(env: Env, caller: Principal, *, key_id: str) -> CustomerKeyset:
    """Let a keyset seal and open again."""
    return _set(env, caller, "EnableKey", key_id, enabled=True)


def disable_key(env: Env, caller: Principal, *, key_id: str) -> CustomerKeyset:
    """Let a keyset neither seal nor open; it holds on the next request of every worker."""
    return _set(env, caller, "DisableKey", key_id, enabled=False)


def _set(env: Env, caller: Principal, operation: str, key_id: str, *, enabled: bool) -> CustomerKeyset:
    allow(env, caller, Ask(f"detent:{operation}", "*", caller.account))
    try:
        found = keysets.meant_by(env, caller.account, env.region, key_id)
    except BadParameter:
        raise NotFound(f"There is no key {key_id} in {env.region}.") from None
    if found is None:
        raise BadParameter("The default key can be neither enabled nor disabled.")
    changed = replace(found, enabled=enabled)
    env.tx.keysets.save(changed)
    return changed
