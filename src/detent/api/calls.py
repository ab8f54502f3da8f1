"""One call from decoding to its audited answer; it does not matter whether HTTP brought it or a function did."""

import itertools
import logging
import traceback
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from detent.api.errors import INTERNAL, INTERNAL_MESSAGE, code_of, is_front_end
from detent.api.operations import LAMBDA, UNKNOWN, Operation
from detent.api.repeats import refuse_repeats
from detent.api.shapes import SENSITIVE, Request, size_of, wire_name
from detent.api.validation import explain
from detent.model.errors import DetentError, ReadOnlyTransaction
from detent.model.policy import Principal
from detent.model.ports import AuditedCall, AuditedPart
from detent.service.env import Env, Origin, Server

NOBODY = Principal("", "", "")  # who has not been told yet; may do nothing
_UNREAD = Request()
_UNSHOWN = frozenset(map(wire_name, SENSITIVE))
_encode = msgspec.json.encode


class Call(NamedTuple):
    """A call, as far as it is known: first its origin and operation, then who calls and where, then what is asked."""

    origin: Origin
    operation: Operation = UNKNOWN
    principal: Principal = NOBODY
    region: str = ""  # empty: the signature was not read
    request: Request = _UNREAD


class Answer(NamedTuple):
    """A status, a body, the call's id, and how the body is to be read."""

    status: int
    body: bytes
    request_id: str
    content_type: bytes = b"application/x-amz-json-1.1"
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Refusal(Exception):
    """An operation refused, with its answer. Raised so that a write transaction undoes what was half done."""

    def __init__(self, answer: Answer, *, keeps_changes: bool) -> None:
        """Take the audited answer; `keeps_changes` as on DetentError."""
        super().__init__(answer.status)
        self.answer, self.keeps_changes = answer, keeps_changes


class Origins:
    """Gives each call its two ids: a random prefix of this object's own, and a count.

    They look like UUIDs and are as unique; `uuid4` twice is a tenth of a read's cost. One object a process: after a
    fork two processes would count on from the same prefix.
    """

    def __init__(self) -> None:
        """Choose the prefixes."""
        self._request, self._event = (str(uuid4())[:24] for _ in range(2))
        self._count = itertools.count()

    def new(self, peer: str, user_agent: str, *, over_tls: bool = False) -> Origin:
        """Note where a call came from, under new ids."""
        number = f"{next(self._count):012x}"
        return Origin(self._request + number, self._event + number, peer, user_agent, over_tls)


def decode(operation: Operation, body: bytes, value_bytes: int) -> Request:
    """Read a request's body; a secret value in it may have so many bytes. Raises Refused with all failures at once."""
    refuse_repeats(body)
    try:
        request = operation.decoder.decode(body or b"{}")
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise explain(operation.shape, body, value_bytes) from None
    if len(body) > value_bytes and any(size_of(request, name) > value_bytes for name in operation.sized):
        raise explain(operation.shape, body, value_bytes)
    return request


def perform(server: Server, call: Call, env: Env) -> Answer:
    """Run the operation; the call is in the audit trail when this returns or raises.

    Raises Refusal for every refusal; ReadOnlyTransaction when the call turns out to write.
    """
    operation = call.operation
    try:
        result = operation.run(env, call.principal, **operation.arguments(call.request))
    except ReadOnlyTransaction:
        raise
    except DetentError as error:
        answer = refuse(server, call, (code_of(error, of_lambda=operation.service == LAMBDA), str(error)))
        raise Refusal(answer, keeps_changes=error.keeps_changes) from None
    reply = operation.reply(result)
    _record(server, call, env.now, reply, parts=operation.parts(result) if operation.parts is not None else ())
    return Answer(200, b"" if reply is None else _encode(reply), call.origin.request_id)


def refuse(server: Server, call: Call, error: tuple[str, str], status: int = 400) -> Answer:
    """Answer with an error, its code and message, and record it."""
    code, message = error
    _record(server, call, server.clock.now(), None, error)
    member = "message" if is_front_end(code) else "Message"
    return Answer(status, _encode({"__type": code, member: message}), call.origin.request_id)


def record(server: Server, call: Call) -> None:
    """Put a call that was answered into the audit trail, without its answer."""
    _record(server, call, server.clock.now(), None)


def broken(server: Server, call: Call, error: Exception) -> Answer:
    """Answer for a fault of our own; the log has where it happened, the caller the request id."""
    logging.getLogger(__name__).error("request %s failed: %s", call.origin.request_id, _where(error))
    try:
        return refuse(server, call, (INTERNAL, INTERNAL_MESSAGE), 500)
    except OSError:  # the audit trail itself may be what is broken
        return Answer(500, _encode({"__type": INTERNAL, "Message": INTERNAL_MESSAGE}), call.origin.request_id)


def _where(error: Exception) -> str:
    """Name a fault by its kind and place: its text, and the values on its stack, may hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return f"{type(error).__name__} at " + " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))


def _record(
    server: Server,
    call: Call,
    moment: datetime,
    reply: msgspec.Struct | None,
    error: tuple[str, str] | None = None,
    *,
    parts: Iterable[AuditedPart] = (),
) -> None:
    operation = call.operation
    origin, principal, reads_only = call.origin, call.principal, operation.reads_only
    own = AuditedCall(  # by place, which costs half of what names do
        moment,
        operation.service,
        operation.name,
        call.region or server.region,
        principal.account or server.account,
        origin.request_id,
        origin.event_id,
        origin.peer,
        origin.user_agent,
        None if principal is NOBODY else principal,
        None if call.request is _UNREAD else operation.audited(call.request),
        None if reply is None or reads_only else _shown(reply),
        reads_only,
        error,
    )
    server.audit.call(own)
    for part in parts:
        event_id = str(uuid4())
        server.audit.call(own._replace(event_id=event_id, **part._asdict()))


def _shown(reply: msgspec.Struct) -> Mapping[str, Any]:
    """Give a write's reply for the audit trail, without the members that it must never hold."""
    members = _without_values(msgspec.to_builtins(reply))
    return {"arn" if name == "ARN" else name[:1].lower() + name[1:]: value for name, value in members.items()}


def _without_values(told: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(told, dict):
        return {name: _without_values(value) for name, value in told.items() if name not in _UNSHOWN}
    return [_without_values(item) for item in told] if isinstance(told, list) else told
