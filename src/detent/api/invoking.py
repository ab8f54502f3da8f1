"""Invoke with an answer: a read says whether it may be, the function runs on a thread, then its log is kept.

No transaction is open meanwhile. The threads are this worker's own, so that functions keep no long read waiting.
"""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from detent.api import rest
from detent.api.calls import Answer, Call, Refusal, record, refuse
from detent.api.errors import Refused, code_of
from detent.model.errors import DetentError, FunctionFailed
from detent.model.ports import FunctionRunner, Invocation, Invoked, Transactions
from detent.service import function_calls, function_logs
from detent.service.env import Server

MOST_AT_ONCE = 32  # a worker; a Choice: AWS's default is 1000 an account


class Invoking:
    """The invocations of one worker process."""

    def __init__(self, server: Server, store: Transactions) -> None:
        """Run functions by the server's runner."""
        self._server, self._store = server, store
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, "invoking")
        self._running = 0

    async def answer(self, call: Call) -> Answer:
        """Invoke, and answer. Raises Refused when as many as can be are running, else as `calls.perform`."""
        if self._running >= MOST_AT_ONCE:
            raise Refused("TooManyRequestsException", "Rate Exceeded.", 429)
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._invoke, call)
        finally:
            self._running -= 1

    def _invoke(self, call: Call) -> Answer:
        runner = self._server.runner
        try:
            invocation = self._prepared(call)
        except DetentError as error:
            answer = refuse(self._server, call, (code_of(error, of_lambda=True), str(error)))
            raise Refusal(answer, keeps_changes=False) from None
        if runner is None:
            raise AssertionError("nothing is prepared without a runner")
        done = run(runner, invocation)
        self._store.write(partial(self._keep_log, call, invocation, done))
        record(self._server, call)
        return rest.invoked(call.request, done, call.origin.request_id)

    def _prepared(self, call: Call) -> Invocation:
        with self._store.read() as tx:
            env = self._server.env(tx, call.region, call.origin)
            allowed = function_calls.invoke(env, call.principal, **call.operation.arguments(call.request))
            return function_calls.invocation(env, allowed, call.origin.request_id)

    def _keep_log(self, call: Call, invocation: Invocation, done: Invoked, tx: Any) -> None:  # noqa: ANN401 - the store's transaction
        env = self._server.env(tx, call.region, call.origin)
        function_logs.keep_log(env, invocation.function.key, invocation.request_id, done.log)


def run(runner: FunctionRunner, invocation: Invocation) -> Invoked:
    """Run a function; that it could not be run at all is its failure too, told as Lambda tells others."""
    try:
        return runner.invoke(invocation)
    except FunctionFailed as failure:
        told = {"errorType": "Runtime.Unavailable", "errorMessage": str(failure)}
        return Invoked(json.dumps(told).encode(), "Unhandled", f"{failure}\n")
