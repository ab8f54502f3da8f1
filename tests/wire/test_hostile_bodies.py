"""Bodies that are deep, huge, doubled or no text at all: refused within the limits, and in bounded memory."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from detent.model.errors import FunctionFailed
from servers.canary import Canary
from servers.detent import RunningDetent, running
from wire.answers import constraint, new_name, new_token, refused
from wire.premises import Premises, premises
from wire.raw import RawClient, raw_client

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:fails"
NESTED = 200_000
NOT_JSON = ("SerializationException", "The request body is not a JSON object in UTF-8.")
HOSTILE = {
    "deep lists": b"[" * 1_000_000,
    "deep objects": b'{"a":' * NESTED,
    "a deep member": b'{"SecretId":"a","x":' + b"[" * NESTED + b"]" * NESTED + b"}",
    "many members": b"{" + b",".join(b'"k%d":1' % number for number in range(80_000)) + b"}",
    "one member a thousand times": b"{" + b",".join([b'"SecretId":"a"'] * 1000) + b"}",
    "the last of many named again": b"{" + b"".join(b'"k%d":1,' % number for number in range(80_000)) + b'"z":1,"z":1}',
    "many empty tags": b'{"SecretId":"a","Tags":[' + b",".join([b"{}"] * 340_000) + b"]}",
    "a number of many digits": b'{"SecretId":"a","MaxResults":' + b"9" * 1000 + b"}",
    "a number beyond floats": b'{"SecretId":"a","MaxResults":1e999999}',
    "a lone surrogate": b'{"SecretId":"\\ud800"}',
    "a surrogate in bytes": b'{"SecretId":"\xed\xa0\x80"}',
    "invalid UTF-8": b'{"SecretId":"\xff\xfe"}',
    "a NUL": b'{"SecretId":"a\\u0000b"}',
    "a bare NUL": b'{"SecretId":"a\x00b"}',
    "UTF-16": '{"SecretId":"a"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a long text": b'{"SecretId":"' + b"a" * 1_000_000 + b'"}',
    "nothing but spaces": b" " * 1_000_000,
    "two objects": b"{}{}",
    "NaN": b'{"SecretId":NaN}',
}


@pytest.fixture
def raw(detent: RunningDetent) -> RawClient:
    return raw_client(detent)


def asked(operation: str, kind: str) -> bytes:
    body = HOSTILE[kind]
    return body.replace(b"SecretId", b"Name").replace(b"MaxResults", b"Type") if operation == "CreateSecret" else body


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("operation", ["DescribeSecret", "CreateSecret", "ListSecretVersionIds"])
def test_a_hostile_body_is_refused(raw: RawClient, operation: str, kind: str) -> None:
    told = raw.call(operation, asked(operation, kind))
    assert told.status == 400
    assert told.error[0] in {"SerializationException", "ValidationException", "ResourceNotFoundException"}
    assert len(told.body) < 3_000_000


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("DescribeSecret", b'{"SecretId":"a","SecretId":"b"}'),
        ("CreateSecret", b'{"Name":"x","Tags":[{"Key":"a","Key":"b"}]}'),
        ("GetSecretValue", b'{"SecretId":"a","\\u0053ecretId":"b"}'),
    ],
)
def test_a_member_named_twice_is_refused(raw: RawClient, operation: str, body: bytes) -> None:
    code, message = raw.call(operation, body).error
    assert code == "SerializationException"
    assert message in {"The request names the member 'SecretId' twice.", "The request names the member 'Key' twice."}


@pytest.mark.parametrize("unread", [b'"\xff"', b'"\xed\xa0\x80"', *(b"[" * n + b"]" * n for n in (960, 980, 100_000))])
def test_nothing_that_is_not_read_hides_a_member_named_twice(client, raw: RawClient, unread: bytes) -> None:
    arn = client.create_secret(Name=new_name())["ARN"].encode()
    told = raw.call("DescribeSecret", b'{"x":' + unread + b',"SecretId":"a","SecretId":"' + arn + b'"}')
    assert (told.status, told.error[0]) == (400, "SerializationException")


def test_a_list_of_any_depth_is_refused(house: Premises) -> None:
    for depth in range(800, 1000):  # what can be decoded and what can be shown end at different depths
        items = b"[" + b"1," * 60 + b"[" * depth + b"]" * depth + b"]"
        told = house.client.call("PutSecretValue", b'{"SecretId":"a","VersionStages":' + items + b"}")
        assert (told.status, told.error[0]) == (400, "SerializationException")


def test_no_more_than_a_hundred_failures_are_told(raw: RawClient) -> None:
    told = raw.call("UntagResource", b'{"SecretId":"a","TagKeys":[' + b'"",' * 300_000 + b'""]}')
    code, message = told.error
    assert (code, message[:30]) == ("ValidationException", "100 validation errors detected")
    assert len(told.body) < 20_000


class Fails:
    """A rotation function that fails at once."""

    def run(self, *_: Any) -> None:
        raise FunctionFailed("as ever")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    with premises(tmp_path_factory.mktemp("hostile"), {"fails": Fails()}) as found:
        yield found


@pytest.mark.parametrize("labels", [["AWSCURRENT"], ["MINE"]])
def test_a_value_nested_without_end_is_rotated_as_any_text(house: Premises, canary: Canary, labels: list[str]) -> None:
    name, call = new_name(), house.client.call
    call("CreateSecret", {"Name": name, "SecretString": canary.value(), "ClientRequestToken": new_token()})
    deep = {"SecretString": "[" * 30_000 + canary.value(), "VersionStages": labels}
    assert call("PutSecretValue", {"SecretId": name, "ClientRequestToken": new_token(), **deep}).status == 200
    asked = {"SecretId": name, "ClientRequestToken": new_token(), "RotationLambdaARN": FUNCTION}
    assert call("RotateSecret", asked).status == 200
    house.drive()
    house.client.service = "detent"
    found = [one for one in call("ListRotations").members["Rotations"] if one["Name"] == name]
    house.client.service = "secretsmanager"
    assert [one.get("Reason") for one in found] == ["as ever"]


def test_a_value_is_measured_in_bytes_with_all_that_is_wrong_beside_it(client, canary: Canary) -> None:
    most = "failed to satisfy constraint: Member must have length less than or equal to"
    large = canary.value("ä" * 32_768)
    assert len(large) < 65_536 < len(large.encode())
    with refused(constraint(f"Value at 'secretString' {most} 65536")):
        client.create_secret(Name=new_name(), SecretString=large)
    with refused(constraint(f"Value at 'secretBinary' {most} 65536")):
        client.create_secret(Name=new_name(), SecretBinary=large.encode())
    with refused(
        constraint(f"Value '{'t' * 257}' at 'type' {most} 256", f"Value at 'secretString' {most} 65536"),
    ):
        client.update_secret(SecretId=new_name(), SecretString=large, Type="t" * 257)
    name = new_name()
    client.create_secret(Name=name, SecretString=canary.value().ljust(65_536, "x"))
    client.put_secret_value(SecretId=name, SecretBinary=canary.value().encode().ljust(65_536, b"x"))
    for value in ({"SecretString": canary.value().ljust(65_537, "x")}, {"SecretBinary": b"x" * 65_537}):
        member = "secretString" if "SecretString" in value else "secretBinary"
        with refused(constraint(f"Value at '{member}' {most} 65536")):
            client.put_secret_value(SecretId=name, **value)


def test_a_value_that_is_all_escapes_is_measured_as_it_is_read(raw: RawClient, canary: Canary) -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in canary.value()) + "\\u0041" * 60_000
    body = f'{{"Name":"{new_name()}","ClientRequestToken":"{new_token()}","SecretString":"{escaped}"}}'
    assert raw.call("CreateSecret", body.encode()).status == 200


def memory_of(pid: int) -> int:
    """Give a process's resident memory in MiB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024


def test_hostile_bodies_leave_the_worker_its_size(tmp_path: Path) -> None:
    kinds = (
        "deep lists",
        "a deep member",
        "many members",
        "a long text",
        "the last of many named again",
        "many empty tags",
    )
    with running(tmp_path / "data", "--workers", "1") as server:  # so that the one measured is the one that answers
        raw = raw_client(server)
        for kind in kinds:
            raw.call("CreateSecret", asked("CreateSecret", kind))
        worker = server.children()[0]
        before = memory_of(worker)
        for _ in range(10):
            for kind in kinds:
                assert raw.call("CreateSecret", asked("CreateSecret", kind)).status == 400
        assert memory_of(worker) - before < 100


def test_what_was_refused_has_made_nothing(client, raw: RawClient) -> None:
    name = new_name()
    body = json.dumps({"Name": name, "ClientRequestToken": new_token(), "Type": "t" * 257}).encode()
    assert raw.call("CreateSecret", body).status == 400
    assert client.list_secrets(Filters=[{"Key": "name", "Values": [name]}])["SecretList"] == []
