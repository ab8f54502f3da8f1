"""STS's query protocol: GetCallerIdentity, which clients ask before any other call, and the two that begin sessions.

A query is read into the members that a JSON body would have, answered like any call, and the answer is then told in
STS's XML. The calls have no rate of their own. What AWS's page of common errors does not name, a body too large or too
late, keeps the JSON protocol's name and status (unconfirmed).
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import msgspec

from detent.api.calls import Answer
from detent.api.errors import INTERNAL
from detent.api.operations import QUERIES, UNKNOWN_QUERY, Operation

_VERSION = "2011-06-15"
_NAMESPACE = f"https://sts.amazonaws.com/doc/{_VERSION}/"
_FORM = b"application/x-www-form-urlencoded"
_XML = b"text/xml"
_MOST_FIELDS = 300
_LONGEST_NUMBER = 10  # digits: anything longer is too large anyhow
_NUMBERS = {"DurationSeconds"}
_LISTS = {"PolicyArns", "Tags", "TransitiveTagKeys"}  # an empty one is sent as an empty text
_ITEM = re.compile(r"(?P<list>[A-Za-z]+)\.member\.(?P<number>[1-9]\d{0,2})(?:\.(?P<member>[A-Za-z]+))?", re.ASCII)
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # characters that XML 1.0 cannot hold
# What the JSON protocol calls an error -> what the query protocol calls it, and its HTTP status.
_ERRORS: Mapping[str, tuple[str, int]] = {
    "ExpiredTokenException": ("ExpiredToken", 403),
    "IncompleteSignatureException": ("IncompleteSignature", 400),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "UnknownOperationException": ("InvalidAction", 400),
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
    "AccessDeniedException": ("AccessDenied", 403),
    "InvalidParameterException": ("ValidationError", 400),
    "MalformedPolicyDocumentException": ("MalformedPolicyDocument", 400),
    "SerializationException": ("ValidationError", 400),
    "ValidationException": ("ValidationError", 400),
    INTERNAL: ("InternalFailure", 500),
}


def is_query(method: str, headers: Mapping[bytes, bytes], query: bytes) -> bool:
    """Whether a request without a target is of the query protocol: a GET with a query string, or a form."""
    if method == "GET":
        return bool(query)
    return method == "POST" and headers.get(b"content-type", b"").split(b";")[0].strip().lower() == _FORM


def asked(method: str, body: bytes, query: bytes) -> Operation:
    """Find the operation that a form, or the query string of a GET, asks for; what is said twice is not said."""
    said = _fields(query if method == "GET" else body)
    if said is None or said.get("Version") != _VERSION:
        return UNKNOWN_QUERY
    return QUERIES.get(said.get("Action", ""), UNKNOWN_QUERY)


def members(method: str, body: bytes, query: bytes) -> bytes:
    """Give a query's members as a JSON body has them: `Tags.member.1.Key` is the Key of the first of Tags."""
    said = _fields(query if method == "GET" else body) or {}
    found: dict[str, Any] = {}
    lists: dict[str, dict[int, Any]] = {}
    for name, value in said.items():
        item = _ITEM.fullmatch(name)
        if name in _LISTS and not value:
            found[name] = []
        elif item is None:
            found[name] = int(value) if name in _NUMBERS and _is_number(value) else value
        elif item["member"] is None:
            lists.setdefault(item["list"], {})[int(item["number"])] = value
        else:
            entry = lists.setdefault(item["list"], {}).setdefault(int(item["number"]), {})
            if isinstance(entry, dict):
                entry["ARN" if item["member"] == "arn" else item["member"]] = value
    found.update({name: [items[number] for number in sorted(items)] for name, items in lists.items()})
    return msgspec.json.encode(found)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < _LONGEST_NUMBER


def _fields(text: bytes) -> dict[str, str] | None:
    """Read a query; None: it is none, or something is said twice."""
    try:
        pairs = parse_qsl(text.decode("ascii"), max_num_fields=_MOST_FIELDS, keep_blank_values=True, errors="strict")
    except ValueError:  # no ASCII, no UTF-8, or too many fields
        return None
    said = dict(pairs)
    return said if len(said) == len(pairs) else None


def in_xml(answer: Answer) -> Answer:
    """Give the same answer as STS would tell it."""
    told = msgspec.json.decode(answer.body)
    if answer.status == 200:  # noqa: PLR2004 - HTTP's status of success
        operation = told.pop("Operation")
        root = ET.Element(f"{operation}Response", xmlns=_NAMESPACE)
        _fill(ET.SubElement(root, f"{operation}Result"), told)
        _fill(ET.SubElement(root, "ResponseMetadata"), {"RequestId": answer.request_id})
        return _told(answer, root, answer.status)
    code, status = _ERRORS.get(told["__type"], (told["__type"], answer.status))
    message = told.get("message") or told.get("Message") or "There is no such action in this version of STS."
    root = ET.Element("ErrorResponse", xmlns=_NAMESPACE)
    kind = "Sender" if status < 500 else "Receiver"  # noqa: PLR2004 - HTTP's statuses of the server's faults
    _fill(ET.SubElement(root, "Error"), {"Type": kind, "Code": code, "Message": message})
    _fill(root, {"RequestId": answer.request_id})
    return _told(answer, root, status)


def _fill(parent: ET.Element, told: Mapping[str, Any]) -> None:
    for name, value in told.items():
        child = ET.SubElement(parent, "Arn" if name == "ARN" else name)
        if isinstance(value, dict):
            _fill(child, value)
        else:
            child.text = _NO_XML.sub("\ufffd", str(value))


def _told(answer: Answer, root: ET.Element, status: int) -> Answer:
    return answer._replace(status=status, body=ET.tostring(root, encoding="utf-8"), content_type=_XML)
