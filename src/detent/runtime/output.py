"""What a function prints, cut into its invocations."""

import contextlib
import os
import select
import threading
from collections import deque

_CHUNK = 64 * 1024
_LAST_LOOK = 1024 * 1024  # read at most at the end of an invocation: a child that goes on printing must not hold it up


class Kept:
    """The first and the last bytes of a text, each so many."""

    def __init__(self, size: int) -> None:
        """Take how many bytes are kept in all."""
        self._half = size // 2
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tailed = 0
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Take more."""
        room = self._half - len(self._head)
        self._head += data[:room]
        if rest := data[room:]:
            self._tail.append(rest)
            self._tailed += len(rest)
            self._trim()

    def _trim(self) -> None:
        while (excess := self._tailed - self._half) > 0:
            first = self._tail.popleft()
            if len(first) > excess:
                self._tail.appendleft(first[excess:])
            gone = min(len(first), excess)
            self._tailed -= gone
            self._dropped += gone

    def text(self) -> str:
        """Give it, with a line in the place of what was dropped."""
        note = f"\n[{self._dropped} bytes left out]\n".encode() if self._dropped else b""
        whole = bytes(self._head) + note + b"".join(self._tail)
        # Lambda's Python client ends the lines inside one message by \r and indents by no-break spaces
        return whole.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")


class Output:
    """The reading end of a process's output. It is always read, so that no function waits for room in the pipe."""

    def __init__(self, descriptor: int, size: int) -> None:
        """Own the descriptor; `size` bytes are kept of an invocation."""
        os.set_blocking(descriptor, False)
        self._descriptor, self._size = descriptor, size
        self._kept = Kept(size)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        threading.Thread(target=self._read, name="function output", daemon=True).start()

    def cut(self) -> str:
        """Give what was printed since the last cut. What the process wrote before it answered is in it."""
        with self._lock:
            read = 0
            while not self._ended.is_set() and read < _LAST_LOOK and (more := self._read_some()):
                read += more
            kept, self._kept = self._kept, Kept(self._size)
        return kept.text()

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        while not self._ended.is_set():
            poll.poll()
            with self._lock:
                self._read_some()
        os.close(self._descriptor)

    def _read_some(self) -> int:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._descriptor, _CHUNK)
            if not data:
                self._ended.set()
            self._kept.add(data)
            return len(data)
        return 0
