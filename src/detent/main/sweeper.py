"""What is done in the background, again and again: above all erasing secrets whose recovery window has passed.

A few per transaction, and a pause after each, so that no writer waits long. Nothing is remembered between sweeps: a
process that is killed leaves each secret whole or gone, and whoever sweeps next goes on.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from detent.service import erasure
from detent.service.env import Server
from detent.store.protocol import Store, Tx

AT_ONCE = 50  # versions in one transaction, or a few more: a secret goes whole
PAUSE_SECONDS = 0.05  # between two transactions


@dataclass(frozen=True)
class Sweeper:
    """Sweeps until told to stop. Several, in one server or in many on one store, do each other no harm."""

    server: Server
    store: Store
    seconds: float  # between two sweeps
    chores: Sequence[Callable[[], None]] = ()  # what else is to be done each time; of each kind it is short

    def run(self, stopping: threading.Event) -> None:
        """Sweep at once, and then again and again."""
        chores: list[Callable[[], None]] = [partial(self.sweep, stopping), *self.chores]
        while not stopping.is_set():
            for chore in chores:
                try:
                    chore()
                except Exception:
                    logging.getLogger(__name__).exception("a sweep was broken off, the next one goes on with it")
            stopping.wait(self.seconds)

    def sweep(self, stopping: threading.Event) -> None:
        """Erase all that is due; with nothing due nothing is written."""
        while self._finds_some() and not stopping.is_set():
            self.store.write(self._erase)
            stopping.wait(PAUSE_SECONDS)

    def _finds_some(self) -> bool:
        with self.store.read() as tx:
            return bool(tx.secrets.due_for_erasure(self.server.clock.now(), 1))

    def _erase(self, tx: Tx) -> int:
        return erasure.erase_due(self.server.env(tx, self.server.region), AT_ONCE)
