"""One turn of a worker's event loop as one batch: one look at the store's stamp, one audit write, one write a reply.

A turn answers every request that had arrived when it began. So the stamp that the first of them saw holds for all:
whatever was acknowledged before any of them was sent, was committed before the turn looked. And as no reply leaves
before the turn ends, the audit records of all can be written together just before.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from detent.model.ports import AuditBatch


class Turn:
    """What the requests of one turn share; it ends by itself, after the last of them."""

    def __init__(self, records: AuditBatch | None = None) -> None:
        """Write these records before the replies; None: nobody batches any."""
        self.stamp: object = None  # of the snapshot seen in this turn; None: none was yet
        self._records = records
        self._held: list[CorkedTransport] = []
        self._is_open = False

    def saw(self, stamp: object) -> None:
        """Remember a stamp until the turn ends."""
        self._open()
        self.stamp = stamp

    def hold(self, transport: "CorkedTransport") -> None:
        """Let the transport write when the turn ends."""
        self._open()
        self._held.append(transport)

    def _open(self) -> None:
        if not self._is_open:
            self._is_open = True
            asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        """Write the records, then the replies; if the records cannot be written no reply leaves: fail closed."""
        held, self._held, self.stamp, self._is_open = self._held, [], None, False
        try:
            if self._records is not None:
                self._records.write()
        except OSError as error:
            logging.getLogger(__name__).error("%s replies were held back, the audit trail failed: %s", len(held), error)  # noqa: TRY400 - a traceback would show nothing more
            for transport in held:
                transport.abort()
            return
        for transport in held:
            with suppress(Exception):  # a connection that broke must not keep the others' replies back
                transport.flush()


class CorkedTransport:
    """An asyncio transport whose writes leave at the end of the loop's turn, in order, as one.

    uvicorn writes a reply's head and body apart, each a system call that wakes the client.
    """

    def __init__(self, transport: asyncio.Transport, turn: Turn) -> None:
        """Write to this transport."""
        self._transport = transport
        self._turn = turn
        self._parts: list[bytes] = []
        self._is_closing = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a transport has
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Keep the data for the end of the turn."""
        if not self._parts:
            self._turn.hold(self)
        self._parts.append(data)

    def flush(self) -> None:
        """Write what was kept, unless the connection is gone; then close, if that was asked for."""
        data, self._parts = b"".join(self._parts), []
        if data and not self._transport.is_closing():
            self._transport.write(data)
        if self._is_closing:
            self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is closing, or will when the turn ends."""
        return self._is_closing or self._transport.is_closing()

    def close(self) -> None:
        """Close, once what was kept has been written."""
        self._is_closing = True
        if not self._parts:
            self._transport.close()

    def abort(self) -> None:
        """Close without writing what was kept."""
        self._parts = []
        self._transport.abort()
