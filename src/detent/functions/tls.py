"""What a secret may wish of TLS, the same for every engine that speaks it, and where certificates come from.

The keys: ``ssl`` (true, false, or either as text), ``sslmode`` (one of MODES, stronger than ``ssl``) and
``sslrootcert`` (the own CA as PEM text). Without any wish a server is verified in full, and on loopback TLS is taken
when it is offered; that is the only mode with a way back to plaintext.
"""

import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from detent.functions.errors import EngineUnavailable

MODES: Final = ("disable", "require", "verify-ca", "verify-full")
PREFER: Final = "prefer"
TLS_KEYS: Final[Mapping[str, str]] = {
    "ssl": "true: TLS, verified in full; false: none. Missing: verified in full, on loopback as the server offers it",
    "sslmode": "disable, require, verify-ca or verify-full",
    "sslrootcert": "the own CA's certificate as PEM text; else the system's CAs",
}
NAMED: Final = "verify-full"
VERIFIED: Final = frozenset({"verify-ca", NAMED})


def tls_faults(value: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the three keys; empty if nothing."""
    switch, mode, own = _switch(value), value.get("sslmode"), value.get("sslrootcert")
    found = []
    if switch is None and value.get("ssl") is not None:
        found.append('"ssl" must be true or false')
    if mode is not None and mode not in MODES:
        found.append(f'"sslmode" must be one of {", ".join(MODES)}')
    if mode is not None and switch is not None and (mode == "disable") is switch:
        found.append('"ssl" and "sslmode" contradict each other')
    if own is not None and not (isinstance(own, str) and "-----BEGIN CERTIFICATE-----" in own):
        found.append('"sslrootcert" must be the CA\'s certificate as PEM text')
    return found


def tls_mode(value: Mapping[str, Any], *, loopback: bool) -> str:
    """Return one of MODES or PREFER."""
    if value.get("sslmode") is not None:
        return str(value["sslmode"])
    switch = _switch(value)
    if switch is False:
        return "disable"
    if switch is None and loopback and value.get("sslrootcert") is None:
        return PREFER
    return NAMED


@contextmanager
def root_certificates(value: Mapping[str, Any]) -> Iterator[str]:
    """Give the path of a file of CAs: the secret's own, private and only while this lasts, else the system's."""
    if value.get("sslrootcert") is None:
        yield _system_roots()
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem", encoding="utf-8") as file:
        file.write(value["sslrootcert"])
        file.flush()
        yield file.name


def context_for(value: Mapping[str, Any], mode: str) -> ssl.SSLContext:
    """Return what drivers take that use Python's TLS, the same object for the same wishes: to make one takes long.

    ``require`` verifies only by the secret's own CA, and as ``verify-ca`` it takes any name; ``prefer`` verifies
    nothing. Raises EngineUnavailable where ``sslrootcert`` cannot be read.
    """
    return _context(mode, value.get("sslrootcert"))


def own_context_for(value: Mapping[str, Any], mode: str) -> ssl.SSLContext:
    """Return one that is nobody else's, for a driver that changes what it is given."""
    return _made(mode, value.get("sslrootcert"))


@lru_cache(maxsize=64)
def _context(mode: str, own: str | None) -> ssl.SSLContext:
    return _made(mode, own)


def _made(mode: str, own: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = mode == NAMED
    if mode not in VERIFIED and (mode == PREFER or own is None):
        context.verify_mode = ssl.CERT_NONE
    elif own is None:
        context.load_default_certs()
    elif not _trusts(context, own):
        raise EngineUnavailable(
            "the server's certificate was not accepted: \"sslrootcert\" in the secret holds no CA's certificate that "
            "can be read (PEM text)",
            mode,
        )
    return context


def _trusts(context: ssl.SSLContext, own: str) -> bool:
    try:
        context.load_verify_locations(cadata=own)
    except (ssl.SSLError, TypeError):  # TypeError: not ASCII
        return False
    return True


def _system_roots() -> str:
    # Drivers that bring their own OpenSSL look for CAs where it was built; libpq takes "system" for that.
    declared = ssl.get_default_verify_paths().cafile
    places = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
    return next((place for place in (declared, *places) if place and Path(place).is_file()), "system")


def _switch(value: Mapping[str, Any]) -> bool | None:
    """AWS: its templates take true and false, and both as text in any case."""
    ssl_key = value.get("ssl")
    if isinstance(ssl_key, str):
        return {"true": True, "false": False}.get(ssl_key.lower())
    return ssl_key if isinstance(ssl_key, bool) else None
