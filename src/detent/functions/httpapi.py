"""An HTTP API that speaks JSON, for engines whose servers are asked that way.

Requests go to the one address that was checked, by TLS to the name that the secret says; no proxy, no redirection.
HTTP negotiates no TLS: on loopback there is none unless it is asked for, elsewhere it is verified. The connection is
kept. One that is lost stays lost, so that nothing is sent twice; one that the server said it would end is made anew.
"""

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from errno import ECONNREFUSED, EHOSTUNREACH, ENETUNREACH
from typing import Any, Final

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.errors import EngineUnavailable
from detent.functions.outbound import is_loopback, reachable_address
from detent.functions.tls import PREFER, context_for, tls_mode

_PLAIN: Final = "disable"
_LOST: Final = "the connection was lost"
_NO_ANSWER: Final = "no answer in time: check the address, the port and firewalls"
_PLAIN_TO_TLS: Final = 'that port gives no answer in plaintext: if it speaks TLS, say "ssl": true in the secret'
_ERRNO: Final = {
    ECONNREFUSED: "unreachable: nothing listens on that port",
    EHOSTUNREACH: "unreachable: no route to the host",
    ENETUNREACH: "unreachable: no route to the network",
}
_WRONG_NAME: Final = frozenset({62, 64})  # OpenSSL's codes: host name, address


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered; ``body`` is None where that is no JSON."""

    status: int
    body: Any

    @property
    def is_good(self) -> bool:
        """Whether the server did what it was asked."""
        return http.client.OK <= self.status < http.client.MULTIPLE_CHOICES

    def told(self, member: str) -> str:
        """Give what a member of the body says, empty where there is none."""
        return str(self.body[member]) if isinstance(self.body, dict) and member in self.body else ""


class HttpApi:
    """The API of a login's server."""

    def __init__(self, login: Login, remaining: Remaining) -> None:
        """Find the address and how it is spoken to. Raises EngineUnavailable."""
        self._login = login
        self._remaining = remaining
        self._address = reachable_address(login.host, login.port, time_limit(remaining))
        self.mode = _mode(login, self._address)
        self._context = None if self.mode == _PLAIN else context_for(login.settings, self.mode)
        self._connection = http.client.HTTPConnection(login.host, login.port)
        self._connection.auto_open = 0
        self._answered = False
        self._ended = False

    def ask(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> Reply:
        """Send one request, once, and give its answer. Raises EngineUnavailable where there is none."""
        limit = time_limit(self._remaining)
        if self._ended:
            raise EngineUnavailable(_LOST, self.mode)
        if self._connection.sock is None:
            self._connection.sock = self._connected(limit)
        self._connection.sock.settimeout(limit)
        text = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, path, text, {"Content-Type": "application/json", **headers})
            answer = self._connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            failure = EngineUnavailable(self._not_answered(error), self.mode)
        else:
            self._answered = True
            return Reply(answer.status, _parsed(said))
        self.close()
        raise failure

    def close(self) -> None:
        """End the connection, for good; never raises."""
        self._ended = True
        self._connection.close()

    def _connected(self, limit: float) -> socket.socket:
        try:
            plain = socket.create_connection((self._address, self._login.port), timeout=limit)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a request's head and body are two packets
            return self._context.wrap_socket(plain, server_hostname=self._login.host) if self._context else plain
        except OSError as error:
            failure = EngineUnavailable(_unreached(error), self.mode)
        raise failure

    def _not_answered(self, error: Exception) -> str:
        if self._answered:
            return f"{_LOST} ({_NO_ANSWER})" if isinstance(error, TimeoutError) else _LOST
        if isinstance(error, TimeoutError):
            return _NO_ANSWER
        return _PLAIN_TO_TLS if self.mode == _PLAIN else f"{_LOST}: check that HTTP is spoken on that port"


def _mode(login: Login, address: str) -> str:
    mode = tls_mode(login.settings, loopback=is_loopback(address))
    return _PLAIN if mode == PREFER else mode


def _parsed(said: bytes) -> Any:  # noqa: ANN401 - whatever the server says
    try:
        return json.loads(said)
    except (ValueError, RecursionError):
        return None


def _unreached(error: OSError) -> str:
    match error:
        case ssl.SSLError():
            return _tls_failed(error)
        case TimeoutError():
            return _NO_ANSWER
        case OSError(errno=number) if number in _ERRNO:
            return _ERRNO[number]
    return f"unreachable: {error.strerror or 'the server closed the connection'}"


def _tls_failed(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _WRONG_NAME:
        return (
            "the server's certificate is for another name: use the name it was made for as host, "
            'or check the CA only with "sslmode": "verify-ca"'
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            "the server's certificate was not accepted: give its CA (PEM text) as "
            '"sslrootcert" in the secret, or allow plaintext with "ssl": false'
        )
    if error.reason in {"WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING"}:
        return 'that port offers no TLS: name the TLS port, or allow plaintext with "ssl": false in the secret'
    return f'TLS failed ({error.reason}): check the server\'s TLS settings, or allow plaintext with "ssl": false'
