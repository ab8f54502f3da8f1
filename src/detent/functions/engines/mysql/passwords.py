"""What MySQL keeps of a password, to tell which of an account's passwords is the current one."""

import hashlib
import hmac
from typing import Final

from detent.functions.passwords import Password

_ALPHABET: Final = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SALT: Final = 20
_ROUNDS: Final = 1000  # times what stands in the hash, in hexadecimal


def is_of(password: Password, plugin: str, kept: bytes) -> bool:
    """Say whether the server keeps this of the password; false for a plug-in that is not known here."""
    clear = password.reveal().encode()
    if plugin == "mysql_native_password":
        twice = hashlib.sha1(hashlib.sha1(clear, usedforsecurity=False).digest(), usedforsecurity=False)
        return hmac.compare_digest(kept, b"*" + twice.hexdigest().upper().encode())
    if plugin == "caching_sha2_password" and kept[:3] == b"$A$" and kept[6:7] == b"$":
        salt, digest = kept[7 : 7 + _SALT], kept[7 + _SALT :]
        return hmac.compare_digest(digest, sha256_crypt(clear, salt, int(kept[3:6], 16) * _ROUNDS))
    return False


def sha256_crypt(clear: bytes, salt: bytes, rounds: int) -> bytes:
    """Hash as Drepper's SHA-crypt does, with a salt of any length (https://www.akkadia.org/drepper/SHA-crypt.txt)."""
    length = len(clear)
    other = hashlib.sha256(clear + salt + clear).digest()
    first = hashlib.sha256(clear + salt + _stretched(other, length))
    bits = length
    while bits:
        first.update(other if bits & 1 else clear)
        bits >>= 1
    mixed = first.digest()
    letters = _stretched(hashlib.sha256(clear * length).digest(), length)
    grains = _stretched(hashlib.sha256(salt * (16 + mixed[0])).digest(), len(salt))
    for turn in range(rounds):
        begin, end = (letters, mixed) if turn % 2 else (mixed, letters)
        middle = (grains if turn % 3 else b"") + (letters if turn % 7 else b"")
        mixed = hashlib.sha256(begin + middle + end).digest()
    return _written(mixed)


def _stretched(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _written(digest: bytes) -> bytes:
    text = bytearray()
    for step in range(10):
        first, second, third = (0, 10, 20) if step % 3 == 0 else (21, 1, 11) if step % 3 == 1 else (12, 22, 2)
        offset = step // 3 * 3
        text += _six_bits(digest[first + offset] << 16 | digest[second + offset] << 8 | digest[third + offset], 4)
    return bytes(text + _six_bits(digest[31] << 8 | digest[30], 3))


def _six_bits(value: int, letters: int) -> bytes:
    return bytes(_ALPHABET[value >> 6 * place & 63] for place in range(letters))
