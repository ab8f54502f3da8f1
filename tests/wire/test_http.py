"""What is not JSON 1.1: methods, paths, sizes, broken bodies, slow and broken connections."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

import pytest
import uvicorn

from detent import __version__
from detent.api import limits
from detent.api.turn import Turn
from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import constraint, new_name, new_token
from wire.raw import RawClient, Told, raw_client

MIB = 1024 * 1024
NO_JSON = ("SerializationException", "The request body is not a JSON object in UTF-8.")
BAD_MEMBER = ("SerializationException", "A member of the request could not be decoded.")


@pytest.fixture
def raw(detent: RunningDetent) -> RawClient:
    return raw_client(detent)


def wrong_type(member: str) -> tuple[str, str]:
    return ("SerializationException", f"The member '{member}' has a wrong JSON type.")


def test_health_needs_no_signature(raw: RawClient) -> None:
    told = raw.send([("Host", "anything")], b"", "GET", "/health")
    assert (told.status, told.members) == (200, {"status": "ok", "version": __version__})


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("PUT", "/"), ("DELETE", "/"), ("POST", "/health"), ("POST", "/x"), ("POST", "//"), ("GET", "/x")],
)
def test_any_other_method_or_path_is_an_unknown_operation(raw: RawClient, method: str, path: str) -> None:
    headers = raw.signed("secretsmanager.ListSecrets", b"{}", method=method, path=path)
    if path != "//":  # botocore signs it as /, which it is not
        assert raw.send(headers, b"{}", method, path).error == ("UnknownOperationException", "")
    told = raw.send([("Host", "h")], b"", method, path)
    assert told.error == ("MissingAuthenticationTokenException", "Request is missing Authentication Token")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[",
        b'{"SecretId": }',
        b'{"SecretId": "a"',
        b'{"SecretId": "a"} trailing',
        b"{'SecretId': 'a'}",
        b'{"SecretId": "a", "X": NaN}',
        b'\xef\xbb\xbf{"SecretId": "a"}',
        b'{"SecretId": "\xff"}',
        b'{"SecretId": "\\ud800"}',
        b'{"SecretId": "\\ud800\\ud800xxxxxx"}',
        b"\x00",
        b"SecretId=a",
        b'{"SecretId": "a", "X": ' + b"1" * 100000 + b"e}",
        b'{"SecretId": ' + b"[" * 200000,
        b'{"SecretId": "a", "X": ' + b"[" * 100000 + b"]" * 100000 + b"}",
        b'{"SecretId": "a", "X": ' + b'{"a":' * 100000 + b"1" + b"}" * 100000 + b"}",
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_body_that_is_no_json_is_refused(raw: RawClient, body: bytes) -> None:
    assert raw.call("DescribeSecret", body).error == NO_JSON


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true", b"[[]]"])
def test_a_body_that_is_no_object_is_refused(raw: RawClient, body: bytes) -> None:
    assert raw.call("DescribeSecret", body).error == wrong_type("body")


@pytest.mark.parametrize(
    ("operation", "members", "member"),
    [
        ("DescribeSecret", {"SecretId": 1}, "secretId"),
        ("DescribeSecret", {"SecretId": ["a"]}, "secretId"),
        ("DescribeSecret", {"SecretId": {"a": 1}}, "secretId"),
        ("DescribeSecret", {"SecretId": True}, "secretId"),
        ("ListSecrets", {"MaxResults": "1"}, "maxResults"),
        ("ListSecrets", {"MaxResults": 1.5}, "maxResults"),
        ("ListSecrets", {"MaxResults": True}, "maxResults"),
        ("ListSecrets", {"IncludePlannedDeletion": 1}, "includePlannedDeletion"),
        ("ListSecrets", {"IncludePlannedDeletion": "true"}, "includePlannedDeletion"),
        ("TagResource", {"SecretId": "a", "Tags": {}}, "tags"),
        ("TagResource", {"SecretId": "a", "Tags": ["a"]}, "tags.1.member"),
        ("TagResource", {"SecretId": "a", "Tags": [None]}, "tags.1.member"),
        ("TagResource", {"SecretId": "a", "Tags": [{"Key": 1}]}, "tags.1.member.key"),
        ("RotateSecret", {"SecretId": "a", "RotationRules": []}, "rotationRules"),
        ("RotateSecret", {"SecretId": "a", "RotationRules": {"Duration": 4}}, "rotationRules.duration"),
        ("PutSecretValue", {"SecretId": "a", "SecretBinary": 1}, "secretBinary"),
        ("PutSecretValue", {"SecretId": "a", "SecretString": ["x"]}, "secretString"),
    ],
)
def test_a_member_of_a_wrong_json_type_is_refused(raw: RawClient, operation: str, members, member: str) -> None:
    assert raw.call(operation, members).error == wrong_type(member)


@pytest.mark.parametrize("text", ["no base64!", "YQ", "YQ=", "Y Q==", "_-==", "YQ==\n", "ä"])
def test_a_binary_that_is_no_base64_is_refused(raw: RawClient, text: str) -> None:
    asked = {"SecretId": "a", "SecretBinary": text, "ClientRequestToken": new_token()}
    assert raw.call("PutSecretValue", asked).error == BAD_MEMBER


def test_null_is_absent_and_members_nobody_knows_are_ignored(raw: RawClient, canary: Canary) -> None:
    name = new_name()
    told = raw.call(
        "CreateSecret",
        {
            "Name": name,
            "SecretString": canary.value(),
            "SecretBinary": None,
            "Description": None,
            "Tags": None,
            "ClientRequestToken": new_token(),
            "ForceOverwriteReplicaSecret": False,
            "Later": {"a": [1, None]},
            "": None,
        },
    )
    assert told.status == 200
    assert (
        raw.call("GetSecretValue", {"SecretId": name, "VersionStage": None}).members["SecretString"] == canary.value()
    )


def test_every_constraint_that_fails_is_told_at_once(raw: RawClient) -> None:
    asked = {"SecretId": "", "VersionId": "short", "VersionStage": "x" * 257}
    assert raw.call("GetSecretValue", asked).error == constraint(
        "Value '' at 'secretId' failed to satisfy constraint: Member must have length greater than or equal to 1",
        "Value 'short' at 'versionId' failed to satisfy constraint:"
        " Member must have length greater than or equal to 32",
        f"Value '{'x' * 257}' at 'versionStage' failed to satisfy constraint:"
        " Member must have length less than or equal to 256",
    )


@pytest.mark.parametrize(
    ("members", "failure"),
    [
        (
            {"VersionStages": []},
            (
                "Value '[]' at 'versionStages' failed to satisfy constraint:"
                " Member must have length greater than or equal to 1"
            ),
        ),
        (
            {"VersionStages": ["L"] * 21},
            (
                f"Value '[{', '.join(['L'] * 21)}]' at 'versionStages' failed to satisfy constraint:"
                " Member must have length less than or equal to 20"
            ),
        ),
        (
            {"VersionStages": [""]},
            (
                "Value '' at 'versionStages.1.member' failed to satisfy constraint:"
                " Member must have length greater than or equal to 1"
            ),
        ),
        (
            {"RotationToken": "no"},
            (
                "Value at 'rotationToken' failed to satisfy constraint:"
                " Member must have length greater than or equal to 36"
            ),
        ),
        (
            {"RotationToken": "!" * 36},
            (
                "Value at 'rotationToken' failed to satisfy constraint:"
                r" Member must satisfy regular expression pattern: ^[a-zA-Z0-9\-]+$"
            ),
        ),
    ],
)
def test_constraints_on_lists_and_sensitive_members(raw: RawClient, members, failure: str) -> None:
    assert raw.call("PutSecretValue", {"SecretId": "a", **members}).error == constraint(failure)


def test_an_empty_body_is_an_empty_object(raw: RawClient) -> None:
    assert raw.call("GetRandomPassword", b"").status == 200


@pytest.mark.parametrize(
    "content_type", ["application/x-amz-json-1.1; charset=utf-8", "APPLICATION/X-AMZ-JSON-1.1", "x"]
)
def test_the_content_type_does_not_matter(raw: RawClient, content_type: str) -> None:
    headers = raw.signed("secretsmanager.GetRandomPassword", b"{}", extra={"Content-Type": content_type})
    assert raw.send(headers, b"{}").status == 200


def test_headers_of_sdks_are_ignored(raw: RawClient) -> None:
    extra = {"X-Amzn-Query-Mode": "true", "Amz-Sdk-Invocation-Id": "x", "Amz-Sdk-Request": "attempt=1"}
    assert raw.call("GetRandomPassword", extra=extra).status == 200


def test_the_largest_value_fits_even_when_all_of_it_is_escaped(raw: RawClient) -> None:
    name = new_name()
    raw.call("CreateSecret", {"Name": name})
    body = json.dumps({"SecretId": name, "ClientRequestToken": new_token(), "SecretString": "\x01" * 65536}).encode()
    assert len(body) > 6 * 65536
    assert raw.call("PutSecretValue", body).status == 200


@pytest.mark.parametrize("size", [MIB + 1, 3 * MIB])
def test_a_body_over_a_mebibyte_is_refused(raw: RawClient, size: int) -> None:
    told = raw.call("GetRandomPassword", b"{}" + b" " * (size - 2))
    assert (told.status, told.error) == (
        413,
        ("RequestEntityTooLargeException", "The request is larger than 1048576 bytes."),
    )


def test_a_body_of_exactly_a_mebibyte_is_read(raw: RawClient) -> None:
    assert raw.call("GetRandomPassword", b"{}" + b" " * (MIB - 2)).status == 200


def _exchange(endpoint: str, sent: bytes, *more: bytes) -> bytes:
    """Send bytes, in pieces, and give what came back until the server closed; empty when it just closed."""
    place = urlsplit(endpoint)
    with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
        try:
            for piece in (sent, *more):
                connection.sendall(piece)
                time.sleep(0.02)
            received = b""
            while piece := connection.recv(65536):
                received += piece
        except ConnectionError:
            return b""
        return received


LINE = b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        LINE + b"X-Long: " + b"x" * (70 * 1024) + b"\r\n\r\n",
        LINE + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in range(80)) + b"\r\n",
        b"GET /" + b"x" * (200 * 1024) + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        LINE + b"X-Endless: " + b"x" * (300 * 1024),
    ],
    ids=["one header", "many headers", "the path", "without an end"],
)
def test_a_head_that_is_too_large_ends_the_connection(detent: RunningDetent, sent: bytes) -> None:
    assert b" 200 " not in _exchange(detent.endpoint, sent)
    assert raw_client(detent).call("GetRandomPassword").status == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"HELLO\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        LINE + b"Content-Length: x\r\n\r\n",
        LINE + b"Content-Length: -1\r\n\r\n",
        LINE + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        LINE + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        LINE + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        LINE + b"Folded: a\r\n b\r\n\r\n",
        LINE + b"No colon\r\n\r\n",
        b"POST /\xff HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        b"POST http://other/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=lambda sent: repr(sent[-40:]),
)
def test_broken_http_is_never_a_fault_of_the_server(detent: RunningDetent, sent: bytes) -> None:
    lines = detent.log.read_text().count("failed")
    place = urlsplit(detent.endpoint)
    with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert received == b"" or received.startswith(b"HTTP/1.1 4")
    assert detent.log.read_text().count("failed") == lines
    assert raw_client(detent).call("GetRandomPassword").status == 200


def test_a_chunked_body_is_read_whole(detent: RunningDetent, raw: RawClient) -> None:
    headers = raw.signed("secretsmanager.GetRandomPassword", b'{"PasswordLength": 40}')
    head = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers)
    told = _exchange(
        detent.endpoint,
        b"POST / HTTP/1.1\r\n" + head + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        b'10\r\n{"PasswordLength\r\n',
        b'6\r\n": 40}\r\n0\r\n\r\n',
    )
    assert told.startswith(b"HTTP/1.1 200")


def test_requests_on_one_connection_are_answered_in_order(detent: RunningDetent, raw: RawClient) -> None:
    name = new_name()
    raw.call("CreateSecret", {"Name": name})
    sent = b""
    for body in (b'{"SecretId":"missing"}', json.dumps({"SecretId": name}).encode(), b"no json"):
        headers = raw.signed("secretsmanager.DescribeSecret", body)
        head = b"".join(f"{one}: {value}\r\n".encode() for one, value in headers)
        sent += b"POST / HTTP/1.1\r\n" + head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    last = b"GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    told = _exchange(detent.endpoint, sent + last)
    order = [b"ResourceNotFoundException", name.encode(), b"SerializationException", b'"status":"ok"']
    places = [told.index(expected) for expected in order]
    assert places == sorted(places)
    assert told.count(b"HTTP/1.1 ") == 4


async def _hello(_scope, receive, send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def bounded(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The HTTP server as `serve` sets it up, with a patience of a third of a second."""
    monkeypatch.setattr(limits, "REQUEST_SECONDS", 0.3)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        _hello, http=partial(limits.BoundedHttp, turn=Turn()), ws="none", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST / HTTP/1.1\r\nHost:",
        LINE + b"Content-Length: 10\r\n\r\n12345",
        LINE + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}POST / HT",
    ],
    ids=["nothing", "half a head", "half a body", "half of the chunks", "half a second request"],
)
def test_a_request_that_never_ends_ends_the_connection(bounded: str, sent: bytes) -> None:
    told = _exchange(bounded, sent)  # returns only because the server closes
    assert told.count(b"HTTP/1.1 200") == (1 if sent.endswith(b"POST / HT") else 0)


def test_a_request_in_good_time_is_answered(bounded: str) -> None:
    told = _exchange(bounded, LINE + b"Content-Length: 4\r\n\r\n12", b"34")
    assert told.startswith(b"HTTP/1.1 200")


def test_every_answer_has_its_own_id(raw: RawClient) -> None:
    told: list[Told] = [raw.call("GetRandomPassword") for _ in range(3)] + [raw.call("Nothing") for _ in range(3)]
    assert len({one.headers["x-amzn-requestid"] for one in told}) == 6
