"""Connections to an address that was checked, and why one failed: what the network, TLS or the certificate says.

Engines open their connection here, or see here that the server answers before a driver is let loose that says neither
clearly nor soon what failed. Those whose driver tells its causes in words find the same answers here as texts.
"""

import os
import socket
import ssl
from collections.abc import Mapping
from contextlib import ExitStack
from errno import ECONNREFUSED, EHOSTUNREACH, ENETUNREACH
from typing import Final, NamedTuple

from detent.functions.engines import Login
from detent.functions.errors import EngineUnavailable
from detent.functions.outbound import is_loopback, reachable_address
from detent.functions.tls import PREFER, context_for, tls_mode

PLAIN: Final = "disable"
OR_PLAINTEXT: Final = ', or allow plaintext with "ssl": false'
NO_ANSWER: Final = "no answer in time: check the address, the port and firewalls"
CLOSED: Final = "the server closed the connection"
OTHER_NAME: Final = (
    "the server's certificate is for another name: use the name it was made for as host, "
    'or check the CA only with "sslmode": "verify-ca"'
)
NOT_ACCEPTED: Final = (
    'the server\'s certificate was not accepted: give its CA (PEM text) as "sslrootcert" in the secret' + OR_PLAINTEXT
)
TLS_FAILED: Final = "TLS failed: check the server's TLS settings" + OR_PLAINTEXT
NO_TLS_THERE: Final = "that port offers no TLS: name the TLS port in the secret" + OR_PLAINTEXT
TLS_IS_OFF: Final = "the server offers no TLS: turn it on there" + OR_PLAINTEXT  # where it is told before TLS begins
NO_PLAINTEXT_THERE: Final = 'that port gives no answer in plaintext: if it speaks TLS, say "ssl": true in the secret'
_BY_NUMBER: Final = {
    ECONNREFUSED: "unreachable: nothing listens on that port",
    EHOSTUNREACH: "unreachable: no route to the host",
    ENETUNREACH: "unreachable: no route to the network",
}
UNREACHABLE: Final[Mapping[str, str]] = {os.strerror(number): reason for number, reason in _BY_NUMBER.items()}
_WRONG_NAME: Final = frozenset({62, 64})  # OpenSSL's codes: host name, address


class Place(NamedTuple):
    """An address that was checked, and the mode of TLS in which it is spoken to."""

    address: str
    mode: str


def located(login: Login, wait: float) -> Place:
    """Find the login's server, for a protocol that negotiates no TLS: on loopback there is none unless asked for.

    Raises EngineUnavailable.
    """
    address = reachable_address(login.host, login.port, wait)
    mode = tls_mode(login.settings, loopback=is_loopback(address))
    return Place(address, PLAIN if mode == PREFER else mode)


def require_answer(login: Login, place: Place, wait: float) -> None:
    """Connect, speak TLS where it is wanted, and end that. Raises EngineUnavailable that says what failed."""
    try:
        secured(login, place, wait).close()
    except OSError as error:
        failure = EngineUnavailable(network_reason(error), place.mode)
    else:
        return
    raise failure


def secured(login: Login, place: Place, wait: float) -> socket.socket:
    """Give a connection, over TLS unless the mode is ``disable``. Raises OSError, EngineUnavailable for the own CA."""
    with ExitStack() as closing:
        plain = closing.enter_context(connected(place.address, login.port, wait))
        secure = plain if place.mode == PLAIN else over_tls(plain, login, place.mode)
        closing.pop_all()
        return secure


def connected(address: str, port: int, wait: float) -> socket.socket:
    """Give a connection in plaintext. Raises OSError."""
    plain = socket.create_connection((address, port), wait)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or each small request waits 40 ms
    return plain


def over_tls(plain: socket.socket, login: Login, mode: str) -> ssl.SSLSocket:
    """Speak TLS, to the name that the login says. Raises OSError, EngineUnavailable for the own CA."""
    return context_for(login.settings, mode).wrap_socket(plain, server_hostname=login.host)


def network_reason(error: OSError) -> str:
    """Say what an error of a connection means, or of TLS that was spoken from the start."""
    match error:
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER") | ssl.SSLEOFError():
            return NO_TLS_THERE
        case ssl.SSLError():
            return tls_reason(error)
        case TimeoutError():
            return NO_ANSWER
        case ConnectionResetError():
            return CLOSED
    return _BY_NUMBER.get(error.errno or 0) or f"unreachable: {error.strerror or 'the connection was lost'}"


def tls_reason(error: ssl.SSLError) -> str:
    """Say what an error of TLS means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return OTHER_NAME if error.verify_code in _WRONG_NAME else NOT_ACCEPTED
    return TLS_FAILED.replace(":", f" ({error.reason}):", 1) if error.reason else TLS_FAILED
