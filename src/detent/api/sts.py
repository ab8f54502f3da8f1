"""STS's query protocol for the one call that clients ask before any other, GetCallerIdentity.

A query is answered like any call, and the answer is then told in STS's XML. The call needs no permission and has no
rate of its own. What AWS's page of common errors does not name, a body too large or too late, keeps the JSON
protocol's name and status (unconfirmed).
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
_MOST_FIELDS = 100
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # characters that XML 1.0 cannot hold
# What the JSON protocol calls an error -> what the query protocol calls it, and its HTTP status.
_ERRORS: Mapping[str, tuple[str, int]] = {
    "ExpiredTokenException": ("ExpiredToken", 403),
    "IncompleteSignatureException": ("IncompleteSignature", 400),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "UnknownOperationException": ("InvalidAction", 400),
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
    INTERNAL: ("InternalFailure", 500),
}


def is_query(method: str, headers: Mapping[bytes, bytes], query: bytes) -> bool:
    """Whether a request without a target is of the query protocol: a GET with a query string, or a form."""
    if method == "GET":
        return bool(query)
    return method == "POST" and headers.get(b"content-type", b"").split(b";")[0].strip().lower() == _FORM


def asked(method: str, body: bytes, query: bytes) -> Operation:
    """Find the operation that a form, or the query string of a GET, asks for; what is said twice is not said."""
    try:
        pairs = parse_qsl((query if method == "GET" else body).decode("ascii"), max_num_fields=_MOST_FIELDS)
    except ValueError:  # no ASCII, or too many fields
        return UNKNOWN_QUERY
    said = [(name, value) for name, value in sorted(pairs) if name in {"Action", "Version"}]
    names = [value for name, value in said if name == "Action"]
    known = len(names) == 1 and said == [("Action", names[0]), ("Version", _VERSION)]
    return QUERIES.get(names[0], UNKNOWN_QUERY) if known else UNKNOWN_QUERY


def in_xml(answer: Answer) -> Answer:
    """Give the same answer as STS would tell it."""
    members = msgspec.json.decode(answer.body)
    if answer.status == 200:  # noqa: PLR2004 - HTTP's status of success
        root = ET.Element("GetCallerIdentityResponse", xmlns=_NAMESPACE)
        result = ET.SubElement(root, "GetCallerIdentityResult")
        _fill(result, {"Arn": members["ARN"], "UserId": members["UserId"], "Account": members["Account"]})
        _fill(ET.SubElement(root, "ResponseMetadata"), {"RequestId": answer.request_id})
        return _told(answer, root, answer.status)
    code, status = _ERRORS.get(members["__type"], (members["__type"], answer.status))
    message = members.get("message") or members.get("Message") or "There is no such action in this version of STS."
    root = ET.Element("ErrorResponse", xmlns=_NAMESPACE)
    kind = "Sender" if status < 500 else "Receiver"  # noqa: PLR2004 - HTTP's statuses of the server's faults
    _fill(ET.SubElement(root, "Error"), {"Type": kind, "Code": code, "Message": message})
    _fill(root, {"RequestId": answer.request_id})
    return _told(answer, root, status)


def _fill(parent: ET.Element, members: Mapping[str, Any]) -> None:
    for name, text in members.items():
        ET.SubElement(parent, name).text = _NO_XML.sub("\ufffd", text)


def _told(answer: Answer, root: ET.Element, status: int) -> Answer:
    return answer._replace(status=status, body=ET.tostring(root, encoding="utf-8"), content_type=_XML)
