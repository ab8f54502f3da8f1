"""Which sandbox runs what: warm ones first, so many of each function at once, idle ones ended."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from detent.model.errors import FunctionFailed
from detent.model.function import FunctionKey
from detent.model.ports import Invocation
from detent.runtime.limits import Limits
from detent.runtime.sandbox import Sandbox

_STOPPING = "The server is being stopped."


@dataclass
class _Sandboxes:
    """Those of one function."""

    idle: list[Sandbox] = field(default_factory=list)
    busy: set[Sandbox] = field(default_factory=set)
    starting: int = 0

    def take_out(self, which: Callable[[Sandbox], bool]) -> list[Sandbox]:
        out = [one for one in self.idle if which(one)]
        self.idle = [one for one in self.idle if one not in out]
        return out


class Pool:
    """Lends sandboxes out. Every method may be called at once."""

    def __init__(self, make: Callable[[Invocation, str], Sandbox], limits: Limits) -> None:
        """`make` starts a sandbox for an invocation in a region."""
        self._make, self._limits = make, limits
        self._changed = threading.Condition()
        self._sandboxes: dict[FunctionKey, _Sandboxes] = {}
        self._closed = threading.Event()
        self._watcher: threading.Thread | None = None

    def borrow(self, call: Invocation, region: str, latest: float) -> Sandbox:
        """Give a sandbox that nobody else has until it is given back. Raises FunctionFailed."""
        stale: list[Sandbox] = []
        try:
            with self._changed:
                mine = self._sandboxes.setdefault(call.function.key, _Sandboxes())
                stale += mine.take_out(lambda one: one.ended or one.function.revision != call.function.revision)
                sandbox = self._warm(mine, call, region, latest)
        finally:
            _end(stale)
        return sandbox or self._started(mine, call, region)

    def _warm(self, mine: _Sandboxes, call: Invocation, region: str, latest: float) -> Sandbox | None:
        """Wait for a warm one, or for the room to start one; None: there is room, and it is ours."""
        while not self._closed.is_set():
            found = mine.take_out(lambda one: one.region == region and not one.ended)
            if found:
                mine.idle += found[1:]
                mine.busy.add(found[0])
                return found[0]
            if len(mine.busy) + mine.starting < self._limits.at_once:
                mine.starting += 1
                return None
            if not self._changed.wait(max(0.0, latest - time.monotonic())):
                name, most = call.function.key.name, self._limits.at_once
                raise FunctionFailed(f"The function {name} is busy: it runs {most} times at once, which is the most.")
        raise FunctionFailed(_STOPPING)

    def _started(self, mine: _Sandboxes, call: Invocation, region: str) -> Sandbox:
        sandbox = None
        try:
            sandbox = self._make(call, region)
        finally:
            with self._changed:
                mine.starting -= 1
                if sandbox is not None:
                    mine.busy.add(sandbox)
                self._changed.notify_all()
                self._watch()
        if self._closed.is_set():
            self.give_back(sandbox)
            raise FunctionFailed(_STOPPING)
        return sandbox

    def give_back(self, sandbox: Sandbox) -> None:
        """Take a sandbox back, to be kept warm unless it has ended."""
        with self._changed:
            mine = self._sandboxes[sandbox.function.key]
            mine.busy.discard(sandbox)
            keep = not (sandbox.ended or sandbox.retired or self._closed.is_set())
            if keep:
                sandbox.idle_since = time.monotonic()
                mine.idle.insert(0, sandbox)  # the warmest first, so that those in excess become idle
            self._changed.notify_all()
        if not keep:
            sandbox.end()

    def forget(self, key: FunctionKey) -> None:
        """End a function's sandboxes, each when it has nothing to do."""
        with self._changed:
            mine = self._sandboxes.setdefault(key, _Sandboxes())
            idle = mine.take_out(lambda _: True)
            for sandbox in mine.busy:
                sandbox.retired = True
        _end(idle)

    def close(self) -> None:
        """End all sandboxes, whatever they do, and start no more."""
        self._closed.set()
        with self._changed:
            left = [one for mine in self._sandboxes.values() for one in (*mine.take_out(lambda _: True), *mine.busy)]
            self._changed.notify_all()
        _end(left)

    def _watch(self) -> None:
        """Have idle sandboxes ended, from the first sandbox on."""
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._end_idle, name="idle functions", daemon=True)
            self._watcher.start()

    def _end_idle(self) -> None:
        while not self._closed.wait(self._limits.idle_seconds / 4):
            with self._changed:
                idle = [sandbox for mine in self._sandboxes.values() for sandbox in mine.take_out(self._is_done)]
            _end(idle)

    def _is_done(self, sandbox: Sandbox) -> bool:
        return sandbox.ended or sandbox.idle_since < time.monotonic() - self._limits.idle_seconds


def _end(sandboxes: Iterable[Sandbox]) -> None:
    for sandbox in sandboxes:
        sandbox.end()
