"""The root keyset: a file, in the clear or wrapped, that processes share while it changes.

A new primary key is added to the file, and the keys that were there stay: whatever was sealed stays readable, whichever
process dies when. Each process reads the file again once it has changed: before it seals, and when it meets a key that
it does not know.
"""

import contextlib
import fcntl
import io
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import tink
from tink import cleartext_keyset_handle

from detent.crypto.keyset import Keyset, new_handle, prefix_of, sealed_prefix, with_new_primary
from detent.crypto.wrapping import CannotUnwrap, Passphrase, Wrapping, wrapping_of
from detent.model.errors import CannotOpen
from detent.model.value import SealedValue, SecretValue

_WRAPPED = "detent-wrapped-keyset"  # the member that tells a wrapped file from a plain one
_AGAIN_SECONDS = 1.0  # between two tries to read one file that could not be read
_NO_CONTEXT = b""  # Vault's transit takes none through Tink

_Stat = tuple[int, int, int] | None


class KeysetUnreadable(Exception):
    """The root keyset cannot be used; the message says why, in one line."""


class KeyStatus(NamedTuple):
    """One of the root keyset's keys, without its material."""

    id: int
    is_primary: bool
    prefix: bytes


class RootKeyset(Keyset):
    """The keyset of a file. Its file is looked at again whenever that may matter."""

    def __init__(self, path: Path, passphrase: Passphrase) -> None:
        """Read the file. Raises KeysetUnreadable; `passphrase` is asked for only if the file is wrapped by one."""
        self._path, self._passphrase = path, passphrase
        self._reading = threading.Lock()
        self._stat = _stat(path)
        self._failed = self._stat, -_AGAIN_SECONDS  # which file could not be read, and when
        super().__init__(_read(path, passphrase))

    @classmethod
    def load(cls, path: Path, passphrase: Passphrase = lambda: None) -> "RootKeyset":
        """Read a keyset from its file. Raises KeysetUnreadable with one line that says why."""
        return cls(path, passphrase)

    @classmethod
    def create(cls, path: Path, passphrase: Passphrase = lambda: None) -> "RootKeyset":
        """Make a new keyset in a new file that only its owner can read, whole or not at all. Raises FileExistsError."""
        with _draft(path, _plain(new_handle())) as draft:
            path.hardlink_to(draft)  # unlike a rename it never replaces a keyset that is there
        return cls(path, passphrase)

    def seal(self, value: SecretValue, context: str) -> SealedValue:
        """Seal under the file's primary key of now, or the last one known while another thread reads it."""
        self.refresh()
        return super().seal(value, context)

    def open(self, sealed: SealedValue, context: str) -> SecretValue:
        """Open; what a key sealed that is not known here, with the file read again."""
        known = self._aead
        try:
            return super().open(sealed, context)
        except CannotOpen:
            if prefix_of(sealed) not in self._prefixes:
                self.refresh(wait=True)
            if self._aead is known:
                raise
        return super().open(sealed, context)

    def _sealed_keyset(self, id: str, handle: tink.KeysetHandle) -> bytes:  # noqa: A002 - the field's own name
        self.refresh()
        return super()._sealed_keyset(id, handle)

    def _opened_keyset(self, id: str, sealed: bytes) -> tink.KeysetHandle:  # noqa: A002 - the field's own name
        known = self._aead
        try:
            return super()._opened_keyset(id, sealed)
        except CannotOpen:
            self.refresh(wait=True)
            if self._aead is known:
                raise
        return super()._opened_keyset(id, sealed)

    def refresh(self, *, wait: bool = False) -> None:
        """Read the file again if it has changed. One that cannot be read changes nothing.

        If another thread is reading it, which may take as long as a KMS does, only who waits finds its keys.
        """
        if _stat(self._path) == self._stat or not self._reading.acquire(blocking=wait):
            return
        try:
            self._read_again(_stat(self._path))
        finally:
            self._reading.release()

    def _read_again(self, stat: _Stat) -> None:
        failed, moment = self._failed
        if stat == self._stat or (stat == failed and time.monotonic() - moment < _AGAIN_SECONDS):
            return
        try:
            self._use(_read(self._path, self._passphrase))
        except KeysetUnreadable as error:
            self._failed = stat, time.monotonic()
            logging.getLogger(__name__).warning("the root keyset has changed and could not be read again: %s", error)
        else:
            self._stat = stat

    def _use(self, handle: tink.KeysetHandle) -> None:
        super()._use(handle)
        self._prefixes = {key.prefix for key in _keys(handle)}

    @property
    def keys(self) -> list[KeyStatus]:
        """The keys, the oldest first."""
        return _keys(_read(self._path, self._passphrase))

    @property
    def wrapped_by(self) -> str | None:
        """What wraps the file: a URI, or `passphrase`; None: nothing does."""
        wrapped = _wrapped(_text(self._path))
        return None if wrapped is None else wrapped["wrapping"]["by"]

    def rotate(self) -> None:
        """Add a key to the file, the primary from now on. Raises KeysetUnreadable, OSError."""
        with _alone(self._path):
            wrapped = _wrapped(_text(self._path))
            wrapping = None if wrapped is None else _wrapping(self._path, wrapped, self._passphrase)
            _replace(self._path, _written(with_new_primary(_read(self._path, self._passphrase)), wrapping))
        self._stat = None
        self.refresh(wait=True)

    def wrap(self, by: str | None, passphrase: Passphrase) -> None:
        """Write the file anew, wrapped by a URI's key or `passphrase`; None: in the clear.

        Raises KeysetUnreadable, OSError; the file is as it was then.
        """
        with _alone(self._path):
            handle = _read(self._path, self._passphrase)
            try:
                wrapping = None if by is None else wrapping_of(by, passphrase)
                text = _written(handle, wrapping)
                _handle(self._path, text, passphrase)  # what cannot be unwrapped again must not replace what can
            except CannotUnwrap as error:
                raise KeysetUnreadable(str(error)) from None
            _replace(self._path, text)
        self._passphrase, self._stat = passphrase, None
        self.refresh(wait=True)


def _stat(path: Path) -> _Stat:
    """Give what changes when the file does; None: it cannot be looked at, as one that is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116 - asked at every seal, and a Path takes as long again
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise KeysetUnreadable(f"cannot read the root keyset {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise KeysetUnreadable(_foreign(path)) from None


def _foreign(path: Path) -> str:
    return f"the root keyset {path} is not a Tink keyset: put the original file back"


def _read(path: Path, passphrase: Passphrase) -> tink.KeysetHandle:
    return _handle(path, _text(path), passphrase)


def _handle(path: Path, text: str, passphrase: Passphrase) -> tink.KeysetHandle:
    try:
        wrapped = _wrapped(text)
        if wrapped is None:
            return cleartext_keyset_handle.read(tink.JsonKeysetReader(text))
        wrapping = _wrapping(path, wrapped, passphrase)
        reader = tink.JsonKeysetReader(json.dumps(wrapped["keyset"]))
        return tink.read_keyset_handle_with_associated_data(reader, wrapping.aead, _NO_CONTEXT)
    except (tink.TinkError, KeyError, TypeError):
        wrapped_by = f", wrapped by {wrapped['wrapping']['by']}," if wrapped is not None else ""
        raise KeysetUnreadable(
            f"the root keyset {path}{wrapped_by} does not open: is it the right key or passphrase, and may it be used?"
            if wrapped_by
            else _foreign(path)
        ) from None


def _wrapped(text: str) -> dict[str, Any] | None:
    """Read a wrapped file; None: it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    wrapped = found.get(_WRAPPED) if isinstance(found, dict) else None
    return wrapped if isinstance(wrapped, dict) and isinstance(wrapped.get("wrapping"), dict) else None


def _wrapping(path: Path, wrapped: dict[str, Any], passphrase: Passphrase) -> Wrapping:
    try:
        return wrapping_of(wrapped["wrapping"].get("by", ""), passphrase, wrapped["wrapping"])
    except CannotUnwrap as error:
        raise KeysetUnreadable(f"the root keyset {path} cannot be unwrapped: {error}") from None


def _written(handle: tink.KeysetHandle, wrapping: Wrapping | None) -> str:
    """Give the file's text."""
    if wrapping is None:
        return _plain(handle)
    text = io.StringIO()
    try:
        handle.write_with_associated_data(tink.JsonKeysetWriter(text), wrapping.aead, _NO_CONTEXT)
    except tink.TinkError as error:
        raise CannotUnwrap(f"{wrapping.by} does not wrap: {_line(error)}") from None
    told = {"wrapping": {"by": wrapping.by, **wrapping.parameters}, "keyset": json.loads(text.getvalue())}
    return json.dumps({_WRAPPED: told}, indent=2)


def _plain(handle: tink.KeysetHandle) -> str:
    text = io.StringIO()
    cleartext_keyset_handle.write(tink.JsonKeysetWriter(text), handle)
    return text.getvalue()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _keys(handle: tink.KeysetHandle) -> list[KeyStatus]:
    info = handle.keyset_info()
    return [
        KeyStatus(key.key_id, key.key_id == info.primary_key_id, sealed_prefix(key.key_id)) for key in info.key_info
    ]


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep out whoever else would change the file: of two new keys neither may be lost, for it may have been used."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _replace(path: Path, text: str) -> None:
    with _draft(path, text) as draft:
        draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too, is on the disk before anything is sealed by the new key
    finally:
        os.close(folder)


@contextlib.contextmanager
def _draft(path: Path, text: str) -> Iterator[Path]:
    """Write a file beside, readable by its owner only, and take it away unless it was moved."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
