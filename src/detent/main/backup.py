"""Copies of a data folder that can be carried away: the store, ciphertext only, and apart from it the root keyset."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from detent.main import auditing
from detent.main.folder import Folder
from detent.main.settings import CannotStart
from detent.service.pausing import paused_by
from detent.store.copying import copy_store, make_servable
from detent.store.migrate import migrate, read_fact, require_known_schema
from detent.store.protocol import ROTATION_PAUSED, StoreUnusable

_BACKUP: Final = "backup"  # a fact, in copies only: when it was made
_BENCH: Final = "restoring"  # where a folder is put together


def back_up(data: Path, file: Path, *, replace: bool) -> None:
    """Copy the store, while it is served or not, into a new file, whole or not at all. Raises CannotStart, OSError."""
    folder = Folder(data)
    folder.unlock()
    with _draft(file, replace=replace) as draft:
        moment = json.dumps({"moment": datetime.now(UTC).isoformat()}).encode()
        with _told():
            copy_store(folder.store, draft, {_BACKUP: moment})


def export_keyset(data: Path, file: Path) -> bool:
    """Copy the root keyset's file as it is into a new one; says whether it is wrapped. Raises CannotStart, OSError."""
    folder = Folder(data)
    keyset = folder.unlock()
    with _draft(file, replace=False) as draft:
        draft.write_bytes(folder.keyset.read_bytes())
    return keyset.wrapped_by is not None


def restore(backup: Path, keyset: Path, data: Path) -> None:
    """Make a data folder of a backup and its keyset, in an empty folder or where there is none.

    Rotation is paused in it. The store comes last: a folder without one is no data folder, and can be used again.
    Raises CannotStart, OSError.
    """
    for file in (backup, keyset):
        file.open("rb").close()
    _require_empty(data, keyset)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    bench = Folder(data / _BENCH)
    shutil.rmtree(bench.path, ignore_errors=True)
    bench.path.mkdir(mode=0o700)
    with _told():
        _put_together(bench, backup, keyset)
    whole = Folder(data)
    bench.keyset.replace(whole.keyset)
    _settle(data)
    bench.store.replace(whole.store)
    _settle(data)
    shutil.rmtree(bench.path)


def _put_together(bench: Folder, backup: Path, keyset: Path) -> None:
    os.close(os.open(bench.store, os.O_CREAT | os.O_WRONLY, 0o600))
    shutil.copyfile(backup, bench.store)
    os.close(os.open(bench.keyset, os.O_CREAT | os.O_WRONLY, 0o600))
    shutil.copyfile(keyset, bench.keyset)
    require_known_schema(bench.store)
    made = read_fact(bench.store, _BACKUP)
    if made is None:
        raise CannotStart(f"{backup} is no backup: it takes a file that detent backup made.")
    migrate(bench.store)
    try:
        bench.unlock()
    except CannotStart as error:
        raise CannotStart(
            f"{keyset} does not open {backup}: give the keyset exported with it, or later ({error})"
        ) from None
    moment = datetime.fromisoformat(json.loads(made)["moment"])
    paused = {ROTATION_PAUSED: paused_by(datetime.now(UTC), moment)}
    make_servable(bench.store, auditing.HEAD, paused)  # the trail begins anew: the old one is not in the backup


def _require_empty(data: Path, keyset: Path) -> None:
    """Refuse a folder with anything in it but what a restore that was cut off has left."""
    found = {path.name for path in data.iterdir()} - {_BENCH} if data.exists() else set()
    left = Folder(data).keyset
    if found == {left.name} and left.read_bytes() == keyset.read_bytes():
        return
    if found:
        raise CannotStart(f"{data} is not empty: restore into a new folder.")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except StoreUnusable as error:
        raise CannotStart(str(error)) from None


@contextmanager
def _draft(file: Path, *, replace: bool) -> Iterator[Path]:
    """Give a new file beside, its owner's alone, and put it in its place once it is on the disk."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    os.close(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
    try:
        yield draft
        _settle(draft)
        if replace:
            draft.replace(file)
        else:
            file.hardlink_to(draft)  # unlike a rename it never replaces what is there
        _settle(file.parent)
    finally:
        draft.unlink(missing_ok=True)


def _settle(path: Path) -> None:
    """Bring a file, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
