"""Invoking functions with the events that wait for them: in the rotator's process, a few at a time."""

import logging
import threading
from typing import NamedTuple

from detent.api.invoking import run
from detent.model.ports import FunctionRunner
from detent.service import function_events
from detent.service.env import Env, Server
from detent.store.protocol import Store, Tx

AT_ONCE = 4
_LOOK_SECONDS = 0.5


class Events(NamedTuple):
    """Handles events until told to stop. Several, in one server or in many on one store, do each other no harm."""

    server: Server
    store: Store
    runner: FunctionRunner

    def start(self, stopping: threading.Event) -> list[threading.Thread]:
        """Start the threads, which end after the event that each works on."""
        threads = [
            threading.Thread(target=self._handle, args=(stopping,), name=f"events-{number}", daemon=True)
            for number in range(AT_ONCE)
        ]
        for thread in threads:
            thread.start()
        return threads

    def _handle(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                is_done = self.handle_one()
            except Exception:
                logging.getLogger(__name__).exception("an event was not handled, and will be again")
                is_done = False
            if not is_done:
                stopping.wait(_LOOK_SECONDS)

    def handle_one(self) -> bool:
        """Invoke a function with the longest due event; False: there is none."""
        with self.store.read() as tx:
            if not tx.functions.has_due_event():
                return False
        claimed = self.store.write(self._claim)
        if claimed is None:
            return False
        invoked = run(self.runner, claimed.invocation)
        self.store.write(lambda tx: function_events.handled(self._env(tx), claimed, invoked))
        return True

    def _claim(self, tx: Tx) -> function_events.Claimed | None:
        return function_events.claim(self._env(tx))

    def _env(self, tx: Tx) -> Env:
        return self.server.env(tx, self.server.region)
