"""Lambda's REST protocol: an operation by method and path, its members from path, query, headers and JSON body.

A call is read into the members that one JSON body would have, answered like any other, and the answer then told as
Lambda tells it: the error's name in a header, and the status of its own.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import msgspec

from detent.api.calls import Answer, decode
from detent.api.errors import INTERNAL, LAMBDA_STATUSES, Refused
from detent.api.function_operations import INVOCATIONS, ROUTES, UNKNOWN_PATH
from detent.api.operations import Operation, Runs
from detent.api.shapes import Request, wire_name
from detent.api.sigv4 import Signed
from detent.model.ports import Invoked

JSON: Final = b"application/json"
_PATHS = re.compile(rb"/20\d\d-\d\d-\d\d/")  # of every REST API of Lambda's, each begins with its version
_FUNCTIONS = "/2015-03-31/functions"
_OPENING = re.compile(rb"\s*\{\s*")
_WITH_BODY = (b"POST", b"PUT")
_MOST_FIELDS = 50
_LONGEST_NUMBER = 10  # digits: anything longer is too large anyhow
_TAIL_BYTES = 4096  # of a log, AWS's
_HEADERS = {
    b"x-amz-invocation-type": "InvocationType",
    b"x-amz-log-type": "LogType",
    b"x-amz-client-context": "ClientContext",
}
# What every protocol's front end calls an error -> what Lambda calls it.
_FRONT_END: Mapping[str, str] = {
    INTERNAL: "ServiceException",
    "RequestEntityTooLargeException": "RequestTooLargeException",
    "ThrottlingException": "TooManyRequestsException",
}
_CAPITAL = {"ResourceNotFoundException", "ServiceException", "PublicPolicyException", "KMSInvalidStateException"}


def is_rest(path: bytes) -> bool:
    """Whether a raw path is one of Lambda's."""
    return _PATHS.match(path) is not None


def asked(method: str, path: bytes, headers: Mapping[bytes, bytes]) -> Operation:
    """Find the operation that a method and a raw path ask for."""
    parts = _parts(path)
    if parts is None:
        return UNKNOWN_PATH
    wanted = (method, *("*" if number % 2 == 0 else part for number, part in enumerate(parts)))
    found = ROUTES.get(wanted, UNKNOWN_PATH)
    if found.runs is Runs.INVOKING:
        return INVOCATIONS.get(headers.get(b"x-amz-invocation-type", b""), found)
    return found


def _parts(path: bytes) -> list[str] | None:
    """Give the parts behind the functions' path, decoded; None: it is another path."""
    text = path.decode("latin-1")
    if text.rstrip("/") != _FUNCTIONS and not text.startswith(f"{_FUNCTIONS}/"):
        return None
    rest = text[len(_FUNCTIONS) :].strip("/")
    return [unquote(part) for part in rest.split("/")] if rest else []


def request(operation: Operation, sent: Signed, value_bytes: int) -> Request:
    """Read a request. Raises Refused."""
    located = _located(operation, sent)
    if operation.name == "Invoke":
        _check_event(sent.body)
        asked = decode(operation, msgspec.json.encode(located), value_bytes)
        return msgspec.structs.replace(asked, payload=sent.body)
    return decode(operation, _joined(located, sent.body if sent.method in _WITH_BODY else b""), value_bytes)


def _located(operation: Operation, sent: Signed) -> dict[str, Any]:
    """Give the members that are not in the body."""
    known = {wire_name(field) for field in operation.shape.__struct_fields__}
    names = ("FunctionName", "", "StatementId")
    found: dict[str, Any] = {name: part for name, part in zip(names, _parts(sent.path) or (), strict=False) if name}
    for name, value in _fields(sent.query):
        if name in known and name not in found:  # the path's word holds
            found[name] = int(value) if name == "MaxItems" and _is_number(value) else value
    if operation.name == "Invoke":
        headers = sent.headers
        found.update({name: headers[key].decode("latin-1") for key, name in _HEADERS.items() if key in headers})
    return found


def _fields(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("ascii"), max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:  # no ASCII, no UTF-8, or too many fields
        raise Refused("SerializationException", "The query string could not be read.") from None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < _LONGEST_NUMBER


def _joined(located: dict[str, Any], body: bytes) -> bytes:
    """Put the located members before those of the body, which may be 70 MB: it is copied once."""
    opening = _OPENING.match(body)
    if not located or not body:
        return body or msgspec.json.encode(located)
    if opening is None:
        return body  # no object: decoding says so
    start = opening.end()
    comma = b"" if body.startswith(b"}", start) else b","
    return b"".join((msgspec.json.encode(located)[:-1], comma, memoryview(body)[start:]))


def _check_event(body: bytes) -> None:
    try:
        msgspec.json.decode(body or b"{}")
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused("InvalidRequestContentException", "Could not parse request body into json.") from None


def told(operation: Operation, answer: Answer) -> Answer:
    """Give the same answer as Lambda would tell it."""
    if answer.status == 200:  # noqa: PLR2004 - HTTP's status of success
        return answer._replace(status=operation.status, content_type=JSON)
    said = msgspec.json.decode(answer.body)
    code = _FRONT_END.get(said["__type"], said["__type"])
    message = said.get("message") or said.get("Message") or "There is no such operation."
    status = LAMBDA_STATUSES.get(code, answer.status)
    kind = "User" if status < 500 else "Service"  # noqa: PLR2004 - HTTP's statuses of the server's faults
    body = {"Type": kind, "Message" if code in _CAPITAL else "message": message}
    headers = ((b"x-amzn-errortype", code.encode()),)
    return Answer(status, msgspec.json.encode(body), answer.request_id, JSON, headers)


def invoked(asked: Request, done: Invoked, request_id: str) -> Answer:
    """Answer an invocation with what the function answered; that it failed stands in a header."""
    headers = [(b"x-amz-executed-version", b"$LATEST")]
    if done.error is not None:
        headers.append((b"x-amz-function-error", done.error.encode("ascii", "replace")))
    if getattr(asked, "log_type", None) == "Tail":
        headers.append((b"x-amz-log-result", base64.b64encode(done.log.encode(errors="replace")[-_TAIL_BYTES:])))
    return Answer(200, done.payload, request_id, JSON, tuple(headers))
