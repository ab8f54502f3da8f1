"""Finding records of the audit trail by who did what to which secret, and when."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

_ROLE = re.compile(r"arn:[^:]+:sts::[0-9]{12}:assumed-role/([^/]+)/")
_SECRET = re.compile(r"arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:(.+)-[A-Za-z0-9]{6}")
_ALWAYS = {"eventTime", "eventName", "eventSource", "userIdentity", "sourceIPAddress"}
_SERVICE_ENDS = ".amazonaws.com"


@dataclass(frozen=True)
class Wanted:
    """What a record must have; None: anything. Times are as records have them, `2026-03-10T12:00:00Z`."""

    principal: str | None = None  # an ARN, a user's or role's name, an access key's id, `root`
    secret: str | None = None  # a name or an ARN
    action: str | None = None  # GetSecretValue, or secretsmanager:GetSecretValue
    since: str | None = None
    until: str | None = None  # not itself
    only_refused: bool = False

    def fits(self, record: Mapping[str, Any]) -> bool:
        """Whether a record is wanted."""
        moment = record["eventTime"]
        return (
            (self.since is None or moment >= self.since)
            and (self.until is None or moment < self.until)
            and (not self.only_refused or "errorCode" in record or "errorMessage" in record)
            and (self.action is None or self.action in _actions(record))
            and (self.principal is None or self.principal in _names(record["userIdentity"]))
            and (self.secret is None or not _as_named(self.secret).isdisjoint(_secrets(record)))
        )


def search(lines: Iterable[bytes], wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Give the records that are wanted, in the trail's order; what is no record is passed over."""
    for line in lines:
        try:
            record = msgspec.json.decode(line)
        except msgspec.DecodeError:
            continue  # verifying the trail tells of it
        if isinstance(record, dict) and record.keys() >= _ALWAYS and wanted.fits(record):
            yield record


def _actions(record: Mapping[str, Any]) -> set[str]:
    name = record["eventName"]
    return {name, f"{record['eventSource'].removesuffix(_SERVICE_ENDS)}:{name}"}


def _names(identity: Mapping[str, Any]) -> set[str]:
    """Give everything that a caller is called by."""
    names = {identity.get(key, "") for key in ("arn", "accessKeyId", "userName", "principalId", "invokedBy")}
    role = _ROLE.match(identity.get("arn", ""))
    if role is not None:
        names |= {role[1], f"role/{role[1]}"}
    if "userName" in identity:
        names.add(f"user/{identity['userName']}")
    if identity.get("type") == "Root":
        names.add("root")
    return names - {""}


def secret_of(record: Mapping[str, Any]) -> str:
    """Give the secret that a record is about, as the call or event named it; empty: there is none."""
    parameters = record.get("requestParameters") or {}
    reply = record.get("responseElements") or {}
    event = record.get("additionalEventData") or {}
    named = (event.get("SecretId"), parameters.get("secretId"), parameters.get("name"), reply.get("arn"))
    return next((name for name in named if isinstance(name, str)), "")


def _secrets(record: Mapping[str, Any]) -> set[str]:
    told = secret_of(record)
    arn = (record.get("responseElements") or {}).get("arn")
    return _as_named(told) | _as_named(arn) if isinstance(arn, str) else _as_named(told)


def _as_named(secret_id: str) -> set[str]:
    """Give an id and, if it is a secret's ARN, the name in it."""
    arn = _SECRET.fullmatch(secret_id)
    return {secret_id} - {""} if arn is None else {secret_id, arn[1]}
