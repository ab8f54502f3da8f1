"""Resident memory of each process of an idle server."""

import time

from bench import processes
from bench.servers import Detent

GOAL = 120  # MiB, resident, each process
WORKERS = 2
IDLE_SECONDS = 2


def main() -> bool:
    """Print Rss and Pss of each process."""
    with Detent(WORKERS, None) as server:
        time.sleep(IDLE_SECONDS)
        print(f"\nMemory of an idle server, {WORKERS} workers (goal: under {GOAL} MiB resident each)")
        print(f"  {'RSS MiB':>8} {'PSS MiB':>8}  process")
        for pid in server.pids():
            size = processes.memory_mib(pid)
            print(f"  {size['Rss']:8.1f} {size['Pss']:8.1f}  {processes.command_of(pid)}")
    return True
