"""Bringing what another thread finished back to the loop: one wake-up for all that has come meanwhile."""

import asyncio
from collections import deque
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Told:
    """Lets coroutines of one loop await futures of other threads; `asyncio.wrap_future` wakes the loop for each."""

    def __init__(self) -> None:
        """Begin with nothing awaited."""
        self._come: deque[tuple[asyncio.Future[Any], Future[Any]]] = deque()
        self._is_called = False

    def of(self, done: "Future[T]") -> "asyncio.Future[T]":
        """Give what the running loop can await in the place of a future of another thread."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[T] = loop.create_future()

        def came(done: "Future[T]") -> None:
            self._come.append((waiting, done))
            if not self._is_called:
                self._is_called = True
                loop.call_soon_threadsafe(self._deliver)

        done.add_done_callback(came)
        return waiting

    def _deliver(self) -> None:
        self._is_called = False  # before looking: what comes from here on calls again
        while self._come:
            waiting, done = self._come.popleft()
            if waiting.done():  # nobody waits any more
                continue
            error = done.exception()
            if error is not None:
                waiting.set_exception(error)
            else:
                waiting.set_result(done.result())
