"""What is done in the background, again and again: erasing what is due, sealing anew, looking after the audit trail.

A few things per transaction, and a pause after each, so that no writer waits long. Nothing is remembered between
sweeps: a process that is killed leaves each thing whole or gone, and whoever sweeps next goes on.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from detent.service.env import Env, Server
from detent.store.protocol import Store, Tx

AT_ONCE = 50  # versions in one transaction, or a few more: a secret goes whole
PAUSE_SECONDS = 0.05  # between two transactions

Chore = Callable[[threading.Event], None]  # one turn of something; short, or it ends when the event is set


@dataclass(frozen=True)
class Sweeper:
    """Sweeps until told to stop. Several, in one server or in many on one store, do each other no harm."""

    seconds: float  # between two sweeps
    chores: Sequence[Chore]

    def run(self, stopping: threading.Event) -> None:
        """Sweep at once, and then again and again."""
        while not stopping.is_set():
            for chore in self.chores:
                try:
                    chore(stopping)
                except Exception:
                    logging.getLogger(__name__).exception("a sweep was broken off, the next one goes on with it")
            stopping.wait(self.seconds)


class Seldom:
    """A chore that looks at much, and is left out of most sweeps."""

    def __init__(self, seconds: float, chore: Chore) -> None:
        """Do this chore at once, and then only after so many seconds."""
        self._seconds, self._chore = seconds, chore
        self._next = time.monotonic()

    def __call__(self, stopping: threading.Event) -> None:
        """Do it if its time has come."""
        if time.monotonic() >= self._next:
            self._chore(stopping)
            self._next = time.monotonic() + self._seconds


@dataclass(frozen=True)
class Batches:
    """A chore in transactions of a few things each. With nothing to do nothing is written."""

    server: Server
    store: Store
    finds_some: Callable[[Env], bool]
    do: Callable[[Env, int], int]  # up to about so much of it; says how much was done

    def __call__(self, stopping: threading.Event) -> None:
        """Do all there is, until told to stop, or as far as can be done."""
        while self._finds_some() and not stopping.is_set():
            if not self.store.write(self._do):
                return
            stopping.wait(PAUSE_SECONDS)

    def _finds_some(self) -> bool:
        with self.store.read() as tx:
            return self.finds_some(self.server.env(tx, self.server.region))

    def _do(self, tx: Tx) -> int:
        return self.do(self.server.env(tx, self.server.region), AT_ONCE)
