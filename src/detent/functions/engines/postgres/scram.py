"""The verifier that PostgreSQL keeps of a password (RFC 5803), made where it costs a third of what libpq takes.

libpq makes it too, and holds the interpreter meanwhile; OpenSSL lets other rotations go on.
"""

import hashlib
import hmac
from base64 import b64encode
from typing import Final

from detent.functions.passwords import Password

_ROUNDS: Final = 4096  # libpq's


def verifier(password: Password, salt: bytes) -> str | None:
    """Hash a password; None where SASLprep might change it, which is libpq's to do: anything but ASCII."""
    text = password.reveal()
    if not text.isascii():
        return None
    salted = hashlib.pbkdf2_hmac("sha256", text.encode(), salt, _ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = [b64encode(part).decode() for part in (salt, stored, server)]
    return "SCRAM-SHA-256${}:{}${}:{}".format(_ROUNDS, *parts)
