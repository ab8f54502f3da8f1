"""The passphrase that may wrap the root keyset: from a variable or a file, never from an argument."""

import os
from pathlib import Path

from detent.crypto.wrapping import CannotUnwrap

_VARIABLE, _FILE = "DETENT_PASSPHRASE", "DETENT_PASSPHRASE_FILE"


def passphrase() -> bytes | None:
    """Give it; None: there is none. Of a file the last newline is no part of it. Raises CannotUnwrap."""
    path = os.environ.get(_FILE)
    if path:
        try:
            found = Path(path).read_bytes().removesuffix(b"\n").removesuffix(b"\r")
        except OSError as error:
            raise CannotUnwrap(f"cannot read {_FILE}={path}: {error.strerror}") from None
        return found or None
    return os.environb.get(_VARIABLE.encode()) or None
