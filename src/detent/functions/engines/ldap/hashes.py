"""Values of ``userPassword`` as directories keep them (RFC 2307): made, and told by the password that they are of."""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from binascii import Error
from typing import Final

from detent.functions.passwords import Password

# With a salt (SSHA) or without (SHA). Others, such as {CRYPT} and {ARGON2}, are not told here.
_DIGESTS: Final = {
    "SHA": "sha1", "SSHA": "sha1", "MD5": "md5", "SMD5": "md5",
    "SHA256": "sha256", "SSHA256": "sha256", "SHA384": "sha384", "SSHA384": "sha384",
    "SHA512": "sha512", "SSHA512": "sha512",
}  # fmt: skip


def stored_form(password: Password) -> bytes:
    """Hash a password.

    Choice: {SSHA} is what every directory verifies. One without its module for {SSHA512} takes such a value too, and
    then lets nobody in; and a generated password is too long to be found by whatever is fast.
    """
    salt = secrets.token_bytes(8)
    digest = hashlib.sha1(password.reveal().encode() + salt, usedforsecurity=False).digest()
    return b"{SSHA}" + b64encode(digest + salt)


def is_of(stored: bytes, password: Password) -> bool:
    """Say whether a stored value is surely of this password; one of an unknown scheme is not."""
    clear = password.reveal().encode()
    scheme, closed, rest = stored.partition(b"}")
    if not closed or not scheme.startswith(b"{"):
        return hmac.compare_digest(stored, clear)
    name = _DIGESTS.get(scheme[1:].decode("ascii", "replace").upper())
    if name is None:
        return False
    try:
        kept = b64decode(rest, validate=True)
    except Error:
        return False
    size = hashlib.new(name, usedforsecurity=False).digest_size
    return hmac.compare_digest(kept[:size], hashlib.new(name, clear + kept[size:], usedforsecurity=False).digest())
