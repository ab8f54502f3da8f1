"""The part of Detent that rotates, laid beside a function's own code, so that it runs wherever that runs."""

import re
import shutil
from pathlib import Path
from typing import Final

import detent.functions
from detent import __version__

_IMPORTS: Final = re.compile(r"^\s*(from|import)\s+detent\.functions\b", re.MULTILINE)
_PACKAGE: Final = '''"""The part of Detent that rotates: detent.functions, and nothing of the server."""

__version__ = "{version}"
'''


def is_used(folder: Path) -> bool:
    """Say whether a folder's own code imports it, and does not bring it along."""
    sources = (path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("*.py"))
    return not (folder / "detent").exists() and any(map(_IMPORTS.search, sources))


def add(code: Path) -> None:
    """Copy it into a folder of code."""
    (room,) = detent.functions.__path__
    shutil.copytree(room, code / "detent" / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    (code / "detent" / "__init__.py").write_text(_PACKAGE.format(version=__version__), encoding="utf-8")
