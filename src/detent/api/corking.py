"""Writing together what one turn of the loop answers.

uvicorn writes a reply's head and body apart, each a system call that wakes the client. Held back until the turn's
other requests are answered, a reply is one write, and a client with many connections is woken once.
"""

import asyncio
from contextlib import suppress
from typing import Any


class Cork:
    """One loop's transports with something to write."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hold back what is written in this loop's turns."""
        self._loop = loop
        self._held: list[CorkedTransport] = []

    def hold(self, transport: "CorkedTransport") -> None:
        """Let the transport write at the end of this turn."""
        if not self._held:
            self._loop.call_soon(self._release)
        self._held.append(transport)

    def _release(self) -> None:
        held, self._held = self._held, []
        for transport in held:
            with suppress(Exception):  # a connection that broke must not keep the others' replies back
                transport.flush()


class CorkedTransport:
    """An asyncio transport whose writes leave at the end of the loop's turn, in order, as one."""

    def __init__(self, transport: asyncio.Transport, cork: Cork) -> None:
        """Write to this transport."""
        self._transport = transport
        self._cork = cork
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a transport has
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Keep the data for the end of the turn."""
        if not self._parts:
            self._cork.hold(self)
        self._parts.append(data)

    def flush(self) -> None:
        """Write what was kept, unless the connection is gone."""
        data, self._parts = b"".join(self._parts), []
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Write what was kept, then close."""
        self.flush()
        self._transport.close()
