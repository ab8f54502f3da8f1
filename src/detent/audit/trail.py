"""The audit trail in one file: one JSON line a record, appended in one write, so that processes never mix theirs.

The file is opened once a process. The record of a call is written before its answer leaves; that of a write before its
transaction commits, so that a deed is never without its record.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from detent.model.policy import Principal
from detent.model.ports import AuditedCall
from detent.model.secret import Secret, VersionId

_encode = msgspec.json.encode
_VERSION = "1.08"
_SOURCE = "secretsmanager.amazonaws.com"
_SOURCES = {"secretsmanager": _SOURCE, "detent": "detent", "sts": "sts.amazonaws.com", "": _SOURCE}


_SPECIAL = {"source_ip_address": "sourceIPAddress", "request_id": "requestID", "event_id": "eventID"}


def _field(name: str) -> str:
    first, *rest = name.split("_")
    return _SPECIAL.get(name) or first + "".join(word.capitalize() for word in rest)


class _Call(msgspec.Struct, rename=_field):
    """A call's record; a struct, because making and encoding one costs half of what a dict does."""

    user_identity: Mapping[str, Any]
    event_time: str
    event_source: str
    event_name: str
    aws_region: str
    source_ip_address: str
    user_agent: str
    request_parameters: Mapping[str, Any] | None
    response_elements: Mapping[str, Any] | None
    request_id: str
    event_id: str
    read_only: bool
    recipient_account_id: str
    error_code: str | msgspec.UnsetType = msgspec.UNSET
    error_message: str | msgspec.UnsetType = msgspec.UNSET
    event_version: str = _VERSION
    event_type: str = "AwsApiCall"
    management_event: bool = True
    event_category: str = "Management"


class _Records(ABC):
    """Shapes records; what becomes of their lines is the subclass's."""

    @abstractmethod
    def append(self, line: bytes) -> None:
        """Take one line."""

    def call(self, call: AuditedCall) -> None:
        """Append one call."""
        self._append(
            _Call(
                _identity(call.principal, call.account),
                _time(call.moment),
                _SOURCES[call.service],
                call.operation,
                call.region,
                call.peer,
                call.user_agent,
                call.parameters,
                call.reply,
                call.request_id,
                call.event_id,
                call.read_only,
                call.account,
                *(call.error or ()),
            )
        )

    def event(
        self, name: str, secret: Secret, version: VersionId | None, moment: datetime, error: str | None = None
    ) -> None:
        """Append one service event (D.10)."""
        detail = {"SecretId": secret.arn}
        if name.endswith("SecretVersionDelete"):  # which fields these carry is a Choice of the reference
            detail["SecretVersionId"] = version or ""
        record: dict[str, Any] = {
            "eventVersion": _VERSION,
            "userIdentity": {"accountId": secret.account, "invokedBy": _SOURCE},
            "eventTime": _time(moment),
            "eventSource": _SOURCE,
            "eventName": name,
            "awsRegion": secret.region,
            "sourceIPAddress": _SOURCE,
            "userAgent": _SOURCE,
            "requestParameters": None,
            "responseElements": None,
            "additionalEventData": detail,
            "requestID": f"Rotation-{secret.arn}-{version}",
            "eventID": str(uuid4()),
            "readOnly": False,
            "eventType": "AwsServiceEvent",
            "managementEvent": True,
            "recipientAccountId": secret.account,
            "eventCategory": "Management",
        }
        if error is not None:
            record["errorMessage"] = error
        self._append(record)

    def _append(self, record: Mapping[str, Any] | _Call) -> None:
        self.append(_encode(record) + b"\n")


class AuditTrail(_Records):
    """`ports.Audit` on a file."""

    def __init__(self, path: Path) -> None:
        """Open the file, made with mode 0600 when it is not there."""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def append(self, line: bytes) -> None:
        """Write one line, or several, in one write."""
        if os.write(self._descriptor, line) != len(line):
            raise OSError("the audit trail took only a part of a record: is its disk full?")

    def batch(self) -> "Batch":
        """Give a place to keep records in until they are written together."""
        return Batch(self)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class Batch(_Records):
    """`ports.AuditBatch`: used by one thread."""

    def __init__(self, trail: AuditTrail) -> None:
        """Keep records for this trail."""
        self._trail = trail
        self._lines: list[bytes] = []

    def append(self, line: bytes) -> None:
        """Keep one line."""
        self._lines.append(line)

    def write(self) -> None:
        """Append all that were kept."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._trail.append(b"".join(lines))


def _time(moment: datetime) -> str:
    return _time_of(int(moment.timestamp()))


@lru_cache(maxsize=4)
def _time_of(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _identity(principal: Principal | None, account: str) -> Mapping[str, Any]:
    if principal is None:
        return {"type": "Unknown", "accountId": account}
    is_session = principal.role is not None or principal.grant is not None
    kind = "Root" if principal.is_root else "AssumedRole" if is_session else "IAMUser"
    identity = {
        "type": kind,
        "principalId": principal.account if kind == "Root" else principal.id or principal.access_key_id,
        "arn": principal.arn,
        "accountId": principal.account,
    }
    if principal.access_key_id:  # whoever works on the data folder itself has none
        identity["accessKeyId"] = principal.access_key_id
    return identity if principal.user is None else {**identity, "userName": principal.user}
