"""Calling a rotation function: here those that run in this process."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from detent.model.arn import function_parts
from detent.model.errors import FunctionFailed
from detent.model.faults import Fault
from detent.model.ports import Clock, LastCall, SessionCredentials, StepCall, Traits

_LONGEST_REASON = 4000  # characters kept of what a function said


class Function(Protocol):
    """A rotation function that runs in this process; the runner cannot tell it from any other."""

    def run(self, event: Mapping[str, str], client: Any, remaining: Callable[[], float]) -> Any:  # noqa: ANN401 - a client in boto3's shape
        """Run one step; `remaining` gives the seconds left. Raises whatever made it fail."""


class Hand:
    """A thread that does one thing after the other: to start one costs more than a step's reads."""

    def __init__(self) -> None:
        """Start it; it ends with the process, or after what it was given up with."""
        self._todo: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._done: SimpleQueue[Any] = SimpleQueue()
        threading.Thread(target=self._work, name="step", daemon=True).start()

    def do(self, work: Callable[[], Any], seconds: float) -> Any:  # noqa: ANN401 - whatever the work gives
        """Have something done. Raises Empty when it takes longer, and then the hand is of no more use."""
        self._todo.put(work)
        try:
            return self._done.get(timeout=max(0.0, seconds))
        except Empty:
            self._todo.put(None)
            raise

    def _work(self) -> None:
        while (work := self._todo.get()) is not None:
            self._done.put(work())


class InProcess:
    """`ports.FunctionCaller` for functions of this process, each under `arn:aws:lambda:…:function:<name>`."""

    def __init__(
        self,
        functions: Mapping[str, Function],
        regions: frozenset[str],
        client_for: Callable[[SessionCredentials, LastCall | None], Any],
        clock: Clock,
    ) -> None:
        """Take the functions by name, where each account has them, and how a step's client is made."""
        self._functions = functions
        self._regions = regions
        self._client_for = client_for
        self._clock = clock
        self._idle: deque[Hand] = deque()

    def exists(self, function: str) -> bool:
        """Say whether a function of this ARN can be called."""
        return self._named(function) is not None

    def traits(self, _tx: object, function: str) -> Traits:
        """Tell which steps it declares; it takes the server's time."""
        found = self._named(function)
        return Traits(frozenset(getattr(found, "DECLARES", ())), is_builtin=found is not None)

    def call(self, step: StepCall) -> Mapping[str, Any] | None:
        """Run one step to its end or its deadline; gives what it tells. Raises FunctionFailed."""
        function = self._named(step.function)
        if function is None:
            raise FunctionFailed(f"There is no function {step.function}.")
        ends = time.monotonic() + (step.deadline - self._clock.now()).total_seconds()  # however the clock is set now
        hand = self._idle.pop() if self._idle else Hand()
        try:
            told = hand.do(lambda: self._run(function, step, ends), ends - time.monotonic())
        except Empty:  # a thread cannot be ended; its session is, so that what it still does reaches no secret
            raise FunctionFailed("The function did not end before its deadline.") from None
        self._idle.append(hand)
        if isinstance(told, BaseException):
            raise FunctionFailed(_reason(told), Fault.named(type(told).__name__)) from None
        return told if isinstance(told, Mapping) else None

    def _run(self, function: Function, step: StepCall, ends: float) -> Any:  # noqa: ANN401 - what it told or raised
        try:
            client = self._client_for(step.credentials, step.last)
            return function.run(step.event, client, lambda: ends - time.monotonic())
        except BaseException as error:  # noqa: BLE001 - whatever a function raises is that function's failure
            return error

    def _named(self, function: str) -> Function | None:
        parts = function_parts(function)
        return self._functions.get(parts.rest) if parts is not None and parts.region in self._regions else None


def _reason(error: BaseException) -> str:
    said = " ".join(str(error).split())
    return (said or type(error).__name__)[:_LONGEST_REASON]
