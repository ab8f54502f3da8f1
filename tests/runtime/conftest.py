"""Workshops, on each confinement that this machine allows."""

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from runtime.workshop import Workshop
from servers.missing import apt_install, report_missing

SYSTEM_PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="session")
def bubblewrap() -> None:
    if shutil.which("bwrap") is None and not apt_install("bubblewrap"):
        report_missing("bwrap", "install the package bubblewrap")


@pytest.fixture
def make_workshop(tmp_path: Path) -> Iterator[Callable[..., Workshop]]:
    """Give what makes a workshop; each is closed at the end of the test."""
    with ExitStack() as open_ones:

        def make(**options: Any) -> Workshop:
            workshop = Workshop(tmp_path, options)
            open_ones.enter_context(closing(workshop.runtime))
            return workshop

        yield make


@pytest.fixture
def workshop(request: pytest.FixtureRequest, make_workshop: Callable[..., Workshop]) -> Workshop:
    """What every server uses that can."""
    request.getfixturevalue("bubblewrap")
    return make_workshop(confinement="bubblewrap")


@pytest.fixture(params=["bubblewrap", "own-user", "unconfined"])
def confined(request: pytest.FixtureRequest, make_workshop: Callable[..., Workshop]) -> Workshop:
    """A workshop on each confinement in turn."""
    if request.param == "bubblewrap":
        request.getfixturevalue("bubblewrap")
    workshop = make_workshop(confinement=request.param)
    if request.param == "own-user":
        workshop.environment = request.getfixturevalue("readable_python")
    return workshop


@pytest.fixture
def readable_python(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Have functions run by a Python that every user can read; give the variables by which it finds AWS's client."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    if all(path.stat().st_mode & 0o001 for path in Path(sys.executable).resolve().parents):
        return {}
    if not Path(SYSTEM_PYTHON).exists() or sys.version_info[:2] != system_version():
        pytest.skip("the system has no Python like this one that other users could read")
    monkeypatch.setattr(sys, "executable", SYSTEM_PYTHON)
    return {"PYTHONPATH": sysconfig.get_path("purelib")}


def system_version() -> tuple[int, int]:
    name = Path(SYSTEM_PYTHON).resolve().name.removeprefix("python")
    major, _, minor = name.partition(".")
    return int(major), int(minor)
