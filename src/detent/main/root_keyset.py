"""The root keyset of a data folder, for whoever looks after it; a server may run meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from detent.crypto.root import KeysetUnreadable, KeyStatus, RootKeyset
from detent.main.folder import Folder, SystemClock
from detent.main.passphrase import passphrase
from detent.main.settings import CannotStart
from detent.store.sqlite import SqliteStore


class Status(NamedTuple):
    """How it is kept, its keys, and how many values lie under it, `stale` of them under another than the primary."""

    path: Path
    wrapped_by: str | None
    keys: list[KeyStatus]
    total: int
    stale: int


def status(data: Path) -> Status:
    """Look at it. Raises CannotStart."""
    folder = Folder(data)
    with _opened(folder) as keyset:
        store = SqliteStore(folder.store, SystemClock())
        try:
            with store.read() as tx:
                total, stale = tx.keysets.seals(keyset.id, keyset.prefix)
        finally:
            store.close()
        return Status(folder.keyset, keyset.wrapped_by, keyset.keys, total, stale)


def rotate(data: Path) -> None:
    """Add a key, the primary from now on. Raises CannotStart, OSError."""
    with _opened(Folder(data)) as keyset:
        keyset.rotate()


def wrap(data: Path, by: str | None) -> None:
    """Wrap it by a URI's key or `passphrase`; None: leave it in the clear. Raises CannotStart, OSError."""
    with _opened(Folder(data)) as keyset:
        keyset.wrap(by, passphrase)


@contextmanager
def _opened(folder: Folder) -> Iterator[RootKeyset]:
    try:
        yield folder.unlock()
    except KeysetUnreadable as error:
        raise CannotStart(str(error)) from None
