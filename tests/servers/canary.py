"""The canary: a text that every secret value of a test carries, and that must be found nowhere afterwards."""

import base64
from pathlib import Path
from uuid import uuid4


class Canary:
    """Makes and watches secret values. `texts` and `folders` are what is searched when the test ends."""

    def __init__(self) -> None:
        self.mark = f"canary-{uuid4().hex}"
        self.watched = [self.mark]
        self.texts: list[str] = []
        self.folders: list[Path] = []

    def value(self, rest: str = "") -> str:
        """A secret text that carries the mark."""
        return f"{self.mark}{rest}"

    def watch(self, value: str) -> str:
        """Watch a secret value that was made elsewhere, such as a generated password."""
        self.watched.append(value)
        return value

    def sightings(self) -> list[str]:
        """Where a watched value, plain or in base64, stands in the clear."""
        forms = [form for value in self.watched for form in _forms(value)]
        seen = [f"a text: {text[:200]}" for text in self.texts if any(form in text.encode() for form in forms)]
        for file in (file for folder in self.folders for file in folder.rglob("*") if file.is_file()):
            content = file.read_bytes()
            seen += [str(file) for form in forms if form in content]
        return seen


def _forms(value: str) -> list[bytes]:
    """The value, and what of its base64 does not depend on what stands before it."""
    return [value.encode(), *(base64.b64encode(b"x" * shift + value.encode())[4:-4] for shift in range(3))]
