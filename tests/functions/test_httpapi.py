"""Asking a JSON API: what is an answer, what is none, and when a connection is made anew."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from threading import Event, Thread

import pytest

from detent.functions.engines import Login
from detent.functions.errors import EngineUnavailable
from detent.functions.httpapi import HttpApi, Reply, completed
from detent.functions.network import located
from detent.functions.passwords import Password
from servers.canned import canned_api
from servers.canned_port import answering


def plenty() -> float:
    return 30.0


def api_at(port: int, **settings: object) -> closing[HttpApi]:
    login = Login("127.0.0.1", port, "app", Password("canary-password"), settings)
    return closing(HttpApi(login, located(login, 10), plenty))


@contextmanager
def dripping(head: bytes) -> Iterator[int]:
    """Something that answers one request by a head, and then by a byte now and then."""
    ended = Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            with suppress(OSError), server.accept()[0] as one:
                one.sendall(head)
                while not ended.wait(0.1):
                    one.sendall(b"9")

        thread = Thread(target=drip)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            ended.set()
            thread.join(10)


@pytest.fixture
def hanging_up() -> Iterator[int]:
    """Something that closes each connection without an answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        thread = Thread(target=hang_up)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_connection_that_the_server_says_it_ends_is_made_anew() -> None:
    with canned_api(200, '{"name": "app"}', Connection="close") as port, api_at(port) as api:
        assert [api.ask("GET", "/", None, {}).told("name") for _ in range(3)] == ["app"] * 3


def test_a_closed_api_does_not_connect_again() -> None:
    with canned_api(200, "{}") as port, api_at(port) as api:
        api.ask("GET", "/", None, {})
        api.close()
        with pytest.raises(EngineUnavailable, match="connection was lost"):
            api.ask("GET", "/", None, {})


def test_what_is_no_json_is_an_answer_without_a_body() -> None:
    with canned_api(404, "<html>not here</html>") as port, api_at(port) as api:
        reply = api.ask("GET", "/", None, {})
    assert (reply.status, reply.body, reply.is_good, reply.told("reason")) == (404, None, False, "")


def test_a_redirection_is_not_followed() -> None:
    with (
        canned_api(200, '{"name": "elsewhere"}') as other,
        canned_api(302, "", Location=f"http://127.0.0.1:{other}/") as port,
        api_at(port) as api,
    ):
        assert not api.ask("GET", "/", None, {}).is_good


def test_where_a_redirection_would_lead_is_told() -> None:
    with canned_api(307, "", Location="https://api.example.com/") as port, api_at(port) as api:
        assert api.ask("GET", "/", None, {}).location == "https://api.example.com/"


@pytest.mark.parametrize("ending", ["keep-alive", "close"])
def test_an_answer_larger_than_the_limit_is_not_read_to_its_end(ending: str) -> None:
    with canned_api(200, "9" * 10_000_001, Connection=ending) as port, api_at(port) as api:
        with pytest.raises(EngineUnavailable, match="larger than 10000000 bytes"):
            api.ask("GET", "/", None, {})
        with pytest.raises(EngineUnavailable, match="connection was lost"):
            api.ask("GET", "/", None, {})


def test_an_answer_that_ends_too_soon_is_none() -> None:
    said = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"name": "app"}'
    with (
        answering(said) as port,
        api_at(port) as api,
        pytest.raises(EngineUnavailable, match=r"^the connection was lost$"),
    ):
        api.ask("GET", "/", None, {})


@pytest.mark.parametrize("ending", [b"", b"Connection: close\r\n"])
def test_an_answer_that_never_ends_is_given_up_when_the_time_is(ending: bytes) -> None:
    end = time.monotonic() + 1.0
    with dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n" + ending + b"\r\n") as port:
        login = Login("127.0.0.1", port, "app", Password("canary-password"), {})
        api = HttpApi(login, located(login, 10), lambda: end - time.monotonic())
        with closing(api), pytest.raises(EngineUnavailable, match=r"no time is left|no answer in time"):
            api.ask("GET", "/", None, {})
    assert time.monotonic() < end


def test_a_body_is_sent_as_json_unless_the_headers_say_otherwise() -> None:
    usual = {"Content-Type": "application/json", "Accept": "*/*"}
    assert completed({"content-type": "text/x", "A": "b"}, usual) == {
        "Accept": "*/*",
        "content-type": "text/x",
        "A": "b",
    }


def test_no_advice_to_allow_plaintext_is_given_where_tls_is_a_must() -> None:
    with canned_api(200, "{}") as port:
        login = Login("127.0.0.1", port, "app", Password("canary-password"), {"ssl": True})
        api = HttpApi(login, located(login, 10), plenty, needs_tls=True)
        with closing(api), pytest.raises(EngineUnavailable, match=r"name the TLS port in the secret$"):
            api.ask("GET", "/", None, {})


def test_a_reply_does_not_show_its_body() -> None:
    assert "canary" not in repr(Reply(200, {"key": "canary-key"}))


def test_a_port_that_hangs_up_in_plaintext_may_be_one_of_tls(hanging_up: int) -> None:
    with api_at(hanging_up) as api, pytest.raises(EngineUnavailable, match='say "ssl": true') as caught:
        api.ask("GET", "/", None, {"Authorization": "canary-password"})
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_port_of_plaintext_is_not_spoken_tls_to_and_nothing_is_sent_in_the_clear() -> None:
    with canned_api(200, "{}") as port, api_at(port, ssl=True) as api:
        with pytest.raises(EngineUnavailable, match="offers no TLS"):
            api.ask("GET", "/", None, {})
        assert api.mode == "verify-full"
