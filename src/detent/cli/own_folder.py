"""A working folder of one's own: function.py with the function `handler`, requirements.txt if it needs packages."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from detent.cli.failure import CommandFailed

CODE: Final = "function.py"
HANDLER: Final = "function.handler"
REQUIREMENTS: Final = "requirements.txt"
NO_CODE: Final = ("test_*.py", "conftest.py", REQUIREMENTS, "__pycache__", ".git", ".venv", ".*_cache")

_LOADED: Final = """
import sys, function
handler = getattr(function, "handler", None)
if not callable(handler):
    sys.exit("it has no function named handler")
print()
print(getattr(handler, "engine", ""))
"""
# What is there on Lambda too, where functions make their clients while they are loaded.
_SURROUNDINGS: Final = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "SECRETS_MANAGER_ENDPOINT": "https://secretsmanager.us-east-1.amazonaws.com",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def is_one(folder: Path) -> bool:
    """Say whether a folder is laid out so."""
    return (folder / CODE).is_file()


def requirements_of(folder: Path) -> Path | None:
    """Give the file that names its packages; None: it needs none, or is laid out otherwise."""
    listed = folder / REQUIREMENTS
    return listed if is_one(folder) and listed.is_file() else None


def engine_of(folder: Path) -> str:
    """Load the function as Lambda does, in a process of its own, and ask for its engine; empty: it is of none.

    Raises CommandFailed where it cannot be loaded.
    """
    done = subprocess.run(  # noqa: S603 - the caller's own code
        [sys.executable, "-c", _LOADED],
        cwd=folder, env={**os.environ, **_SURROUNDINGS},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it ends the process"])[-1]
        raise CommandFailed(f"{folder / CODE} cannot be loaded: {reason}")
    return done.stdout.splitlines()[-1]
