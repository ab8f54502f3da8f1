"""Requests as bytes on a socket, signed by botocore, so that any part of them can be wrong."""

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from servers.detent import RunningDetent

Headers = list[tuple[str, str]]
CONTENT_TYPE = "application/x-amz-json-1.1"


@dataclass(frozen=True)
class Told:
    """A reply; `code` and `message` of an error, checked to be well formed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def members(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def error(self) -> tuple[str, str]:
        assert self.status != 200, self.body
        members = self.members
        (spelling,) = set(members) - {"__type"}
        assert spelling in {"message", "Message"}
        return members["__type"], members[spelling]


@dataclass
class RawClient:
    """Signs for one server with one key; `send` puts on the wire exactly what it is given."""

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    region: str = "us-east-1"
    service: str = "secretsmanager"
    told: list[str] = field(default_factory=list, repr=False)

    def call(self, operation: str, members: Mapping[str, Any] | bytes = b"{}", **changed: Any) -> Told:
        body = members if isinstance(members, bytes) else json.dumps(members).encode()
        return self.send(self.signed(f"{self.service}.{operation}", body, **changed), body)

    def signed(
        self,
        target: str | None,
        body: bytes,
        *,
        at: datetime | None = None,
        method: str = "POST",
        path: str = "/",
        extra: Mapping[str, str] | None = None,
    ) -> Headers:
        """Give a good request's headers, Host first and Authorization last."""
        headers = {"Content-Type": CONTENT_TYPE, **({} if target is None else {"X-Amz-Target": target})}
        headers.update(extra or {})
        request = AWSRequest(method, self.endpoint + path, headers, body)
        sign(request, self._credentials(), self.service, self.region, at or datetime.now(UTC))
        host = urlsplit(self.endpoint).netloc
        return [("Host", host), *((name, str(value)) for name, value in request.headers.items())]

    def send(self, headers: Sequence[tuple[str, str]], body: bytes, method: str = "POST", path: str = "/") -> Told:
        place = urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value.encode("latin-1"))
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            reply = connection.getresponse()
            told = Told(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read())
        finally:
            connection.close()
        if told.status != 200:
            self.told.append(told.body.decode())
        return told

    def _credentials(self) -> Credentials:
        return Credentials(self.access_key, self.secret_key, self.session_token)


def sign(request: AWSRequest, credentials: Credentials, service: str, region: str, at: datetime) -> None:
    """Sign as botocore does, as of any moment."""
    signer = SigV4Auth(credentials, service, region)
    request.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
    signer._modify_request_before_signing(request)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))


def raw_client(detent: RunningDetent, **changed: Any) -> RawClient:
    access_key, secret_key = detent.credentials
    return RawClient(
        **{
            "endpoint": detent.endpoint,
            "access_key": access_key,
            "secret_key": secret_key,
            "told": detent.refusals,
            **changed,
        }
    )


def put(headers: Headers, name: str, value: str | None) -> Headers:
    """Give the headers with one changed in its place; None takes it away."""
    if value is None:
        return [(known, kept) for known, kept in headers if known.lower() != name.lower()]
    return [(known, value if known.lower() == name.lower() else kept) for known, kept in headers]


def header(headers: Headers, name: str) -> str:
    return next(value for known, value in headers if known.lower() == name.lower())
