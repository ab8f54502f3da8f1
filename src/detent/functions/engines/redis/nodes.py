"""Which servers hold a user: ACL users are not replicated, so each of them must be named and changed.

A server that is left out would bring the former password back when it becomes the primary. So what the servers tell
of each other is compared with what the secret names, by address and port.
"""

import ipaddress
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from detent.functions.engines import Login
from detent.functions.engines.redis.wire import Wire
from detent.functions.errors import ChangeRefused

_HIGHEST_PORT = 65535


def node_faults(value: Mapping[str, Any]) -> list[str]:
    """Check the key ``nodes``."""
    found = value.get("nodes", [])
    if isinstance(found, list) and all(isinstance(node, str) and _is_place(node) for node in found):
        return []
    return ['"nodes" must be a list of further servers as "host:port"']


def other_logins(login: Login) -> Iterator[Login]:
    """Give the same login for each further server."""
    for host, port in dict.fromkeys(_parted(node) for node in login.settings.get("nodes", [])):
        other = replace(login, host=host, port=int(port))
        if not other.same_server(login):
            yield other


def refuse_unnamed(wires: Sequence[Wire]) -> None:
    """Raise ChangeRefused for a server that these tell of and that is none of them."""
    known = {(_machine(wire.address), wire.login.port) for wire in wires}
    known |= {(wire.login.host.lower(), wire.login.port) for wire in wires}
    for wire in wires:
        for host, port in _told(wire):
            if not any((name, port) in known for name in _names(host)):
                raise ChangeRefused(
                    f"{wire.place} tells of a server {host}:{port} that the secret does not name, and that would bring "
                    'the former password back: add it to "nodes", or let it announce itself as "nodes" names it '
                    "(replica-announce-ip, replica-announce-port)"
                )


def _told(wire: Wire) -> Iterator[tuple[str, int]]:
    """Give every server that this one knows of: its primary, its replicas, its cluster."""
    match wire.ask("ROLE"):
        case [b"master", _, [*replicas]]:
            yield from ((host.decode(), int(port)) for host, port, _ in replicas)
        case [b"slave", host, port, *_]:
            yield host.decode(), int(port)
        case [role, *_]:
            raise ChangeRefused(f"{wire.place} is a {role.decode()}: name the servers that it watches")
    greeting = wire.ask("HELLO", "2")
    if dict(zip(greeting[::2], greeting[1::2], strict=True)).get(b"mode") == b"cluster":
        yield from _told_by_cluster(wire.ask("CLUSTER NODES").decode())


def _told_by_cluster(text: str) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        _, address, flags, *_ = line.split(" ")
        if not {"myself", "noaddr"} & set(flags.split(",")):
            host, port = _parted(address.partition("@")[0])
            yield host, int(port)


def _names(host: str) -> Iterator[str]:
    """Give the name itself, and its addresses in the form in which they are compared."""
    if not host:
        return
    yield host.lower()
    with suppress(OSError, UnicodeError):  # a name that leads nowhere is no server that the secret names
        for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
            yield _machine(str(found[4][0]))


def _machine(address: str) -> str:
    """Bring an address into one form; this machine has many."""
    found = ipaddress.ip_address(address.partition("%")[0])
    plain = getattr(found, "ipv4_mapped", None) or found
    return "this machine" if plain.is_loopback else str(plain)


def _is_place(node: str) -> bool:
    host, port = _parted(node)
    return bool(host) and port.isascii() and port.isdigit() and 1 <= int(port[:9]) <= _HIGHEST_PORT


def _parted(node: str) -> tuple[str, str]:
    host, _, port = node.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), port
