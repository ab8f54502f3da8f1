"""One call from decoding to its audited answer; it does not matter whether HTTP brought it or a function did."""

import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from detent.api.errors import INTERNAL, INTERNAL_MESSAGE, Refused, code_of, is_front_end
from detent.api.operations import Operation
from detent.api.shapes import Request
from detent.api.validation import explain
from detent.model.errors import DetentError, ReadOnlyTransaction
from detent.model.policy import Principal
from detent.model.ports import AuditedCall
from detent.service.env import Env, Server

_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call came from."""

    request_id: str
    peer: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose caller is known and whose request is well formed."""

    operation: Operation
    request: Request
    principal: Principal
    origin: Origin


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body, and the call's id."""

    status: int
    body: bytes
    request_id: str


class Refusal(Exception):
    """An operation refused, with its answer. Raised so that a write transaction undoes what was half done."""

    def __init__(self, answer: Answer, *, keeps_changes: bool) -> None:
        """Take the audited answer; `keeps_changes` as on DetentError."""
        super().__init__(answer.status)
        self.answer, self.keeps_changes = answer, keeps_changes


def decode(operation: Operation, body: bytes) -> Request:
    """Read a request's body. Raises Refused with every failure in one message."""
    try:
        return operation.decoder.decode(body or b"{}")
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise explain(operation.shape, body) from None


def perform(server: Server, call: Call, env: Env) -> Answer:
    """Run the operation; the call is in the audit trail when this returns or raises.

    Raises Refusal for every refusal; ReadOnlyTransaction when the call turns out to write.
    """
    try:
        result = call.operation.run(env, call.principal, **call.operation.arguments(call.request))
        reply = call.operation.reply(result)
    except ReadOnlyTransaction:
        raise
    except DetentError as error:
        answer = refuse(server, call.origin, call, (code_of(error), str(error)))
        raise Refusal(answer, keeps_changes=error.keeps_changes) from None
    _record(server, call.origin, call, reply, None)
    return Answer(200, b"" if reply is None else _encode(reply), call.origin.request_id)


def refuse(
    server: Server, origin: Origin, call: "Call | Operation | None", error: tuple[str, str], status: int = 400
) -> Answer:
    """Answer with an error, its code and message, and record it."""
    code, message = error
    _record(server, origin, call, None, error)
    member = "message" if is_front_end(code) else "Message"
    return Answer(status, _encode({"__type": code, member: message}), origin.request_id)


def broken(server: Server, origin: Origin, call: "Call | None", error: Exception) -> Answer:
    """Answer for a fault of our own; the log has where it happened, the caller the request id."""
    logging.getLogger(__name__).error("request %s failed: %s", origin.request_id, _where(error))
    try:
        return refuse(server, origin, call, (INTERNAL, INTERNAL_MESSAGE), 500)
    except OSError:  # the audit trail itself may be what is broken
        return Answer(500, _encode({"__type": INTERNAL, "Message": INTERNAL_MESSAGE}), origin.request_id)


def _where(error: Exception) -> str:
    """Name a fault by its kind and place: its text, and the values on its stack, may hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return f"{type(error).__name__} at " + " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))


def _record(
    server: Server,
    origin: Origin,
    call: "Call | Operation | None",
    reply: msgspec.Struct | None,
    error: tuple[str, str] | None,
) -> None:
    known = call if isinstance(call, Call) else None
    operation = call.operation if isinstance(call, Call) else call
    server.audit.call(
        AuditedCall(
            moment=server.clock.now(),
            service="" if operation is None else operation.service,
            operation="" if operation is None else operation.name,
            region=server.region,
            account=server.account,
            request_id=origin.request_id,
            peer=origin.peer,
            user_agent=origin.user_agent,
            principal=None if known is None else known.principal,
            parameters=None if known is None else known.operation.audited(known.request),
            reply=None if operation is None or operation.reads_only else _shown(reply),
            read_only=operation is not None and operation.reads_only,
            error=error,
        )
    )


def _shown(reply: msgspec.Struct | None) -> Mapping[str, Any] | None:
    """Give a write's reply for the audit trail; the reply of a write never holds a value."""
    if reply is None:
        return None
    members = msgspec.to_builtins(reply)
    return {"arn" if name == "ARN" else name[:1].lower() + name[1:]: value for name, value in members.items()}


__all__ = ["Answer", "Call", "Origin", "Refusal", "Refused", "broken", "decode", "perform", "refuse"]
