"""Confined by bwrap: an own file system, own process numbers, and as root an own user besides."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from detent.model.errors import FunctionFailed
from detent.runtime.cells import LAUNCHER, Job, Parts, Started, World, launching
from detent.runtime.mounts import View, arguments
from detent.runtime.peers import Peer, holds
from detent.runtime.processes import below
from detent.runtime.users import Users

_LAUNCHER = "/var/runtime/launcher.py"  # where Lambda has its own
_INSIDE = 993  # Lambda's number for the user that functions run as
_ENDING_SECONDS = 5


class BubblewrapCell(Started):
    """`cells.Cell` in bwrap. When its first process ends, the kernel ends all others in it."""

    world = World()

    def __init__(self, parts: Parts, users: Users | None, hidden: tuple[Path, ...]) -> None:
        """Take whose users to run as; None: this server is not root, and its own user is as little as can be had."""
        super().__init__()
        self._user: int | None = None
        self._lent: int | None = None
        if users is not None:
            self._user, self._lent = users.lend(parts.owner)
        self._view = View(
            parts.code, parts.opt, parts.certificates, hidden, parts.temporary_bytes, self._user or _INSIDE
        )
        self._inner = 0
        self._handle: int | None = None

    def start(self, job: Job) -> int:
        """Run a command in it."""
        program = _program()
        told, tell = os.pipe2(os.O_CLOEXEC)
        files = {path: _file(text) for path, text in self._texts().items()}
        given = _file("\0".join(arguments(self._view, files)) + "\0")
        passed = [tell, given, *files.values()]
        command = [program, "--args", str(given), "--info-fd", str(tell), "--", *launching(_LAUNCHER)]
        try:
            output = self.launch(command, job, {"folder": self.world.task, "user": self._user, "parent": None}, passed)
        except OSError:
            os.close(told)
            raise
        finally:
            _close(passed)
        self._read_inner(told)
        return output

    def _texts(self) -> dict[str, str]:
        user = self._view.user
        return {"/etc/passwd": _passwd(user), "/etc/group": _group(user), _LAUNCHER: LAUNCHER.read_text()}

    def _read_inner(self, told: int) -> None:
        """Learn which process is the first in there; none when bwrap has failed, whose output says why."""
        with open(told, encoding="utf-8") as pipe, contextlib.suppress(ValueError, ProcessLookupError):
            self._inner = json.load(pipe)["child-pid"]
            self._handle = os.pidfd_open(self._inner)

    def process(self) -> int | None:
        """Give the command's process: the first that bwrap's has started."""
        inside = below(self._inner) if self._inner else []
        return min(inside, default=None)

    def holds(self, peer: Peer) -> bool:
        """Say whether a connection comes from in here: by the user where it is the function's own."""
        return peer.user == self._user if self._user is not None else holds(self._inner, peer)

    def end(self) -> None:
        """End all in it: bwrap's own process ends when the last one has."""
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        if self.was_started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(_ENDING_SECONDS)
            self.popen.kill()
            self.popen.wait()
        _close([one for one in (self._handle, self._lent) if one is not None])
        self._handle = self._lent = None


def _program() -> str:
    found = shutil.which("bwrap")
    if found is None:
        raise FunctionFailed("bwrap is not installed")
    return found


def _file(text: str) -> int:
    """Give a descriptor from which a text can be read, however long it is."""
    descriptor = os.memfd_create("bwrap", os.MFD_CLOEXEC)
    os.write(descriptor, text.encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _passwd(user: int) -> str:
    return f"root:x:0:0:root:/:/sbin/nologin\nfunction:x:{user}:{user}::/tmp:/sbin/nologin\n"


def _group(user: int) -> str:
    return f"root:x:0:\nfunction:x:{user}:\n"
