"""The clock of leases: one that nobody can set, and that goes on while the machine sleeps."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # only Linux has the one that counts sleep


class Tick(NamedTuple):
    """A moment since a boot of the machine. Ticks of two boots cannot be compared: what was leased before is free."""

    boot: str
    micros: int


Steady = Callable[[], Tick]


def machine() -> Steady:
    """Give the machine's clock, the same for each of its processes."""
    boot = _BOOT.read_text().strip() if _BOOT.exists() else ""
    return lambda: Tick(boot, time.clock_gettime_ns(_CLOCK) // 1000)
