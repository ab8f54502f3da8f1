"""A folder as the zip that Lambda takes: the same files give the same bytes, so what did not change is seen as such."""

import io
import os
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from detent.cli import framework, own_folder
from detent.cli.failure import CommandFailed
from detent.cli.installing import NotInstalled, install

BOOTSTRAP: Final = "bootstrap"  # what a function that brings its own runtime is started by
_LEFT_OUT: Final = {".git", ".venv", "__pycache__"}
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip knows
_LARGEST: Final = 250 * 2**20  # bytes, unpacked; Lambda's


class Code(NamedTuple):
    """A function's code, whether it brings its own runtime, and whether it is laid out as `functions new` does it."""

    content: bytes
    has_bootstrap: bool
    is_own: bool = False


def packed(path: Path, requirements: Path | None) -> Code:
    """Read a zip, or make one of a folder, with the packages that its requirements name. Raises CommandFailed.

    What of Detent the folder's code is made of goes along: functions cannot see the server's own.
    """
    try:
        if path.is_dir():
            with _packages(requirements or own_folder.requirements_of(path)) as beside:
                if framework.is_used(path):
                    framework.add(beside)
                return _zipped(beside, path)._replace(is_own=own_folder.is_one(path))
        if requirements is not None:
            raise CommandFailed("--requirements goes with a folder: what a zip needs must be in it")
        content = path.read_bytes()
    except OSError as error:
        raise CommandFailed(f"cannot read {error.filename or path}: {error.strerror or error}") from None
    return Code(content, _holds_bootstrap(content))


@contextmanager
def _packages(requirements: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="detent-packages-") as folder:
        if requirements is not None:
            try:
                install(Path(folder), ("--requirement", str(requirements)))
            except NotInstalled as reason:
                raise CommandFailed(f"the packages of {requirements} were not installed: {reason}") from None
        yield Path(folder)


def _zipped(*folders: Path) -> Code:
    """Zip folders into one; what a later one holds goes before what an earlier one does."""
    files = {name: path for folder in folders for name, path in _files(folder)}
    if sum(path.stat().st_size for path in files.values()) > _LARGEST:
        raise CommandFailed(f"{folders[-1]} is larger than a function may be: {_LARGEST // 2**20} MiB")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files.items()):
            archive.writestr(_entry(name, path), path.read_bytes())
    return Code(made.getvalue(), BOOTSTRAP in files)


def _entry(name: str, path: Path) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    executable = path.stat().st_mode & stat.S_IXUSR
    entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Give each file's name in the zip, and the file. A link to a file of the folder is that file."""
    for at, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        for path in (Path(at, name) for name in folders):
            if path.is_symlink():
                raise CommandFailed(f"{path} is a link to a folder, which no function's code holds: copy it there")
        for path in (Path(at, name) for name in names):
            _require_file(folder, path)
            yield path.relative_to(folder).as_posix(), path


def _require_file(folder: Path, path: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        raise CommandFailed(f"{path} is a link that leads out of the folder: copy what it leads to")
    if not path.is_file():
        raise CommandFailed(f"{path} is no file that a zip can hold")


def _raise(error: OSError) -> None:
    raise error


def _holds_bootstrap(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return BOOTSTRAP in archive.namelist()
    except zipfile.BadZipFile:
        return False  # the server says what is wrong with it
