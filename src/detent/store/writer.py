"""One writer at a time, with group commit: a savepoint a request, one fsync a batch.

FULL durability then costs 3 % of the rate of NORMAL (ADR 0001). An `flock` around each batch keeps the writers of
several processes fair: SQLite's own waiting starves one of two busy processes.

Who waits for its write commits it itself, with everything else that is queued; a thread does it for those who must
not wait, such as an event loop. What nobody waits for is left in the queue for whoever commits next.

A batch waits for the disk unless none of its jobs needs to last: SQLite then writes the log and does not sync it. What
was written so is seen at once, survives the death of every process, and is on the disk with the next batch that lasts.
"""

import fcntl
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detent.store.protocol import Tx

MAX_BATCH = 256
_LINGER = 1.0  # seconds at most for what was left to whoever commits next


@dataclass(frozen=True, slots=True)
class Job:
    """Work to run in a write transaction, and whom to tell."""

    work: Callable[[Tx], Any]
    done: "Future[Any]"
    lasts: bool


class Writer:
    """Runs submitted work in batches until closed."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        tx: Tx,
        lock: Path,
        committing: Callable[[Tx], None],
        committed: Callable[[], None],
    ) -> None:
        """Start the thread. `lock` is the file processes queue at.

        `committing` is called within each transaction at its end, which it undoes by raising, and `committed` after
        the commit.
        """
        self._connection = connection
        self._tx = tx
        self._lock = lock.open("wb")
        self._committing, self._committed = committing, committed
        self._jobs: deque[Job] = deque()
        self._turn = threading.Lock()  # whoever holds it may use the connection
        self._left = threading.Event()  # whether a job was left to the thread
        self._closing = False
        self._syncs = True  # as `connect` opened the connection
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Tx], Any]) -> "Future[Any]":
        """Queue the work for the thread."""
        done = self.leave(work)
        if not self._left.is_set():
            self._left.set()
        return done

    def leave(self, work: Callable[[Tx], Any], *, lasts: bool = True) -> "Future[Any]":
        """Queue the work for whoever commits next; the thread looks after a moment."""
        job = Job(work, Future(), lasts)
        self._jobs.append(job)
        return job.done

    def write(self, works: Sequence[Callable[[Tx], Any]], *, lasts: bool = True) -> "list[Future[Any]]":
        """Do the works in this thread, unless whoever has the turn takes them along; done when this returns."""
        done = [self.leave(work, lasts=lasts) for work in works]
        while not done[-1].done():
            self._commit_queued()
        return done

    def close(self) -> None:
        """Finish what is queued."""
        self._closing = True
        self._left.set()
        self._thread.join()
        self._lock.close()
        self._connection.close()

    def _run(self) -> None:
        while True:
            self._left.wait(_LINGER)
            self._left.clear()  # before looking: a job left from here on sets it again
            while self._jobs:
                self._commit_queued()
            if self._closing:
                return

    def _commit_queued(self) -> None:
        with self._turn:
            batch = [self._jobs.popleft() for _ in range(min(MAX_BATCH, len(self._jobs)))]
            if batch:
                self._commit([job for job in batch if job.done.set_running_or_notify_cancel()])

    def _commit(self, batch: list[Job]) -> None:
        """Run a batch; nobody is told of success before the commit."""
        replies: list[Callable[[], None]] = []
        try:
            with self._locked():
                self._sync(needed=any(job.lasts for job in batch))
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    replies = [self._perform(job) for job in batch]
                    self._committing(self._tx)
                    self._connection.execute("COMMIT")
                finally:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
            self._committed()
        except Exception as error:  # noqa: BLE001 - a full disk, a lost lock: the thread must outlive whatever it is
            logging.getLogger(__name__).error("a batch of %s writes was not committed: %r", len(batch), error)  # noqa: TRY400 - a traceback would show nothing more
            replies = [_failure(job, error) for job in batch]
        for reply in replies:
            reply()

    def _sync(self, *, needed: bool) -> None:
        if needed is not self._syncs:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if needed else 'NORMAL'}")
            self._syncs = needed

    def _perform(self, job: Job) -> Callable[[], None]:
        self._connection.execute("SAVEPOINT job")
        try:
            result = job.work(self._tx)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to who submitted the work
            if not getattr(error, "keeps_changes", False):
                self._connection.execute("ROLLBACK TO job")
            self._connection.execute("RELEASE job")
            return _failure(job, error)
        self._connection.execute("RELEASE job")
        return lambda: job.done.set_result(result)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)


def _failure(job: Job, error: BaseException) -> Callable[[], None]:
    return lambda: job.done.set_exception(error)
