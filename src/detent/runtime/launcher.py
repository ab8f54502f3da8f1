"""Becomes a function's process: a script that runs before any of the function's code, told by its input what to be.

The environment comes by the input: as an argument it could be read by everybody, and given to what starts this it would
let a function's own variables (`LD_PRELOAD`) act before its rights are taken away.
"""

import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

_NO_NEW_PRIVILEGES, _DEATH_SIGNAL = 38, 1  # linux/prctl.h


def become(job: dict[str, Any]) -> None:
    """Take limits, user and folder, and run the command in place of this process."""
    for name, (now, most) in job["limits"].items():
        _limit(getattr(resource, name), now, most)
    _volunteer()
    guard = _guard() if job["parent"] is not None else None
    if job["user"] is not None:
        os.setgroups([])
        os.setresgid(*[job["user"]] * 3)
        os.setresuid(*[job["user"]] * 3)
    if guard is not None:
        _die_with(job["parent"], guard)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.umask(0o022)
    os.chdir(job["folder"])
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and what it runs would do so too
        signal.signal(ignored, signal.SIG_DFL)
    os.execve(job["command"][0], job["command"], job["environment"])  # noqa: S606 - that is its purpose


def _limit(kind: int, now: int, most: int | None) -> None:
    """Set a limit, and how far it can be raised (None: as before); it may have been lower already."""
    _, allowed = resource.getrlimit(kind)
    most = allowed if most is None else most
    ceiling = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
    resource.setrlimit(kind, (now if ceiling == resource.RLIM_INFINITY else min(now, ceiling), ceiling))


def _volunteer() -> None:
    """Be what the kernel ends first when memory runs out, not the server."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 - pathlib is slow to start
        file.write("1000")


def _guard() -> Callable[..., int]:
    """Give the system call that Python lacks, while its files can be read: the user to come may not be able to."""
    import ctypes  # noqa: PLC0415 - bwrap needs none of this, and a start without it is faster

    call: Callable[..., int] = ctypes.CDLL(None).prctl
    return call


def _die_with(parent: int, prctl: Callable[..., int]) -> None:
    """End when the server ends, and gain nothing by programs that change their user."""
    prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    prctl(_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the server has ended")


if __name__ == "__main__":
    told = json.loads(sys.stdin.buffer.read())
    try:
        become(told)
    except OSError as error:
        sys.exit(f"{told['command'][0]} cannot be run: {error}")
