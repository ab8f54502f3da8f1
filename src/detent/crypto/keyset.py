"""The root keyset: makes, loads, seals and opens, by Tink."""

import os
from pathlib import Path

import tink
from tink import TinkError, aead, cleartext_keyset_handle

from detent.model.errors import CannotOpen
from detent.model.value import SealedValue, SecretValue

aead.register()

ROOT_KEYSET_ID = "root"
_TEXT, _BINARY = b"t", b"b"  # the first byte of what is sealed: a version holds either text or binary (C.3)


class KeysetUnreadable(Exception):
    """The root keyset cannot be used."""


class Keyset:
    """Seals values under its primary key, opens them under any of its keys."""

    def __init__(self, handle: tink.KeysetHandle) -> None:
        """Take a Tink keyset handle of AEAD keys."""
        self._aead = handle.primitive(aead.Aead)

    @classmethod
    def create(cls, path: Path) -> "Keyset":
        """Make a new keyset in a new file that only its owner can read, whole or not at all. Raises FileExistsError."""
        handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            cleartext_keyset_handle.write(tink.JsonKeysetWriter(file), handle)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)  # unlike a rename it never replaces a keyset that is there
        finally:
            draft.unlink()
        return cls(handle)

    @classmethod
    def load(cls, path: Path) -> "Keyset":
        """Read a keyset from its file. Raises KeysetUnreadable with one line that says why."""
        try:
            text = path.read_text(encoding="ascii")
            return cls(cleartext_keyset_handle.read(tink.JsonKeysetReader(text)))
        except OSError as error:
            raise KeysetUnreadable(f"cannot read the root keyset {path}: {error.strerror}") from None
        except (TinkError, UnicodeDecodeError):
            raise KeysetUnreadable(f"the root keyset {path} is not a Tink keyset: put the original file back") from None

    def seal(self, value: SecretValue, context: str) -> SealedValue:
        """Seal a value so that it opens only with the same context, the associated data."""
        plain = value.reveal()
        marked = _TEXT + plain.encode() if isinstance(plain, str) else _BINARY + plain
        return SealedValue(self._aead.encrypt(marked, context.encode()), ROOT_KEYSET_ID)

    def open(self, sealed: SealedValue, context: str) -> SecretValue:
        """Open what `seal` made. Raises CannotOpen: another keyset, another context, or changed bytes."""
        try:
            marked = self._aead.decrypt(sealed.ciphertext, context.encode())
        except TinkError:
            raise CannotOpen from None
        plain = marked[1:]
        return SecretValue(plain.decode() if marked[:1] == _TEXT else plain)


def version_context(arn: str, version_id: str) -> str:
    """Give the associated data of a version's value: it opens in no other secret or version."""
    return f"{arn}\n{version_id}"
