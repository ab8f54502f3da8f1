"""Telling targets apart without telling what they are: a keyed hash of the host and port that a value names.

The scheduler spares a target by it and never sees a value. The key lies in the store, sealed by the root keyset:
whoever has the store alone cannot try host names against the hashes.
"""

import hashlib
import hmac
import json
import re
import secrets as randomness
from typing import Final

from detent.model.errors import CannotOpen
from detent.model.keyset import ROOT_KEYSET_ID
from detent.model.value import SealedValue, SecretValue
from detent.service.env import Env

KEY: Final = "target key"  # a fact, sealed, and its context
_BYTES = 16  # of the hash that are kept
_HOST = re.compile(r"[a-z0-9._:-]{1,253}", re.ASCII)  # shown to people: no user, no path, nothing a terminal obeys
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)


def target_of(env: Env, value: SecretValue) -> str | None:
    """Give the hash of where a value logs in; None: it names no host."""
    place = _place(value)
    key = None if place is None else _key(env)
    if place is None or key is None:
        return None
    return hmac.digest(key, place.encode(errors="surrogatepass"), hashlib.sha256)[:_BYTES].hex()


def shown_place(value: SecretValue) -> str | None:
    """Give where a value logs in, for people; None: it names no host, or what it names is none."""
    found = _host_and_port(value)
    if found is None or not _HOST.fullmatch(found[0]):
        return None
    host, port = found
    if port is None or port == "":
        return host
    is_port = isinstance(port, int | str) and not isinstance(port, bool) and _PORT.fullmatch(str(port))
    return f"[{host}]:{port}" if is_port and ":" in host else f"{host}:{port}" if is_port else None


def _place(value: SecretValue) -> str | None:
    """Give host and port as the value's JSON has them; a port that is not said differs from one that is."""
    found = _host_and_port(value)
    return None if found is None else f"{found[0]}:{found[1] or ''}"


def _host_and_port(value: SecretValue) -> tuple[str, object] | None:
    try:
        fields = json.loads(value.reveal())
    except (ValueError, RecursionError):
        return None
    host = fields.get("host") if isinstance(fields, dict) else None
    return (host.strip().lower(), fields.get("port")) if isinstance(host, str) and host.strip() else None


def _key(env: Env) -> bytes | None:
    """Open the key, or make one; None: it does not open here, and nothing else of this store will."""
    if KEY in env.server.opened_facts:
        return env.server.opened_facts[KEY]
    fact = env.tx.fact(KEY)
    if fact is None:  # not remembered: this transaction may be undone
        made = SecretValue(randomness.token_bytes(32))
        env.tx.keep_fact(KEY, env.server.keyset.seal(made, KEY).ciphertext)
        return _raw(made)
    try:
        opened = _raw(env.server.keyset.open(SealedValue(fact, ROOT_KEYSET_ID), KEY))
    except CannotOpen:
        return None
    env.server.opened_facts[KEY] = opened
    return opened


def _raw(key: SecretValue) -> bytes:
    plain = key.reveal()
    return plain if isinstance(plain, bytes) else plain.encode()
