"""The same operations without HTTP, for what runs in this process: a client in boto3's shape.

Each call is decoded, authorized and audited like any other; only the signature is missing, because the caller is this
very process. Who it is, is asked on every call: when a step's session ends, so does its client's power.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from detent.api.calls import Answer, Call, Origins, Refusal, decode, perform, refuse
from detent.api.errors import CODES, Refused
from detent.api.operations import OPERATIONS, SECRETS_MANAGER, Operation, Runs
from detent.api.shapes import wire_name
from detent.model.errors import ReadOnlyTransaction
from detent.model.identity import root_arn
from detent.model.policy import Principal
from detent.model.ports import LastCall, Transactions
from detent.service import access
from detent.service.env import Env, Server


class ClientError(Exception):
    """A refusal, in the shape of botocore's error of that name: `response["Error"]` has Code and Message."""

    def __init__(self, code: str, message: str, operation: str) -> None:
        """Take the wire's code and message."""
        super().__init__(f"An error occurred ({code}) when calling the {operation} operation: {message}")
        self.response = {"Error": {"Code": code, "Message": message}}


_EXCEPTIONS: dict[str, type[ClientError]] = {code: type(code, (ClientError,), {}) for code in CODES.values()}


class Inside(NamedTuple):
    """Who calls from within: found anew for each call, None when nobody may any more; and what the trail calls it.

    A step has `last`: what it notes of its reads is committed with its next write or its own record. Should that be
    lost, so is the step, which is done again and notes it again.
    """

    holder: Callable[[Env], Principal | None]
    peer: str
    agent: str
    last: LastCall | None = None


def of_session(access_key_id: str, last: LastCall | None = None) -> Inside:
    """Give a rotation function, which acts by its step's access key."""
    return Inside(lambda env: access.holder(env, access_key_id), "secretsmanager.amazonaws.com", "detent/local", last)


def operator(account: str) -> Inside:
    """Give whoever can open the store and its keyset: an account's root, without an access key."""
    root = Principal(account, root_arn(account), "", id=account)
    return Inside(lambda _: root, "detent", "detent/cli")


class LocalClient:
    """A service's operations as methods."""

    exceptions = SimpleNamespace(ClientError=ClientError, **_EXCEPTIONS)

    def __init__(
        self,
        server: Server,
        store: Transactions,
        inside: Inside,
        region: str,
        service: str = SECRETS_MANAGER,
        *,
        writing: Server | None = None,
    ) -> None:
        """Call as somebody from within, in this region; `writing` is for what runs in a write transaction."""
        self._server = server
        self._writing = writing or server
        self._store = store
        self._inside = inside
        self._region = region
        self._service = service
        self._origins = Origins()

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        """Give the operation of boto3's method name."""
        operation = self.operation(method)
        return lambda **members: self._call(operation, members)

    def operation(self, method: str) -> Operation:
        """Find an operation by boto3's method name. Raises AttributeError."""
        operation = OPERATIONS.get(f"{self._service}.{wire_name(method)}".encode())
        if operation is None:
            raise AttributeError(method)
        return operation

    @property
    def last(self) -> "LocalClient | LeavingClient":
        """The same calls, for the one that ends a step: it is answered at once, and made when the step is recorded."""
        return self if self._inside.last is None else LeavingClient(self, self._inside.last)

    def leave(self, operation: Operation, members: dict[str, Any], last: LastCall) -> None:
        """Queue a call for the next commit; how it went is told to `last`."""
        call, body = self._call_of(operation, members)

        def make(tx: Any) -> None:  # noqa: ANN401 - the store's transaction
            try:
                self._perform(self._writing, call, body, tx)
            except BaseException as error:
                last.refusal = str(_error_of(error, operation)) if isinstance(error, Refusal) else type(error).__name__
                raise

        last.left(self._store.leave(make))

    def _call(self, operation: Operation, members: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self._run(*self._call_of(operation, members))
        except Refusal as refusal:
            raise _error_of(refusal, operation) from None
        reply: dict[str, Any] = msgspec.json.decode(answer.body) if answer.body else {}
        return reply

    def _call_of(self, operation: Operation, members: dict[str, Any]) -> tuple[Call, bytes]:
        if "client_request_token" in operation.shape.__struct_fields__:  # SDKs fill it in (K)
            members.setdefault("ClientRequestToken", str(uuid4()))
        call = Call(self._origins.new(self._inside.peer, self._inside.agent), operation, region=self._region)
        return call, msgspec.json.encode(members)

    def _run(self, call: Call, body: bytes) -> Answer:
        if call.operation.runs is not Runs.ON_WRITER:
            for snapshot in (self._store.glance, self._store.read):  # the first may be overtaken by a commit
                with suppress(ReadOnlyTransaction), snapshot() as tx:
                    return self._perform(self._server, call, body, tx, self._later)
        return self._store.write(lambda tx: self._perform(self._writing, call, body, tx))

    @property
    def _later(self) -> Callable[[Callable[[Any], None]], object] | None:
        return None if self._inside.last is None else partial(self._store.leave, lasts=False)

    def _perform(self, server: Server, call: Call, body: bytes, tx: Any, later: Any = None) -> Answer:  # noqa: ANN401 - the store's transaction, and `Env.later`
        env = server.env(tx, self._region, call.origin)._replace(later=later)
        try:
            call = call._replace(principal=self._holder(env))
            call = call._replace(request=decode(call.operation, body, server.limits.value_bytes))
        except Refused as refused:
            answer = refuse(server, call, (refused.code, refused.message))
            raise Refusal(answer, keeps_changes=False) from None
        return perform(server, call, env)

    def _holder(self, env: Env) -> Principal:
        holder = self._inside.holder(env)
        if holder is None:
            raise Refused("ExpiredTokenException", "The security token included in the request is expired")
        return holder


class LeavingClient:
    """The operations of a client, each left to the next commit."""

    def __init__(self, client: LocalClient, last: LastCall) -> None:
        """Leave calls in the name of this client."""
        self._client, self._last = client, last

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        """Give the operation of boto3's method name; its reply is empty."""
        operation = self._client.operation(method)

        def leave(**members: object) -> dict[str, Any]:
            self._client.leave(operation, members, self._last)
            return {}

        return leave


def _error_of(refusal: Refusal, operation: Operation) -> ClientError:
    told = msgspec.json.decode(refusal.answer.body)
    code, message = told["__type"], told.get("Message") or told.get("message", "")
    return _EXCEPTIONS.get(code, ClientError)(code, message, operation.name)
