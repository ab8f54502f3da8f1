"""The audit trail in one file: one JSON line a record, appended in one write, so that processes never mix theirs.

The file is opened once a process. The record of a call is written before its answer leaves; that of a write before its
transaction commits, so that a deed is never without its record.
"""

import os
from collections.abc import Mapping
from datetime import datetime
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
_SOURCES = {"secretsmanager": _SOURCE, "detent": "detent", "": _SOURCE}


class AuditTrail:
    """`ports.Audit` on a file."""

    def __init__(self, path: Path) -> None:
        """Open the file, made with mode 0600 when it is not there."""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def call(self, call: AuditedCall) -> None:
        """Append one call."""
        record = {
            "eventVersion": _VERSION,
            "userIdentity": _identity(call.principal, call.account),
            "eventTime": _time(call.moment),
            "eventSource": _SOURCES[call.service],
            "eventName": call.operation,
            "awsRegion": call.region,
            "sourceIPAddress": call.peer,
            "userAgent": call.user_agent,
            "requestParameters": call.parameters,
            "responseElements": call.reply,
            "requestID": call.request_id,
            "eventID": call.event_id,
            "readOnly": call.read_only,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": call.account,
            "eventCategory": "Management",
        }
        if call.error is not None:
            record["errorCode"], record["errorMessage"] = call.error
        self._append(record)

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

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _append(self, record: Mapping[str, Any]) -> None:
        line = _encode(record) + b"\n"
        if os.write(self._descriptor, line) != len(line):
            raise OSError("the audit trail took only a part of a record: is its disk full?")


def _time(moment: datetime) -> str:
    return moment.isoformat("T", "seconds")[:19] + "Z"


def _identity(principal: Principal | None, account: str) -> Mapping[str, Any]:
    if principal is None:
        return {"type": "Unknown", "accountId": account}
    return {
        "type": "Root" if principal.is_root else "AssumedRole",
        "principalId": principal.account if principal.is_root else principal.access_key_id,
        "arn": principal.arn,
        "accountId": principal.account,
        "accessKeyId": principal.access_key_id,
    }
