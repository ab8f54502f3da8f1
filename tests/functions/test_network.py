"""Opening a connection, and what is said where there is none: of a port, of TLS on it, and of its certificate."""

import os
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EPIPE
from threading import Thread
from typing import Any

import pytest

from detent.functions import network
from detent.functions.engines import Login
from detent.functions.errors import EngineUnavailable
from detent.functions.network import OR_PLAINTEXT, Place, located, network_reason, require_answer, secured
from detent.functions.passwords import Password
from servers.certificates import Certificates


def login(port: int, host: str = "localhost", **settings: Any) -> Login:
    return Login(host, port, "app", Password("canary-password"), settings)


@contextmanager
def port_that(serves: Callable[[socket.socket], object]) -> Iterator[int]:
    """Let everyone who connects be served by ``serves``, one after the other."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    with door.accept()[0] as one, suppress(OSError):
                        one.settimeout(5)
                        serves(one)

        thread = Thread(target=serve)
        thread.start()
        try:
            yield door.getsockname()[1]
        finally:
            door.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def reset(one: socket.socket) -> None:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def read_and_hang_up(one: socket.socket) -> None:
    one.recv(4096)


def read_and_say_it_is_plain(one: socket.socket) -> None:
    one.recv(4096)
    one.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.fixture
def tls_port(certificates: Certificates) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)

    def serve(one: socket.socket) -> None:
        with context.wrap_socket(one, server_side=True) as secure:
            secure.sendall(secure.recv(100))

    with port_that(serve) as port:
        yield port


def refusal(port: int, mode: str = "verify-full", host: str = "localhost", **settings: Any) -> str:
    with pytest.raises(EngineUnavailable) as caught:
        require_answer(login(port, host, **settings), Place("127.0.0.1", mode), 1.0)
    assert caught.value.__context__ is None
    assert caught.value.mode == mode
    return str(caught.value)


def test_a_connection_over_tls_is_to_the_name_and_carries_what_is_sent(
    certificates: Certificates, tls_port: int
) -> None:
    with secured(login(tls_port, sslrootcert=certificates.ca), Place("127.0.0.1", "verify-full"), 5.0) as connection:
        assert isinstance(connection, ssl.SSLSocket)
        assert connection.server_hostname == "localhost"
        connection.sendall(b"as it was sent")
        assert connection.recv(100) == b"as it was sent"


def test_a_certificate_that_does_not_hold_is_told_by_what_cures_it(certificates: Certificates, tls_port: int) -> None:
    assert network.OTHER_NAME in refusal(tls_port, host="127.0.0.1", sslrootcert=certificates.ca)
    assert network.NOT_ACCEPTED in refusal(tls_port, sslrootcert=certificates.stranger)
    assert network.NOT_ACCEPTED in refusal(tls_port)
    require_answer(login(tls_port, "127.0.0.1", sslrootcert=certificates.ca), Place("127.0.0.1", "verify-ca"), 5.0)
    require_answer(login(tls_port), Place("127.0.0.1", "require"), 5.0)


@pytest.mark.parametrize(
    ("serves", "said"),
    [
        (read_and_say_it_is_plain, network.NO_TLS_THERE),
        (read_and_hang_up, network.NO_TLS_THERE),
        (reset, network.CLOSED),
        (lambda one: one.recv(4096) and one.recv(1), network.NO_ANSWER),
    ],
)
def test_a_port_that_speaks_no_tls_is_told_by_how_it_takes_it(
    serves: Callable[[socket.socket], object], said: str
) -> None:
    with port_that(serves) as port:
        assert said in refusal(port)


def test_tls_that_both_sides_cannot_agree_on_is_told_with_openssl_s_reason(certificates: Certificates) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.load_cert_chain(certificates.server, certificates.server_key)
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")  # the certificate's key is none of RSA
    with port_that(lambda one: old.wrap_socket(one, server_side=True).close()) as port:
        assert "TLS failed (" in refusal(port, sslrootcert=certificates.ca)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (ECONNREFUSED, "nothing listens on that port"),
        (EHOSTUNREACH, "no route to the host"),
        (ENETUNREACH, "no route to the network"),
        (EPIPE, "unreachable: Broken pipe"),
    ],
)
def test_the_system_s_errors_are_told_by_what_they_mean(number: int, said: str) -> None:
    assert said in network_reason(OSError(number, os.strerror(number)))
    assert number == EPIPE or said in network.UNREACHABLE[os.strerror(number)]


def test_a_dead_port_is_told() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        assert "nothing listens on that port" in refusal(held.getsockname()[1])


def test_advice_to_allow_plaintext_is_the_last_thing_said_so_that_it_can_be_left_out() -> None:
    for said in (network.NOT_ACCEPTED, network.TLS_FAILED, network.NO_TLS_THERE, network.TLS_IS_OFF):
        assert said.endswith(OR_PLAINTEXT)


@pytest.mark.parametrize(
    ("address", "settings", "mode"),
    [
        ("127.0.0.1", {}, "disable"),
        ("127.0.0.1", {"ssl": True}, "verify-full"),
        ("192.0.2.1", {}, "verify-full"),
        ("192.0.2.1", {"ssl": False}, "disable"),
        ("192.0.2.1", {"sslmode": "require"}, "require"),
    ],
)
def test_elsewhere_than_on_loopback_tls_is_verified_unless_it_is_switched_off(
    address: str, settings: dict[str, Any], mode: str
) -> None:
    assert located(login(1, address, **settings), 1.0) == (address, mode)
