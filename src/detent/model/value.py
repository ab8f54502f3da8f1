"""Secret values: plaintext with one door, ciphertext with none."""

from dataclasses import dataclass
from typing import NoReturn


class SecretValue:
    """A plaintext, text or binary. It prints, compares and pickles as nothing; `reveal` is the one door."""

    __slots__ = ("__plain",)

    def __init__(self, plain: str | bytes) -> None:
        """Keep the value as it came: text stays text, binary stays binary."""
        self.__plain = plain

    def reveal(self) -> str | bytes:
        """Give the plaintext. Every use of this is listed in the architecture test."""
        return self.__plain

    def __repr__(self) -> str:
        return "SecretValue(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret value is never pickled")


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A ciphertext and the id of the keyset that sealed it."""

    ciphertext: bytes
    keyset_id: str
