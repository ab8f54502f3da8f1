"""Asking a JSON API: what is an answer, what is none, and when a connection is made anew."""

import socket
from collections.abc import Iterator
from contextlib import closing
from threading import Thread

import pytest

from detent.functions.engines import Login
from detent.functions.errors import EngineUnavailable
from detent.functions.httpapi import HttpApi
from detent.functions.passwords import Password
from servers.canned import canned_api


def plenty() -> float:
    return 30.0


def api_at(port: int, **settings: object) -> closing[HttpApi]:
    return closing(HttpApi(Login("127.0.0.1", port, "app", Password("canary-password"), settings), plenty))


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


def test_a_port_that_hangs_up_in_plaintext_may_be_one_of_tls(hanging_up: int) -> None:
    with api_at(hanging_up) as api, pytest.raises(EngineUnavailable, match='say "ssl": true') as caught:
        api.ask("GET", "/", None, {"Authorization": "canary-password"})
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_port_of_plaintext_is_not_spoken_tls_to_and_nothing_is_sent_in_the_clear() -> None:
    with canned_api(200, "{}") as port, api_at(port, ssl=True) as api:
        with pytest.raises(EngineUnavailable, match="offers no TLS"):
            api.ask("GET", "/", None, {})
        assert api.mode == "verify-full"


def test_elsewhere_than_on_loopback_tls_is_verified_unless_it_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detent.functions.httpapi.reachable_address", lambda *_: "192.0.2.1")
    assert HttpApi(Login("api.example.com", 1, "app", Password("p"), {}), plenty).mode == "verify-full"
    assert HttpApi(Login("api.example.com", 1, "app", Password("p"), {"ssl": False}), plenty).mode == "disable"
