"""Who is calling: SigV4 verification (API reference A.4), in bytes.

Only derived signing keys come this far, and they are kept per scope only while nothing was committed to the store
since they were derived: a deleted key or an ended session holds on the very next request. An unknown key is refused
after the same work as a wrong signature, so that the time tells nobody which keys there are.
"""

import hashlib
import hmac
import re
from calendar import timegm
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from time import strptime
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from detent.api.errors import Refused
from detent.model.policy import Principal
from detent.service.access import Signer

_AUTHORIZATION = re.compile(
    rb"AWS4-HMAC-SHA256 +Credential=([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request *,"
    rb" *SignedHeaders=([^,\s]+) *, *Signature=([^,\s]+)\s*"
)
_DECIDING = (b"host", b"x-amz-date", b"x-amz-target", b"x-amz-security-token")  # signed wherever they are sent
_SKEW = timedelta(minutes=5)
_MAX_KEPT = 1024
_GLOBAL = ("sts", b"us-east-1")  # AWS: STS's global endpoint is signed for there, whatever the caller's region
_UNKNOWN = "The security token included in the request is invalid."
_NO_DATE = "The request needs a signed X-Amz-Date, as YYYYMMDDTHHMMSSZ."
_DIFFERS = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key"
    " and signing method. Consult the service documentation for details."
)


class Signers(NamedTuple):
    """Where signers come from within one snapshot of the store, and the snapshot's stamp."""

    stamp: object
    find: Callable[[str, str, str, str], Signer]  # access key id, date, region, service; a decoy for an unknown id


class Signed(NamedTuple):
    """The parts of an HTTP request that a signature covers; header names in lower case."""

    method: bytes
    path: bytes  # raw: as it was sent
    query: bytes
    sent: list[tuple[bytes, bytes]]  # every header, in order
    headers: dict[bytes, bytes]  # the same by name; of one sent twice, the last
    body: bytes


Wanted = tuple[bytes, bytes, bytes, bytes]  # access key id, date, region, service: as they were sent


class Verified(NamedTuple):
    """Who calls, and in which region: the signature's scope says it."""

    principal: Principal
    region: str
    note_from: datetime | None = None  # as a signer's


class _Kept(NamedTuple):
    signer: Signer
    verified: Verified | None  # None: a decoy verifies nothing
    keyed: "hmac.HMAC"  # copied for each request: cheaper than keying anew
    scope: bytes


class Verifier:
    """Verifies signatures for the regions and services that are served."""

    def __init__(self, regions: frozenset[str], services: frozenset[str]) -> None:
        """Verify for these."""
        self._regions = frozenset(region.encode() for region in regions)
        self._services = {service: service.encode() for service in services}
        self._kept: dict[Wanted, _Kept] = {}  # of signatures that were good
        self._kept_at: object = None

    def verify(self, request: Signed, service: str, now: datetime, signers: Signers) -> Verified:
        """Tell who signed the request for this service, and for which region. Raises Refused."""
        headers = request.headers
        given = headers.get(b"authorization")
        if given is None:
            raise Refused("MissingAuthenticationTokenException", "Request is missing Authentication Token")
        parts = _AUTHORIZATION.fullmatch(given)
        if parts is None:
            raise _incomplete(given)
        access_key_id, date, region, signed_for, names, signature = parts.groups()
        stamp = headers.get(b"x-amz-date") or _http_date(headers.get(b"date", b""))
        ahead = _epoch(stamp) - now.timestamp()
        self._check_scope(region, signed_for, service, date, stamp)
        _check_skew(ahead, stamp, now)
        signed_names = names.split(b";")
        _check_signed(request, headers, signed_names)
        wanted = (access_key_id, date, region, signed_for)
        known = self._known(signers.stamp, wanted)
        kept = known or _derived(signers, wanted)
        expected = _signature(kept, request, headers, signed_names, stamp)
        is_signed = expected is not None and hmac.compare_digest(expected, signature)
        try:
            verified = _checked(kept, headers, now, is_signed=is_signed)
        except Refused:
            if known is not None:
                _derived(signers, wanted)  # every refusal takes one derivation: no time tells which keys there are
            raise
        if known is None:
            self._kept[wanted] = kept
        return verified

    def _check_scope(self, region: bytes, signed_for: bytes, service: str, date: bytes, stamp: bytes) -> None:
        if region not in self._regions and (service, region) != _GLOBAL:
            raise Refused("InvalidSignatureException", "Credential should be scoped to a valid region.")
        if signed_for != self._services.get(service):
            raise Refused("InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'.")
        if not stamp.startswith(date):
            raise Refused(
                "InvalidSignatureException",
                f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP:"
                f" '{date.decode()}' != '{stamp[:8].decode()}', from '{stamp.decode()}'.",
            )

    def _known(self, stamp: object, wanted: Wanted) -> _Kept | None:
        if stamp != self._kept_at or len(self._kept) >= _MAX_KEPT:
            self._kept.clear()
            self._kept_at = stamp
        return self._kept.get(wanted)


def _derived(signers: Signers, wanted: Wanted) -> _Kept:
    signer = signers.find(*(part.decode("latin-1") for part in wanted))
    keyed = hmac.new(signer.signing_key, digestmod=hashlib.sha256)
    verified = None
    if signer.principal is not None:
        verified = Verified(signer.principal, wanted[2].decode(), signer.note_from)
    return _Kept(signer, verified, keyed, b"%b/%b/%b/aws4_request" % wanted[1:])


def _checked(kept: _Kept, headers: dict[bytes, bytes], now: datetime, *, is_signed: bool) -> Verified:
    _check_session(kept.signer, headers, now)
    if kept.verified is None:
        raise Refused("UnrecognizedClientException", _UNKNOWN)
    if not is_signed:
        raise Refused("InvalidSignatureException", _DIFFERS)
    return kept.verified


def _incomplete(given: bytes) -> Refused:
    """Name what an Authorization header lacks (A.4)."""
    missing = [name for name in ("Credential", "SignedHeaders", "Signature") if f"{name}=".encode() not in given]
    lacking = " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
    return Refused(
        "IncompleteSignatureException", lacking or "The Authorization header is not one of AWS4-HMAC-SHA256."
    )


def _http_date(date: bytes) -> bytes:
    """Give a Date header in X-Amz-Date's form, in which it is signed; what is no HTTP date, as it is."""
    try:
        moment = parsedate_to_datetime(date.decode("ascii"))
        in_utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, IndexError, OverflowError):
        return date
    return _shown(in_utc).encode()


def _check_skew(ahead: float, stamp: bytes, now: datetime) -> None:
    if abs(ahead) <= _SKEW.total_seconds():
        return
    shown, limit = stamp.decode(), now + _SKEW if ahead > 0 else now - _SKEW
    if ahead > 0:
        raise Refused(
            "InvalidSignatureException",
            f"Signature not yet current: {shown} is still later than {_shown(limit)} ({_shown(now)} + 5 min.)",
        )
    raise Refused(
        "InvalidSignatureException",
        f"Signature expired: {shown} is now earlier than {_shown(limit)} ({_shown(now)} - 5 min.)",
    )


@lru_cache(maxsize=64)  # clients that sign many requests in one second send one date
def _epoch(stamp: bytes) -> int:
    try:
        if len(stamp) == len(b"20260101T000000Z"):
            return timegm(strptime(stamp.decode("ascii"), "%Y%m%dT%H%M%SZ"))
    except ValueError:
        pass
    raise Refused("IncompleteSignatureException", _NO_DATE)


def _shown(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


def _check_signed(request: Signed, headers: dict[bytes, bytes], names: list[bytes]) -> None:
    """Refuse what would let a changed request pass: unsigned headers that decide, headers given twice."""
    missing = [name.decode() for name in _DECIDING if name in headers and name not in names]
    absent = [name.decode("latin-1") for name in names if name not in headers]
    if missing or absent or b"host" not in names or not (b"x-amz-date" in names or b"date" in names):
        missing += [name for name in ("host", "x-amz-date") if name.encode() not in (*names, *headers)]
        raise Refused(
            "IncompleteSignatureException", f"These headers must be sent and signed: {', '.join(missing + absent)}."
        )
    if len(headers) != len(request.sent):
        sent = [name for name, _ in request.sent]
        if any(sent.count(name) > 1 for name in (*names, b"authorization")):
            raise Refused("IncompleteSignatureException", "A signed header was sent more than once.")


def _check_session(signer: Signer, headers: dict[bytes, bytes], now: datetime) -> None:
    token = headers.get(b"x-amz-security-token")
    if token is None and signer.session_token_hash is None:
        return
    hashed = hashlib.sha256(token or b"").digest()
    if not hmac.compare_digest(hashed, signer.session_token_hash or b""):
        raise Refused("UnrecognizedClientException", _UNKNOWN)
    if signer.expires is not None and signer.expires <= now:
        raise Refused("ExpiredTokenException", "The security token included in the request is expired")


def _signature(
    kept: _Kept, request: Signed, headers: dict[bytes, bytes], names: list[bytes], stamp: bytes
) -> bytes | None:
    """Compute the signature that a good request has; None: it says of its own body what is not so."""
    body_hash = hashlib.sha256(request.body).hexdigest().encode()
    if b"x-amz-content-sha256" in names and headers[b"x-amz-content-sha256"] != body_hash:
        return None
    canonical = b"\n".join(
        (
            request.method,
            request.path if request.path == b"/" else _canonical_path(request.path),
            _canonical_query(request.query) if request.query else b"",
            _canonical_headers(headers, names),
            b"",
            b";".join(names),
            body_hash,
        )
    )
    mac = kept.keyed.copy()
    mac.update(b"AWS4-HMAC-SHA256\n%b\n%b\n%b" % (stamp, kept.scope, hashlib.sha256(canonical).hexdigest().encode()))
    return mac.hexdigest().encode()


def _canonical_headers(headers: dict[bytes, bytes], names: list[bytes]) -> bytes:
    plain = b"\n".join([name + b":" + headers[name] for name in names])
    if b"  " not in plain and b": " not in plain and b" \n" not in plain and b"\t" not in plain and plain[-1:] != b" ":
        return plain  # nothing to fold: nearly always
    return b"\n".join([name + b":" + b" ".join(headers[name].split()) for name in names])


def _canonical_path(path: bytes) -> bytes:
    return quote(path.decode("latin-1"), safe="/-_.~", encoding="latin-1").encode()


def _canonical_query(query: bytes) -> bytes:
    pairs = [part.partition("=")[::2] for part in query.decode("latin-1").split("&") if part]
    encoded = sorted(
        (quote(unquote_to_bytes(key), safe="-_.~"), quote(unquote_to_bytes(value), safe="-_.~")) for key, value in pairs
    )
    return "&".join(f"{key}={value}" for key, value in encoded).encode()
