"""Layers: folders of packages beside the store, which functions of every account may name by an ARN.

`layers/NAME` is a link to the latest build. A build never changes, and the one before is kept, since a function that
runs may still read from it.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from detent.model.arn import layer_arn, layer_name

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,140}")
_BUILDS: Final = ".builds"
_KEPT: Final = 2  # builds of one layer


class Layers:
    """The layers of one data folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder of the layers; it is made when the first one is built."""
        self.folder = folder

    def names(self) -> list[str]:
        """List them."""
        return sorted(path.name for path in self.folder.glob("[!.]*") if path.is_dir())

    def find(self, arn: str) -> Path | None:
        """Give what a function that names this ARN sees at /opt; None: there is no such layer."""
        name = layer_name(arn)
        found = None if name is None else (self.folder / name).resolve()
        return found if found is not None and found.is_dir() else None

    @contextmanager
    def building(self, name: str) -> Iterator[Path]:
        """Give an empty folder, which becomes the layer at once when the block ends; if it fails, nothing changes.

        Raises ValueError: the name is none.
        """
        if not _NAME.fullmatch(name):
            raise ValueError("the name of a layer is of 1 to 140 letters, digits, hyphens and underscores")
        builds = self.folder / _BUILDS / name
        builds.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = Path(tempfile.mkdtemp(prefix="building-", dir=builds))
        try:
            yield made
            self._put(name, made, builds)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise

    def _put(self, name: str, made: Path, builds: Path) -> None:
        made.chmod(0o755)  # whom a function runs as must be able to read it; the data folder lets nobody through
        self._give_away(made)
        number = 1 + max((_number(path) for path in builds.iterdir()), default=0)
        made = made.rename(builds / str(number))
        draft = self.folder / f".{name}.new"
        draft.unlink(missing_ok=True)
        draft.symlink_to(Path(_BUILDS, name, str(number)))
        draft.replace(self.folder / name)
        for path in builds.iterdir():
            if 0 < _number(path) <= number - _KEPT:
                shutil.rmtree(path, ignore_errors=True)

    def _give_away(self, made: Path) -> None:
        """As root: let all of it belong to the account that the data folder belongs to."""
        if os.geteuid() == 0:
            owner = self.folder.parent.stat()
            for path in (self.folder, self.folder / _BUILDS, made.parent, made, *made.rglob("*")):
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def arn(account: str, region: str, name: str) -> str:
    """Give the ARN by which a function names a layer."""
    return layer_arn(account, region, name)


def _number(path: Path) -> int:
    return int(path.name) if path.name.isdecimal() else 0
