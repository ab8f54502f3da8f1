"""What every engine promises, on the servers that are played: the contract suite but for TLS and live servers."""

import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

import pytest

import contract.test_engines as promises
from contract.test_engines import admin_of, engine, value  # noqa: F401 - fixtures
from detent.functions.engines import known_engines
from detent.functions.errors import EngineUnavailable
from scripted.table import SCRIPTED
from scripted.target import ScriptedTarget

# no word of a script: who is live, and handshakes
OF_LIVE_SERVERS = {
    "test_the_live_server_is_among_those_that_the_engine_says_it_ran_against",
    "test_an_engine_without_a_live_server_says_so",
    "test_tls_is_verified_by_the_own_ca_and_refused_by_any_other",
    "test_a_server_that_takes_no_plaintext_says_so",
}
globals().update(
    {name: found for name, found in vars(promises).items() if name.startswith("test_") and name not in OF_LIVE_SERVERS}
)


@pytest.fixture(params=SCRIPTED)
def target(request: pytest.FixtureRequest, scripted: Callable[[str], ScriptedTarget]) -> ScriptedTarget:
    return scripted(request.param)


@pytest.mark.parametrize("said", [b"-ERR unknown command\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_what_speaks_another_protocol_is_an_unavailable_engine(target: ScriptedTarget, said: bytes) -> None:
    """Here it is the real driver that meets it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with suppress(OSError):  # the driver may end whenever it likes, and come again
                while True:
                    guest, _ = listening.accept()
                    with guest, suppress(OSError):
                        guest.sendall(said)
                        guest.recv(4096)

        thread = Thread(target=answer)
        thread.start()
        try:
            login = target.login("app", "canary-password", port=listening.getsockname()[1], ssl=False)
            with pytest.raises(EngineUnavailable) as caught:
                target.module.connect(login, lambda: 5.0)
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
    assert "canary-password" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_tests_that_are_left_out_are_there() -> None:
    assert set(vars(promises)) > OF_LIVE_SERVERS


def test_what_is_played_is_an_engine() -> None:
    assert {row.partition("-")[0] for row in SCRIPTED} <= set(known_engines())
