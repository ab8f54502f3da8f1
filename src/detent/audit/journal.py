"""The chain's file, which all processes append to, and beside it a small one with the chain's head.

Whoever appends holds the lock of the small file, writes its lines and then the head. A process may die between the two:
whoever comes next reads on from the head, and cuts off what is no whole line, for that was never acknowledged. A file
that is shorter than the head says is never mended: the chain goes on from the head, so that the gap shows.
"""

import fcntl
import os
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from detent.audit.chain import START, Chain, Head, read_link

_HEAD_BYTES = 32
_END = struct.Struct(">Q")


class Mark(NamedTuple):
    """Where the chain stands: its head, and where in the file the head's line ends."""

    head: Head
    end: int  # bytes

    def packed(self) -> bytes:
        """Give it as bytes."""
        return self.head.packed() + _END.pack(self.end)


def read_mark(path: Path) -> Mark | None:
    """Read the small file of an audit file; None: there is none yet, or it is torn."""
    try:
        return _unpacked(head_file(path).read_bytes())
    except OSError:
        return None


def settled(path: Path) -> tuple[int, int]:
    """Give a file's size between two appends, and how much of it the head covers. Raises OSError."""
    try:
        side = os.open(head_file(path), os.O_RDONLY)
    except FileNotFoundError:  # an older file, that was put aside
        size = path.stat().st_size
        return size, size
    try:
        fcntl.flock(side, fcntl.LOCK_SH)
        mark = _unpacked(os.pread(side, _HEAD_BYTES + 1, 0))
        return path.stat().st_size, 0 if mark is None else mark.end
    finally:
        os.close(side)


def _unpacked(packed: bytes) -> Mark | None:
    if len(packed) != _HEAD_BYTES:
        return None
    return Mark(Head.unpacked(packed[: -_END.size]), *_END.unpack(packed[-_END.size :]))


class _Lock:
    """Keeps out other threads and other processes; a context manager made of a generator costs three times as much."""

    __slots__ = ("_descriptor", "_threads")

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._threads = descriptor, threading.Lock()

    def __enter__(self) -> None:
        self._threads.acquire()
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._threads.release()


class Journal:
    """One process's door to the file. Threads may share it, forked processes may not."""

    def __init__(self, path: Path, chain: Chain, anchored: Head = START, *, fsync: bool = False) -> None:
        """Open both files, made with mode 0600; `anchored` is the furthest head that the store knows.

        With `fsync` what was appended is on the disk when `append` returns.
        """
        self._path, self._chain, self._fsync = path, chain, fsync
        self._anchored = anchored
        self._name = os.fspath(path)  # a `Path` would be asked for it at each append
        self._open()
        self._side = os.open(head_file(path), os.O_RDWR | os.O_CREAT, 0o600)
        self._lock = _Lock(self._side)
        self._last, self._packed = Mark(START, 0), b""  # as this process left the small file

    def append(self, records: Sequence[bytes]) -> Head:
        """Append records, JSON objects, in one write; gives the new head. Raises OSError when not all are there."""
        with self._lock:
            mark = self._whole()
            lines, head = self._chain.lines(mark.head, records)
            self._write(lines, mark.end)
            self._last = Mark(head, mark.end + len(lines))
            self._packed = self._last.packed()
            os.pwrite(self._side, self._packed, 0)
            written = os.dup(self._file) if self._fsync else None
        if written is not None:
            _settle(written)
        return head

    def head(self) -> Head:
        """Give the head, whichever process made it; reads on from where the last one died."""
        with self._lock:
            return self._whole().head

    def close(self) -> None:
        """Close both files."""
        os.close(self._file)
        os.close(self._side)

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        opened = os.fstat(self._file)
        self._inode = opened.st_ino, opened.st_dev

    def _whole(self) -> Mark:
        """Give the mark, with the file ending just there."""
        size = self._size()
        packed = os.pread(self._side, _HEAD_BYTES + 1, 0)
        mark = self._last if packed == self._packed else _unpacked(packed) or Mark(START, 0)
        if mark.end < size:
            mark = self._read_on(mark)
        if mark.head.sequence < self._anchored.sequence:  # after a power cut the store may know more than the disk
            mark = mark._replace(head=self._anchored)
        if mark.end > size:
            mark = Mark(mark.head, self._size_between_lines(size))
        return mark

    def _size(self) -> int:
        """Give the file's size; a file that was renamed, as log rotation does, is followed by a new one."""
        with suppress(FileNotFoundError):
            found = os.stat(self._name)  # noqa: PTH116 - as `_name`
            if (found.st_ino, found.st_dev) == self._inode:
                return found.st_size
        os.close(self._file)
        self._open()
        return os.fstat(self._file).st_size

    def _read_on(self, mark: Mark) -> Mark:
        """Take in the lines that were written after the mark; what is no line at all is cut off."""
        head, end = mark
        with self._path.open("rb") as file:
            file.seek(end)
            for line in file:
                if not line.endswith(b"\n"):
                    os.ftruncate(self._file, end)
                    break
                link = read_link(line)
                if link is not None and link.head.sequence > head.sequence and self._chain.is_own(line):
                    head = link.head
                end += len(line)  # a line that is not the chain's own stays, for `verify` to show
        return Mark(head, end)

    def _size_between_lines(self, size: int) -> int:
        """Let the next line begin on a line of its own where something was cut off."""
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            self._write(b"\n", size)
            return size + 1
        return size

    def _write(self, data: bytes, end: int) -> None:
        """Write all, or leave the file as it was."""
        if os.write(self._file, data) != len(data):
            os.ftruncate(self._file, end)
            raise OSError("the audit trail took only a part of a record: is its disk full?")


def _settle(descriptor: int) -> None:
    """Bring a file to the disk; without the lock, so that those who wait for it at one time share one flush."""
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def head_file(path: Path) -> Path:
    """Give the small file that lies beside an audit file."""
    return path.with_suffix(".head")
