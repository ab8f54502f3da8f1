"""Limits the HTTP server itself lacks: how large a request's head may be, and how slow a request may arrive."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 * 1024  # bytes of request line and headers
REQUEST_SECONDS = 30  # from its first byte, or the connection, to its last byte


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's httptools protocol; closes a connection whose request is too large in its head, or too slow."""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - asyncio's transport
        """Start the clock for the first request."""
        super().connection_made(transport)
        self._head = 0  # bytes since a head began; None of them counts once it is complete
        self._in_head = True
        self._timer: asyncio.TimerHandle | None = None
        self._start()

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
        self._head, self._in_head = 0, True
        self._start()

    def on_headers_complete(self) -> None:
        """Refuse a head that came whole but too large."""
        self._in_head = False
        if sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD:
            self.transport.close()
            return
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop the clock: all of the request is here."""
        self._stop()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop()
        super().connection_lost(exc)

    def _start(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(REQUEST_SECONDS, self.transport.close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
