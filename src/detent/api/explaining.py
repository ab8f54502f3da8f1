"""Operations that ask a target first.

A write says whether they may and makes a session, the function runs on a thread, then another write answers. No
transaction is open while it runs.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from detent.api.calls import Answer, Call, Refusal, refuse
from detent.api.errors import Refused, code_of
from detent.model.errors import DetentError
from detent.model.ports import StepCall, Transactions
from detent.service import explaining
from detent.service.env import Server

MOST_AT_ONCE = 8  # a worker


class Explaining:
    """The questions of one worker process."""

    def __init__(self, server: Server, store: Transactions, run: Callable[[Call, Any], Answer]) -> None:
        """Ask by the server's functions; `run` performs a call in a write transaction."""
        self._server, self._store, self._run = server, store, run
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, "explaining")
        self._running = 0

    async def answer(self, call: Call) -> Answer:
        """Ask, and answer. Raises Refused when as many as can be are being asked, else as `calls.perform`."""
        if self._running >= MOST_AT_ONCE:
            raise Refused("ThrottlingException", "Other targets are being asked: try again.", 429)
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._explain, call)
        finally:
            self._running -= 1

    def _explain(self, call: Call) -> Answer:
        try:
            asked = self._store.write(partial(self._prepared, call))
        except DetentError as error:
            answer = refuse(self._server, call, (code_of(error), str(error)))
            raise Refusal(answer, keeps_changes=False) from None
        told = explaining.asked(self._server.functions, asked)
        run = partial(call.operation.run, told=told)
        knowing = call._replace(operation=replace(call.operation, run=run))
        return self._store.write(partial(self._run, knowing))

    def _prepared(self, call: Call, tx: Any) -> StepCall | None:  # noqa: ANN401 - the store's transaction
        env = self._server.env(tx, call.region, call.origin)
        name = call.operation.name
        return explaining.prepared(env, call.principal, name, call.operation.arguments(call.request)["secret_id"])
