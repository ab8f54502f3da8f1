"""The place of a function's process: what it may reach, and how all in it is ended."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from detent.runtime.mounts import CERTIFICATES, OPT, TASK
from detent.runtime.peers import Peer

LAUNCHER = Path(__file__).with_name("launcher.py")


def launching(launcher: str = str(LAUNCHER)) -> list[str]:
    """Give the command that starts the launcher, where it is to be found under this path."""
    return [sys.executable, "-I", "-S", launcher]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a function's place is made of."""

    owner: str  # the function's ARN
    code: Path
    opt: Path | None
    certificates: Path | None
    temporary_bytes: int


@dataclass(frozen=True, slots=True)
class World:
    """Where a function finds things, by the paths that it sees."""

    task: str = TASK
    opt: str = OPT
    temporary: str = "/tmp"  # noqa: S108 - the function's own
    certificates: str = CERTIFICATES


@dataclass(frozen=True, slots=True)
class Job:
    """What shall run in a place; `mark` is a text in its environment that no other process has."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    limits: Mapping[str, tuple[int, int | None]]  # by the names of the module `resource`; None: can be raised again
    mark: str = field(repr=False)


class Cell(Protocol):
    """One place for one process."""

    @property
    def world(self) -> World:
        """Where the process finds things."""

    def start(self, job: Job) -> int:
        """Run a command; give the descriptor of its output. It ends with the thread that calls this."""

    def process(self) -> int | None:
        """Give the process that runs the command; None: it has ended, or cannot be told."""

    def holds(self, peer: Peer) -> bool:
        """Say whether a connection comes from in here."""

    def wait(self) -> int:
        """Wait for its end; give the exit code as a shell has it: 128 and more for a signal."""

    def end(self) -> None:
        """End the process, if it runs, and all that it has started, and remove the place."""


class Started:
    """A process that was started by the launcher, alone or in a wrapper."""

    def __init__(self) -> None:
        """Have none yet."""
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def was_started(self) -> bool:
        """Say whether there is a process at all."""
        return self._popen is not None

    @property
    def popen(self) -> subprocess.Popen[bytes]:
        """Give the process of this server's that was started."""
        if self._popen is None:
            raise RuntimeError("nothing was started")
        return self._popen

    def launch(self, command: Sequence[str], job: Job, how: Mapping[str, object], passed: Sequence[int] = ()) -> int:
        """Start the launcher by a command and tell it its job; give the descriptor of the output."""
        reading, writing = os.pipe2(os.O_CLOEXEC)
        try:
            self._popen = subprocess.Popen(  # noqa: S603 - ours, and it confines what it runs
                command,
                stdin=subprocess.PIPE,
                stdout=writing,
                stderr=writing,
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},  # nothing of the server's, and nothing of the function's
                cwd="/",
                start_new_session=True,
                pass_fds=passed,
            )
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        told = {"command": job.command, "environment": job.environment, "limits": job.limits, **how}
        self._tell(json.dumps(told).encode())
        return reading

    def _tell(self, told: bytes) -> None:
        pipe = self.popen.stdin
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):  # it has ended; its exit code tells more
                pipe.write(told)
                pipe.close()

    def wait(self) -> int:
        """Wait for the end; give the exit code as a shell has it."""
        code = self.popen.wait()
        return code if code >= 0 else 128 - code
