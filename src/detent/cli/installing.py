"""Python packages into a folder, by the pip of this environment."""

import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from detent.cli.failure import CommandFailed

_PIP: Final = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", "--no-color")
_ERROR: Final = re.compile(r"\w*(?:Error|Exception|ERROR|error): .*")
_LONGEST: Final = 300  # characters of what pip says


class NotInstalled(Exception):
    """What pip says that it could not do, in one line."""


def install(target: Path, what: Sequence[str]) -> None:
    """Install requirements, or what `-r FILE` names, into a folder, all or none. Raises NotInstalled.

    No .pyc files are made: they would differ each time.
    """
    _pip("install", "--target", str(target), "--no-compile", *what)


def buildable(requirements: Iterable[str], folder: Path) -> dict[str, str]:
    """Try each requirement alone, and give what is missing for those that cannot be had here.

    Their wheels go into the folder, for `install`.
    """
    missing: dict[str, str] = {}
    for requirement in requirements:
        try:
            _pip("wheel", "--no-deps", "--wheel-dir", str(folder), requirement)
        except NotInstalled as reason:
            missing[requirement] = str(reason)
    return missing


def _pip(*arguments: str) -> None:
    if find_spec("pip") is None:
        raise CommandFailed(f"pip is missing: {sys.executable} -m ensurepip, or give a folder that holds the packages")
    done = subprocess.run(  # noqa: S603 - what is installed is the caller's to say
        [*_PIP, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, umask=0o022
    )
    if done.returncode != 0:
        raise NotInstalled(_told(done.stderr))


def _told(errors: str) -> str:
    """Give the line that says most: the first error that is not only about a process that failed."""
    lines = [" ".join(line.split()) for line in errors.splitlines()]
    found = (match[0] for line in lines if "subprocess" not in line and (match := _ERROR.search(line)))
    return next(found, lines[-1] if lines else "it said nothing").removeprefix("ERROR: ")[:_LONGEST]
