"""STS GetCallerIdentity on the same port: the query protocol, which Terraform and many scripts speak first."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detent.model.errors import FunctionFailed
from detent.model.ports import Traits
from servers.detent import RunningDetent
from wire.premises import Premises, premises
from wire.raw import RawClient, Told, raw_client

ACCOUNT = "000000000000"
ROOT = {"UserId": ACCOUNT, "Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root"}
NAMESPACE = "{https://sts.amazonaws.com/doc/2011-06-15/}"
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:asks"


@pytest.fixture
def raw(detent: RunningDetent) -> RawClient:
    return raw_client(detent, service="sts")


def asked(raw: RawClient, body: bytes = BODY, **changed: Any) -> Told:
    return raw.send(raw.signed(None, body, extra=FORM, **changed), body)


def error(told: Told) -> tuple[int, str, str]:
    """The status, code and message of a well-formed refusal."""
    assert told.headers["content-type"] == "text/xml"
    root = ET.fromstring(told.body)
    assert root.tag == f"{NAMESPACE}ErrorResponse"
    found = {one.tag.removeprefix(NAMESPACE): one.text for one in root.iter()}
    assert found["RequestId"] == told.headers["x-amzn-requestid"]
    assert found["Type"] == ("Sender" if told.status < 500 else "Receiver")
    return told.status, str(found["Code"]), str(found["Message"])


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_boto3_is_told_who_it_is(detent: RunningDetent, region: str) -> None:
    told = detent.client("sts", region_name=region).get_caller_identity()
    assert {name: told[name] for name in ROOT} == ROOT
    assert told["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "text/xml"
    assert told["ResponseMetadata"]["RequestId"] == told["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]


def test_the_aws_cli_is_told_with_nothing_but_the_servers_two_files(detent: RunningDetent) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DETENT_"))}
    files = {
        "AWS_SHARED_CREDENTIALS_FILE": str(detent.data / "credentials"),
        "AWS_CONFIG_FILE": str(detent.data / "config"),
    }
    command = [sys.executable, str(Path(sys.executable).with_name("aws")), "sts", "get-caller-identity"]
    done = subprocess.run(command, env={**kept, **files}, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, json.loads(done.stdout)) == (0, ROOT)


def test_the_answer_is_a_document_of_stss_namespace(raw: RawClient) -> None:
    told = asked(raw)
    assert (told.status, told.headers["content-type"]) == (200, "text/xml")
    root = ET.fromstring(told.body)
    assert root.tag == f"{NAMESPACE}GetCallerIdentityResponse"
    found = {one.tag.removeprefix(NAMESPACE): one.text for one in root.iter()}
    assert {name: found[name] for name in ROOT} == ROOT
    assert found["RequestId"] == told.headers["x-amzn-requestid"]


def test_it_may_stand_in_the_query_string(raw: RawClient) -> None:
    path = f"/?{BODY.decode()}"
    headers = raw.signed(None, b"", method="GET", path=path)
    assert raw.send(headers, b"", method="GET", path=path).status == 200
    other = "/?Action=AssumeRoleWithSAML&Version=2011-06-15"  # a GET's body says nothing
    told = raw.send(raw.signed(None, BODY, method="GET", path=other), BODY, method="GET", path=other)
    assert error(told)[:2] == (400, "InvalidAction")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_no_other_method_is_answered(raw: RawClient, method: str) -> None:
    told = raw.send(raw.signed(None, BODY, extra=FORM, method=method), BODY, method=method)
    assert told.error[0] == "InvalidSignatureException"  # it is no query, so it is signed for the wrong service


def test_the_global_endpoint_is_signed_for_us_east_1_wherever_the_server_is(tmp_path: Path) -> None:
    with premises(tmp_path / "data", region="eu-west-1", regions="eu-west-1") as house:
        client = house.client
        client.service = "sts"
        assert client.send(client.signed(None, BODY, extra=FORM, at=house.clock.now()), BODY).status == 200
        client.service = "secretsmanager"
        assert client.call("ListSecrets").error[0] == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"secret_key": "wrong"}, 403, "SignatureDoesNotMatch"),
        ({"access_key": "AKIA" + "A" * 16}, 403, "InvalidClientTokenId"),
        ({"session_token": "made up"}, 403, "InvalidClientTokenId"),
        ({"region": "eu-nowhere-1"}, 403, "SignatureDoesNotMatch"),
        ({"service": "secretsmanager"}, 403, "SignatureDoesNotMatch"),
    ],
)
def test_whoever_cannot_sign_is_told_nothing(detent: RunningDetent, changed, status: int, code: str) -> None:
    raw = raw_client(detent, **{"service": "sts", **changed})
    assert error(asked(raw))[:2] == (status, code)


def test_a_call_without_a_signature_is_refused(raw: RawClient) -> None:
    told = raw.send([("Host", "x"), *FORM.items()], BODY)
    assert error(told) == (403, "MissingAuthenticationToken", "Request is missing Authentication Token")
    told = raw.send([("Host", "x"), ("Authorization", "AWS4-HMAC-SHA256 Nothing"), *FORM.items()], BODY)
    assert error(told)[:2] == (400, "IncompleteSignature")


def test_a_date_too_far_off_is_refused(raw: RawClient) -> None:
    told = asked(raw, at=datetime.now(UTC) - timedelta(minutes=6))
    assert error(told)[:2] == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    "body",
    [
        b"Action=AssumeRoleWithSAML&Version=2011-06-15",
        b"Action=GetCallerIdentity",
        b"Action=GetCallerIdentity&Version=2020-01-01",
        b"",
        BODY + b"&Action=GetCallerIdentity",
        b"Action=AssumeRoleWithSAML&" + BODY,
        BODY + b"&Version=2011-06-15",
        b"Version=2011-06-15&" + b"a=b&" * 200,
        "Action=GetCallerIdentity&Version=2011-06-15&x=\u00e4".encode(),
    ],
)
def test_any_other_action_is_none(raw: RawClient, body: bytes) -> None:
    assert error(asked(raw, body)) == (400, "InvalidAction", "There is no such action in this version of STS.")


def test_it_is_no_target_of_the_json_protocol(detent: RunningDetent) -> None:
    for service in ("secretsmanager", "sts"):
        raw = raw_client(detent, service=service)
        code, _ = raw.send(raw.signed("sts.GetCallerIdentity", b"{}"), b"{}").error
        assert code == ("UnknownOperationException" if service == "secretsmanager" else "InvalidSignatureException")


def test_each_call_is_in_the_audit_trail(detent: RunningDetent, raw: RawClient) -> None:
    told = asked(raw)
    refused = asked(raw, b"Action=AssumeRoleWithSAML&Version=2011-06-15")
    lines = [json.loads(line) for line in (detent.data / "audit.log").read_bytes().splitlines()]
    for answer, name in ((told, "GetCallerIdentity"), (refused, "")):
        (record,) = [one for one in lines if one["requestID"] == answer.headers["x-amzn-requestid"]]
        assert (record["eventSource"], record["eventName"]) == ("sts.amazonaws.com", name)
        assert record["userIdentity"]["arn"] == ROOT["Arn"]


class Asks:
    """A rotation function that says who it is, signing as a function outside this process would."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.house: Premises
        self.late = timedelta()

    def traits(self, _tx: Any, _function: str) -> Traits:
        return Traits()

    def call(self, step: Any) -> None:
        keys = step.credentials
        raw = type(self.house.client)(
            self.house.client.endpoint,
            keys.access_key_id,
            str(keys.secret_access_key.reveal()),
            str(keys.session_token.reveal()),
            service="sts",
        )
        raw.app, raw.clock = self.house.client.app, self.house.clock
        raw.loop = self.house.client.loop
        self.house.clock.moment += self.late
        self.told.append(raw.send(raw.signed(None, BODY, extra=FORM, at=self.house.clock.now()), BODY))
        raise FunctionFailed("asked")

    def exists(self, _function: str) -> bool:
        return True


def told_in_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: timedelta) -> Told:
    with premises(tmp_path / "data", {"asks": object()}) as house:  # type: ignore[dict-item]
        asks = Asks()
        asks.house, asks.late = house, late
        monkeypatch.setattr(house.house, "functions", asks)
        house.client.call("CreateSecret", {"Name": "s", "SecretString": "x", "ClientRequestToken": "a" * 32})
        asked = {"SecretId": "s", "RotationLambdaARN": FUNCTION, "ClientRequestToken": "b" * 32}
        assert house.client.call("RotateSecret", asked).status == 200
        house.drive()
    (told,) = asks.told
    return told


def test_an_expired_session_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = told_in_a_step(tmp_path, monkeypatch, timedelta(minutes=3))
    assert error(told)[:2] == (403, "ExpiredToken")


def test_a_steps_session_is_an_assumed_role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = told_in_a_step(tmp_path, monkeypatch, timedelta())
    found = {one.tag.removeprefix(NAMESPACE): one.text or "" for one in ET.fromstring(told.body).iter()}
    assert found["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/detent-rotation/asks"
    role, _, session = found["UserId"].partition(":")
    assert (role[:4], len(role), session) == ("AROA", 21, "asks")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    with premises(tmp_path_factory.mktemp("sts")) as found:
        found.client.service = "sts"
        yield found


WORDS = st.sampled_from(["GetCallerIdentity", "2011-06-15", "AssumeRoleWithSAML", "<&>\x00", "\ud7ff"]) | st.text(
    max_size=5
)
FIELDS = st.lists(st.tuples(st.sampled_from(["Action", "Version", "x"]), WORDS), max_size=4)
BODIES = st.binary(max_size=50) | FIELDS.map(
    lambda pairs: "&".join(f"{key}={quote(value, errors='replace')}" for key, value in pairs).encode()
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=BODIES, unsigned=st.booleans())
def test_whatever_is_asked_is_answered_in_well_formed_xml(house: Premises, body: bytes, unsigned: bool) -> None:
    headers = house.client.signed(None, body, extra=FORM, at=house.clock.now())
    told = house.client.send(headers[:-1] if unsigned else headers, body)
    if told.status != 200:
        assert error(told)[0] in {400, 403}
    else:
        ET.fromstring(told.body)


def test_boto3_tells_the_error_by_its_name(detent: RunningDetent) -> None:
    with pytest.raises(ClientError) as caught:
        detent.client("sts", aws_secret_access_key="wrong").get_caller_identity()
    assert caught.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
