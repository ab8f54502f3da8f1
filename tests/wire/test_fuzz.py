"""Whatever is sent, the answer is a well-formed reply or a well-formed refusal, and never a fault of the server's."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detent.api.operations import OPERATIONS
from detent.api.shapes import wire_name
from wire.premises import Premises, premises
from wire.raw import put

FUZZ = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:fuzzed"
ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:"
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def mostly(good: list[Any], *bad: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(good * 6 + list(bad))


LABELS = mostly(["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS", "X"], "")
TOKENS = mostly(["a" * 32, "b" * 64, "c" * 32, "d" * 32], "short")
NAMES = mostly(["a", "b", "c/d", f"{ARN}a"], "bad name", "", "missing")
RULES = {
    "AutomaticallyAfterDays": mostly([1, 30, 1000], 0, 1001),
    "ScheduleExpression": mostly(
        ["rate(5 days)", "rate(4 hours)", "cron(0 8/8 ? * 2#1 *)"], "cron(0 8 30 2 ? *)", "rate(x)"
    ),
    "Duration": mostly(["1h", "5h", "24h"], "99h", "h", "٣h"),
}
REGIONS = mostly(["eu-west-1", "eu-west-2", "af-south-1"], "us-east-1", "nowhere", "xx-nowhere-1")
KEYS = mostly(
    ["", "alias/a", "alias/aws/secretsmanager"], "alias/aws/rds", "alias/none", "none", "arn:aws:kms:x:y:key/z"
)
REPLICA = {"Region": REGIONS, "KmsKeyId": KEYS}
METADATA = {"Key": mostly(["k"], ""), "Value": st.text(max_size=3)}
CROSSING = mostly([f"{ARN.replace('0' * 12, '1' * 12)}a-AbCdEf"], f"{ARN}a-AbCdEf", "arn")
TAG = {"Key": st.text(max_size=3), "Value": st.none() | st.text(max_size=3)}
FILTER = {
    "Key": mostly(["description", "name", "tag-key", "tag-value", "primary-region", "owning-service", "all"], "x"),
    "Values": st.lists(st.from_regex(r"\A!?[a-zA-Z0-9 :_@/+=.!-]{0,8}\Z") | st.text(max_size=3), max_size=3),
}
ACCOUNTS = mostly(["000000000000", "arn:aws:iam::000000000000:root", "*"], "999999999999", "\ud800", None)
CONDITIONS = st.dictionaries(
    mostly(["StringEquals", "ForAnyValue:StringLike", "BoolIfExists"], "Equals"),
    st.dictionaries(mostly(["aws:SourceArn", "aws:SecureTransport"], "x"), mostly(["x", True, 1], None), max_size=2),
    max_size=2,
)
STATEMENT = {
    "Effect": mostly(["Allow", "Deny"], "allow"),
    "Principal": mostly(["*"], {}) | st.fixed_dictionaries({}, optional={"AWS": ACCOUNTS, "Service": st.text()}),
    "Action": mostly(["*", "secretsmanager:*", ["secretsmanager:GetSecretValue"]], [], "x"),
    "Resource": mostly(["*", f"{ARN}*"], f"{ARN}b-??????", "x"),
}
ODD_ELEMENTS = {"Condition": CONDITIONS, "NotPrincipal": ANY, "NotAction": ANY, "Other": ANY}
STATEMENTS = st.fixed_dictionaries(STATEMENT, optional={"Sid": st.text()}) | st.fixed_dictionaries(
    STATEMENT, optional=ODD_ELEMENTS
)
DOCUMENTS = st.fixed_dictionaries(
    {"Statement": STATEMENTS | st.lists(STATEMENTS, min_size=1, max_size=2)},
    optional={"Version": mostly(["2012-10-17", "2008-10-17"], 1), "Id": st.text()},
)
CHECK = {
    "Seconds": st.integers(0, 604801),
    "Url": mostly(["https://localhost/"], "x"),
    "Statement": st.text(max_size=5),
}
# What a member of this name may plausibly be; any other is a boolean.
PLAUSIBLE: dict[str, st.SearchStrategy[Any]] = {
    "Name": NAMES,
    "SecretId": NAMES,
    "SecretIdList": st.lists(NAMES, min_size=1, max_size=21),
    "ClientRequestToken": TOKENS,
    "VersionId": TOKENS,
    "MoveToVersionId": TOKENS,
    "RemoveFromVersionId": TOKENS,
    "VersionStage": LABELS,
    "VersionStages": st.lists(LABELS, max_size=3),
    "SecretString": st.text(max_size=20),
    "SecretBinary": mostly(["YQ=="], "", "YQ", "no base64"),
    "RotationLambdaARN": mostly([FUNCTION], FUNCTION + "x", "", "x"),
    "RotationRules": st.fixed_dictionaries({}, optional=RULES),
    "RotationToken": mostly(["t" * 36], "t"),
    "Tags": st.lists(st.fixed_dictionaries({}, optional=TAG)),
    "TagKeys": st.lists(st.text(max_size=3)),
    "RecoveryWindowInDays": st.integers(6, 31),
    "MaxResults": st.integers(0, 101),
    "Days": st.integers(0, 367),
    "NextToken": st.text(),
    "PasswordLength": st.integers(0, 50),
    "ExcludeCharacters": st.text(),
    "Description": st.text(),
    "KmsKeyId": KEYS,
    "Type": mostly([None], "T", ""),
    "AddReplicaRegions": st.lists(st.fixed_dictionaries({}, optional=REPLICA), max_size=2),
    "RemoveReplicaRegions": st.lists(REGIONS, max_size=2),
    "CrossAccountPrimaryARN": CROSSING,
    "CrossAccountReplicaARN": CROSSING,
    "ReplicaRestriction": mostly(["SameOrg", "NoRestriction"], "same"),
    "ReplicationRoleARN": mostly(["arn:aws:iam::000000000000:role/r"], "r"),
    "ExternalSecretRotationRoleArn": mostly(["arn:aws:iam::000000000000:role/r"], "r"),
    "ExternalSecretRotationMetadata": st.lists(st.fixed_dictionaries({}, optional=METADATA), max_size=2),
    "KeyId": KEYS,
    "PendingWindowInDays": mostly([7, 30], 6, 31),
    "Alias": mostly(["alias/a", "alias/b"], "alias/aws/x", "alias/", "a"),
    "Filters": st.lists(st.fixed_dictionaries({}, optional=FILTER), max_size=3),
    "SortBy": mostly(["created-date", "last-accessed-date", "last-changed-date", "name"], "Name"),
    "SortOrder": mostly(["asc", "desc"], "up"),
    "UserName": mostly(["alice", "bob"], "Alice", "bad name", ""),
    "RoleName": mostly(["reader", "writer"], "Reader", "bad name", ""),
    "MaxSessionSeconds": mostly([3600, 43200], 3599, 43201),
    "TrustPolicy": DOCUMENTS.map(json.dumps) | ANY.map(json.dumps) | st.text(),
    "PolicyDocument": DOCUMENTS.map(json.dumps) | ANY.map(json.dumps) | st.text(),
    "State": mostly(["active", "inactive"], "Active"),
    "AccessKeyId": mostly(["A" * 20], "a" * 20, "A"),
    "PrincipalArn": mostly(["arn:aws:iam::000000000000:root", "arn:aws:iam::000000000000:user/alice"], "arn"),
    "Action": mostly(["secretsmanager:GetSecretValue", "detent:ListUsers"], "GetSecretValue", "*"),
    "Resource": mostly(["*", f"{ARN}a"], ""),
    "AdminSecretId": NAMES,
    "PolicyName": mostly(["default"], "other", "bad name", ""),
    "ResourcePolicy": DOCUMENTS.map(json.dumps) | ANY.map(json.dumps) | st.text(),
    "Url": mostly(["https://127.0.0.1:1/hook", "http://localhost/"], "ftp://x", "https://u:p@x/", "x"),
    "Events": st.lists(mostly(["started", "failed", "overdue"], "began"), max_size=2),
    "SigningSecret": mostly(["s" * 16], "s"),
    "Checks": st.lists(st.fixed_dictionaries({"Type": mostly(["wait", "approve", "probe"], "Wait")}, optional=CHECK)),
    "TagKey": mostly(["team"], ""),
    "TagValue": mostly(["a", ""]),
    "Reason": st.text(max_size=20),
    "Status": mostly(["due", "failed", "running"], "Due"),
}
NEEDED = {
    "SecretId",
    "Name",
    "ClientRequestToken",
    "VersionStage",
    "Tags",
    "TagKeys",
    "RotationLambdaARN",
    "ResourcePolicy",
    "AddReplicaRegions",
    "RemoveReplicaRegions",
    "CrossAccountReplicaARN",
    "KeyId",
    "UserName",
    "AccessKeyId",
    "TrustPolicy",
    "PolicyDocument",
    "PolicyName",
    "PrincipalArn",
    "Action",
    "AdminSecretId",
    "Url",
    "Checks",
}


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, bytes]:
    """A target and a body: nearly always all it needs, and most of the time nothing but good values."""
    target = draw(st.sampled_from(sorted(OPERATIONS)))
    members = {wire_name(field) for field in OPERATIONS[target].shape.__struct_fields__} or {"Nothing"}
    chosen = {name for name in sorted(members) if draw(st.integers(0, 30)) > (1 if name in NEEDED else 15)}
    body = {name: draw(PLAUSIBLE.get(name, st.booleans())) for name in sorted(chosen)}
    body.update(draw(st.dictionaries(st.sampled_from(sorted(members)) | st.text(max_size=5), ANY, max_size=1)))
    return target.decode(), json.dumps(body).encode()


class FailsAlways:
    def run(self, *_: Any) -> None:
        raise RuntimeError("as ever")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    with premises(tmp_path_factory.mktemp("fuzz"), {"fuzzed": FailsAlways()}) as found:
        for name in ("a", "b"):
            found.client.call("CreateSecret", {"Name": name})
        yield found


@pytest.fixture(autouse=True)
def _nothing_is_logged_as_broken(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def _answers_well(house: Premises, target: str, body: bytes) -> None:
    told = house.client.send(house.client.signed(target, body, at=house.clock.now()), body)
    assert told.status in {200, 400}
    assert told.headers["content-type"] == "application/x-amz-json-1.1"
    assert told.headers["content-length"] == str(len(told.body))
    if told.status == 400:
        code, message = told.error
        assert code
        assert isinstance(message, str)
    elif told.body:
        assert None not in told.members.values()
    house.clock.advance(milliseconds=7)


def _signing_name(house: Premises, target: str) -> None:
    house.client.service = target.partition(".")[0]


@FUZZ
@given(asked=requests())
def test_nearly_good_requests_get_well_formed_answers(house: Premises, asked: tuple[str, bytes]) -> None:
    _signing_name(house, asked[0])
    _answers_well(house, *asked)


@FUZZ
@given(target=st.sampled_from(sorted(OPERATIONS)), body=st.binary() | ANY.map(lambda value: json.dumps(value).encode()))
def test_arbitrary_bodies_get_well_formed_answers(house: Premises, target: bytes, body: bytes) -> None:
    _signing_name(house, target.decode())
    _answers_well(house, target.decode(), body)


HEADER_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), max_size=80)


@FUZZ
@given(target=HEADER_TEXT.filter(lambda text: text != "x"))
def test_arbitrary_targets_get_well_formed_answers(house: Premises, target: str) -> None:
    house.client.service = "secretsmanager"
    headers = house.client.signed("x", b"{}", at=house.clock.now())
    told = house.client.send(put(headers, "X-Amz-Target", target), b"{}")
    assert told.status == 400
    assert told.error[0] == "InvalidSignatureException"


@FUZZ
@given(
    name=st.sampled_from(["Authorization", "X-Amz-Date", "Host", "X-Amz-Security-Token"]),
    value=HEADER_TEXT
    | HEADER_TEXT.map(lambda text: f"AWS4-HMAC-SHA256 Credential={text}, SignedHeaders={text}, Signature={text}")
    | st.lists(HEADER_TEXT, min_size=3, max_size=3).map(
        lambda parts: (
            f"AWS4-HMAC-SHA256 Credential=A/20260310/{parts[0]}/{parts[1]}/aws4_request,"
            f" SignedHeaders=host;x-amz-date;{parts[2]}, Signature=x"
        )
    ),
)
def test_arbitrary_headers_are_refused(house: Premises, name: str, value: str) -> None:
    house.client.service = "secretsmanager"
    headers = house.client.signed("secretsmanager.ListSecrets", b"{}", at=house.clock.now())
    told = house.client.send([*put(headers, name, None), (name, value)], b"{}")
    assert told.status == 400
    assert told.error[0] in {
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "UnrecognizedClientException",
    }
