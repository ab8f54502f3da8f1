"""What the audit trail needs of the store: its key, sealed by the root keyset, and how far it was seen to reach."""

import secrets as randomness
from pathlib import Path
from typing import Final

from detent.audit.chain import START, Chain, Head
from detent.crypto.keyset import Keyset
from detent.main.settings import CannotStart
from detent.model.errors import CannotOpen
from detent.model.keyset import ROOT_KEYSET_ID
from detent.model.value import SealedValue, SecretValue
from detent.store.migrate import add_fact, read_fact

HEAD: Final = "audit head"  # a fact: the furthest head of the chain that a commit has seen
KEY: Final = "audit key"  # a fact, sealed
_KEY_BYTES = 32


def make_key(store: Path, keyset: Keyset) -> None:
    """Give a store a key for its trail, unless it has one."""
    if read_fact(store, KEY) is None:
        key = SecretValue(randomness.token_bytes(_KEY_BYTES))
        add_fact(store, KEY, keyset.seal(key, KEY).ciphertext)


def read_chain(store: Path, keyset: Keyset) -> Chain:
    """Give the chain of a store's trail. Raises CannotStart."""
    sealed = read_fact(store, KEY)
    try:
        if sealed is not None:
            key = keyset.open(SealedValue(sealed, ROOT_KEYSET_ID), KEY).reveal()
            return Chain(key if isinstance(key, bytes) else key.encode())
    except CannotOpen:
        pass
    raise CannotStart(f"the store {store} has no key of its audit trail that its keyset opens: restore a backup.")


def read_anchor(store: Path) -> Head:
    """Give the furthest head that the store has seen."""
    packed = read_fact(store, HEAD)
    return START if packed is None else Head.unpacked(packed)
