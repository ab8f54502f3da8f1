"""Joining the rotator to functions: a step goes to the user's own that its ARN names, or else to a built-in one."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple
from uuid import uuid4

from detent.model.errors import FunctionFailed
from detent.model.function import UserFunction
from detent.model.ports import FunctionCaller, FunctionRunner, Invocation, Invoked, StepCall, Traits
from detent.service import function_calls
from detent.service.env import Env, Server
from detent.service.function_logs import keep_log
from detent.service.function_lookup import key_of
from detent.store.protocol import Store, Tx


class StepFunctions(NamedTuple):
    """`ports.FunctionCaller` for both kinds. One that a user made goes before a built-in one of its name."""

    builtin: FunctionCaller
    server: Server
    store: Store
    runner: FunctionRunner

    def exists(self, function: str) -> bool:
        """Say whether a function of this ARN is built in."""
        return self.builtin.exists(function)

    def traits(self, tx: Tx, function: str) -> Traits:
        """Tell of a built-in one what it declares, of a user's own its timeout."""
        key = key_of(function)
        own = None if key is None else tx.functions.find(key)
        return self.builtin.traits(tx, function) if own is None else Traits(timeout=own.timeout)

    def call(self, step: StepCall) -> Mapping[str, Any] | None:
        """Run one step to its end. Raises FunctionFailed."""
        invocation = None if step.is_builtin else self._invocation(step)
        if invocation is None:
            return self.builtin.call(step)
        invoked = self.runner.invoke(invocation)
        with self.store.read() as tx:
            told = function_calls.step_told(self._env(tx, step), step, invoked)
        self.store.leave(partial(self._keep_log, step, invocation, told.log), lasts=False)  # with the step's own record
        if told.reason is not None:
            raise FunctionFailed(told.reason, function_calls.fault_of(invoked))
        return None

    def _invocation(self, step: StepCall) -> Invocation | None:
        with self.store.read() as tx:
            if not self._is_own(tx, step.function):
                return None
            return function_calls.step_invocation(self._env(tx, step), step, str(uuid4()))

    def _is_own(self, tx: Tx, function: str) -> bool:
        key = key_of(function)
        return key is not None and (tx.functions.find(key) is not None or not self.builtin.exists(function))

    def _keep_log(self, step: StepCall, invocation: Invocation, log: str, tx: Tx) -> None:
        keep_log(self._env(tx, step), invocation.function.key, invocation.request_id, log)

    def _env(self, tx: Tx, step: StepCall) -> Env:
        return self.server.env(tx, step.credentials.region)


class Forgetting:
    """`ports.FunctionRunner` that does not wait while what is forgotten is ended: a writer must not."""

    def __init__(self, runner: FunctionRunner) -> None:
        """Pass everything on to this one."""
        self._runner = runner
        self._thread = ThreadPoolExecutor(1, "forgetting")

    def refusal(self, function: UserFunction) -> str | None:
        """Say in one line why this function cannot be run here; None: it can."""
        return self._runner.refusal(function)

    def warning(self, function: UserFunction) -> str | None:
        """Say in one line what this function will miss here; None: nothing."""
        return self._runner.warning(function)

    def flaw(self, code: bytes) -> str | None:
        """Say in one line why a zip is no code; None: it may be."""
        return self._runner.flaw(code)

    def invoke(self, invocation: Invocation) -> Invoked:
        """Run it to its end or its deadline."""
        return self._runner.invoke(invocation)

    def forget(self, function: UserFunction) -> None:
        """Soon end what is kept warm of this function."""
        self._thread.submit(self._runner.forget, function)

    def close(self) -> None:
        """End everything that was started. A second time does nothing more."""
        self._thread.shutdown()
        self._runner.close()
