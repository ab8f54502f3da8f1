"""Who is at the other end of a connection over loopback, as Linux tells it."""

import socket
import struct
from pathlib import Path
from typing import NamedTuple

from detent.runtime.processes import below, descriptors

LOOPBACK = "127.0.0.1"
_LOOKS = 3  # a table that changes while it is read may be told with a line missing


class Peer(NamedTuple):
    """A socket on this machine."""

    user: int
    inode: str


def peer_of(connection: socket.socket) -> Peer | None:
    """Give the socket that is connected to ours; None: it is there no more."""
    ends = f" {_written(connection.getpeername())} {_written(connection.getsockname())} "
    found = (_in_table(ends) for _ in range(_LOOKS))
    return next(filter(None, found), None)


def _in_table(ends: str) -> Peer | None:
    with Path("/proc/net/tcp").open() as table:
        for line in table:
            if ends in line:
                fields = line.split()
                return Peer(int(fields[7]), fields[9])
    return None


def _written(address: tuple[str, int]) -> str:
    """Write an address as the kernel does: the bytes of the host as one number of this machine's."""
    (host,) = struct.unpack("=I", socket.inet_aton(address[0]))
    return f"{host:08X}:{address[1]:04X}"


def holds(process: int, peer: Peer) -> bool:
    """Say whether a process, or one below it, has this socket open."""
    wanted = f"socket:[{peer.inode}]"
    return any(wanted in descriptors(one) for one in (process, *below(process)))
