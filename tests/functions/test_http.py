"""The engine http on the service of the tests, and on answers that a service may give: whom each blames."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from detent.functions.builtin import BUILTIN
from detent.functions.contract import StepFailed
from detent.functions.engines import http as engine
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, NoRoom
from detent.functions.testing import SecretsSimulator
from detent.functions.values import login_of
from functions.stories import event, rotate
from servers.forge import ForgeTarget
from servers.target import Target

FUNCTION = BUILTIN["detent-http-issued-keys"]
ME = (200, {"login": "ci", "key": {"id": 7}})


class Canned:
    """Answers as a test says; ``asked`` keeps each request."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.answers: dict[str, tuple[Any, ...]] = {"GET /api/me": ME}

    def value(self, **changes: Any) -> dict[str, Any]:
        place = {"engine": "http", "service": "forge", "host": "127.0.0.1", "port": self.port, "ssl": False}
        return {**place, "username": "ci", "key_id": "7", "api_key": "canary-key", **changes}


@pytest.fixture
def canned() -> Iterator[Canned]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            service.asked.append((self.command, self.path, dict(self.headers), body))
            status, said, *headers = service.answers.get(f"{self.command} {self.path}", (404, None))
            if not status:
                self.close_connection = True
                return
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            for name, text in {"Content-Length": str(len(content)), **dict(headers)}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the server's names

        def log_message(self, *_: object) -> None:
            """Nothing: ``asked`` has it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        service = Canned(server.server_port)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


def connect(value: dict[str, Any]) -> Any:
    return engine.connect(login_of(value, engine), lambda: 30.0)


# Whom an answer to the test blames

REJECTED = [
    ((401, {"message": "no"}), "the service takes no such key (401)"),
    ((200, {"login": "eve", "key": {"id": 7}}), "the key's user is 'eve', the secret 'ci'"),
    ((200, {"key": {"id": 7}}), "the key's user is '', the secret 'ci'"),
    ((200, {"login": "ci", "key": {"id": 8}}), "the key's key_id is '8', the secret '7'"),
    ((200, b"<html>It works!</html>"), "the key's user is ''"),
    ((200, {"login": True, "key": []}), "the key's user is ''"),
]
UNAVAILABLE = [
    ((403, None), "the key is good, but may not do what proves it: it needs the right to manage"),
    ((404, {"message": "nothing here"}), "refused to test (404: nothing here): correct test in forge.toml"),
    ((400, {"message": {"not": "text"}}), "refused to test (400): correct test"),
    ((429, None), "does not serve this now (429)"),
    ((503, None), "does not serve this now (503)"),
    ((302, None, ("Location", "http://127.0.0.1:9/")), "by a redirect (302), and none is followed"),
    ((307, None, ("Location", "https://127.0.0.1:9/")), 'takes no plaintext: take "ssl": false out'),
    ((426, None), 'takes no plaintext: take "ssl": false out'),
    ((0, None), "gives no answer in plaintext"),
    ((200, b"x" * 10_000_001), "answer is larger than 10000000 bytes"),
]


@pytest.mark.parametrize(("answer", "said"), REJECTED)
def test_answers_that_blame_the_key(canned: Canned, answer: Any, said: str) -> None:
    canned.answers["GET /api/me"] = answer
    with pytest.raises(LoginRejected) as caught:
        connect(canned.value())
    assert said in str(caught.value)
    assert caught.value.__context__ is None
    assert len(canned.asked) == 1


@pytest.mark.parametrize(("answer", "said"), UNAVAILABLE)
def test_answers_that_blame_nobody(canned: Canned, answer: Any, said: str) -> None:
    canned.answers["GET /api/me"] = answer
    with pytest.raises(EngineUnavailable) as caught:
        connect(canned.value())
    assert said in str(caught.value)
    assert caught.value.__context__ is None
    assert len(canned.asked) == 1


# What it makes of answers to the rest

KEYS = "/api/users/ci/keys"
REFUSALS = [
    (f"POST {KEYS}", (403, {"message": "no"}), ChangeRefused, "'ci' may not issue (403: no): it needs the right to"),
    (f"POST {KEYS}", (409, {"message": "two"}), NoRoom, "no further key (409: two): revoke there what nothing uses"),
    (f"POST {KEYS}", (401, None), EngineUnavailable, "does not take this key any more (401)"),
    (f"POST {KEYS}", (500, None), EngineUnavailable, "does not serve this now (500)"),
    (f"POST {KEYS}", (422, {"message": "odd"}), ChangeRefused, "refused to issue (422: odd): correct issue in forge"),
    (f"POST {KEYS}", (201, {"key": {"id": 9}}), EngineUnavailable, "nothing of use at 'token', where issue.secret"),
    (f"POST {KEYS}", (201, b""), EngineUnavailable, "nothing of use at 'key.id', where issue.id of forge.toml"),
    (f"GET {KEYS}", (200, {"items": []}), EngineUnavailable, "where list.keys of forge.toml says"),
    (f"GET {KEYS}", (200, {"keys": [{"label": "x"}]}), EngineUnavailable, "at 'id', where list.id of forge.toml"),
    (f"GET {KEYS}", (200, {"keys": ["x"]}), EngineUnavailable, "at 'id', where list.id of forge.toml"),
    (f"DELETE {KEYS}/9", (409, {"message": "in use"}), NoRoom, "in use"),
    (f"DELETE {KEYS}/9", (400, {"message": "odd"}), ChangeRefused, "refused to revoke (400: odd)"),
]


@pytest.mark.parametrize(("request_line", "answer", "error", "said"), REFUSALS)
def test_what_a_service_refuses_or_leaves_unsaid(
    canned: Canned, request_line: str, answer: Any, error: type[Exception], said: str
) -> None:
    canned.answers[request_line] = answer
    verbs = {
        "POST": lambda session: session.issue_key("ci", "home/1"),
        "GET": lambda session: session.keys("ci"),
        "DELETE": lambda session: session.revoke_key("ci", "9"),
    }
    with closing(connect(canned.value())) as session, pytest.raises(error) as caught:
        verbs[request_line.partition(" ")[0]](session)
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)


def test_pages_are_followed_to_the_last_and_not_for_ever(canned: Canned) -> None:
    entry = {"id": 9, "label": "detent home/1", "made": 1}
    canned.answers[f"GET {KEYS}"] = (200, {"keys": [entry], "more": "a b&c"})
    canned.answers[f"GET {KEYS}?after=a%20b%26c"] = (200, {"keys": [{**entry, "id": 8, "made": 0}]})
    with closing(connect(canned.value())) as session:
        assert [(key.id, key.mark) for key in session.keys("ci")] == [("8", "home/1"), ("9", "home/1")]
        canned.answers[f"GET {KEYS}?after=a%20b%26c"] = canned.answers[f"GET {KEYS}"]
        with pytest.raises(EngineUnavailable, match="more than 100 pages"):
            session.keys("ci")


def test_texts_of_a_secret_are_quoted_where_they_are_put(canned: Canned) -> None:
    user = "../a b?c=d#e%2f{secret}"
    quoted = "..%2Fa%20b%3Fc%3Dd%23e%252f%7Bsecret%7D"
    canned.answers["GET /api/me"] = (200, {"login": user, "key": {"id": 'q"{mark}'}})
    canned.answers[f"POST /api/users/{quoted}/keys"] = (201, {"key": {"id": 9}, "token": "canary-new"})
    with closing(connect(canned.value(username=user, key_id='q"{mark}'))) as session:
        assert session.issue_key(user, 'home/"1').secret.reveal() == "canary-new"
    method, path, headers, body = canned.asked[-1]
    assert (method, path) == ("POST", f"/api/users/{quoted}/keys")
    assert json.loads(body) == {"label": 'detent home/"1', "scopes": ["read"]}
    assert headers["Authorization"] == "Bearer canary-key"
    assert headers["Content-Type"] == "application/json"


def test_a_key_that_no_header_may_hold_is_no_login_and_is_not_sent(canned: Canned) -> None:
    for odd in ("canary\r\nX-Injected: 1", "canary-ü", "canary\t"):
        with pytest.raises(LoginRejected, match="characters that no header may have") as caught:
            connect(canned.value(api_key=odd))
        assert "canary" not in str(caught.value)
    assert canned.asked == []


def test_basic_authentication_and_other_headers_are_what_the_description_says(
    canned: Canned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from servers import forge  # noqa: PLC0415 - its folder

    text = (Path(forge.__file__).parent / "services" / "forge.toml").read_text()
    text = text.replace('"Bearer {secret}"', '"Basic {basic}"\naccept = "application/vnd.forge+json"')
    text = f'basic = "{{key_id}}:{{secret}}"\n{text}'
    (tmp_path / "shop.toml").write_text(text)
    monkeypatch.setenv("HTTP_SERVICES", str(tmp_path))
    connect(canned.value(service="shop")).close()
    headers = canned.asked[0][2]
    assert headers["Authorization"] == "Basic NzpjYW5hcnkta2V5"
    assert [name.lower() for name in headers].count("accept") == 1
    assert headers["accept"] == "application/vnd.forge+json"
    assert "Content-Type" not in headers


def test_neither_a_proxy_nor_another_host_is_asked(canned: Canned, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    connect(canned.value()).close()
    assert canned.asked[0][2]["Host"] == f"127.0.0.1:{canned.port}"


def test_plain_http_beyond_loopback_is_refused_before_anything_is_sent(canned: Canned) -> None:
    with pytest.raises(EngineUnavailable, match="plain HTTP is spoken to loopback only"):
        connect(canned.value(host="192.0.2.1"))


def test_a_host_that_the_description_does_not_admit_is_not_asked(
    canned: Canned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from servers import forge  # noqa: PLC0415 - its folder

    text = (Path(forge.__file__).parent / "services" / "forge.toml").read_text()
    (tmp_path / "forge.toml").write_text(text.replace('"*"', '"forge.example.com"'))
    monkeypatch.setenv("HTTP_SERVICES", str(tmp_path))
    with pytest.raises(EngineUnavailable, match=r"forge\.toml does not admit 127\.0\.0\.1"):
        connect(canned.value())
    assert canned.asked == []


ODD = [
    ({"service": "../../etc/passwd"}, '"service" must name a description'),
    ({"service": "Forge"}, '"service" must name a description'),
    ({"service": ""}, '"service" must name a description'),
    ({"service": None}, '"service" must name a description'),
    ({"username": ".."}, '"username" must be'),
    ({"key_id": "."}, '"key_id" must be'),
    ({"key_id": "7\n"}, '"key_id" must be'),
    ({"ssl": "perhaps"}, '"ssl" must be true or false'),
]


@pytest.mark.parametrize(("change", "said"), ODD)
def test_a_value_that_is_not_usable_says_why(change: dict[str, Any], said: str) -> None:
    client = SecretsSimulator()
    value = {**engine.FACTS.example, **change}
    arn = client.create({key: part for key, part in value.items() if part is not None})
    with pytest.raises(StepFailed) as caught:
        FUNCTION.run(event("createSecret", arn, client.start_rotation(arn)), client, lambda: 30.0)
    assert said in str(caught.value)


# On the service itself


@contextmanager
def story(target: Target) -> Iterator[tuple[SecretsSimulator, str, dict[str, Any]]]:
    value = target.new_value()
    target.let_rotate_itself(value["username"])  # type: ignore[attr-defined]
    client = SecretsSimulator()
    yield client, client.create(value), value


def test_a_user_keeps_its_current_and_previous_key_and_keys_of_others_are_left_alone(
    server_of: Callable[[str], ForgeTarget],
) -> None:
    forge = server_of("http")
    with story(forge) as (client, arn, value):
        for _ in range(3):
            token = rotate(arn, client, function=FUNCTION)
        labels = forge.traces_of(value["username"])
        assert labels.keys() == {client.value(arn, label)["key_id"] for label in ("AWSCURRENT", "AWSPREVIOUS")}
        assert labels[client.value(arn)["key_id"]].endswith(token)
        forge.forge.keys.pop(int(client.value(arn, "AWSPREVIOUS")["key_id"]))
        foreign = forge.forge.issue(value["username"], "by hand")
        token = client.start_rotation(arn)
        with pytest.raises(StepFailed, match="no further key"):
            FUNCTION.run(event("createSecret", arn, token), client, lambda: 30.0)
        assert forge.forge.keys[foreign.id].label == "by hand"
