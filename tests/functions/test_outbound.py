import contextlib
import socket
from typing import Any

import pytest

from detent.functions.errors import EngineUnavailable
from detent.functions.outbound import is_loopback, reachable_address

_getaddrinfo = socket.getaddrinfo


def resolve(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let the name db.test have these addresses."""

    def resolver(host: str, port: int, *more: Any, **options: Any) -> list[Any]:
        if host != "db.test":
            return _getaddrinfo(host, port, *more, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fe80::1%lo",
        "fd00:ec2::254",
        "168.63.129.16",
        "100.100.100.200",
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
    ],
)
def test_an_address_that_only_the_server_should_reach_is_refused(host: str) -> None:
    with pytest.raises(EngineUnavailable, match=r"refused|not resolved"):
        reachable_address(host, 5432, 1.0)


@pytest.mark.parametrize("host", ["/var/run/postgresql", "@abstract", "a,b", "a b", "", "a\0b", "[::1]", "é.test"])
def test_what_is_no_host_name_is_refused(host: str) -> None:
    with pytest.raises(EngineUnavailable, match="neither a host name nor an address"):
        reachable_address(host, 5432, 1.0)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "192.168.7.7", "93.184.216.34", "::1", "fd12:3456::1"])
def test_loopback_private_and_public_addresses_are_allowed(host: str) -> None:
    assert reachable_address(host, 5432, 1.0) == host


def test_a_name_that_resolves_to_a_forbidden_address_too_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, "10.0.0.5", "169.254.169.254")
    with pytest.raises(EngineUnavailable, match="is refused"):
        reachable_address("db.test", 5432, 1.0)


def test_of_several_addresses_the_one_that_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        resolve(monkeypatch, "127.0.0.9", "127.0.0.1")
        assert reachable_address("db.test", port, 2.0) == "127.0.0.1"


def test_when_no_address_answers_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        resolve(monkeypatch, "127.0.0.9", "127.0.0.1")
        with pytest.raises(EngineUnavailable, match="none of the 2 addresses"):
            reachable_address("db.test", port, 2.0)


def test_loopback_is_told_by_the_address() -> None:
    assert is_loopback("127.8.8.8")
    assert is_loopback("::1")
    assert not is_loopback("10.0.0.1")
