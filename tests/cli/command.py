"""Commands as a user runs them: real processes."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

OVERRULING = ("AWS_", "DETENT_")


def surroundings(**changed: str) -> dict[str, str]:
    """This process's environment without settings that a command would take, and with a home where nothing is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OVERRULING)}
    return {**kept, "HOME": "/nonexistent", "COLUMNS": "200", **changed}


def detent(
    *arguments: str | Path,
    env: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
    says: str = "",
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*prefix, sys.executable, "-m", "detent.cli", *map(str, arguments)],
        env=surroundings(**(env or {})),
        capture_output=True,
        text=True,
        input=says,
        timeout=120,
        check=False,
    )


def refusal(done: subprocess.CompletedProcess[str], code: int = 1) -> str:
    """Give the one line that a command said before it ended with this code."""
    assert (done.returncode, done.stdout) == (code, ""), done
    (line,) = done.stderr.splitlines()
    assert line.startswith("detent: ")
    return line.removeprefix("detent: ")


def success(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout
