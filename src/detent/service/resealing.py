"""Sealing anew, in the background, what lies under another key of its keyset than the primary; and erasing keysets.

Which that is, the ciphertexts themselves say: nothing need be remembered between two runs, so one that is cut off is
gone on with, and values sealed meanwhile by a process that has not seen the new key are found as well. What does not
open is told of in the log and left: a process tries it once under each primary key, so that it keeps nothing else back.
"""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

from detent.crypto.keyset import Keyset, version_context
from detent.model.errors import CannotOpen
from detent.model.keyset import ROOT_KEYSET_ID
from detent.model.value import SealedValue
from detent.service import function_sealing, keysets, webhooks
from detent.service.access import key_context
from detent.service.env import Env
from detent.store.protocol import StaleVersion

SEALED_FACTS = ("keyset check", "audit key", "target key")  # facts under the root keyset; each is its own context


class _Stale(NamedTuple):
    """What another key of this keyset than the primary has sealed."""

    what: str  # as the log names it
    keyset: Keyset
    reseal: Callable[[], None]  # raises CannotOpen


def finds_some(env: Env) -> bool:
    """Say whether anything is to be sealed anew, or a keyset to be erased."""
    env.server.keyset.refresh()
    return bool(env.tx.keysets.due_for_deletion(env.now, 1) or _stale(env, 1))


def run(env: Env, limit: int) -> int:
    """Do up to so much of it; says how much was done, or found not to open."""
    due = env.tx.keysets.due_for_deletion(env.now, limit)
    for keyset in due:
        env.tx.keysets.drop(keyset.id)
    found = _stale(env, limit - len(due))
    for one in found:
        try:
            one.reseal()
        except CannotOpen:
            _leave(env, one.what, one.keyset)
    return len(due) + len(found)


def _leave(env: Env, what: str, keyset: Keyset) -> None:
    if what not in env.server.left:
        logging.getLogger(__name__).error("%s does not open, and is left as it is", what)
    env.server.left[what] = keyset.prefix


def _stale(env: Env, limit: int) -> list[_Stale]:
    """Give up to so much that is to be tried."""
    left = env.server.left
    return list(islice((one for one in _all_stale(env, limit) if left.get(one.what) != one.keyset.prefix), limit))


def _all_stale(env: Env, limit: int) -> Iterator[_Stale]:
    """Give what is stale and was left, too; of each kind at least so much that was not left, if there is."""
    root, most = env.server.keyset, limit + len(env.server.left)
    for keyset in _in_use(env):
        if keyset.size > 1:  # else it never had another key
            yield from _versions(env, keyset, most)
            yield from _access_keys(env, keyset, most)
    if root.size > 1:
        yield from _keysets(env, root)
        yield from _function_parts(env, root, most)
        yield from _webhooks(env, root, most)
        yield from _facts(env, root)


def _in_use(env: Env) -> Iterator[Keyset]:
    """Give every keyset that can seal: the root one, and the customers'."""
    yield env.server.keyset
    for found in env.tx.keysets.all():
        try:
            opened = keysets.opened(env, found) if found.usable else None
        except CannotOpen:
            _leave(env, f"key {found.arn}", env.server.keyset)
            continue
        if opened is not None:
            yield opened


def _versions(env: Env, keyset: Keyset, limit: int) -> Iterator[_Stale]:
    for one in env.tx.keysets.stale_versions(keyset.id, keyset.prefix, limit):
        yield _Stale(f"version {one.version} of {one.arn}", keyset, partial(_reseal_version, env, keyset, one))


def _reseal_version(env: Env, keyset: Keyset, one: StaleVersion) -> None:
    again = _again(keyset, one.sealed, version_context(one.arn, one.version))
    env.tx.secrets.reseal(one.key, one.version, again)


def _again(keyset: Keyset, sealed: SealedValue, context: str) -> SealedValue:
    return keyset.seal(keyset.open(sealed, context), context)


def _access_keys(env: Env, keyset: Keyset, limit: int) -> Iterator[_Stale]:
    for key_id, sealed in env.tx.keysets.stale_access_keys(keyset.id, keyset.prefix, limit):
        yield _Stale(f"access key {key_id}", keyset, partial(_reseal_access_key, env, keyset, key_id, sealed))


def _reseal_access_key(env: Env, keyset: Keyset, key_id: str, sealed: SealedValue) -> None:
    env.tx.keysets.reseal_access_key(key_id, _again(keyset, sealed, key_context(key_id)))


def _keysets(env: Env, root: Keyset) -> Iterator[_Stale]:
    for keyset in env.tx.keysets.all():
        sealed = env.tx.keysets.sealed(keyset.id)
        if sealed is not None and not root.sealed_last(sealed):
            yield _Stale(f"key {keyset.arn}", root, partial(_reseal_keyset, env, root, keyset.id, sealed))


def _reseal_keyset(env: Env, root: Keyset, keyset_id: str, sealed: bytes) -> None:
    env.tx.keysets.reseal(keyset_id, root.resealed_keyset(keyset_id, sealed))


def _function_parts(env: Env, root: Keyset, limit: int) -> Iterator[_Stale]:
    for part in env.tx.functions.stale(root.id, root.prefix, limit):
        what = f"the {part.kind} of {part.function.arn} {part.request_id}".rstrip()
        yield _Stale(what, root, partial(function_sealing.reseal, env, part))


def _webhooks(env: Env, root: Keyset, limit: int) -> Iterator[_Stale]:
    for one in env.tx.webhooks.stale(root.id, root.prefix, limit):
        yield _Stale(f"the webhook {one.name} of {one.account}", root, partial(webhooks.reseal, env, one))


def _facts(env: Env, root: Keyset) -> Iterator[_Stale]:
    for name in SEALED_FACTS:
        fact = env.tx.fact(name)
        if fact is not None and not fact.startswith(root.prefix):
            yield _Stale(f"the fact {name!r}", root, partial(_reseal_fact, env, root, name, fact))


def _reseal_fact(env: Env, root: Keyset, name: str, fact: bytes) -> None:
    env.tx.keep_fact(name, _again(root, SealedValue(fact, ROOT_KEYSET_ID), name).ciphertext)
