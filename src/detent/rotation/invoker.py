"""Calling a rotation function: here those that run in this process."""

import threading
import time
from collections.abc import Callable, Mapping
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


class InProcess:
    """`ports.FunctionCaller` for functions of this process, each under `arn:aws:lambda:…:function:<name>`."""

    def __init__(
        self,
        functions: Mapping[str, Function],
        regions: frozenset[str],
        client_for: Callable[[SessionCredentials, LastCall], Any],
        clock: Clock,
    ) -> None:
        """Take the functions by name, where each account has them, and how a step's client is made."""
        self._functions = functions
        self._regions = regions
        self._client_for = client_for
        self._clock = clock

    def exists(self, function: str) -> bool:
        """Say whether a function of this ARN can be called."""
        return self._named(function) is not None

    def traits(self, _tx: object, function: str) -> Traits:
        """Tell which steps it declares; it takes the server's time."""
        return Traits(frozenset(getattr(self._named(function), "DECLARES", ())))

    def call(self, step: StepCall) -> Mapping[str, Any] | None:
        """Run one step to its end or its deadline; gives what it tells. Raises FunctionFailed."""
        function = self._named(step.function)
        if function is None:
            raise FunctionFailed(f"There is no function {step.function}.")
        outcome: list[Any] = []
        ends = time.monotonic() + (step.deadline - self._clock.now()).total_seconds()  # however the clock is set now
        thread = threading.Thread(target=self._run, args=(function, step, ends, outcome), daemon=True)
        thread.start()
        thread.join(max(0.0, ends - time.monotonic()))
        if not outcome:  # a thread cannot be ended; its session is, so that what it still does reaches no secret
            raise FunctionFailed("The function did not end before its deadline.")
        if isinstance(outcome[0], BaseException):
            raise FunctionFailed(_reason(outcome[0]), Fault.named(type(outcome[0]).__name__)) from None
        return outcome[0] if isinstance(outcome[0], Mapping) else None

    def _run(self, function: Function, step: StepCall, ends: float, outcome: list[Any]) -> None:
        try:
            told = function.run(
                step.event, self._client_for(step.credentials, step.last), lambda: ends - time.monotonic()
            )
        except BaseException as error:  # noqa: BLE001 - whatever a function raises is that function's failure
            outcome.append(error)
        else:
            outcome.append(told)

    def _named(self, function: str) -> Function | None:
        parts = function_parts(function)
        return self._functions.get(parts.rest) if parts is not None and parts.region in self._regions else None


def _reason(error: BaseException) -> str:
    said = " ".join(str(error).split())
    return (said or type(error).__name__)[:_LONGEST_REASON]
