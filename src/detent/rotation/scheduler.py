"""Claiming what is due and keeping the leases; runners do the rest.

What is due stands in the store alone. The loop looks at the store's stamp, which costs microseconds, and reads on only
when something was committed or the next due moment has come. It looks at once when told that a process of this server
has committed, and every tenth of a second because others may share the store.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

from detent.model.pace import Pace
from detent.model.ports import Clock
from detent.model.rotation import Rotation
from detent.store.protocol import Store, Tx

POLL_SECONDS = 0.1
RUNNERS = 8  # rotations at a time
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # only Linux has the one that counts sleep


def steady() -> float:
    """Give the seconds of a clock that nobody can set, and that goes on while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


@dataclass
class Lease:
    """One rotation in hand, and until when, by this process's own clock, its lease surely holds."""

    rotation: Rotation
    seconds: float
    since: float  # a moment of this process's clock at which the store had not granted or renewed it yet
    lost: bool = False

    def holds(self) -> bool:
        """Whether this worker may still act. A clock that jumps does not matter: this one cannot."""
        return not self.lost and steady() < self.since + self.seconds

    def is_due(self) -> bool:
        """Whether a third of the lease is over: time to renew."""
        return steady() > self.since + self.seconds / 3


@dataclass
class Scheduler:
    """Claims due rotations for this process until told to stop."""

    store: Store
    clock: Clock
    begin: Callable[[Tx, Rotation], Any]  # makes the first step ready, in the commit that claims
    drive: Callable[[Rotation, Callable[[], bool], Future[Any]], None]  # goes on with what that gave
    lease_seconds: float
    wait: Callable[[float], None]  # sleeps for so many seconds, or until something was committed
    wake: Callable[[], None] = lambda: None  # ends a wait: a runner is free, and more may be due
    runners: int = RUNNERS
    pace: Pace = field(default_factory=Pace)
    owner: str = field(default_factory=lambda: str(uuid4()))
    stopping: threading.Event = field(default_factory=threading.Event)
    _leases: dict[int, Lease] = field(default_factory=dict)
    _stamp: object = None
    _next_due: datetime | None = None
    _looked: datetime | None = None  # what the clock said then: it may be set back

    def run(self) -> None:
        """Claim and hand out until `stopping` is set; then let running steps end and give their leases back."""
        with ThreadPoolExecutor(self.runners, thread_name_prefix="runner") as pool:
            while not self.stopping.is_set():
                self.wait(POLL_SECONDS)
                try:
                    self._turn(pool)
                except Exception:
                    logging.getLogger(__name__).exception("the scheduler could not reach the store")
                    self.stopping.wait(1)
            while self._leases:  # runners see that the process stops; until their step ends the lease must hold
                self._renew()
                time.sleep(POLL_SECONDS)

    def _turn(self, pool: ThreadPoolExecutor) -> None:
        self._renew()
        free = self.runners - len(self._leases)
        if free and self._something_due():
            before = steady()
            for rotation, begun in self._claimed(free):
                lease = self._leases[rotation.id] = Lease(rotation, self.lease_seconds, before)
                pool.submit(self._drive, lease, begun)

    def _claimed(self, free: int) -> list[tuple[Rotation, Future[Any]]]:
        """Claim, and begin all that is claimed in the same commit; one that cannot be begun is undone by itself."""
        claimed: list[Rotation] = []

        def claim(tx: Tx) -> None:
            claimed.extend(tx.rotations.claim_due(self.owner, self.lease_seconds, free, self.pace))

        def begin(number: int, tx: Tx) -> Any:  # noqa: ANN401 - the runner's
            return self.begin(tx, claimed[number]) if number < len(claimed) else None

        works: list[Callable[[Tx], Any]] = [claim, *(partial(begin, number) for number in range(free))]
        claiming, *beginning = self.store.write_together(works)
        claiming.result()
        return list(zip(claimed, beginning, strict=False))

    def _something_due(self) -> bool:
        now = self.clock.now()
        with self.store.read() as tx:
            if tx.stamp != self._stamp or (self._looked is not None and now < self._looked):
                self._stamp, self._next_due = tx.stamp, tx.rotations.next_due()
        self._looked = now
        return self._next_due is not None and self._next_due <= now

    def _renewed(self, rotation: Rotation, tx: Tx) -> bool:
        return tx.rotations.renew(rotation, self.lease_seconds)

    def _drive(self, lease: Lease, begun: Future[Any]) -> None:
        try:
            self.drive(lease.rotation, lambda: lease.holds() and not self.stopping.is_set(), begun)
        except Exception:
            logging.getLogger(__name__).exception("rotation %s was left to its lease", lease.rotation.id)
        finally:
            self._leases.pop(lease.rotation.id, None)
            self.wake()

    def _renew(self) -> None:
        for lease in [lease for lease in self._leases.values() if lease.is_due()]:
            before = steady()
            rotation = lease.rotation
            renew = partial(self._renewed, rotation)
            if self.store.write(renew, lasts=False):  # what a power cut undoes, it ends too
                lease.since = before
            else:
                lease.lost = True
