"""The store in one SQLite file: connections, snapshots, the writer. WAL and FULL: what was acknowledged survives."""

import itertools
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from detent.model.errors import ReadOnlyTransaction
from detent.model.ports import Clock
from detent.store.protocol import StoreUnusable, Tx
from detent.store.steady import Steady
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


class Reader:
    """One connection that only reads, used by one thread at a time."""

    __slots__ = ("connection", "number", "tx")

    def __init__(self, path: Path, clock: Clock, number: int, steady: Steady | None) -> None:
        """Open it; `number` tells it from every other of the process."""
        self.connection = connect(path)
        self.connection.execute("PRAGMA query_only = ON")
        self.tx = SqlTx(self.connection.execute, clock, writable=False, steady=steady)
        self.number = number

    def stamp(self) -> tuple[int, int]:
        """Give the snapshot's stamp: versions seen through different connections cannot be compared."""
        return self.number, self.connection.execute("PRAGMA data_version").fetchone()[0]


class SqliteStore:
    """`protocol.Store`. Readers are lent out, the one last used first: threads come and go, their rows stay kept."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        committed: Callable[[], None] = lambda: None,
        settle: Callable[[Tx], None] = lambda _tx: None,
        committing: Callable[[Tx], None] = lambda _tx: None,
        *,
        steady: Steady | None = None,
    ) -> None:
        """Open a store that is migrated already.

        `committed` is called after each commit of this process, `committing` before it, within the transaction; if
        that raises, nothing is committed, and whoever submitted the work is told. `settle` is called at the end of each
        unit of work, within its transaction, to do what follows from what it changed. `steady` is the clock of leases.
        """
        self._path = path
        self._clock = clock
        self._steady = steady
        self._settle = settle
        self._numbers = itertools.count()
        self._idle: deque[Reader] = deque()
        writing = connect(path)
        tx = SqlTx(writing.execute, clock, writable=True, steady=steady)
        self._writer = Writer(writing, tx, path.with_suffix(".lock"), committing, committed)

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Open a snapshot."""
        reader = self.borrow()
        reader.connection.execute("BEGIN")
        try:
            reader.tx.at(reader.stamp())  # within the transaction, asking pins the snapshot it describes
            yield reader.tx
        finally:
            reader.connection.execute("COMMIT")
            self.give_back(reader)

    def glance(self, known: object = None) -> "Glance":
        """Open a snapshot that costs next to nothing while all that is asked lies in the rows kept."""
        return Glance(self, known)

    def submit(self, work: Callable[[Tx], T]) -> "Future[T]":
        """Run work in a write transaction; the future resolves after the commit."""
        return self._writer.submit(self._settled(work))

    def write(self, work: Callable[[Tx], T], *, lasts: bool = True) -> T:
        """Run work like `submit`, and wait; for the disk too, if it is to last."""
        result: T = self._writer.write([self._settled(work)], lasts=lasts)[0].result()
        return result

    def write_together(self, works: Sequence[Callable[[Tx], T]]) -> "list[Future[T]]":
        """Run works one after the other, each undone by itself should it raise, and wait for all."""
        return self._writer.write([self._settled(work) for work in works])

    def leave(self, work: Callable[[Tx], T], *, lasts: bool = True) -> "Future[T]":
        """Run work with the next commit, whoever makes it; within a second there is one."""
        return self._writer.leave(self._settled(work), lasts=lasts)

    def _settled(self, work: Callable[[Tx], T]) -> Callable[[Tx], T]:
        def settled(tx: Tx) -> T:
            tx.changed()  # what was undone before leaves nothing to settle
            result = work(tx)
            self._settle(tx)
            return result

        return settled

    def close(self) -> None:
        """Finish what was submitted, then close every connection."""
        self._writer.close()
        while self._idle:
            self._idle.pop().connection.close()

    def borrow(self) -> Reader:
        """Take a reader out, to be given back."""
        try:
            return self._idle.pop()
        except IndexError:
            return Reader(self._path, self._clock, next(self._numbers), self._steady)

    def give_back(self, reader: Reader) -> None:
        """Let the next one have it."""
        self._idle.append(reader)


class Glance:
    """A snapshot that is begun only when a statement needs it; until then the rows kept under its stamp serve.

    A class of its own, because a generator's context manager costs as much as the query.
    """

    __slots__ = ("_known", "_reader", "_store")

    def __init__(self, store: SqliteStore, known: object) -> None:
        """Borrow a reader of this store for as long as it lasts."""
        self._store = store
        self._known = known

    def __enter__(self) -> Tx:
        """Ask for the stamp, unless the caller knows it."""
        self._reader = self._store.borrow()
        if self._known is None or self._known != self._reader.tx.stamp:
            self._reader.tx.at(self._reader.stamp())
        self._reader.tx.opening = self._open
        return self._reader.tx

    def __exit__(self, *_: object) -> None:
        """End the snapshot, if one was needed."""
        self._reader.tx.opening = None
        if self._reader.connection.in_transaction:
            self._reader.connection.execute("COMMIT")
        self._store.give_back(self._reader)

    def _open(self) -> None:
        self._reader.connection.execute("BEGIN")
        if self._reader.stamp() != self._reader.tx.stamp:
            raise ReadOnlyTransaction  # what was seen under the stamp is stale: to be read again elsewhere
