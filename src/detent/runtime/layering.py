"""Layers, one upon the other: what a function sees as /opt."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from detent.model.errors import FunctionFailed
from detent.model.function import UserFunction
from detent.runtime.unpacking import mark_used, remove_unused


class Layers:
    """Gives the one folder that a function's layers make together."""

    def __init__(self, folder: Path, layer: Callable[[str], Path | None]) -> None:
        """Take where folders of several layers are made, and what finds a layer by its ARN."""
        self._folder, self._layer = folder, layer

    def of(self, function: UserFunction) -> Path | None:
        """Give the folder; None: the function names no layers. Raises FunctionFailed where one is missing."""
        layers = [self._found(arn, function) for arn in function.layers]
        if len(layers) < 2:  # noqa: PLR2004 - one needs no laying
            return layers[0] if layers else None
        target = self._folder / _name(layers)
        if not target.is_dir():
            self._lay(layers, target)
        mark_used(target)
        return target

    def _found(self, arn: str, function: UserFunction) -> Path:
        found = self._layer(arn)
        if found is None or not found.is_dir():
            raise FunctionFailed(
                f"The function {function.key.name} needs the layer {arn}, and there is none on this host."
            )
        return found

    def _lay(self, layers: list[Path], target: Path) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_unused(self._folder)
        part = Path(tempfile.mkdtemp(prefix="part-", dir=self._folder))
        part.chmod(0o755)
        for layer in layers:
            shutil.copytree(layer, part, symlinks=True, copy_function=_link, dirs_exist_ok=True)
        try:
            part.rename(target)
        except OSError:  # another process was faster
            shutil.rmtree(part, ignore_errors=True)


def _name(layers: list[Path]) -> str:
    """Name what these layers make as they are now: one that is built anew is another folder."""
    return hashlib.sha256("\n".join(_marks(layers)).encode()).hexdigest()


def _marks(layers: list[Path]) -> Iterator[str]:
    for layer in layers:
        found = layer.stat()
        yield f"{layer.resolve()} {found.st_dev} {found.st_ino} {found.st_mtime_ns}"


def _link(source: str, target: str) -> None:
    """Take a file over an earlier layer's without copying it, where both lie on one disk."""
    Path(target).unlink(missing_ok=True)
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)
