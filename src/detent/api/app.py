"""ASGI: bytes in, bytes out. The one place where anything is awaited.

Reads run on the loop's own thread: in WAL a reader never waits, and a thread hop costs more than the read
(ADR 0002). Writes go to the store's writer; a read that turns out to write goes there too.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import uuid4

from detent import __version__
from detent.api.calls import Answer, Call, Origin, Refusal, broken, decode, perform, refuse
from detent.api.errors import Refused
from detent.api.operations import DETENT, OPERATIONS, SECRETS_MANAGER, Runs
from detent.api.sigv4 import Signed, Verifier
from detent.model.errors import ReadOnlyTransaction
from detent.model.ports import Transactions
from detent.service import access
from detent.service.env import Server

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 1024 * 1024  # bytes; the largest value, all of it escaped in JSON, is under half of it
BODY_SECONDS = 30
_CONTENT_TYPE = (b"content-type", b"application/x-amz-json-1.1")
_HEALTH = b'{"status":"ok","version":"%b"}' % __version__.encode()


class App:
    """The ASGI callable of one worker process."""

    def __init__(self, server: Server, store: Transactions) -> None:
        """Serve these two; nothing else is known of the house."""
        self._server = server
        self._store = store
        self._verifier = Verifier(self._signer, store.stamp, server.region, frozenset({SECRETS_MANAGER, DETENT}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["path"] == "/health" and scope["method"] == "GET":
            await _send(send, Answer(200, _HEALTH, str(uuid4())))
            return
        await _send(send, await self._answer(scope, receive))

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        origin = _origin(scope)
        call: Call | None = None
        try:
            call_or_answer = self._begin(scope, origin, await _body(receive))
            if isinstance(call_or_answer, Answer):
                return call_or_answer
            call = call_or_answer
            return await self._run(call)
        except Refusal as refusal:
            return refusal.answer
        except Refused as refused:
            return refuse(self._server, origin, None, (refused.code, refused.message), refused.status)
        except Exception as error:  # noqa: BLE001 - the last line: whatever it is, the caller gets an answer
            return broken(self._server, origin, call, error)

    def _begin(self, scope: Scope, origin: Origin, body: bytes) -> Call | Answer:
        """Find the operation, then the caller, then the request: in the reference's order of checks (B.0)."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        target = next((value for name, value in headers if name == b"x-amz-target"), b"")
        operation = OPERATIONS.get(target)
        service = DETENT if target.startswith(b"detent.") else SECRETS_MANAGER
        try:
            request = Signed(scope["method"].encode(), scope["raw_path"], scope["query_string"], headers, body)
            principal = self._verifier.verify(request, service, self._server.clock.now())
            if operation is not None and scope["method"] == "POST" and scope["path"] == "/":
                return Call(operation, decode(operation, body), principal, origin)
            return refuse(self._server, origin, None, ("UnknownOperationException", ""))
        except Refused as refused:
            return refuse(self._server, origin, operation, (refused.code, refused.message), refused.status)

    async def _run(self, call: Call) -> Answer:
        if call.operation.runs is Runs.ON_WRITER:
            return await self._write(call)
        try:
            if call.operation.runs is Runs.ON_THREAD:
                return await asyncio.to_thread(self._read, call)
            return self._read(call)
        except ReadOnlyTransaction:
            return await self._write(call)

    def _read(self, call: Call) -> Answer:
        with self._store.read() as tx:
            return perform(self._server, call, self._server.env(tx))

    async def _write(self, call: Call) -> Answer:
        work = functools.partial(self._in_transaction, call)
        return await asyncio.wrap_future(self._store.submit(work))

    def _in_transaction(self, call: Call, tx: Any) -> Answer:  # noqa: ANN401 - the store's transaction
        return perform(self._server, call, self._server.env(tx))

    def _signer(self, access_key_id: str, date: str, region: str, service: str) -> access.Signer | None:
        with self._store.read() as tx:
            return access.signer(self._server.env(tx), access_key_id, date, region, service)


def _origin(scope: Scope) -> Origin:
    agent = next((value for name, value in scope["headers"] if name == b"user-agent"), b"")
    client = scope.get("client")
    return Origin(str(uuid4()), client[0] if client else "", agent.decode("latin-1")[:256])


async def _body(receive: Receive) -> bytes:
    """Read the whole body, within limits of size and time."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            message = await receive()
            body: bytes = message.get("body", b"")
            while message.get("more_body") and len(body) <= MAX_BODY:
                message = await receive()
                body += message.get("body", b"")
    except TimeoutError:
        raise Refused("RequestTimeoutException", "The request's body did not arrive in time.", 408) from None
    if len(body) > MAX_BODY:
        raise Refused("RequestEntityTooLargeException", f"The request is larger than {MAX_BODY} bytes.", 413)
    return body


async def _send(send: Send, answer: Answer) -> None:
    headers = [
        _CONTENT_TYPE,
        (b"content-length", b"%d" % len(answer.body)),
        (b"x-amzn-requestid", answer.request_id.encode()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
