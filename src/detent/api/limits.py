"""Limits the HTTP server itself lacks: how large a request's head may be, and how slow a request may arrive."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from detent.api.turn import CorkedTransport, Turn

MAX_HEAD = 64 * 1024  # bytes of request line and headers
REQUEST_SECONDS = 30  # from its first byte, or the connection, to its last byte


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's httptools protocol; closes a connection whose request is too large in its head, or too slow."""

    def __init__(self, *arguments: Any, turn: Turn, **settings: Any) -> None:  # noqa: ANN401 - uvicorn's
        """Reply at the end of these turns; the rest is uvicorn's."""
        super().__init__(*arguments, **settings)
        self._turn = turn

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - asyncio's transport
        """Start the clock for the first request."""
        super().connection_made(CorkedTransport(transport, self._turn))  # type: ignore[arg-type]
        self._head = 0  # bytes since a head began
        self._in_head = True
        self._since: float | None = self.loop.time()  # since when a request is incomplete; None: none is
        self._timer = self.loop.call_later(REQUEST_SECONDS, self._look)

    def data_received(self, data: bytes) -> None:
        """Count what arrives while a head is incomplete."""
        if self._in_head:
            self._head += len(data)
            if self._head - len(data) > MAX_HEAD:
                self.transport.close()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Start the clock for a later request on the same connection."""
        super().on_message_begin()
        self._in_head = True
        if self._since is None:
            self._since = self.loop.time()

    def on_headers_complete(self) -> None:
        """Refuse a head that came whole but too large."""
        arrived, self._head, self._in_head = self._head, 0, False
        if arrived > MAX_HEAD and sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD:
            self.transport.close()
            return
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop the clock: all of the request is here."""
        self._since = None
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        """Close the connection if its request is overdue; one timer a connection, because one a request costs more."""
        now = self.loop.time()
        due = REQUEST_SECONDS if self._since is None else self._since + REQUEST_SECONDS - now
        if due <= 0:
            self.transport.close()
        else:
            self._timer = self.loop.call_later(due, self._look)
