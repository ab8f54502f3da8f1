"""RSA key pairs, as Snowflake takes them."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Final

from detent.functions.passwords import Password

_BITS: Final = 2048  # Snowflake: the least that it takes


@dataclass(frozen=True, slots=True)
class Pair:
    """A private key as PEM text, and the public one as ALTER USER takes it."""

    public: str
    fingerprint: str
    private: Password = field(repr=False)


def new_pair() -> Pair:
    """Make one."""
    from cryptography.hazmat.primitives import serialization as forms  # noqa: PLC0415 - only where it is needed
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    pem = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()).decode()
    public = key.public_key().public_bytes(forms.Encoding.DER, forms.PublicFormat.SubjectPublicKeyInfo)
    return Pair(base64.b64encode(public).decode(), _fingerprint(public), Password(pem))


def read(private: Password) -> tuple[bytes, str] | None:
    """Give a private key as the driver takes it, and the fingerprint of its public one; None for what is none."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives import serialization as forms  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415

    try:  # that a key's numbers are primes is the business of who made it, and takes long
        key = forms.load_pem_private_key(private.reveal().encode(), None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: there is a passphrase on it
        return None
    if not isinstance(key, RSAPrivateKey):
        return None
    der = key.private_bytes(forms.Encoding.DER, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    return der, _fingerprint(key.public_key().public_bytes(forms.Encoding.DER, forms.PublicFormat.SubjectPublicKeyInfo))


def _fingerprint(public: bytes) -> str:
    return f"SHA256:{base64.b64encode(hashlib.sha256(public).digest()).decode()}"
