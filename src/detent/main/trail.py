"""The audit trail of a data folder, for whoever verifies or searches it; no server need run, and one may."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from detent.audit.chain import Head
from detent.audit.journal import read_mark
from detent.audit.searching import Wanted, search, secret_of
from detent.audit.verifying import Finding, Verifier, read_lines
from detent.main import auditing
from detent.main.folder import Folder

__all__ = ["Finding", "Head", "Wanted", "findings", "found", "secret_of"]


def findings(data: Path, older: Sequence[Path], noted: Head | None) -> tuple[Verifier, Iterator[Finding]]:
    """Verify a folder's trail, with the older files before it; `noted` is a head that was noted down elsewhere.

    The verifier tells of the whole once the findings were read to their end. Raises CannotStart; OSError while reading.
    """
    folder = Folder(data)
    chain = auditing.read_chain(folder.store, folder.unlock())
    known = {"the store": auditing.read_anchor(folder.store)}  # before the file is read, which meanwhile only grows
    mark = read_mark(folder.audit)
    if mark is not None:
        known["the file audit.head"] = mark.head
    if noted is not None:
        known["whoever noted it"] = noted
    verifier = Verifier(chain, known)
    return verifier, verifier.findings(read_lines([*older, folder.audit]))


def found(data: Path, older: Sequence[Path], wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Search a folder's trail, with the older files before it. Raises OSError while reading."""
    lines = read_lines([*older, Folder(data).audit])
    return search((line.text for line in lines), wanted)
