"""Sealing values with Tink's keysets. A sealed value opens only with its keyset and its context."""

import base64
import io
import json

import tink
from tink import aead, proto_keyset_format, secret_key_access
from tink.proto import tink_pb2

from detent.model.errors import CannotOpen
from detent.model.keyset import ROOT_KEYSET_ID
from detent.model.value import SealedValue, SecretValue

aead.register()

_TEXT, _BINARY = b"t", b"b"  # the first byte of what is sealed: a version holds either text or binary (C.3)
_PREFIX_BYTES = 5  # Tink begins what a key sealed with 1 and the key's id


class Keyset:
    """Seals values under its primary key, opens them under any of its keys."""

    def __init__(self, handle: tink.KeysetHandle, id: str = ROOT_KEYSET_ID) -> None:  # noqa: A002 - the field's own name
        """Take a Tink keyset handle of AEAD keys."""
        self.id = id
        self._use(handle)

    def _use(self, handle: tink.KeysetHandle) -> None:
        info = handle.keyset_info()
        self.size: int = len(info.key_info)
        self.prefix = sealed_prefix(info.primary_key_id)
        self._aead: aead.Aead = handle.primitive(aead.Aead)

    def refresh(self) -> None:
        """Take in keys that were added elsewhere."""

    def sealed_keyset(self, id: str) -> bytes:  # noqa: A002 - the field's own name
        """Make a new keyset of this id; it is given sealed by this one, and never in the clear."""
        return self._sealed_keyset(id, new_handle())

    def opened_keyset(self, id: str, sealed: bytes) -> "Keyset":  # noqa: A002 - the field's own name
        """Open what `sealed_keyset` made. Raises CannotOpen: another keyset, another id, or changed bytes."""
        return Keyset(self._opened_keyset(id, sealed), id)

    def rotated_keyset(self, id: str, sealed: bytes) -> bytes:  # noqa: A002 - the field's own name
        """Give a sealed keyset with a new key, its primary from now on; those that it had still open."""
        return self._sealed_keyset(id, with_new_primary(self._opened_keyset(id, sealed)))

    def resealed_keyset(self, id: str, sealed: bytes) -> bytes:  # noqa: A002 - the field's own name
        """Give a sealed keyset as it is, sealed by this one's primary key."""
        return self._sealed_keyset(id, self._opened_keyset(id, sealed))

    def sealed_last(self, sealed: bytes) -> bool:
        """Whether it was the primary key that sealed this keyset."""
        try:
            encrypted = base64.b64decode(json.loads(sealed)["encryptedKeyset"])
        except (ValueError, LookupError, TypeError):  # it is no sealed keyset
            return False
        return encrypted.startswith(self.prefix)

    def _sealed_keyset(self, id: str, handle: tink.KeysetHandle) -> bytes:  # noqa: A002 - the field's own name
        text = io.StringIO()
        handle.write_with_associated_data(tink.JsonKeysetWriter(text), self._aead, _keyset_context(id))
        return text.getvalue().encode()

    def _opened_keyset(self, id: str, sealed: bytes) -> tink.KeysetHandle:  # noqa: A002 - the field's own name
        try:
            reader = tink.JsonKeysetReader(sealed.decode())
            return tink.read_keyset_handle_with_associated_data(reader, self._aead, _keyset_context(id))
        except (tink.TinkError, UnicodeDecodeError):
            raise CannotOpen from None

    def seal(self, value: SecretValue, context: str) -> SealedValue:
        """Seal a value so that it opens only with the same context, the associated data."""
        plain = value.reveal()
        marked = _TEXT + plain.encode() if isinstance(plain, str) else _BINARY + plain
        return SealedValue(self._aead.encrypt(marked, context.encode()), self.id)

    def open(self, sealed: SealedValue, context: str) -> SecretValue:
        """Open what `seal` made. Raises CannotOpen: another keyset, another context, or changed bytes."""
        try:
            marked = self._aead.decrypt(sealed.ciphertext, context.encode())
        except tink.TinkError:
            raise CannotOpen from None
        plain = marked[1:]
        return SecretValue(plain.decode() if marked[:1] == _TEXT else plain)


def new_handle() -> tink.KeysetHandle:
    """Make a keyset of one key."""
    return tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)


def with_new_primary(handle: tink.KeysetHandle) -> tink.KeysetHandle:
    """Give the keyset with one more key, its primary: by Tink's messages, as its Python has no call for it."""
    keyset = _message(handle)
    taken = {key.key_id for key in keyset.key}
    while (fresh := _message(new_handle())).primary_key_id in taken:
        pass  # ids are four random bytes, and must differ within a keyset
    keyset.key.add().CopyFrom(fresh.key[0])
    keyset.primary_key_id = fresh.primary_key_id
    return proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)


def _message(handle: tink.KeysetHandle) -> tink_pb2.Keyset:
    return tink_pb2.Keyset.FromString(proto_keyset_format.serialize(handle, secret_key_access.TOKEN))


def sealed_prefix(key_id: int) -> bytes:
    """Give how everything that a key sealed begins (Tink: the wire format of its AEAD)."""
    return b"\1" + key_id.to_bytes(4)


def prefix_of(sealed: SealedValue) -> bytes:
    """Give which key sealed a value, as `Keyset.prefix` says it."""
    return sealed.ciphertext[:_PREFIX_BYTES]


def _keyset_context(id: str) -> bytes:  # noqa: A002 - the field's own name
    return f"keyset {id}".encode()


def version_context(arn: str, version_id: str) -> str:
    """Give the associated data of a version's value: it opens in no other secret or version."""
    return f"{arn}\n{version_id}"
