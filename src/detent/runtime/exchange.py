"""What passes between an invocation and the process that answers it. Knows no HTTP."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from detent.model.ports import SessionCredentials


@dataclass(frozen=True, slots=True)
class Event:
    """What a process is asked; `seconds` are counted from when it takes the event, and `latest` bounds them."""

    request_id: str
    payload: bytes = field(repr=False)
    arn: str
    seconds: float
    latest: float  # by the monotonic clock
    credentials: SessionCredentials | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it."""

    payload: bytes = field(repr=False)
    failed: bool = False
    ends: bool = False  # the process ends after this answer


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an event ended: with an answer, by the process's end, or not in time. Moments are the monotonic clock's."""

    answer: Answer | None
    taken: float | None  # when the process took the event; None: it never did
    ended: float
    exited: int | None  # the exit code, as `subprocess` gives it


class Exchange:
    """One process takes one event after the other. Every method may be called at once."""

    def __init__(self, before: Callable[[float], None] = lambda _: None) -> None:
        """`before` is called with the seconds that an event may take, before it is given out."""
        self._before = before
        self._changed = threading.Condition()
        self._event: Event | None = None
        self._taken: float | None = None
        self._answer: Answer | None = None
        self._no_start: Answer | None = None
        self._exited: int | None = None
        self._closed = False

    def ask(self, event: Event, start_until: float) -> Outcome:
        """Give an event to the process and wait; `start_until` is how long it may take to come for it."""
        with self._changed:
            self._event, self._taken, self._answer = event, None, self._no_start
            self._changed.notify_all()
            while self._answer is None and self._exited is None:
                rest = self._until(event, start_until) - time.monotonic()
                if rest <= 0:
                    break
                self._changed.wait(rest)
            self._event = None
            return Outcome(self._answer, self._taken, time.monotonic(), self._exited)

    def _until(self, event: Event, start_until: float) -> float:
        return min(event.latest, start_until if self._taken is None else self._taken + event.seconds)

    def take(self, listens: Callable[[], bool] = lambda: True) -> tuple[Event, float] | None:
        """Wait for the next event; give it with the seconds it may take. None: there will be none.

        It is not taken where nobody `listens` any more: the process has ended while it waited.
        """
        with self._changed:
            while not self._closed and (self._event is None or self._taken is not None):
                self._changed.wait()
            event = self._event
            if self._closed or event is None or not listens():
                return None
            now = time.monotonic()
            seconds = max(0.0, min(event.seconds, event.latest - now))
            self._before(seconds)
            self._taken = now
            self._changed.notify_all()
            return event, seconds

    def answer(self, request_id: str, answer: Answer) -> bool:
        """Take the answer to the event that was given out; say whether it was this one."""
        with self._changed:
            event = self._event
            if event is None or self._taken is None or self._answer is not None or event.request_id != request_id:
                return False
            self._answer = answer
            self._changed.notify_all()
            return True

    def failed_to_start(self, answer: Answer) -> None:
        """Take the reason why the process will never take an event."""
        with self._changed:
            self._no_start = answer
            if self._taken is None:
                self._answer = answer
                self._changed.notify_all()

    def exited(self, code: int) -> None:
        """Tell that the process has ended."""
        with self._changed:
            self._exited = code
            self._closed = True
            self._changed.notify_all()

    @property
    def has_ended(self) -> bool:
        """Say whether the process has ended."""
        with self._changed:
            return self._closed

    def credentials(self) -> SessionCredentials | None:
        """Give those of the event that is being answered, or waits for the process to start."""
        with self._changed:
            return self._event.credentials if self._event is not None else None
