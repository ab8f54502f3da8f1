"""The Python that runs functions: the server's own, and where it and AWS's client for it lie."""

import importlib.util
import sys
from pathlib import Path

_SYSTEM = Path("/usr")  # which every function sees anyhow


def folders() -> list[Path]:
    """Give the folders that a function must see to run Python, but for those of the system."""
    client = client_folder()
    return [*_own(), *([client] if client is not None else [])]


def client_folder() -> Path | None:
    """Give the folder with AWS's client, where Python does not look by itself: it was installed for one user, say."""
    client = _client()
    return None if client is None or any(client.is_relative_to(one) for one in (_SYSTEM, *_own())) else client


def has_client() -> bool:
    """Say whether AWS's client is installed."""
    return _client() is not None


def _client() -> Path | None:
    found = importlib.util.find_spec("awslambdaric")
    return Path(found.origin).parent.parent if found is not None and found.origin else None


def _own() -> list[Path]:
    prefixes = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.exec_prefix), Path(sys.base_exec_prefix)}
    return [prefix for prefix in sorted(prefixes) if not prefix.is_relative_to(_SYSTEM)]
