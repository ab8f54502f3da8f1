"""The audit trail: one record for every call and every service event, in the shape of CloudTrail's.

The record of a call is written before its answer leaves; that of a write before its transaction commits, so that a deed
is never without its record.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import uuid4

import msgspec

from detent.audit.chain import Head
from detent.audit.journal import Journal
from detent.model.policy import SERVICE, Principal
from detent.model.ports import AuditedCall
from detent.model.secret import Secret, VersionId

_encode = msgspec.json.encode
_IDENTITIES_KEPT = 1024  # callers; one is kept alive with its entry, so that no other can have its id
_identities: dict[int, tuple[Principal | None, str, msgspec.Raw]] = {}
_VERSION = "1.08"
_SOURCE = "secretsmanager.amazonaws.com"
_SOURCES = {
    "secretsmanager": _SOURCE,
    "detent": "detent",
    "sts": "sts.amazonaws.com",
    "lambda": "lambda.amazonaws.com",
    "": _SOURCE,
}


_SPECIAL = {"source_ip_address": "sourceIPAddress", "request_id": "requestID", "event_id": "eventID"}


def _field(name: str) -> str:
    first, *rest = name.split("_")
    return _SPECIAL.get(name) or first + "".join(word.capitalize() for word in rest)


class _Call(msgspec.Struct, rename=_field):
    """A call's record; a struct, because making and encoding one costs half of what a dict does."""

    user_identity: msgspec.Raw
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
    def append(self, record: bytes) -> None:
        """Take one record, a JSON object."""

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
        self.append(_encode(record))


class AuditTrail(_Records):
    """`ports.Audit` on a journal."""

    def __init__(self, journal: Journal) -> None:
        """Append to this journal."""
        self._journal = journal

    def append(self, record: bytes) -> None:
        """Append one record."""
        self._journal.append([record])

    def batch(self) -> "Batch":
        """Give a place to keep records in until they are written together."""
        return Batch(self._journal)


class Batch(_Records):
    """`ports.AuditBatch`: used by one thread."""

    def __init__(self, journal: Journal) -> None:
        """Keep records for this journal."""
        self._journal = journal
        self._records: list[bytes] = []

    def append(self, record: bytes) -> None:
        """Keep one record."""
        self._records.append(record)

    def write(self) -> Head | None:
        """Append all that were kept; gives the chain's new head, or None: there were none."""
        if not self._records:
            return None
        records, self._records = self._records, []
        return self._journal.append(records)


def _time(moment: datetime) -> str:
    return _time_of(int(moment.timestamp()))


@lru_cache(maxsize=4)
def _time_of(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _identity(principal: Principal | None, account: str) -> msgspec.Raw:
    """Give who called, encoded; of a caller who is known already, as it was encoded before."""
    known = _identities.get(id(principal))
    if known is not None and known[0] is principal and known[1] == account:
        return known[2]
    encoded = msgspec.Raw(_encode(_told(principal, account)))
    if len(_identities) >= _IDENTITIES_KEPT:
        _identities.clear()
    _identities[id(principal)] = principal, account, encoded
    return encoded


def _told(principal: Principal | None, account: str) -> Mapping[str, Any]:
    if principal is None:
        return {"type": "Unknown", "accountId": account}
    if principal is SERVICE:
        return {"type": "AWSService", "invokedBy": _SOURCE}
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
