"""Python packages into a folder, by the pip of this environment."""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from detent.cli.failure import CommandFailed

_PIP: Final = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", "--no-color")
_ERROR: Final = re.compile(r"\w*(?:Error|Exception|ERROR|error): .*")
_LONGEST: Final = 300  # characters of what pip says
_MACHINES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}  # Lambda's word -> the one in a wheel's name
_AMAZON_LINUX_2023: Final = 12  # the first minor version of Python that Lambda runs on it
_OLDEST_GLIBC, _GLIBC_2, _GLIBC_2023 = 5, 26, 34  # 2.5 is the oldest that wheels are made for


class NotInstalled(Exception):
    """What pip says that it could not do, in one line."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Where AWS Lambda runs a function: the minor version of Python, and the architecture in Lambda's words."""

    minor: int
    architecture: str

    def __str__(self) -> str:
        return f"python3.{self.minor} on {self.architecture}"

    def options(self) -> Iterator[str]:
        """Give pip's options: wheels alone, those that Lambda's C library can load, the newest kind first."""
        yield from ("--only-binary=:all:", "--implementation", "cp", "--python-version", f"3.{self.minor}")
        newest = _GLIBC_2023 if self.minor >= _AMAZON_LINUX_2023 else _GLIBC_2
        kinds = [f"_2_{glibc}" for glibc in range(newest, _OLDEST_GLIBC - 1, -1)]
        for kind in (*kinds, "2014"):
            yield from ("--platform", f"manylinux{kind}_{_MACHINES[self.architecture]}")


def install(target: Path, what: Sequence[str], platform: Platform | None = None) -> None:
    """Install requirements, or what `-r FILE` names, into a folder, all or none; None: for this machine.

    No .pyc files are made: they would differ each time. Raises NotInstalled.
    """
    elsewhere = () if platform is None else platform.options()
    _pip("install", "--target", str(target), "--no-compile", *elsewhere, *what)


def installed(folder: Path) -> str:
    """Name what is installed there, such as `PyMySQL 1.1.2`."""
    names = sorted((path.stem for path in folder.glob("*.dist-info")), key=str.lower)
    return ", ".join(name.replace("-", " ") for name in names)


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
