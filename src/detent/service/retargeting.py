"""Giving targets to values that were stored before targets were kept, in the background, once for a store.

How far that has come is a fact, written in the transaction of each batch: one that is cut off is gone on with.
"""

from typing import Final

from detent.model.errors import CannotOpen
from detent.model.secret import SecretKey, VersionId
from detent.service import sealing
from detent.service.env import Env
from detent.service.targets import target_of
from detent.store.protocol import StaleVersion

PLACE: Final = "targets to fill"  # the version that was looked at last; there as long as there are more


def finds_some(env: Env) -> bool:
    """Say whether there may be values without a target."""
    return env.tx.fact(PLACE) is not None


def run(env: Env, limit: int) -> int:
    """Look at up to so many values; says at how many."""
    key, version = _place(env.tx.fact(PLACE))
    found = env.tx.targets.lacking(key, version, limit)
    for one in found:
        _fill(env, one)
    if len(found) < limit:
        env.tx.drop_fact(PLACE)
    else:
        env.tx.keep_fact(PLACE, f"{found[-1].key} {found[-1].version}".encode())
    return len(found)


def _place(fact: bytes | None) -> tuple[SecretKey, VersionId]:
    key, _, version = (fact or b"").decode().partition(" ")
    return SecretKey(int(key or 0)), VersionId(version)


def _fill(env: Env, one: StaleVersion) -> None:
    """Keep the target of a value that names one; what does not open has none until another value is stored."""
    secret = env.tx.secrets.keyed(one.key)
    try:
        target = None if secret is None else target_of(env, sealing.opened(env, secret, one.version, one.sealed))
    except CannotOpen:
        return
    if target is not None:
        env.tx.targets.fill(one.key, one.version, target)
