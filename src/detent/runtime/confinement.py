"""Which confinement this host allows: found out by trying it, once."""

import os
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from detent.model.errors import FunctionFailed
from detent.runtime.bubblewrap import BubblewrapCell
from detent.runtime.cells import Cell, Job, Parts
from detent.runtime.limits import MIB
from detent.runtime.output import Output
from detent.runtime.unwrapped import OpenCell, OwnUserCell
from detent.runtime.users import Users

Choice = Literal["auto", "bubblewrap", "own-user", "unconfined"]
_CURE = (
    "Users' own functions are not run on this host, since nothing would confine them: {why}."
    " Install bubblewrap, or run the server as root, or allow it with --functions-unconfined."
)


class Confinement:
    """Makes the places of functions, in the best way that works here."""

    def __init__(self, choice: Choice, folder: Path, hidden: tuple[Path, ...]) -> None:
        """Take the operator's choice, a folder for notes, and what functions must never see."""
        self._choice, self._hidden = choice, hidden
        self._folder = folder.resolve()
        self._users = Users() if os.geteuid() == 0 else None
        self._trying = threading.Lock()
        self._found: Callable[[Parts], Cell] | None = None
        self._refusal: str | None = None
        self._places_certificates = False

    def refusal(self) -> str | None:
        """Say why no function is run, and the cure; None: they are."""
        with self._trying:
            if self._found is None and self._refusal is None:
                self._find()
            return self._refusal

    def cell(self, parts: Parts) -> Cell:
        """Make a place. Raises FunctionFailed where none can be."""
        refusal = self.refusal()
        if self._found is None:
            raise FunctionFailed(refusal or "nothing here can confine a function")
        # of another server's functions, some may have the same ARN
        return self._found(replace(parts, owner=f"{parts.owner} of {self._folder}"))

    @property
    def places_certificates(self) -> bool:
        """Say whether functions find certificates at AWS's path, whatever the host has there."""
        return self.refusal() is None and self._places_certificates

    def _find(self) -> None:
        if self._choice == "unconfined":
            self._found = OpenCell
            return
        whys = []
        for name, make in self._ways():
            why = _fails(make)
            if why is None:
                self._found = make
                self._places_certificates = name == "bubblewrap"
                return
            whys.append(f"{name}: {why}")
        self._refusal = _CURE.format(why="; ".join(whys))

    def _ways(self) -> list[tuple[str, Callable[[Parts], Cell]]]:
        """Give what may be tried, the best first."""
        ways = [("bubblewrap", self._bubblewrap), ("own-user", self._own_user)]
        return [way for way in ways if self._choice in ("auto", way[0])]

    def _bubblewrap(self, parts: Parts) -> Cell:
        return BubblewrapCell(parts, self._users, self._hidden)

    def _own_user(self, parts: Parts) -> Cell:
        if self._users is None:
            raise FunctionFailed("the server is not root")
        return OwnUserCell(parts, self._users)


def _fails(make: Callable[[Parts], Cell]) -> str | None:
    """Run Python in a place of this kind; say why that did not work. None: it did."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        try:
            return _tried(make(Parts("a trial", Path(folder), None, None, MIB)))
        except (FunctionFailed, OSError) as error:
            return str(error)


def _tried(cell: Cell) -> str | None:
    job = Job([sys.executable, "-I", "-S", "-c", "print('works')"], {}, {}, "a trial")
    try:
        output = Output(cell.start(job), MIB)
        code = cell.wait()
        said = " ".join(output.cut().split())
    finally:
        cell.end()
    return None if code == 0 and said == "works" else said or f"exit code {code}"
