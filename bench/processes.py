"""What the kernel says about processes, and about the machine."""

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
SHOWN = ("uvicorn", "uvloop", "httptools", "msgspec", "tink", "psycopg")


def tree(root: int) -> list[int]:
    """Give a process and all its descendants that are alive."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        parents[int(entry.parent.name)] = int(fields[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def cpu_seconds(pids: list[int]) -> float:
    """Give user and system time together, ended threads included. One tick is the finest step."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def memory_mib(pid: int) -> Mapping[str, float]:
    """Give Rss and Pss (shared pages counted by their share) in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {name: int(rest.split()[0]) / 1024 for name, _, rest in (line.partition(":") for line in lines)}
    return {name: sizes[name] for name in ("Rss", "Pss")}


def command_of(pid: int) -> str:
    """Give a process's command line, shortened."""
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return " ".join(Path(word).name if word.startswith("/") else word for word in words)[:60].strip()


def machine() -> str:
    """Say what this ran on."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in SHOWN)
    cores = sorted(os.sched_getaffinity(0))
    name = model.partition(":")[2].strip() or platform.machine()
    return f"{len(cores)} cores ({name}), {platform.system()} {platform.release()}, {python()}\n{versions}"


def python() -> str:
    """Give the interpreter's name and version."""
    return f"{platform.python_implementation()} {platform.python_version()}"
