"""The store in one SQLite file: connections, snapshots, the writer. WAL and FULL: what was acknowledged survives."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from detent.model.ports import Clock
from detent.store.protocol import StoreUnusable, Tx
from detent.store.transaction import SqlTx
from detent.store.writer import Writer

T = TypeVar("T")

_BUSY_SECONDS = 30  # only a reader that meets a checkpoint or recovery waits; writers queue at the side file


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection as every one here must be. Raises StoreUnusable."""
    try:
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error as error:
        raise StoreUnusable(f"cannot open the store {path}: {error}") from None
    return connection


class SqliteStore:
    """`protocol.Store`. Each thread that reads gets a connection of its own."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Open a store that is migrated already."""
        self._path = path
        self._clock = clock
        self._threads = threading.local()
        self._readers: list[sqlite3.Connection] = []
        writing = connect(path)
        tx = SqlTx(writing.execute, clock, writable=True)
        self._writer = Writer(writing, tx, path.with_suffix(".lock"))

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Open a snapshot on this thread's connection."""
        connection, tx = self._reader()
        connection.execute("BEGIN")
        try:
            tx.at(connection.execute("PRAGMA data_version").fetchone()[0])  # inside, it pins the snapshot it describes
            yield tx
        finally:
            connection.execute("COMMIT")

    def submit(self, work: Callable[[Tx], T]) -> "Future[T]":
        """Run work in a write transaction; the future resolves after the commit."""
        return self._writer.submit(work)

    def write(self, work: Callable[[Tx], T]) -> T:
        """Run work like `submit`, and wait."""
        return self.submit(work).result()

    def close(self) -> None:
        """Finish what was submitted, then close every connection."""
        self._writer.close()
        for connection in self._readers:
            connection.close()

    def _reader(self) -> tuple[sqlite3.Connection, SqlTx]:
        found: tuple[sqlite3.Connection, SqlTx] | None = getattr(self._threads, "reader", None)
        if found is None:
            connection = connect(self._path)
            connection.execute("PRAGMA query_only = ON")
            self._readers.append(connection)
            found = self._threads.reader = (connection, SqlTx(connection.execute, self._clock, writable=False))
        return found
