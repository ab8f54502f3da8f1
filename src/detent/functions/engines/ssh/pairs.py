"""Key pairs: reading a secret's private key, and making a new pair. Nothing here is of our own arithmetic."""

import io
from typing import Any, Final

from detent.functions.errors import EngineUnavailable
from detent.functions.passwords import Password

_UNREADABLE: Final = '"private_key" is no private key that can be read (OpenSSH or PEM text; Ed25519, ECDSA or RSA)'
_LOCKED: Final = '"private_key" is locked by a passphrase: store it without (ssh-keygen -p)'


class NoKey(Exception):
    """The text is no private key that can be used; the error says why."""


def private_key(text: Password) -> Any:  # noqa: ANN401 - the driver is untyped
    """Give the driver's key. Raises NoKey, and EngineUnavailable where the driver is missing."""
    try:
        import paramiko  # noqa: PLC0415 - an optional driver
    except ImportError:
        raise EngineUnavailable("the driver paramiko is not installed: pip install 'detent[ssh]'") from None
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415 - with the driver
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415 - as above

    # The driver reads each kind in one form without fail; ECDSA in OpenSSH's own not at all (paramiko 5).
    kinds = (
        (ed25519.Ed25519PrivateKey, paramiko.Ed25519Key, form.PrivateFormat.OpenSSH),
        (ec.EllipticCurvePrivateKey, paramiko.ECDSAKey, form.PrivateFormat.TraditionalOpenSSL),
        (rsa.RSAPrivateKey, paramiko.RSAKey, form.PrivateFormat.TraditionalOpenSSL),
    )
    read = _read(text)
    for kind, drivers, written in kinds:
        if isinstance(read, kind):
            return drivers.from_private_key(io.StringIO(_text(read, written).reveal()))
    raise NoKey(read if isinstance(read, str) else _UNREADABLE)


def new_pair() -> tuple[Password, str, str]:
    """Give a new Ed25519 key's private half, and its public half's kind and Base64."""
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - as above

    made = Ed25519PrivateKey.generate()
    public = made.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
    kind, blob = public.split()
    return _text(made, form.PrivateFormat.OpenSSH), kind, blob


def _read(text: Password) -> Any:  # noqa: ANN401 - as above
    """Give cryptography's key, or why there is none: an error of its own is not let out, for it may quote."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415 - as above

    content = text.reveal().encode()
    read = form.load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY" in content else form.load_pem_private_key
    try:
        return read(content, None)
    except TypeError:  # it wants a password
        return _LOCKED
    except (ValueError, UnsupportedAlgorithm):
        return _UNREADABLE


def _text(key: Any, written: Any) -> Password:  # noqa: ANN401 - as above
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415 - as above

    return Password(key.private_bytes(form.Encoding.PEM, written, form.NoEncryption()).decode())
