"""ASGI: bytes in, bytes out. The one place where anything is awaited.

Reads run on the loop's own thread: in WAL a reader never waits, and a thread hop costs more than the read
(ADR 0002). Writes go to the store's writer; a read that turns out to write goes there too.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any

from detent import __version__
from detent.api import rest, sts
from detent.api.calls import NOBODY, Answer, Call, Origins, Refusal, broken, decode, perform, refuse
from detent.api.errors import Refused
from detent.api.explaining import Explaining
from detent.api.invoking import Invoking
from detent.api.operations import (
    DETENT,
    LAMBDA,
    MAX_BODY,
    OPERATIONS,
    SECRETS_MANAGER,
    STS,
    UNKNOWN,
    UNKNOWN_QUERY,
    Operation,
    Runs,
)
from detent.api.rates import Rates
from detent.api.shapes import Request
from detent.api.sigv4 import Signed, Signers, Verified, Verifier
from detent.api.told import Told
from detent.api.turn import Turn
from detent.model.errors import ReadOnlyTransaction
from detent.model.ports import Meter, Transactions
from detent.service import access
from detent.service.env import Env, Origin, Server

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_MOST_LARGE = 2  # bodies above the usual bound that a worker takes in at once: who sends them is not known yet
_LONGEST_AGENT = 256  # characters of a User-Agent that the audit trail keeps
_HEALTH = b'{"status":"ok","version":"%b"}' % __version__.encode()


class App:
    """The ASGI callable of one worker process."""

    def __init__(
        self,
        server: Server,
        store: Transactions,
        turn: Turn | None = None,
        at_once: Server | None = None,
        writing: Server | None = None,
        *,
        rates: Rates | None = None,
        meter: Meter | None = None,
    ) -> None:
        """Serve these two; `rates` None: callers may call as often as they like; `meter` None: nothing is counted.

        `at_once` and `writing` are the same server; the first has its audit batched by `turn`, for what runs on the
        loop, the other by the store, which writes it before it commits.
        """
        self._server = server
        self._at_once = at_once or server
        self._writing = writing or server
        self._store = store
        self._turn = turn or Turn()
        self._told = Told()
        self._rates, self._meter = rates, meter
        self._origins = Origins()
        self._verifier = Verifier(server.regions, frozenset({SECRETS_MANAGER, DETENT, STS, LAMBDA}))
        self._invoking = Invoking(server, store)
        self._explaining = Explaining(self._writing, store, partial(self._in, self._writing))
        self._large = 0  # bodies above the usual bound that are coming in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["path"] == "/health" and scope["method"] == "GET":
            await _send(send, Answer(200, _HEALTH, self._origins.new("", "").request_id))
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        operation, told = _asked(scope, headers)
        began = 0.0 if self._meter is None else time.perf_counter()
        answer = await self._answer(scope, receive, headers, Call(self._origin(scope, headers), operation))
        if self._meter is not None:
            self._meter.call(operation.name, answer.status, time.perf_counter() - began)
        await _send(send, told(answer))

    async def _answer(self, scope: Scope, receive: Receive, headers: dict[bytes, bytes], call: Call) -> Answer:
        try:
            request = _signed(scope, headers, await self._body(receive, call.operation.most))
            if call.operation is UNKNOWN_QUERY:
                call = call._replace(operation=sts.asked(scope["method"], request.body, request.query))
            for snapshot in (partial(self._store.glance, self._turn.stamp), self._store.read):
                try:
                    with snapshot() as tx:
                        self._turn.saw(tx.stamp)
                        env = self._at_once.env(tx, call.region)
                        before = call.principal  # known already if a commit has overtaken the first snapshot
                        verified = self._verified(request, call.operation, env)
                        call = Call(call.origin, call.operation, verified.principal, verified.region)
                        if self._rates is not None and before is NOBODY:
                            _spend(self._rates, call)
                        asked = _request(scope, call, request, self._server.limits.value_bytes)
                        call = Call(call.origin, call.operation, call.principal, call.region, asked)
                        unnoted = verified.note_from is not None and verified.note_from <= env.now
                        if call.operation.runs_for(call.request) is Runs.ON_LOOP and not unnoted:
                            env = Env(tx, env.now, self._at_once, call.region, call.origin)
                            return perform(self._at_once, call, env)
                    break
                except ReadOnlyTransaction:
                    continue
            if unnoted:  # by itself: it stays even if the call is refused
                await self._told.of(self._store.submit(partial(self._note, call)))
            return await self._run(call)
        except Refusal as refusal:
            return refusal.answer
        except Refused as refused:
            return refuse(self._at_once, call, (refused.code, refused.message), refused.status)
        except Exception as error:  # noqa: BLE001 - the last line: whatever it is, the caller gets an answer
            return broken(self._server, call, error)

    async def _body(self, receive: Receive, most: int) -> bytes:
        """Read the whole body, up to the limit; how long it may take is `api.limits`'s."""
        message = await receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body") and most > MAX_BODY:
            return await self._large_body(receive, body, most)
        while message.get("more_body") and len(body) <= most:
            message = await receive()
            body += message.get("body", b"")
        return _whole(message, body, most)

    async def _large_body(self, receive: Receive, first: bytes, most: int) -> bytes:
        """Read a body that may be large, of which only so many come in at once."""
        parts, size, counted = [first], len(first), False
        try:
            more = True
            while more and size <= most:
                message = await receive()
                parts.append(message.get("body", b""))
                size, more = size + len(parts[-1]), message.get("more_body", False)
                if size > MAX_BODY and not counted:
                    if self._large >= _MOST_LARGE:
                        raise Refused("ThrottlingException", "Other large requests are coming in: try again.", 429)
                    self._large, counted = self._large + 1, True
            return _whole(message, b"".join(parts), most)
        finally:
            self._large -= counted

    def _origin(self, scope: Scope, headers: dict[bytes, bytes]) -> Origin:
        client = scope.get("client")
        agent = headers.get(b"user-agent", b"").decode("latin-1")[:_LONGEST_AGENT]
        return self._origins.new(client[0] if client else "", agent, over_tls=scope.get("scheme") == "https")

    def _verified(self, request: Signed, operation: Operation, env: Env) -> Verified:
        service = operation.service
        if not service:
            service = DETENT if request.headers.get(b"x-amz-target", b"").startswith(b"detent.") else SECRETS_MANAGER
        return self._verifier.verify(request, service, env.now, Signers(env.tx.stamp, partial(access.signer, env)))

    def _note(self, call: Call, tx: Any) -> None:  # noqa: ANN401 - the store's transaction
        access.note_use(self._writing.env(tx, call.region), call.principal, call.operation.service)

    async def _run(self, call: Call) -> Answer:
        if call.operation.runs is Runs.INVOKING:
            return await self._invoking.answer(call)
        if call.operation.runs in (Runs.EXPLAINING, Runs.DECIDING):
            return await self._explaining.answer(call)
        if call.operation.runs_for(call.request) in (Runs.ON_THREAD, Runs.TRIED_FIRST):
            with suppress(ReadOnlyTransaction):
                return await asyncio.to_thread(self._read, call)
        return await self._told.of(self._store.submit(partial(self._in, self._writing, call)))

    def _read(self, call: Call) -> Answer:
        with self._store.read() as tx:
            return self._in(self._server, call, tx)

    def _in(self, server: Server, call: Call, tx: Any) -> Answer:  # noqa: ANN401 - the store's transaction
        return perform(server, call, server.env(tx, call.region, call.origin))


def _spend(rates: Rates, call: Call) -> None:
    """Charge the call to its caller's account (I)."""
    if call.operation.group is not None:
        rates.spend(call.principal.account, call.region, call.operation.group)


def _signed(scope: Scope, headers: dict[bytes, bytes], body: bytes) -> Signed:
    return Signed(scope["method"].encode(), scope["raw_path"], scope["query_string"], scope["headers"], headers, body)


def _asked(scope: Scope, headers: dict[bytes, bytes]) -> tuple[Operation, Callable[[Answer], Answer]]:
    """Tell the operation, as far as the head says it, and how its protocol tells an answer."""
    path = scope["raw_path"]
    if path != b"/" and rest.is_rest(path):  # the first spares a call where almost every request goes
        operation = rest.asked(scope["method"], path, headers)
        return operation, partial(rest.told, operation)
    target = headers.get(b"x-amz-target")
    if target is None and sts.is_query(scope["method"], headers, scope["query_string"]):
        return UNKNOWN_QUERY, sts.in_xml
    return OPERATIONS.get(target or b"", UNKNOWN), _as_it_is


def _as_it_is(answer: Answer) -> Answer:
    return answer


def _request(scope: Scope, call: Call, request: Signed, value_bytes: int) -> Request:
    """Find out what is asked, once it is known who asks: the reference's order of checks (B.0)."""
    operation, body = call.operation, request.body
    if operation.service == LAMBDA and operation.name:
        return rest.request(operation, request, value_bytes)
    if not operation.name or scope["path"] != "/":
        raise Refused("UnknownOperationException")
    if operation.service == STS:
        body = sts.members(scope["method"], body, scope["query_string"])
        return decode(operation, body, value_bytes)
    if scope["method"] != "POST":
        raise Refused("UnknownOperationException")
    return decode(operation, body, value_bytes)


def _whole(last: MutableMapping[str, Any], body: bytes, most: int) -> bytes:
    if last["type"] == "http.disconnect":
        raise Refused("RequestTimeoutException", "The request's body did not arrive.", 408)
    if len(body) > most:
        raise Refused("RequestEntityTooLargeException", f"The request is larger than {most} bytes.", 413)
    return body


async def _send(send: Send, answer: Answer) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", b"%d" % len(answer.body)),
        (b"x-amzn-requestid", answer.request_id.encode()),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
