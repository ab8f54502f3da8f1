"""Limits the HTTP server itself lacks: how large, and how slow, a request's head may be."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 * 1024  # bytes of request line and headers
HEAD_SECONDS = 20


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's httptools protocol; closes a connection whose request head is too large or too slow."""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - asyncio's transport
        """Start the clock for the first head."""
        super().connection_made(transport)
        self._head = 0
        self._timer: asyncio.TimerHandle | None = self.loop.call_later(HEAD_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        """Count what arrives while a head is incomplete."""
        if self._timer is not None:
            self._head += len(data)
            if self._head > MAX_HEAD + len(data):
                self.transport.close()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Start the clock for a later head on the same connection."""
        super().on_message_begin()
        if self._timer is None:
            self._head = 0
            self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_headers_complete(self) -> None:
        """Stop the clock, and refuse a head that came whole but too large."""
        self._stop()
        if sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD:
            self.transport.close()
            return
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop()
        super().connection_lost(exc)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
