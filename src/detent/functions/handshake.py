"""Seeing that a server answers, and that its certificate holds, for drivers that say neither clearly nor soon.

One connection, ended before the driver makes its own; nothing is sent over it but a TLS handshake.
"""

import socket
import ssl
from contextlib import ExitStack
from typing import Final

from detent.functions.engines import Login
from detent.functions.errors import EngineUnavailable
from detent.functions.tls import context_for

NO_ANSWER: Final = "no answer in time: check the address, the port and firewalls"
_OTHER_NAME: Final = (
    "the server's certificate is for another name: use the name it was made for as host, "
    'or check the CA only with "sslmode": "verify-ca"'
)
_NOT_ACCEPTED: Final = (
    "the server's certificate was not accepted: give its CA (PEM text) as "
    '"sslrootcert" in the secret, or allow plaintext with "ssl": false'
)
_NO_TLS: Final = 'that port offers no TLS: name the TLS port, or allow plaintext with "ssl": false in the secret'
_WRONG_NAME: Final = frozenset({62, 64})  # OpenSSL's codes: host name, address


def require_answer(login: Login, address: str, mode: str, wait: float) -> None:
    """Connect, and speak TLS where ``mode`` wants it. Raises EngineUnavailable that says what failed."""
    try:
        secured(login, address, mode, wait).close()
    except OSError as error:
        failure = EngineUnavailable(network_reason(error), mode)
    else:
        return
    raise failure


def secured(login: Login, address: str, mode: str, wait: float) -> socket.socket:
    """Give a connection to the address, over TLS as the login's host unless the mode is ``disable``. Raises OSError."""
    with ExitStack() as closing:
        plain = closing.enter_context(socket.create_connection((address, login.port), wait))
        if mode != "disable":
            plain = context_for(login.settings, mode).wrap_socket(plain, server_hostname=login.host)
        closing.pop_all()
        return plain


def network_reason(error: BaseException) -> str:
    """Say what an error of a connection or a handshake means."""
    if isinstance(error, ssl.SSLError):
        return _of_tls(error)
    if isinstance(error, TimeoutError):
        return NO_ANSWER
    if isinstance(error, ConnectionRefusedError):
        return "unreachable: nothing listens on that port"
    if isinstance(error, OSError):
        return f"unreachable: {error.strerror or 'the connection was lost'}"
    return f"not usable; the driver said: {error}"


def _of_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _OTHER_NAME if error.verify_code in _WRONG_NAME else _NOT_ACCEPTED
    if isinstance(error, ssl.SSLEOFError) or error.reason == "WRONG_VERSION_NUMBER":
        return _NO_TLS
    return f'TLS failed ({error.reason}): check the server\'s TLS settings, or allow plaintext with "ssl": false'
