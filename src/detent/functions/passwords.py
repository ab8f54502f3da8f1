"""Passwords: the type that hides one, and the rules by which GetRandomPassword makes one."""

import hmac
import os
import string
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn

from detent.functions.errors import StepFailed

MINIMUM_LENGTH: Final = 24

# Safe in URLs, shells and connection strings: letters, digits and what RFC 3986 calls unreserved.
UNRESERVED: Final = "-_.~"
DEFAULT_EXCLUDED: Final = "".join(mark for mark in string.punctuation if mark not in UNRESERVED)


class Password:
    """A password that does not show itself: no repr, no str, no pickle. ``reveal()`` is the one door."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Return the clear text, for the driver that logs in with it."""
        return self.__value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Password):
            return NotImplemented
        return hmac.compare_digest(self.__value.encode(), other.reveal().encode())

    __hash__ = None  # type: ignore[assignment]  # a hash of a password is a guess at it

    def __repr__(self) -> str:
        return "Password(hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a password is not pickled")


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """What a server demands of a password, as counts of characters."""

    length: int = 0
    digits: int = 0
    uppercase: int = 0
    lowercase: int = 0
    others: int = 0

    def admits(self, password: Password) -> bool:
        """Say whether the password has enough of each."""
        text = password.reveal()
        return (
            len(text) >= self.length
            and sum(map(str.isdigit, text)) >= self.digits
            and sum(map(str.isupper, text)) >= self.uppercase
            and sum(map(str.islower, text)) >= self.lowercase
            and sum(not letter.isalnum() for letter in text) >= self.others
        )


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """How a new password is made, as members of GetRandomPassword.

    The environment's switches mean what they do on AWS's rotation templates (snapshot 2025-02-25); only the default
    alphabet is narrower, and a length under 24 is refused.
    """

    length: int = 32
    excluded: str = DEFAULT_EXCLUDED
    no_numbers: bool = False
    no_punctuation: bool = False
    no_uppercase: bool = False
    no_lowercase: bool = False
    each_type: bool = True

    def with_switches(self, environment: Mapping[str, str] = os.environ) -> "PasswordRules":
        """Give these rules as the environment changes them; raise StepFailed for a length that is none or too short."""

        def switch(name: str, *, default: bool) -> bool:
            return environment[name].lower() in {"true", "1", "y", "yes"} if name in environment else default

        return PasswordRules(
            length=_length(environment["PASSWORD_LENGTH"]) if "PASSWORD_LENGTH" in environment else self.length,
            excluded=environment.get("EXCLUDE_CHARACTERS", self.excluded),
            no_numbers=switch("EXCLUDE_NUMBERS", default=self.no_numbers),
            no_punctuation=switch("EXCLUDE_PUNCTUATION", default=self.no_punctuation),
            no_uppercase=switch("EXCLUDE_UPPERCASE", default=self.no_uppercase),
            no_lowercase=switch("EXCLUDE_LOWERCASE", default=self.no_lowercase),
            each_type=switch("REQUIRE_EACH_INCLUDED_TYPE", default=self.each_type),
        )

    def at_least(self, length: int) -> "PasswordRules":
        """Give these rules with a length that the server accepts."""
        return replace(self, length=max(self.length, length))

    def members(self) -> dict[str, Any]:
        """Return the members of a GetRandomPassword call."""
        return {
            "PasswordLength": self.length,
            "ExcludeCharacters": self.excluded,
            "ExcludeNumbers": self.no_numbers,
            "ExcludePunctuation": self.no_punctuation,
            "ExcludeUppercase": self.no_uppercase,
            "ExcludeLowercase": self.no_lowercase,
            "RequireEachIncludedType": self.each_type,
        }


DEFAULT_RULES: Final = PasswordRules()


def _length(text: str) -> int:
    if not (text.isascii() and text.isdigit() and MINIMUM_LENGTH <= int(text) <= 4096):  # noqa: PLR2004 - AWS: B.15, PasswordLength
        raise StepFailed(f"PASSWORD_LENGTH in the environment must be a number from {MINIMUM_LENGTH} to 4096")
    return int(text)
