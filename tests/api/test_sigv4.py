"""The verifier against botocore's signer, on requests that Hypothesis makes."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from detent.api.errors import Refused
from detent.api.sigv4 import Signed, Signers, Verifier
from detent.model.policy import Principal
from detent.service.access import Signer
from wire.raw import sign

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
KEY, SECRET = "AKIAEXAMPLE", "a secret key"
SCOPE = ("20260310", "us-east-1", "secretsmanager")
ROOT = Principal("000000000000", "arn:aws:iam::000000000000:root", KEY)


def derived(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return key


def known(key_id: str, date: str, region: str, service: str) -> Signer:
    if key_id != KEY:
        return Signer(None, b"decoy", None, None)
    return Signer(ROOT, derived(SECRET, date, region, service), None, None)


def verified(signed: Signed, now: datetime = NOW, signers: Signers | None = None) -> Principal:
    verifier = Verifier(frozenset({"us-east-1"}), frozenset({"secretsmanager"}))
    return verifier.verify(signed, "secretsmanager", now, signers or Signers(1, known)).principal


def signed_by_botocore(  # noqa: PLR0917 - the parts of a request, in its order
    method: str = "POST",
    path: str = "/",
    query: str = "",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    at: datetime = NOW,
) -> Signed:
    url = f"https://detent.example:7373{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method, url, {"X-Amz-Target": "secretsmanager.X", **(headers or {})}, body)
    sign(request, Credentials(KEY, SECRET), "secretsmanager", "us-east-1", at)
    sent = [(name.lower().encode(), str(value).strip().encode()) for name, value in request.headers.items()]
    sent.append((b"host", b"detent.example:7373"))
    return Signed(method.encode(), quote(path, safe="/-_.~").encode(), query.encode(), sent, dict(sent), body)


HEADER_NAMES = st.from_regex(r"X-[A-Za-z0-9-]{1,12}[A-Za-z0-9]", fullmatch=True)
HEADER_VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.just("\t") | st.just(" "), max_size=40)
HEADERS = st.dictionaries(HEADER_NAMES, HEADER_VALUES, max_size=6).map(
    lambda found: {name: found[name] for name in {one.lower(): one for one in found}.values()}
)
QUERIES = st.lists(
    st.tuples(st.text(max_size=6), st.text(max_size=6)).map(lambda pair: [quote(part, safe="-_.~") for part in pair]),
    max_size=4,
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))
SEGMENTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/?#%"), min_size=1, max_size=5)
PATHS = st.lists(SEGMENTS.filter(lambda one: one not in {".", ".."}), max_size=3).map(
    lambda parts: "/" + "/".join(parts)
)


@given(headers=HEADERS, query=QUERIES, body=st.binary(max_size=200), method=st.sampled_from(["POST", "GET", "PUT"]))
def test_what_botocore_signs_is_accepted(headers: dict[str, str], query: str, body: bytes, method: str) -> None:
    assert verified(signed_by_botocore(method, "/", query, headers, body)) == ROOT


@given(body=st.binary(max_size=50), place=st.integers(0, 1000), bit=st.integers(0, 7))
def test_one_changed_bit_of_the_body_is_refused(body: bytes, place: int, bit: int) -> None:
    signed = signed_by_botocore(body=b"x" + body)
    changed = bytearray(signed.body)
    changed[place % len(changed)] ^= 1 << bit
    with pytest.raises(Refused) as caught:
        verified(signed._replace(body=bytes(changed)))
    assert caught.value.code == "InvalidSignatureException"


@given(headers=HEADERS.filter(bool), data=st.data())
def test_a_changed_signed_header_is_refused(headers: dict[str, str], data: st.DataObject) -> None:
    signed = signed_by_botocore(headers=headers)
    name = data.draw(st.sampled_from(sorted(headers))).lower().encode()
    changed = {**signed.headers, name: signed.headers[name] + b"x"}
    with pytest.raises(Refused) as caught:
        verified(signed._replace(headers=changed, sent=list(changed.items())))
    assert caught.value.code == "InvalidSignatureException"


@given(
    given_text=st.binary(max_size=80)
    | st.lists(st.binary(max_size=10), min_size=6, max_size=6).map(
        lambda p: b"AWS4-HMAC-SHA256 Credential=%b/%b/%b/%b/aws4_request, SignedHeaders=%b, Signature=%b" % tuple(p)
    )
)
def test_an_arbitrary_authorization_is_refused_in_order(given_text: bytes) -> None:
    signed = signed_by_botocore()
    changed = {**signed.headers, b"authorization": given_text}
    with pytest.raises(Refused) as caught:
        verified(signed._replace(headers=changed, sent=list(changed.items())))
    assert caught.value.status == 400


@given(
    name=st.sampled_from([b"x-amz-date", b"date"]), value=st.binary(max_size=40) | st.text(max_size=40).map(str.encode)
)
def test_an_arbitrary_date_is_refused_in_order(name: bytes, value: bytes) -> None:
    signed = signed_by_botocore()
    changed = {**signed.headers, name: value}
    if name == b"date":
        del changed[b"x-amz-date"]
    with pytest.raises(Refused) as caught:
        verified(signed._replace(headers=changed, sent=list(changed.items())))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "date",
    [
        "Fri, 31 Dec 9999 23:59:59 -2300",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "Tue, 10 Mar 99999 12:00:00 GMT",
        "Tue, 99 Mar 2026 12:00:00 GMT",
        "Tue, 10 Mar 2026 12:00:00 +999999999999",
    ],
)
def test_an_http_date_that_no_calendar_has_is_refused(date: str) -> None:
    signed = signed_by_botocore()
    changed = {**signed.headers, b"date": date.encode()}
    del changed[b"x-amz-date"]
    with pytest.raises(Refused):
        verified(signed._replace(headers=changed, sent=list(changed.items())))


@pytest.mark.parametrize(
    "date", ["Tue, 10 Mar 2026 12:00:00 GMT", "Tue, 10 Mar 2026 13:00:00 +0100", "10 Mar 2026 12:00:00 -0000"]
)
def test_an_http_date_is_signed_in_the_form_of_x_amz_date(date: str) -> None:
    signed = signed_by_botocore(headers={"Date": date})
    changed = {**signed.headers, b"date": date.encode()}  # botocore wrote its own form of the same moment
    with pytest.raises(Refused) as caught:
        verified(signed._replace(headers=changed, sent=list(changed.items())))
    assert caught.value.code == "InvalidSignatureException"  # only the header's own bytes differ
    assert verified(signed) == ROOT


@pytest.mark.parametrize("seconds", [-300, -299, 0, 299, 300])
def test_a_date_within_five_minutes_is_accepted(seconds: int) -> None:
    assert verified(signed_by_botocore(at=NOW + timedelta(seconds=seconds))) == ROOT


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (-301, "Signature expired: 20260310T115459Z is now earlier than 20260310T115500Z (20260310T120000Z - 5 min.)"),
        (
            301,
            (
                "Signature not yet current: 20260310T120501Z is still later than 20260310T120500Z"
                " (20260310T120000Z + 5 min.)"
            ),
        ),
    ],
)
def test_a_date_one_second_further_is_refused_in_the_references_words(seconds: int, message: str) -> None:
    with pytest.raises(Refused) as caught:
        verified(signed_by_botocore(at=NOW + timedelta(seconds=seconds)))
    assert (caught.value.code, caught.value.message) == ("InvalidSignatureException", message)


def test_a_request_signed_before_midnight_is_accepted_after_it() -> None:
    midnight = datetime(2026, 3, 11, tzinfo=UTC)
    assert verified(signed_by_botocore(at=midnight - timedelta(seconds=60)), midnight + timedelta(seconds=60)) == ROOT


def test_kept_signers_are_asked_for_anew_once_the_stamp_changes() -> None:
    asked: list[str] = []
    gone: set[str] = set()

    def find(key_id: str, date: str, region: str, service: str) -> Signer:
        asked.append(key_id)
        return known("gone" if key_id in gone else key_id, date, region, service)

    verifier = Verifier(frozenset({"us-east-1"}), frozenset({"secretsmanager"}))
    signed = signed_by_botocore()
    for _ in range(3):
        verifier.verify(signed, "secretsmanager", NOW, Signers(1, find))
    assert asked == [KEY]
    gone.add(KEY)
    with pytest.raises(Refused) as caught:
        verifier.verify(signed, "secretsmanager", NOW, Signers(2, find))
    assert caught.value.code == "UnrecognizedClientException"


def test_many_keys_do_not_make_the_verifier_grow_without_end() -> None:
    verifier = Verifier(frozenset({"us-east-1"}), frozenset({"secretsmanager"}))
    signed = signed_by_botocore()
    authorization = signed.headers[b"authorization"]
    for number in range(3000):
        changed = {**signed.headers, b"authorization": authorization.replace(KEY.encode(), b"K%d" % number)}
        anyone = Signers(1, lambda *_: Signer(ROOT, derived(SECRET, *SCOPE), None, None))
        assert verifier.verify(signed._replace(headers=changed), "secretsmanager", NOW, anyone).principal == ROOT
    assert 0 < len(verifier._kept) <= 1024


def test_what_is_refused_is_not_kept_and_drives_nothing_out() -> None:
    verifier = Verifier(frozenset({"us-east-1"}), frozenset({"secretsmanager"}))
    signed = signed_by_botocore()
    verifier.verify(signed, "secretsmanager", NOW, Signers(1, known))
    kept = dict(verifier._kept)
    for old, new in ((KEY.encode(), b"AKIANOBODY"), (b"Signature=", b"Signature=0")):
        changed = {**signed.headers, b"authorization": signed.headers[b"authorization"].replace(old, new)}
        with pytest.raises(Refused):
            verifier.verify(signed._replace(headers=changed), "secretsmanager", NOW, Signers(1, known))
    assert verifier._kept == kept


def test_nobody_signs_with_a_decoy_even_by_its_own_key() -> None:
    signed = signed_by_botocore()
    decoy = Signers(1, lambda *_: Signer(None, derived(SECRET, *SCOPE), None, None))
    with pytest.raises(Refused) as caught:
        verified(signed, signers=decoy)
    assert caught.value.code == "UnrecognizedClientException"


class TestSessions:
    """Temporary credentials: a session token that hashes to what is kept, until it expires."""

    token = "session token"

    def find(self, _id: str, date: str, region: str, service: str) -> Signer:
        hashed = hashlib.sha256(self.token.encode()).digest()
        return Signer(ROOT, derived(SECRET, date, region, service), NOW + timedelta(seconds=10), hashed)

    def signed(self, token: str | None) -> Signed:
        return signed_by_botocore(headers={} if token is None else {"X-Amz-Security-Token": token})

    def test_the_right_token_is_accepted(self) -> None:
        assert verified(self.signed(self.token), signers=Signers(1, self.find)) == ROOT

    @pytest.mark.parametrize("token", [None, "", "other", "session tokeN"])
    def test_a_wrong_or_absent_token_is_refused(self, token: str | None) -> None:
        with pytest.raises(Refused) as caught:
            verified(self.signed(token), signers=Signers(1, self.find))
        assert caught.value.code == "UnrecognizedClientException"

    def test_an_expired_session_is_refused(self) -> None:
        with pytest.raises(Refused) as caught:
            verified(self.signed(self.token), NOW + timedelta(seconds=10), Signers(1, self.find))
        assert (caught.value.code, caught.value.message) == (
            "ExpiredTokenException",
            "The security token included in the request is expired",
        )

    def test_a_token_with_a_lasting_key_is_refused(self) -> None:
        with pytest.raises(Refused) as caught:
            verified(self.signed("any"))
        assert caught.value.code == "UnrecognizedClientException"
