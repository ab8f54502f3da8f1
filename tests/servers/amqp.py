"""As much of AMQP 0-9-1 as shows that an application logs in, and that its connection goes on."""

import socket
import struct
from typing import Self

_TUNE, _REFUSED = (10, 30), (10, 50)
_CAPABLE = b"\x0ccapabilitiesF" + struct.pack(">I", 31) + b"\x1cauthentication_failure_closet\x01"


class AmqpConnection:
    """A login; ``is_open`` asks whether it goes on."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._file = self._socket.makefile("rb")
        self._socket.sendall(b"AMQP\x00\x00\x09\x01")
        self._read()
        properties = struct.pack(">I", len(_CAPABLE)) + _CAPABLE  # so that a refusal is said, and at once
        proof = b"\0" + user.encode() + b"\0" + password.encode()
        self._send(10, 11, properties + b"\x05PLAIN" + struct.pack(">I", len(proof)) + proof + b"\x05en_US")
        answer = self._read()
        assert answer in {_TUNE, _REFUSED}, answer
        self.logged_in = answer == _TUNE

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def open(self) -> None:
        self._send(10, 31, struct.pack(">HIH", 8, 131072, 0))
        self._send(10, 40, b"\x01/\x00\x00")
        assert self._read() == (10, 41)

    def is_open(self, channel: int) -> bool:
        """Open a channel of that number."""
        self._send(20, 10, b"\x00", channel)
        return self._read() == (20, 11)

    def _send(self, group: int, method: int, arguments: bytes, channel: int = 0) -> None:
        payload = struct.pack(">HH", group, method) + arguments
        self._socket.sendall(struct.pack(">BHI", 1, channel, len(payload)) + payload + b"\xce")

    def _read(self) -> tuple[int, int]:
        _, _, size = struct.unpack(">BHI", self._file.read(7))
        payload = self._file.read(size + 1)
        group, method = struct.unpack(">HH", payload[:4])
        return group, method
