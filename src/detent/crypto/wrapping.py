"""What may wrap the root keyset: a key of AWS KMS, Google Cloud KMS or Vault's transit engine, or a passphrase.

The clients are Tink's own, each an extra; where they get their credentials is their business (the environment).
"""

import base64
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import tink
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from tink import aead, proto_keyset_format, secret_key_access
from tink.proto import aes_gcm_pb2, tink_pb2

PASSPHRASE = "passphrase"
Passphrase = Callable[[], bytes | None]  # None: there is none; it may raise CannotUnwrap, as a file may be gone

_COST = {"memory_kib": 65536, "iterations": 3, "lanes": 4}  # RFC 9106's second recommended choice
_MOST = {"memory_kib": 2**21, "iterations": 1000, "lanes": 64}  # a file that asks for more is not ours
_SALT_BYTES, _KEY_BYTES = 16, 32
_LEAST_CHARACTERS = 12
_FOREIGN = "its file says wrongly how the key is made of the passphrase"


class CannotUnwrap(Exception):
    """What wraps the root keyset cannot be used; the message says why, in one line."""


class Wrapping(NamedTuple):
    """An AEAD that wraps, and what a file must say so that it is found again."""

    by: str  # a URI, or `passphrase`
    aead: aead.Aead
    parameters: Mapping[str, Any]


def wrapping_of(by: str, passphrase: Passphrase, parameters: Mapping[str, Any] | None = None) -> Wrapping:
    """Give what wraps, by its name; with the parameters of a file that it wrapped. Raises CannotUnwrap."""
    if by == PASSPHRASE:
        return _by_passphrase(passphrase(), parameters)
    client = next((make for start, make in _CLIENTS.items() if by.startswith(start)), None)
    if client is None:
        raise CannotUnwrap(f"{by!r} is neither {PASSPHRASE} nor a URI that begins with {', '.join(_CLIENTS)}")
    try:
        return Wrapping(by, client(by), {})
    except ImportError:
        extra = by.partition(":")[0]
        raise CannotUnwrap(f"{extra} needs an extra that is not installed: pip install 'detent[{extra}]'") from None
    except Exception as error:  # noqa: BLE001 - each client has errors of its own, as for credentials that are missing
        raise CannotUnwrap(f"{by}: {' '.join(str(error).split())[:300]}") from None


def _by_passphrase(passphrase: bytes | None, parameters: Mapping[str, Any] | None) -> Wrapping:
    if passphrase is None:
        raise CannotUnwrap("it needs a passphrase: set DETENT_PASSPHRASE_FILE or DETENT_PASSPHRASE")
    if parameters is None:
        if _length(passphrase) < _LEAST_CHARACTERS:
            raise CannotUnwrap(f"the passphrase is too short: it takes {_LEAST_CHARACTERS} characters or more")
        parameters = {"kdf": "argon2id", "salt": base64.b64encode(os.urandom(_SALT_BYTES)).decode(), **_COST}
    return Wrapping(PASSPHRASE, _aead_of(_derived(passphrase, parameters)), parameters)


def _length(passphrase: bytes) -> int:
    """Count its characters; of what is no text, the bytes."""
    try:
        return len(passphrase.decode())
    except UnicodeDecodeError:
        return len(passphrase)


def _derived(passphrase: bytes, parameters: Mapping[str, Any]) -> bytes:
    try:
        cost = {name: int(parameters[name]) for name in _COST}
        salt = base64.b64decode(parameters["salt"], validate=True)
    except (KeyError, TypeError, ValueError):
        raise CannotUnwrap(_FOREIGN) from None
    if parameters.get("kdf") != "argon2id" or any(not 0 < cost[name] <= most for name, most in _MOST.items()):
        raise CannotUnwrap(_FOREIGN)
    try:
        kdf = Argon2id(
            salt=salt,
            length=_KEY_BYTES,
            iterations=cost["iterations"],
            lanes=cost["lanes"],
            memory_cost=cost["memory_kib"],
        )
    except ValueError:  # such as a salt that is too short
        raise CannotUnwrap(_FOREIGN) from None
    return kdf.derive(passphrase)


def _aead_of(key: bytes) -> aead.Aead:
    """Give Tink's AEAD of a key, by Tink's messages: its Python makes keysets of new keys only."""
    data = tink_pb2.KeyData(
        type_url="type.googleapis.com/google.crypto.tink.AesGcmKey",
        value=aes_gcm_pb2.AesGcmKey(key_value=key).SerializeToString(),
        key_material_type=tink_pb2.KeyData.SYMMETRIC,
    )
    only = tink_pb2.Keyset.Key(
        key_data=data, status=tink_pb2.ENABLED, key_id=1, output_prefix_type=tink_pb2.OutputPrefixType.RAW
    )
    keyset = tink_pb2.Keyset(primary_key_id=1, key=[only]).SerializeToString()
    made: aead.Aead = proto_keyset_format.parse(keyset, secret_key_access.TOKEN).primitive(aead.Aead)
    return made


def _aws(uri: str) -> aead.Aead:
    import boto3.session  # noqa: PLC0415 - only who wraps by AWS pays for it
    from tink.integration import awskms  # noqa: PLC0415

    region = uri.split(":")[4] if uri.count(":") > 4 else None  # noqa: PLR2004 - aws-kms://arn:aws:kms:REGION:…
    client = boto3.session.Session().client("kms", region_name=region)
    return _Lasting(awskms.new_client(boto3_client=client, key_uri=uri).get_aead(uri))


def _gcp(uri: str) -> aead.Aead:
    from tink.integration import gcpkms  # noqa: PLC0415 - as above

    return _Lasting(gcpkms.GcpKmsClient(uri).get_aead(uri))


def _vault(uri: str) -> aead.Aead:
    import hvac  # noqa: PLC0415 - as above
    from tink.integration import hcvault  # noqa: PLC0415

    # hvac takes address, token and CA from VAULT_ADDR, VAULT_TOKEN and VAULT_CACERT, as Vault's own command does.
    return _Lasting(hcvault.new_aead(uri.removeprefix("hcvault://"), hvac.Client()))


_CLIENTS: Mapping[str, Callable[[str], aead.Aead]] = {"aws-kms://": _aws, "gcp-kms://": _gcp, "hcvault://": _vault}


class _Lasting(aead.Aead):  # type: ignore[misc]  # Tink has no types
    """A remote AEAD whose every failure is Tink's error: its clients let those of the network through."""

    def __init__(self, remote: aead.Aead) -> None:
        self._remote = remote

    def encrypt(self, plaintext: bytes, associated_data: bytes) -> bytes:
        try:
            return bytes(self._remote.encrypt(plaintext, associated_data))
        except Exception as error:  # noqa: BLE001 - as above
            raise tink.TinkError(f"{type(error).__name__}: {error}") from None

    def decrypt(self, ciphertext: bytes, associated_data: bytes) -> bytes:
        try:
            return bytes(self._remote.decrypt(ciphertext, associated_data))
        except Exception as error:  # noqa: BLE001 - as above
            raise tink.TinkError(f"{type(error).__name__}: {error}") from None
