"""The verifier that PostgreSQL keeps of a password (RFC 5803), by scramp, which takes a third of the time of libpq.

libpq makes it too, and holds the interpreter meanwhile; OpenSSL, which scramp calls, lets other rotations go on.
"""

from base64 import b64encode
from typing import Final

from detent.functions.passwords import Password

_ROUNDS: Final = 4096  # libpq's


def verifier(password: Password, salt: bytes) -> str | None:
    """Hash a password; None where SASLprep might change or refuse it, which is libpq's to do: not printable ASCII."""
    text = password.reveal()
    if not (text.isascii() and text.isprintable()):
        return None
    from scramp import ScramMechanism  # noqa: PLC0415 - comes with the optional driver

    made = ScramMechanism("SCRAM-SHA-256").make_auth_info(text, _ROUNDS, salt)
    parts = [b64encode(part).decode() for part in made[:3]]
    return "SCRAM-SHA-256${}:{}${}:{}".format(_ROUNDS, *parts)
