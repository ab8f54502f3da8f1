"""Sealing anew, in the background, what lies under another key of its keyset than the primary; and erasing keysets.

Which that is, the ciphertexts themselves say: nothing is remembered between two runs, so one that is cut off is gone on
with, and values sealed meanwhile by a process that has not seen the new key are found as well. What does not open is
left and told of in the log.
"""

import logging
from collections.abc import Iterator

from detent.crypto.keyset import Keyset, version_context
from detent.model.errors import CannotOpen
from detent.model.keyset import ROOT_KEYSET_ID
from detent.model.value import SealedValue
from detent.service import keysets
from detent.service.access import key_context
from detent.service.env import Env

SEALED_FACTS = ("keyset check", "audit key")  # facts under the root keyset; each is its own context


def finds_some(env: Env) -> bool:
    """Say whether anything is to be sealed anew, or a keyset to be erased."""
    env.server.keyset.refresh()
    if env.tx.keysets.due_for_deletion(env.now, 1):
        return True
    return any(_stale(env, keyset, 1) for keyset in _in_use(env)) or any(_stale_keysets(env)) or any(_stale_facts(env))


def run(env: Env, limit: int) -> int:
    """Do up to about so much of it; says how much was done."""
    due = env.tx.keysets.due_for_deletion(env.now, limit)
    for keyset in due:
        env.tx.keysets.drop(keyset.id)
    done = len(due)
    for one in _in_use(env):
        done += _reseal(env, one, max(0, limit - done))
    root = env.server.keyset
    for keyset_id, sealed in list(_stale_keysets(env)):
        env.tx.keysets.reseal(keyset_id, root.resealed_keyset(keyset_id, sealed))
        done += 1
    for name, fact in list(_stale_facts(env)):
        env.tx.keep_fact(name, root.seal(root.open(fact, name), name).ciphertext)
        done += 1
    return done


def _in_use(env: Env) -> Iterator[Keyset]:
    """Give every keyset that can seal: the root one, and the customers'."""
    yield env.server.keyset
    for found in env.tx.keysets.all():
        if found.usable:
            yield keysets.opened(env, found)


def _stale(env: Env, keyset: Keyset, limit: int) -> bool:
    if keyset.size == 1:  # it never had another key
        return False
    tx = env.tx.keysets
    return bool(
        tx.stale_versions(keyset.id, keyset.prefix, limit) or tx.stale_access_keys(keyset.id, keyset.prefix, limit)
    )


def _reseal(env: Env, keyset: Keyset, limit: int) -> int:
    if keyset.size == 1 or not limit:
        return 0
    done = 0
    for key, arn, version, sealed in env.tx.keysets.stale_versions(keyset.id, keyset.prefix, limit):
        again = _again(keyset, sealed, version_context(arn, version), f"version {version} of {arn}")
        if again is not None:
            env.tx.secrets.reseal(key, version, again)
            done += 1
    for key_id, sealed in env.tx.keysets.stale_access_keys(keyset.id, keyset.prefix, limit - done):
        again = _again(keyset, sealed, key_context(key_id), f"access key {key_id}")
        if again is not None:
            env.tx.keysets.reseal_access_key(key_id, again)
            done += 1
    return done


def _again(keyset: Keyset, sealed: SealedValue, context: str, what: str) -> SealedValue | None:
    try:
        return keyset.seal(keyset.open(sealed, context), context)
    except CannotOpen:
        logging.getLogger(__name__).error("%s does not open, and is left as it is", what)  # noqa: TRY400 - a traceback would show nothing more
        return None


def _stale_keysets(env: Env) -> Iterator[tuple[str, bytes]]:
    root = env.server.keyset
    if root.size == 1:
        return
    for keyset in env.tx.keysets.all():
        sealed = env.tx.keysets.sealed(keyset.id)
        if sealed is not None and not root.sealed_last(sealed):
            yield keyset.id, sealed


def _stale_facts(env: Env) -> Iterator[tuple[str, SealedValue]]:
    root = env.server.keyset
    for name in SEALED_FACTS if root.size > 1 else ():
        fact = env.tx.fact(name)
        if fact is not None and not fact.startswith(root.prefix):
            yield name, SealedValue(fact, ROOT_KEYSET_ID)
