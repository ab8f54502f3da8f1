"""Which worker runs what: warm ones first, so many of each function at once, idle ones ended."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from detent.model.errors import FunctionFailed
from detent.model.function import FunctionKey
from detent.model.ports import Invocation
from detent.runtime.limits import Limits
from detent.runtime.worker import Worker


@dataclass
class _Workers:
    """Those of one function."""

    idle: list[Worker] = field(default_factory=list)
    busy: set[Worker] = field(default_factory=set)
    starting: int = 0

    def take_out(self, which: Callable[[Worker], bool]) -> list[Worker]:
        out = [one for one in self.idle if which(one)]
        self.idle = [one for one in self.idle if one not in out]
        return out


class Pool:
    """Lends workers out. Every method may be called at once."""

    def __init__(self, make: Callable[[Invocation, str], Worker], limits: Limits) -> None:
        """`make` starts a worker for an invocation in a region."""
        self._make, self._limits = make, limits
        self._changed = threading.Condition()
        self._workers: dict[FunctionKey, _Workers] = {}
        self._closed = threading.Event()
        self._watcher: threading.Thread | None = None

    def borrow(self, call: Invocation, region: str, latest: float) -> Worker:
        """Give a worker that nobody else has until it is given back. Raises FunctionFailed."""
        with self._changed:
            mine = self._workers.setdefault(call.function.key, _Workers())
            stale = mine.take_out(lambda one: one.ended or one.function.revision != call.function.revision)
            worker = self._warm(mine, call, region, latest)
        _end(stale)
        return worker or self._started(mine, call, region)

    def _warm(self, mine: _Workers, call: Invocation, region: str, latest: float) -> Worker | None:
        """Wait for a warm one, or for the room to start one; None: there is room, and it is ours."""
        while not self._closed.is_set():
            found = mine.take_out(lambda one: one.region == region and not one.ended)
            if found:
                mine.idle += found[1:]
                mine.busy.add(found[0])
                return found[0]
            if len(mine.busy) + mine.starting < self._limits.workers:
                mine.starting += 1
                return None
            if not self._changed.wait(max(0.0, latest - time.monotonic())):
                name, most = call.function.key.name, self._limits.workers
                raise FunctionFailed(f"The function {name} is busy: it runs {most} times at once, which is the most.")
        raise FunctionFailed("The server is being stopped.")

    def _started(self, mine: _Workers, call: Invocation, region: str) -> Worker:
        worker = None
        try:
            worker = self._make(call, region)
        finally:
            with self._changed:
                mine.starting -= 1
                if worker is not None:
                    mine.busy.add(worker)
                self._changed.notify_all()
                self._watch()
        return worker

    def give_back(self, worker: Worker) -> None:
        """Take a worker back, to be kept warm unless it has ended."""
        with self._changed:
            mine = self._workers[worker.function.key]
            mine.busy.discard(worker)
            keep = not (worker.ended or worker.retired or self._closed.is_set())
            if keep:
                worker.idle_since = time.monotonic()
                mine.idle.insert(0, worker)  # the warmest first, so that those in excess become idle
            self._changed.notify_all()
        if not keep:
            worker.end()

    def forget(self, key: FunctionKey) -> None:
        """End a function's workers, each when it has nothing to do."""
        with self._changed:
            mine = self._workers.setdefault(key, _Workers())
            idle = mine.take_out(lambda _: True)
            for worker in mine.busy:
                worker.retired = True
        _end(idle)

    def close(self) -> None:
        """End all workers, whatever they do, and start no more."""
        self._closed.set()
        with self._changed:
            left = [one for mine in self._workers.values() for one in (*mine.take_out(lambda _: True), *mine.busy)]
            self._changed.notify_all()
        _end(left)

    def _watch(self) -> None:
        """Have idle workers ended, from the first worker on."""
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._end_idle, name="idle functions", daemon=True)
            self._watcher.start()

    def _end_idle(self) -> None:
        while not self._closed.wait(self._limits.idle_seconds / 4):
            with self._changed:
                idle = [worker for mine in self._workers.values() for worker in mine.take_out(self._is_done)]
            _end(idle)

    def _is_done(self, worker: Worker) -> bool:
        return worker.ended or worker.idle_since < time.monotonic() - self._limits.idle_seconds


def _end(workers: Iterable[Worker]) -> None:
    for worker in workers:
        worker.end()
