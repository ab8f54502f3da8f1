"""The Lambda Runtime API (2018-06-01), and credentials, for one function's process and nobody else."""

import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import BaseServer
from typing import Any, cast

from detent.runtime.credentials import told
from detent.runtime.exchange import Answer, Event, Exchange
from detent.runtime.peers import LOOPBACK, Peer, peer_of
from detent.runtime.telling import failure, too_large

API = "/2018-06-01/runtime/"
CREDENTIALS = "/credentials"
_JSON = "application/json"  # without a type AWS's own client crashes
_CONNECTIONS = {True: 16, False: 4}  # at once: of the process itself, and of strangers, who are told that they are
_STRANGERS_SECONDS = 2
_LINE = 128  # bytes of a line that tells a chunk's size
_ANSWER_PARTS = 3  # invocation/<id>/response


class Endpoint:
    """An HTTP server on a loopback port of its own. What does not come from the process itself is refused."""

    def __init__(self, exchange: Exchange, is_its: Callable[[Peer], bool], payload_bytes: int) -> None:
        """Listen, and answer from the exchange."""
        self.exchange, self.is_its, self.payload_bytes = exchange, is_its, payload_bytes
        self.reading = threading.Lock()  # one body at a time, so that a function cannot fill the server's memory
        self._rooms = {known: threading.BoundedSemaphore(most) for known, most in _CONNECTIONS.items()}
        self.token = secrets.token_urlsafe()  # that SDKs send for credentials
        self._listener = socket.create_server((LOOPBACK, 0))
        self.address = f"{LOOPBACK}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, name="runtime API", daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, address = self._listener.accept()
            except OSError:  # closed
                return
            known = self._knows(connection)
            if self._rooms[known].acquire(blocking=False):
                given = (connection, address, known)
                threading.Thread(target=self._answer, args=given, name="runtime API", daemon=True).start()
            else:
                connection.close()

    def _knows(self, connection: socket.socket) -> bool:
        with contextlib.suppress(OSError):
            peer = peer_of(connection)
            return peer is not None and self.is_its(peer)
        return False

    def _answer(self, connection: socket.socket, address: Any, known: bool) -> None:  # noqa: ANN401 - as accept gives it
        answers = _Conversation if known else _Refusal
        try:
            with connection, contextlib.suppress(OSError, ValueError):  # it may end at any moment, or talk nonsense
                answers(connection, address, cast("BaseServer", self))  # which it only hands on
        finally:
            self._rooms[known].release()

    def close(self) -> None:
        """Listen no more. Connections end with the process at their other end."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()


class _Speaker(BaseHTTPRequestHandler):
    """What one end of a connection says."""

    protocol_version = "HTTP/1.1"  # so that it is kept
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Endpoint  # type: ignore[assignment]

    def say(self, status: HTTPStatus, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Answer."""
        self.send_response_only(status)
        for name, value in {"Content-Type": _JSON, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status: HTTPStatus, why: str) -> None:
        """Answer with an error, and end the connection."""
        self.close_connection = True
        self.say(status, failure(status.phrase.replace(" ", ""), why))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Stay silent: the server's log is not the function's."""


class _Refusal(_Speaker):
    """A connection that does not come from the process itself."""

    timeout = _STRANGERS_SECONDS

    def do_GET(self) -> None:
        """Refuse."""
        self.refuse(HTTPStatus.FORBIDDEN, "This address is another function's.")

    do_POST = do_GET  # noqa: N815 - the base class's name


class _Conversation(_Speaker):
    """A connection of the process itself."""

    def do_GET(self) -> None:
        """Give the next event, or credentials."""
        if self.path == API + "invocation/next":
            self._next()
        elif self.path == CREDENTIALS and self._has_token():
            self.say(HTTPStatus.OK, told(self.server.exchange.credentials()))
        else:
            self.refuse(HTTPStatus.NOT_FOUND, f"There is no {self.path} here.")

    def do_POST(self) -> None:
        """Take an answer."""
        with self.server.reading:
            body = self._body()
        parts = self.path.removeprefix(API).split("/")
        if parts == ["init", "error"]:
            self.server.exchange.failed_to_start(Answer(body or b"{}", failed=True, ends=True))
            self.say(HTTPStatus.ACCEPTED, b'{"status":"OK"}')
        elif len(parts) == _ANSWER_PARTS and parts[0] == "invocation" and parts[2] in ("response", "error"):
            self._answer(parts[1], body, failed=parts[2] == "error")
        else:
            self.refuse(HTTPStatus.NOT_FOUND, f"There is no {self.path} here.")

    def _has_token(self) -> bool:
        given = self.headers["Authorization"] or ""
        return secrets.compare_digest(given.encode(), self.server.token.encode())

    def _next(self) -> None:
        taken = self.server.exchange.take(self._listens)
        if taken is None:
            self.close_connection = True
            return
        event, seconds = taken
        self.say(HTTPStatus.OK, event.payload, _headers(event, seconds))

    def _listens(self) -> bool:
        """Say whether the other end is still there; it has nothing to say while it waits."""
        try:
            return bool(self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True

    def _answer(self, request_id: str, body: bytes | None, *, failed: bool) -> None:
        if body is None:
            said = too_large(self.server.payload_bytes)
            self.server.exchange.answer(request_id, Answer(said, failed=True, ends=True))
            self.close_connection = True
            self.say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, said)
        elif self.server.exchange.answer(request_id, Answer(body, failed)):
            self.say(HTTPStatus.ACCEPTED, b'{"status":"OK"}')
        else:
            self.refuse(HTTPStatus.BAD_REQUEST, f"The request {request_id} is not being answered.")

    def _body(self) -> bytes | None:
        """Read the body; None: it is larger than may be. The connection cannot be used on then."""
        most = self.server.payload_bytes
        if "chunked" in (self.headers["Transfer-Encoding"] or ""):
            body = b"".join(self._chunks(most))
        else:
            length = max(0, int(self.headers["Content-Length"] or 0))
            body = self.rfile.read(min(length, most + 1))
        self.close_connection |= len(body) > most
        return body if len(body) <= most else None

    def _chunks(self, most: int) -> Iterator[bytes]:
        while most >= 0 and (size := max(0, int(self.rfile.readline(_LINE).partition(b";")[0], 16))):
            yield self.rfile.read(min(size, most + 1))
            most -= size
            self.rfile.readline(_LINE)
        if most >= 0:
            self.rfile.readline(_LINE)


def _headers(event: Event, seconds: float) -> dict[str, str]:
    return {
        "Lambda-Runtime-Aws-Request-Id": event.request_id,
        "Lambda-Runtime-Deadline-Ms": str(int((time.time() + seconds) * 1000)),
        "Lambda-Runtime-Invoked-Function-Arn": event.arn,
        "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Sampled=0",
    }
