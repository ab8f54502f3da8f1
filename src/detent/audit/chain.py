"""One chain of records: each carries its number, the hash of the one before it, and a keyed hash of itself.

A keyed hash (HMAC-SHA256, its first 16 bytes) proves of every line on its own that it was written here and not changed;
number and predecessor show what is missing or out of place. Only the head, kept elsewhere, shows that the end is.
"""

import hmac
import re
import struct
from collections.abc import Iterable
from typing import NamedTuple, Self

_BYTES = 16  # of a hash that are kept: as hard to hit upon as a key of 128 bits
_LINK = re.compile(rb',"sequence":([1-9][0-9]{0,18}),"previous":"([0-9a-f]{32})","mac":"([0-9a-f]{32})"}\n')
_LONGEST_LINK = 136  # bytes
_MAC_END = len(b',"mac":"') + 2 * _BYTES + len(b'"}\n')
_PACKED = struct.Struct(f">Q{_BYTES}s")


class Head(NamedTuple):
    """The last record of a chain: its number, from 1, and its hash."""

    sequence: int
    mac: bytes

    def packed(self) -> bytes:
        """Give it as bytes that sort by the number."""
        return _PACKED.pack(*self)

    @classmethod
    def unpacked(cls, packed: bytes) -> Self:
        """Read what `packed` gave. Raises ValueError."""
        try:
            return cls(*_PACKED.unpack(packed))
        except struct.error:
            raise ValueError("not the head of a chain") from None

    def __str__(self) -> str:
        """Give it as people note it down."""
        return f"{self.sequence}:{self.mac.hex()}"

    @classmethod
    def told(cls, text: str) -> Self:
        """Read what was noted down. Raises ValueError."""
        sequence, _, mac = text.strip().partition(":")
        if not sequence.isascii() or not sequence.isdigit() or len(bytes.fromhex(mac)) != _BYTES:
            raise ValueError("not the head of a chain")
        return cls(int(sequence), bytes.fromhex(mac))


START = Head(0, bytes(_BYTES))  # before the first record


class Link(NamedTuple):
    """What a line says of its place in the chain."""

    head: Head  # the chain's, when this was its last line
    previous: bytes  # hash of the line before


class Chain:
    """Makes and checks lines with the chain's key."""

    def __init__(self, key: bytes) -> None:
        """Take the key, of 32 bytes."""
        self._keyed = hmac.new(key, digestmod="sha256")  # copied for each line, which costs less than a new one

    def lines(self, head: Head, records: Iterable[bytes]) -> tuple[bytes, Head]:
        """Put records, JSON objects, behind the head; gives their lines and the new head."""
        sequence, previous = head.sequence, head.mac.hex().encode()
        lines: list[bytes] = []
        for record in records:
            sequence += 1
            signed = b'%b,"sequence":%d,"previous":"%b"' % (record[:-1], sequence, previous)
            previous = self._mac(signed).hex().encode()
            lines += (signed, b',"mac":"', previous, b'"}\n')
        return b"".join(lines), Head(sequence, bytes.fromhex(previous.decode()))

    def is_own(self, line: bytes) -> bool:
        """Whether a line, with its newline, was made by `lines` under this key, and not changed since."""
        link = read_link(line)
        return link is not None and hmac.compare_digest(self._mac(line[:-_MAC_END]), link.head.mac)

    def _mac(self, signed: bytes) -> bytes:
        mac = self._keyed.copy()
        mac.update(signed)
        return mac.digest()[:_BYTES]


def read_link(line: bytes) -> Link | None:
    """Read what a line says of its place, true or not; None: it says nothing."""
    found = _LINK.search(line, max(0, len(line) - _LONGEST_LINK))
    if found is None or found.end() != len(line):
        return None
    sequence, previous, mac = found.groups()
    return Link(Head(int(sequence), bytes.fromhex(mac.decode())), bytes.fromhex(previous.decode()))
