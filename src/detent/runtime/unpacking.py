"""Unpacking a function's code. A zip is a stranger's: nothing in it may leave the folder or fill the disk."""

import contextlib
import io
import os
import shutil
import stat
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from detent.runtime.limits import MIB, Limits

_READ_ONLY = 0o444
_EXECUTABLE = 0o111
_FOLDER = 0o755
_SEALED_FOLDER = 0o555
_KEPT_SECONDS = 7 * 24 * 3600  # without use; no sandbox stays idle for so long
_CHUNK = 256 * 1024
_FAULTS = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError, ValueError)


class BadCode(ValueError):
    """The code cannot be unpacked; the message says in one line why."""


def flaw(blob: bytes, limits: Limits) -> str | None:
    """Say what is wrong with a zip as far as its table of contents tells; None: nothing."""
    try:
        with _opened(blob) as archive:
            declared = sum(entry.file_size for entry in _entries(archive, limits))
            if declared > limits.unpacked_bytes:
                return _too_large(limits)
    except BadCode as error:
        return str(error)
    return None


def unpack(blob: bytes, folder: Path, limits: Limits) -> None:
    """Unpack into an empty folder, read-only. Raises BadCode; then the folder holds a part."""
    with _opened(blob) as archive:
        room = limits.unpacked_bytes
        for entry in _entries(archive, limits):
            try:
                room -= _unpack_one(archive, entry, folder, room)
            except _FAULTS as error:
                if isinstance(error, BadCode):
                    raise
                raise BadCode(f"The zip's entry {entry.filename!r} cannot be unpacked: {error}") from None
            if room < 0:
                raise BadCode(_too_large(limits))
    _set_modes(folder, _SEALED_FOLDER)


def _opened(blob: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(blob))
    except _FAULTS as error:
        raise BadCode(f"The code is no zip file: {error}") from None


def _entries(archive: zipfile.ZipFile, limits: Limits) -> Iterator[zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > limits.entries:
        raise BadCode(f"The zip has {len(entries)} entries; {limits.entries} are allowed.")
    for entry in entries:
        path, kind = PurePosixPath(entry.filename), stat.S_IFMT(entry.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise BadCode(f"The zip's entry {entry.filename!r} leads out of its folder.")
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise BadCode(
                f"The zip's entry {entry.filename!r} is a link or a device; only files and folders are allowed."
            )
    yield from entries


def _unpack_one(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, room: int) -> int:
    """Give the bytes written: those in the zip's table are only a claim."""
    target = folder / entry.filename
    if entry.is_dir():
        target.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
        return 0
    target.parent.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
    target.unlink(missing_ok=True)  # of two entries with one name the last counts, as unzip has it
    written = 0
    with archive.open(entry) as source, target.open("wb") as file:
        while written <= room and (chunk := source.read(_CHUNK)):
            file.write(chunk)
            written += len(chunk)
    target.chmod(_READ_ONLY | (entry.external_attr >> 16 & _EXECUTABLE))
    return written


def _too_large(limits: Limits) -> str:
    return f"The zip unpacks to more than {limits.unpacked_bytes // MIB} MiB."


def remove(folder: Path) -> None:
    """Remove a folder that was unpacked, or a part of one."""
    _set_modes(folder, _FOLDER)
    shutil.rmtree(folder, ignore_errors=True)


def mark_used(folder: Path) -> None:
    """Note that a folder is used now."""
    with contextlib.suppress(OSError):
        os.utime(folder)


def remove_unused(folder: Path) -> None:
    """Remove what lies in a folder and was not used for long."""
    oldest = time.time() - _KEPT_SECONDS
    for unused in folder.iterdir():
        with contextlib.suppress(OSError):
            if unused.stat().st_mtime < oldest:
                remove(unused)


def _set_modes(folder: Path, mode: int) -> None:
    for path, _, _ in os.walk(folder):
        Path(path).chmod(mode)
