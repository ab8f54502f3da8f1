"""Where a rotation function may connect to.

A secret names the host, and whoever may write a secret must not be able to point the server at what only the server
can reach. So a name is resolved once, every address behind it is checked, and the address checked is the one used.
Loopback and private addresses are allowed: databases live there. Refused are link-local addresses (cloud metadata is
there), other known metadata addresses, multicast, unspecified and reserved ones, and Unix sockets.
"""

import ipaddress
import re
import socket
from typing import Final

from detent.functions.errors import EngineUnavailable

_NAME: Final = re.compile(r"[A-Za-z0-9._:%-]{1,255}")

_METADATA: Final = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure's wire server
        "192.0.0.192",  # Oracle Cloud
        "fd00:ec2::254",  # AWS, IPv6
        "fd20:ce::254",  # Google Cloud, IPv6
    )
)
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_THIS_NETWORK: Final = ipaddress.ip_network("0.0.0.0/8")  # Linux connects 0.0.0.0 to itself

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def reachable_address(host: str, port: int, timeout: float) -> str:
    """Return the one address to connect to.

    Of several addresses the first that takes a TCP connection within ``timeout`` seconds is chosen, so that a login is
    attempted once only. Raises EngineUnavailable: no such name, an address that is refused, nothing answers.
    """
    addresses = _resolved(host, port)
    if len(addresses) == 1:
        return addresses[0]
    return _answering(addresses, host, port, timeout)


def is_loopback(address: str) -> bool:
    """Say whether the address is this machine."""
    return ipaddress.ip_address(address).is_loopback


def _resolved(host: str, port: int) -> list[str]:
    if not _NAME.fullmatch(host):
        raise EngineUnavailable(f"the host {host!r} is neither a host name nor an address (Unix sockets are refused)")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        reason = f"the name {host!r} was not resolved ({error.strerror or 'no answer'}): check the host"
    else:
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            _refuse_forbidden(host, address)
        return addresses
    raise EngineUnavailable(reason)


def _refuse_forbidden(host: str, address: str) -> None:
    plain = _unwrapped(ipaddress.ip_address(address))
    forbidden = (
        plain.is_link_local
        or plain.is_multicast
        or plain.is_unspecified
        or (plain.is_reserved and not plain.is_loopback)
        or plain in _METADATA
        or (plain.version == 4 and plain in _THIS_NETWORK)  # noqa: PLR2004 - IP's version
    )
    if forbidden:
        raise EngineUnavailable(
            f"the host {host!r} is refused: link-local, metadata, multicast and reserved addresses are never reached"
        )


def _unwrapped(address: _Address) -> _Address:
    """IPv6 has several ways to write an IPv4 address; the check is of the one that is reached."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _answering(addresses: list[str], host: str, port: int, timeout: float) -> str:
    for address in addresses:
        try:
            with socket.create_connection((address, port), timeout=timeout / len(addresses)):
                return address
        except OSError:  # the next address may answer
            continue
    raise EngineUnavailable(f"none of the {len(addresses)} addresses of {host!r} takes connections on port {port}")
