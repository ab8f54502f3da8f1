"""The text of an authorized_keys file: which keys it has, and the same with a line more or less.

What is no key of a user (comments, certificate authorities, lines that cannot be read) is kept as it is.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_OURS: Final = "detent "
_QUOTED: Final = r'"(?>(?:\\"|[^"])*)"'  # OpenSSH: a backslash saves a quote behind it, and nothing else
_KEY: Final = r"(?P<kind>[\w@.-]+)[ \t]+(?P<blob>[A-Za-z0-9+/]+={0,2})(?:[ \t]+(?P<comment>.*?))?\s*"
_PLAIN: Final = re.compile(rf"[ \t]*{_KEY}", re.ASCII)
_WITH_OPTIONS: Final = re.compile(rf'[ \t]*(?!#)(?P<options>(?>(?:\\"|[^\s"]|{_QUOTED})+))[ \t]+{_KEY}', re.ASCII)
_AUTHORITY: Final = re.compile(r"(?:^|,)cert-authority(?:,|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A line that lets a key in."""

    options: str
    kind: str
    blob: str
    comment: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.options, self.kind, self.blob, self.comment) if part)

    @property
    def id(self) -> str:
        """The key's fingerprint, as ssh-keygen says it."""
        return fingerprint_of(base64.b64decode(self.blob))

    @property
    def mark(self) -> str | None:
        """What it was issued with; None: not by us."""
        return self.comment.removeprefix(_OURS) if self.comment.startswith(_OURS) else None


def fingerprint_of(blob: bytes) -> str:
    """Name a public key."""
    return f"SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')}"


def comment_of(mark: str) -> str:
    """Write a mark as a line's comment."""
    return _OURS + re.sub(r"\s", "-", mark)


def blob_in(text: str) -> bytes | None:
    """Give the public key in a line of ssh-keyscan, of known_hosts or of a .pub file; None if there is none."""
    words = text.split()
    return next((blob for kind, word in pairwise(words) if (blob := _blob(kind, word))), None)


def keys_in(text: str) -> list[KeyLine]:
    """Give the lines that let a key in, as they stand."""
    return [line for line in map(_parsed, text.split("\n")) if line]


def with_line(text: str, line: KeyLine) -> str:
    """Add a line at the end."""
    return f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{line}\n"


def without(text: str, key: str) -> str:
    """Take away every line of this key."""
    lines = text.split("\n")
    return "\n".join(line for line in lines if not ((parsed := _parsed(line)) and parsed.id == key))


def kind_of(blob: bytes) -> str:
    """Read which kind of key it is; empty if it is none."""
    length = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + length].decode("ascii", "replace") if len(blob) > 4 + length else ""


def _parsed(line: str) -> KeyLine | None:
    return next(_readings(line), None)


def _readings(line: str) -> Iterator[KeyLine]:
    for form in (_PLAIN, _WITH_OPTIONS):
        found = form.fullmatch(line)
        if found and _blob(found["kind"], found["blob"]):
            options = found.groupdict().get("options") or ""
            if not _AUTHORITY.search(re.sub(_QUOTED, "", options)):
                yield KeyLine(options, found["kind"], found["blob"], found["comment"] or "")
            return


def _blob(kind: str, word: str) -> bytes | None:
    """Read a key, which says its own kind: so neither options nor comments are taken for one."""
    try:
        blob = base64.b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        return None
    return blob if kind_of(blob) == kind else None
