"""What Linux tells of processes, and how many are ended at once."""

import contextlib
import os
import re
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_HIGH_WATER = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)
_ROUNDS = 50  # of ending what starts more while it is being ended
_STATE, _PARENT, _USER_TIME, _SYSTEM_TIME = 0, 1, 11, 12  # places in /proc/N/stat after the name


def descriptors(process: int) -> Iterator[str]:
    """Give what a process has open, as the kernel names it."""
    with contextlib.suppress(OSError):
        for descriptor in (_PROC / str(process) / "fd").iterdir():
            with contextlib.suppress(OSError):
                yield str(descriptor.readlink())


def below(process: int) -> list[int]:
    """Give the running processes that a process has started, and those that these have."""
    children: dict[int, list[int]] = {}
    for found in _all():
        fields = _stat(found)
        if fields and fields[_STATE] != "Z":
            children.setdefault(int(fields[_PARENT]), []).append(found)
    family: list[int] = []
    look = [process]
    while look:
        look = [child for one in look for child in children.get(one, [])]
        family += look
    return family


def allow_processor_time(process: int, seconds: float) -> None:
    """Let a process use so much more, beyond what it has used; it cannot have come to an end by this."""
    fields = _stat(process)
    if not fields:
        return
    used = (int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])) / os.sysconf("SC_CLK_TCK")
    with contextlib.suppress(OSError, ValueError):
        _, most = resource.prlimit(process, resource.RLIMIT_CPU)
        resource.prlimit(process, resource.RLIMIT_CPU, (int(used + seconds) + 2, most))


def most_memory(process: int) -> int:
    """Give the most memory, in MiB, that a process had at once; 0: it has ended."""
    try:
        found = _HIGH_WATER.search((_PROC / str(process) / "status").read_text())
    except OSError:
        return 0
    return int(found[1]) // 1024 if found else 0


def end_all(process: int, mark: str) -> None:
    """End a process, those below it, and all that were started with a mark in their environment."""
    for _ in range(_ROUNDS):
        found = {*below(process), *_marked(mark)}
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        for one in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(one, signal.SIGKILL)
        if not found:
            return


def _marked(mark: str) -> Iterator[int]:
    for found in _all():
        with contextlib.suppress(OSError):
            if mark.encode() in (_PROC / str(found) / "environ").read_bytes():
                yield found


def _all() -> Iterator[int]:
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _stat(process: int) -> list[str]:
    """Give the fields after the name, which may hold spaces and brackets; none: it has ended."""
    try:
        return (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
