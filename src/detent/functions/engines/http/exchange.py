"""Requests to one address that was checked, and their answers, each within the time that is left."""

import json
import socket
import ssl
from dataclasses import dataclass, field
from errno import ECONNREFUSED, EHOSTUNREACH, ENETUNREACH
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, Final

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.errors import EngineUnavailable
from detent.functions.tls import context_for

_PLAIN: Final = "disable"
_LARGEST: Final = 1 << 22
_PIECE: Final = 1 << 16
_WRONG_NAME: Final = frozenset({62, 64})  # OpenSSL's codes: host name, address
_LOST: Final = "the connection was lost: nothing that speaks HTTP as the secret says answers there, or it is ending"
_ERRNO: Final = {
    ECONNREFUSED: "unreachable: nothing listens on that port",
    EHOSTUNREACH: "unreachable: no route to the host",
    ENETUNREACH: "unreachable: no route to the network",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, what the body says as JSON (None where it says nothing so), and where a redirect would lead."""

    status: int
    said: Any = field(repr=False)
    location: str = ""

    def at(self, where: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Give what stands there, None if nothing does."""
        return found(self.said, where)


class Exchange:
    """One connection, kept from request to request."""

    def __init__(self, address: str, login: Login, mode: str, remaining: Remaining) -> None:
        self.mode = mode
        self._remaining = remaining
        context = None if mode == _PLAIN else context_for(login.settings, mode)
        self._connection = _Connection(address, login, context)

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answer:
        """Send one request and read its answer. Raises EngineUnavailable."""
        try:
            self._limit()
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            content = self._content(answer)
        except (OSError, HTTPException) as error:
            reason = _reason(error)
            self._connection.close()
        else:
            return Answer(answer.status, _decoded(content), answer.headers.get("Location", ""))
        raise EngineUnavailable(reason, self.mode)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _limit(self) -> None:
        self._connection.timeout = time_limit(self._remaining)
        if self._connection.sock is not None:
            self._connection.sock.settimeout(self._connection.timeout)

    def _content(self, answer: HTTPResponse) -> bytes:
        content = b""
        while piece := answer.read1(_PIECE):
            content += piece
            if len(content) > _LARGEST:
                raise HTTPException(f"more than {_LARGEST} bytes")
            self._limit()
        answer.close()  # its connection stays
        return content


def found(said: Any, where: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Give what stands at a dotted place in decoded JSON, None if nothing does."""
    for part in where.split("."):
        said = said.get(part) if isinstance(said, dict) else None
    return said


class _Connection(HTTPConnection):
    """Connects to the address that was checked, whenever it does."""

    def __init__(self, address: str, login: Login, context: ssl.SSLContext | None) -> None:
        super().__init__(login.host, login.port)
        self._address = address
        self._context = context

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a request's head and body are two packets
        if self._context is not None:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)


def _decoded(content: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _reason(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError(verify_code=code) if code in _WRONG_NAME:
            return (
                "the server's certificate is for another name: use the name it was made for as host, "
                'or check the CA only with "sslmode": "verify-ca"'
            )
        case ssl.SSLCertVerificationError():
            return 'the server\'s certificate was not accepted: give its CA (PEM text) as "sslrootcert" in the secret'
        case ssl.SSLError():
            return f"TLS failed: {error.reason}: check that the port speaks TLS"
        case TimeoutError():
            return "no answer in time: check the address, the port and firewalls"
        case OSError(errno=number) if number in _ERRNO:
            return _ERRNO[number]
    return _LOST
