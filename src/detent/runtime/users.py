"""Users of the operating system's that functions run as: numbers that nobody else has."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from detent.model.errors import FunctionFailed

_FOLDER = Path("/run/detent-function-users")  # every server of this host must know which are taken
FIRST, LAST = 60_578, 61_183  # systemd's table of numbers has these unused


class Users:
    """Lends a number to one sandbox at a time, over all servers of this host.

    A number stays one function's, so that no function finds what another has left behind; only when all are given away
    does a function get one that another had.
    """

    def __init__(self, folder: Path = _FOLDER) -> None:
        """Take the folder that has one file a number: whose it is, and locked while it is lent."""
        self._folder = folder

    def lend(self, owner: str) -> tuple[int, int]:
        """Give a number, and the descriptor whose closing gives it back. Raises FunctionFailed when all are lent."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in self._in_turn(owner):
            lock = os.open(self._folder / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(lock, 0)
                os.pwrite(lock, owner.encode(), 0)
                return number, lock
            os.close(lock)
        raise FunctionFailed("More functions run at once on this host than there are users for.")

    def _in_turn(self, owner: str) -> Iterator[int]:
        """Give the function's own numbers, then those of nobody, then the others, from the one lent longest ago."""
        files = sorted(self._folder.iterdir(), key=lambda file: file.stat().st_mtime)
        taken = {int(file.name): file.read_text() for file in files}
        yield from (number for number, its in taken.items() if its == owner)
        yield from (number for number in range(FIRST, LAST + 1) if number not in taken)
        yield from (number for number, its in taken.items() if its != owner)
