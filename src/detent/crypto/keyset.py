"""The root keyset: makes, loads, seals and opens, by Tink."""

import io
import os
from pathlib import Path

import tink
from tink import TinkError, aead, cleartext_keyset_handle

from detent.model.errors import CannotOpen
from detent.model.keyset import ROOT_KEYSET_ID
from detent.model.value import SealedValue, SecretValue

aead.register()

_TEXT, _BINARY = b"t", b"b"  # the first byte of what is sealed: a version holds either text or binary (C.3)


class KeysetUnreadable(Exception):
    """The root keyset cannot be used."""


class Keyset:
    """Seals values under its primary key, opens them under any of its keys."""

    def __init__(self, handle: tink.KeysetHandle, id: str = ROOT_KEYSET_ID) -> None:  # noqa: A002 - the field's own name
        """Take a Tink keyset handle of AEAD keys."""
        self.id = id
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

    def sealed_keyset(self, id: str) -> bytes:  # noqa: A002 - the field's own name
        """Make a new keyset of this id; it is given sealed by this one, and never in the clear."""
        text = io.StringIO()
        handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
        handle.write_with_associated_data(tink.JsonKeysetWriter(text), self._aead, _keyset_context(id))
        return text.getvalue().encode()

    def opened_keyset(self, id: str, sealed: bytes) -> "Keyset":  # noqa: A002 - the field's own name
        """Open what `sealed_keyset` made. Raises CannotOpen: another keyset, another id, or changed bytes."""
        try:
            reader = tink.JsonKeysetReader(sealed.decode())
            handle = tink.read_keyset_handle_with_associated_data(reader, self._aead, _keyset_context(id))
        except (TinkError, UnicodeDecodeError):
            raise CannotOpen from None
        return Keyset(handle, id)

    def seal(self, value: SecretValue, context: str) -> SealedValue:
        """Seal a value so that it opens only with the same context, the associated data."""
        plain = value.reveal()
        marked = _TEXT + plain.encode() if isinstance(plain, str) else _BINARY + plain
        return SealedValue(self._aead.encrypt(marked, context.encode()), self.id)

    def open(self, sealed: SealedValue, context: str) -> SecretValue:
        """Open what `seal` made. Raises CannotOpen: another keyset, another context, or changed bytes."""
        try:
            marked = self._aead.decrypt(sealed.ciphertext, context.encode())
        except TinkError:
            raise CannotOpen from None
        plain = marked[1:]
        return SecretValue(plain.decode() if marked[:1] == _TEXT else plain)


def _keyset_context(id: str) -> bytes:  # noqa: A002 - the field's own name
    return f"keyset {id}".encode()


def version_context(arn: str, version_id: str) -> str:
    """Give the associated data of a version's value: it opens in no other secret or version."""
    return f"{arn}\n{version_id}"
