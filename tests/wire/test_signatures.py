"""SigV4 over the wire: A.1 and A.4 of the API reference, botocore being the one that signs."""

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import pytest

from servers.detent import RunningDetent
from wire.answers import MISMATCH, UNKNOWN_KEY, new_name
from wire.raw import Headers, RawClient, header, put, raw_client

MISSING = ("MissingAuthenticationTokenException", "Request is missing Authentication Token")
REGION = ("InvalidSignatureException", "Credential should be scoped to a valid region.")
TARGET = "secretsmanager.ListSecrets"
BODY = b'{"MaxResults":1}'


def scope(service: str) -> tuple[str, str]:
    return ("InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'.")


def unsigned(*names: str) -> tuple[str, str]:
    return ("IncompleteSignatureException", f"These headers must be sent and signed: {', '.join(names)}.")


@pytest.fixture
def raw(detent: RunningDetent) -> RawClient:
    return raw_client(detent)


def test_a_good_signature_is_accepted(raw: RawClient) -> None:
    told = raw.send(raw.signed(TARGET, BODY), BODY)
    assert told.status == 200
    assert told.headers["content-type"] == "application/x-amz-json-1.1"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", told.headers["x-amzn-requestid"])
    assert abs(parsedate_to_datetime(told.headers["date"]) - datetime.now(UTC)) < timedelta(minutes=1)


def _authorization(change: Callable[[str], str]) -> Callable[[Headers], Headers]:
    return lambda headers: put(headers, "Authorization", change(header(headers, "Authorization")))


def _drop_signed(name: str) -> Callable[[str], str]:
    return lambda given: re.sub(rf"(SignedHeaders=\S*?)({name};|;{name}(?=,))", r"\1", given)


SIGNATURE = re.compile(r"Signature=[0-9a-f]+")
CREDENTIAL = re.compile(r"Credential=[^,]+")
PARTS = {
    "Credential": _authorization(lambda given: re.sub(r"Credential=[^,]+, ", "", given)),
    "SignedHeaders": _authorization(lambda given: re.sub(r"SignedHeaders=[^,]+, ", "", given)),
    "Signature": _authorization(lambda given: re.sub(r", Signature=.*", "", given)),
}


@pytest.mark.parametrize("missing", PARTS)
def test_a_part_that_is_missing_is_named(raw: RawClient, missing: str) -> None:
    told = raw.send(PARTS[missing](raw.signed(TARGET, BODY)), BODY)
    assert told.error == ("IncompleteSignatureException", f"Authorization header requires '{missing}' parameter.")


REFUSED: list[tuple[str, Callable[[Headers], Headers], tuple[str, str]]] = [
    ("no Authorization", lambda headers: put(headers, "Authorization", None), MISSING),
    (
        "nothing after the algorithm",
        _authorization(lambda _: "AWS4-HMAC-SHA256"),
        (
            "IncompleteSignatureException",
            (
                "Authorization header requires 'Credential' parameter. Authorization header requires 'SignedHeaders'"
                " parameter. Authorization header requires 'Signature' parameter."
            ),
        ),
    ),
    (
        "a signature that is no digest",
        _authorization(lambda given: SIGNATURE.sub("Signature=zz", given)),
        MISMATCH,
    ),
    (
        "a signature in capitals",
        _authorization(lambda given: SIGNATURE.sub(lambda found: "Signature=" + found[0][10:].upper(), given)),
        MISMATCH,
    ),
    ("another signature", _authorization(lambda given: SIGNATURE.sub("Signature=" + "0" * 64, given)), MISMATCH),
    ("another target", lambda headers: put(headers, "X-Amz-Target", "secretsmanager.DescribeSecret"), MISMATCH),
    ("another host", lambda headers: put(headers, "Host", "other.example"), MISMATCH),
    ("another content type", lambda headers: put(headers, "Content-Type", "application/json"), MISMATCH),
    ("an unsigned target", _authorization(_drop_signed("x-amz-target")), unsigned("x-amz-target")),
    ("an unsigned host", _authorization(_drop_signed("host")), unsigned("host")),
    ("an unsigned date", _authorization(_drop_signed("x-amz-date")), unsigned("x-amz-date")),
    ("a signed header that was not sent", lambda headers: put(headers, "Content-Type", None), unsigned("content-type")),
    (
        "a target added to what was signed without one",
        lambda headers: [*put(_authorization(_drop_signed("x-amz-target"))(headers), "X-Amz-Target", TARGET)],
        unsigned("x-amz-target"),
    ),
    (
        "no date",
        lambda headers: put(headers, "X-Amz-Date", None),
        ("IncompleteSignatureException", "The request needs a signed X-Amz-Date, as YYYYMMDDTHHMMSSZ."),
    ),
    (
        "a date in another form",
        lambda headers: put(headers, "X-Amz-Date", "2026-01-01T00:00:00Z"),
        ("IncompleteSignatureException", "The request needs a signed X-Amz-Date, as YYYYMMDDTHHMMSSZ."),
    ),
    (
        "a date that no calendar has",
        lambda headers: put(
            _authorization(lambda given: re.sub(r"/\d{8}/", "/20261345/", given))(headers),
            "X-Amz-Date",
            "20261345T000000Z",
        ),
        ("IncompleteSignatureException", "The request needs a signed X-Amz-Date, as YYYYMMDDTHHMMSSZ."),
    ),
    (
        "a date of bytes that are no ASCII",
        lambda headers: put(headers, "X-Amz-Date", "ÿ" * 16),
        ("IncompleteSignatureException", "The request needs a signed X-Amz-Date, as YYYYMMDDTHHMMSSZ."),
    ),
    ("a region of bytes that are no ASCII", _authorization(lambda given: given.replace("us-east-1", "ÿ")), REGION),
    (
        "a service of bytes that are no ASCII",
        _authorization(lambda given: given.replace("secretsmanager", "ÿ")),
        scope("secretsmanager"),
    ),
    (
        "a key of bytes that are no ASCII",
        _authorization(lambda given: re.sub("AKIA[A-Z0-9]+", "ÿ", given)),
        UNKNOWN_KEY,
    ),
    (
        "signed headers of bytes that are no ASCII",
        _authorization(lambda given: given.replace("SignedHeaders=", "SignedHeaders=ÿ;")),
        unsigned("ÿ"),
    ),
    ("an unknown key", _authorization(lambda given: re.sub("AKIA[A-Z0-9]+", "AKIA" + "A" * 16, given)), UNKNOWN_KEY),
    (
        "a session token with a lasting key, unsigned",
        lambda headers: [*headers, ("X-Amz-Security-Token", "token")],
        unsigned("x-amz-security-token"),
    ),
    (
        "a signed header sent twice",
        lambda headers: [*headers, ("X-Amz-Target", "secretsmanager.DescribeSecret")],
        ("IncompleteSignatureException", "A signed header was sent more than once."),
    ),
    (
        "two Authorizations",
        lambda headers: [*headers, ("Authorization", header(headers, "Authorization"))],
        ("IncompleteSignatureException", "A signed header was sent more than once."),
    ),
    (
        "a scope of another day",
        _authorization(lambda given: re.sub(r"/\d{8}/", "/20200101/", given)),
        None,  # type: ignore[list-item]  # the message names the request's own date
    ),
]


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_request_changed_after_it_was_signed_is_refused(raw: RawClient, change, expected) -> None:
    headers = raw.signed(TARGET, BODY)
    if expected is None:
        date = header(headers, "X-Amz-Date")
        expected = (
            "InvalidSignatureException",
            (
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP:"
                f" '20200101' != '{date[:8]}', from '{date}'."
            ),
        )
    told = raw.send(change(headers), BODY)
    assert (told.error, told.status) == (expected, 400)
    assert "message" in told.members
    assert "date" in told.headers


@pytest.mark.parametrize("name", ["Host", "X-Amz-Date", "X-Amz-Target", "Content-Type", "Authorization"])
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_signed_header_sent_twice_is_refused_wherever_the_other_stands(
    raw: RawClient, name: str, *, first: bool
) -> None:
    headers = raw.signed(TARGET, BODY)
    other = [(name, header(headers, name))]
    told = raw.send(other + headers if first else headers + other, BODY)
    assert told.status == 400
    assert told.error == ("IncompleteSignatureException", "A signed header was sent more than once.")


@pytest.mark.parametrize(
    "algorithm", ["Bearer abc", "AWS4-HMAC-SHA1 Credential=a/b", "Basic dXNlcg==", "", " ", "AWS AKIA:sig", "ÿ"]
)
def test_any_other_authorization_is_refused(raw: RawClient, algorithm: str) -> None:
    told = raw.send(put(raw.signed(TARGET, BODY), "Authorization", algorithm), BODY)
    assert told.error[0] in {"IncompleteSignatureException", "MissingAuthenticationTokenException"}


def test_a_changed_body_is_refused(raw: RawClient) -> None:
    assert raw.send(raw.signed(TARGET, BODY), BODY.replace(b"1", b"2")).error == MISMATCH


def test_a_wrong_secret_key_is_refused(detent: RunningDetent) -> None:
    assert raw_client(detent, secret_key="wrong").call("ListSecrets").error == MISMATCH


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"region": "eu-nowhere-1"}, REGION),
        ({"service": "s3"}, scope("secretsmanager")),
        ({"service": "detent"}, scope("secretsmanager")),
    ],
)
def test_another_scope_is_refused(detent: RunningDetent, changed, expected) -> None:
    raw = raw_client(detent, **changed)
    assert raw.send(raw.signed(TARGET, BODY), BODY).error == expected


def test_detents_own_operations_have_their_own_scope(detent: RunningDetent, raw: RawClient) -> None:
    assert raw_client(detent, service="detent").call("ListRotations", {"MaxResults": 1}).status == 200
    assert raw.send(raw.signed("detent.ListRotations", b"{}"), b"{}").error == scope("detent")


@pytest.mark.parametrize("minutes", [-6, 6, -60 * 24, 60 * 24 * 365])
def test_a_date_too_far_off_is_refused_with_the_limit(raw: RawClient, minutes: int) -> None:
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    told = raw.call("ListSecrets", at=at)
    code, message = told.error
    shown = r"(\d{8}T\d{6}Z)"
    texts = {
        True: rf"Signature not yet current: {shown} is still later than {shown} \({shown} \+ 5 min\.\)",
        False: rf"Signature expired: {shown} is now earlier than {shown} \({shown} - 5 min\.\)",
    }
    found = re.fullmatch(texts[minutes > 0], message)
    assert code == "InvalidSignatureException"
    assert found is not None
    given, limit, now = (datetime.strptime(part, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) for part in found.groups())
    assert given == at.replace(microsecond=0)
    assert limit - now == timedelta(minutes=5 if minutes > 0 else -5)
    assert abs(parsedate_to_datetime(told.headers["date"]) - now) <= timedelta(seconds=2)


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_date_a_little_off_is_accepted(raw: RawClient, minutes: int) -> None:
    assert raw.call("ListSecrets", at=datetime.now(UTC) + timedelta(minutes=minutes)).status == 200


def test_botocore_corrects_its_clock_from_the_refusal(client, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=10)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: ahead)
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.list_secrets()
    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert "date" in caught.value.response["ResponseMetadata"]["HTTPHeaders"]


def test_a_date_header_stands_in_for_the_amz_date(raw: RawClient) -> None:
    now = format_datetime(datetime.now(UTC), usegmt=True)
    headers = raw.signed(TARGET, BODY, extra={"Date": now})  # botocore then signs this one, in its own form
    assert "x-amz-date" not in {name.lower() for name, _ in headers}
    assert raw.send(headers, BODY).status == 200
    assert raw.send(put(headers, "Date", "yesterday"), BODY).error[0] == "IncompleteSignatureException"


@pytest.mark.parametrize(
    ("old", "new"),
    [(", ", ","), (", ", "   ,   "), ("SHA256 ", "SHA256    ")],
    ids=["commas without spaces", "commas with many", "spaces after the algorithm"],
)
def test_spaces_in_the_authorization_do_not_matter(raw: RawClient, old: str, new: str) -> None:
    headers = raw.signed(TARGET, BODY)
    changed = put(headers, "Authorization", header(headers, "Authorization").replace(old, new))
    assert raw.send(changed, BODY).status == 200


@pytest.mark.parametrize("value", ["a  b", "  a   b  ", "a\tb", "a \t b", "", " ", 'quoted "  two"', "a: b", ":"])
def test_header_values_are_folded_as_botocore_folds_them(raw: RawClient, value: str) -> None:
    assert raw.send(raw.signed(TARGET, BODY, extra={"X-Custom": value}), BODY).status == 200


def test_unsigned_headers_may_come_and_go(raw: RawClient) -> None:
    assert raw.send([*raw.signed(TARGET, BODY), ("X-Forwarded-For", "a"), ("X-Forwarded-For", "b")], BODY).status == 200


def test_a_signed_payload_hash_must_be_the_bodys(raw: RawClient) -> None:
    right = hashlib.sha256(BODY).hexdigest()
    assert raw.send(raw.signed(TARGET, BODY, extra={"X-Amz-Content-Sha256": right}), BODY).status == 200
    for wrong in (hashlib.sha256(b"other").hexdigest(), "UNSIGNED-PAYLOAD", right.upper(), ""):
        headers = raw.signed(TARGET, BODY, extra={"X-Amz-Content-Sha256": wrong})
        assert raw.send(headers, BODY).error == MISMATCH


@pytest.mark.parametrize("query", ["?a=b", "?", "?b=2&a=1&a=0", "?a", "?a=%20%2F%C3%A4", "?a=b%3Dc", "?=", "?%FF"])
def test_the_query_is_signed_too(raw: RawClient, query: str) -> None:
    path = "/" + query
    assert raw.send(raw.signed(TARGET, BODY, path=path), BODY, path=path).status == 200
    assert raw.send(raw.signed(TARGET, BODY), BODY, path="/?added=1").error == MISMATCH


@pytest.mark.parametrize(
    "target", [None, "", "ListSecrets", "secretsmanager.listSecrets", "SecretsManager.ListSecrets"]
)
def test_an_unknown_or_absent_target_is_an_unknown_operation(raw: RawClient, target: str | None) -> None:
    told = raw.send(raw.signed(target, b"{}"), b"{}")
    assert told.error == ("UnknownOperationException", "")


@pytest.mark.parametrize(
    "operation",
    ["GetSecretvalue", "Nothing"],
)
def test_an_operation_without_a_row_is_an_unknown_operation(raw: RawClient, operation: str) -> None:
    assert raw.call(operation).error == ("UnknownOperationException", "")


def test_who_is_unknown_learns_nothing_about_operations(detent: RunningDetent) -> None:
    stranger = raw_client(detent, access_key="AKIA" + "B" * 16)
    assert stranger.call("Nothing").error == UNKNOWN_KEY
    assert stranger.call("GetSecretValue", {"SecretId": new_name()}).error == UNKNOWN_KEY
    assert stranger.call("GetSecretValue", b"no json").error == UNKNOWN_KEY
