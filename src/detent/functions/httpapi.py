"""An HTTP API that speaks JSON, for engines whose servers are asked that way.

Requests go to the one address that was checked, by TLS to the name that the secret says; no proxy, no redirection.
The connection is kept. One that is lost stays lost, so that nothing is sent twice; one that the server said it would
end is made anew. No answer is read beyond a size, nor beyond the time that is left.
"""

import json
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import MULTIPLE_CHOICES, OK, HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import Any, Final

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.errors import EngineUnavailable
from detent.functions.network import NO_ANSWER, NO_PLAINTEXT_THERE, OR_PLAINTEXT, PLAIN, Place, network_reason, secured

_LARGEST: Final = 10_000_000  # bytes of an answer
_PIECE: Final = 1 << 16
_LOST: Final = "the connection was lost"
_JSON: Final = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered; ``body`` is None where that is no JSON, ``location`` where a redirect would lead."""

    status: int
    body: Any = field(repr=False)
    location: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the server did what it was asked."""
        return OK <= self.status < MULTIPLE_CHOICES

    def told(self, member: str) -> str:
        """Give what a member of the body says, empty where there is none."""
        return str(self.body[member]) if isinstance(self.body, dict) and member in self.body else ""


class HttpApi:
    """The API of a login's server at a place that was checked.

    ``needs_tls``: no reason advises plaintext.
    """

    def __init__(self, login: Login, place: Place, remaining: Remaining, *, needs_tls: bool = False) -> None:
        self.mode = place.mode
        self._login = login
        self._place = place
        self._remaining = remaining
        self._needs_tls = needs_tls
        self._connection = HTTPConnection(login.host, login.port)
        self._connection.auto_open = 0
        self._answered = False
        self._ended = False

    def ask(self, method: str, path: str, body: object, headers: Mapping[str, str | bytes]) -> Reply:
        """Send one request, once, and give its answer. Raises EngineUnavailable where there is none."""
        connection = self._open()
        try:
            with ExitStack() as unless_answered:
                unless_answered.callback(self.close)
                reply = self._exchanged(connection, method, path, body, headers)
                unless_answered.pop_all()
        except (OSError, HTTPException) as error:
            failure = EngineUnavailable(self._not_answered(error), self.mode)
        else:
            self._answered = True
            return reply
        raise failure

    def close(self) -> None:
        """End the connection, for good; never raises."""
        self._ended = True
        self._connection.close()

    def _open(self) -> socket.socket:
        limit = time_limit(self._remaining)
        if self._ended:
            raise EngineUnavailable(_LOST, self.mode)
        if self._connection.sock is None:
            self._connection.sock = self._connected(limit)
        self._connection.sock.settimeout(limit)
        return self._connection.sock

    def _connected(self, limit: float) -> socket.socket:
        try:
            return secured(self._login, self._place, limit)
        except OSError as error:
            reason = network_reason(error)
        raise EngineUnavailable(reason.removesuffix(OR_PLAINTEXT) if self._needs_tls else reason, self.mode)

    def _exchanged(
        self, connection: socket.socket, method: str, path: str, body: object, headers: Mapping[str, str | bytes]
    ) -> Reply:
        text = None if body is None else json.dumps(body)
        self._connection.request(method, path, text, headers if body is None else completed(headers, _JSON))
        answer = self._connection.getresponse()
        content = self._content(answer, connection)
        return Reply(answer.status, _parsed(content), answer.headers.get("Location", ""))

    def _content(self, answer: HTTPResponse, connection: socket.socket) -> bytes:
        content = bytearray()
        while piece := answer.read1(_PIECE):
            content += piece
            if len(content) > _LARGEST:
                raise EngineUnavailable(f"the server's answer is larger than {_LARGEST} bytes", self.mode)
            connection.settimeout(time_limit(self._remaining))  # closed or not, the answer comes over it
        if answer.length:  # it ended before all of it was there
            raise IncompleteRead(bytes(content), answer.length)
        answer.close()  # its connection stays
        return bytes(content)

    def _not_answered(self, error: Exception) -> str:
        if self._answered or isinstance(error, IncompleteRead):
            return f"{_LOST} ({NO_ANSWER})" if isinstance(error, TimeoutError) else _LOST
        if isinstance(error, TimeoutError):
            return NO_ANSWER
        return NO_PLAINTEXT_THERE if self.mode == PLAIN else f"{_LOST}: check that HTTP is spoken on that port"


def completed(headers: Mapping[str, str | bytes], usual: Mapping[str, str]) -> Mapping[str, str | bytes]:
    """Add the usual headers that are not among them, in whatever letters."""
    named = {name.lower() for name in headers}
    return {**{name: text for name, text in usual.items() if name.lower() not in named}, **headers}


def _parsed(said: bytes) -> Any:  # noqa: ANN401 - whatever the server says
    try:
        return json.loads(said)
    except (ValueError, RecursionError):
        return None
