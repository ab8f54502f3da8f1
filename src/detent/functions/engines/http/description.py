"""A service's description: which requests issue, test, list and revoke its keys, and where its answers say what.

It is a TOML file in a folder of the operator's, which the environment names: whoever may write a secret must not be
able to say what this machine asks of others. ``shapes`` is the whole of what may stand in one.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from detent.functions.engines.http.shapes import MARK, STATUSES, faults_of, marked
from detent.functions.errors import EngineUnavailable

FOLDER: Final = "HTTP_SERVICES"

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Description:
    """One that was read and found good. ``said`` is the file's content; ``file`` is its name, for errors."""

    file: str
    said: Mapping[str, Any]

    def require_host(self, host: str, port: int) -> None:
        """Refuse a host that the operator did not admit. Raises EngineUnavailable."""
        admitted = [name.lower() for name in self.said["hosts"]]
        if not {"*", host.lower(), f"{host.lower()}:{port}"} & set(admitted):
            raise EngineUnavailable(
                f"{self.file} does not admit {host}:{port}: add it to its hosts, or correct the host"
            )

    def statuses(self, kind: str) -> list[int]:
        """Give the statuses that mean this."""
        given: list[int] = self.said.get("statuses", {}).get(kind, STATUSES[kind])
        return given

    def text(self, key: str, default: str = "") -> str:
        """Give what a key such as ``list.mark`` says."""
        table, _, name = key.rpartition(".")
        found: str = (self.said.get(table, {}) if table else self.said).get(name, default)
        return found

    def mark_in(self, name: str) -> str | None:
        """Read a mark out of a key's name; None if the name is not made as ``issue.body`` says."""
        (before, after) = next(marked(self.said["issue"]["body"])).split(MARK)
        is_ours = name.startswith(before) and name.endswith(after) and len(name) > len(before + after)
        return name[len(before) : len(name) - len(after)] if is_ours else None


def is_name(service: object) -> bool:
    """Say whether it can be a description's name: it becomes a file's."""
    return isinstance(service, str) and bool(_NAME.fullmatch(service))


def described(service: str) -> Description:
    """Read a description anew. Raises EngineUnavailable that names the file and everything that is wrong with it."""
    folder = os.environ.get(FOLDER)
    if not folder:
        raise EngineUnavailable(f"no service is described here: {FOLDER} must name the folder with {service}.toml")
    file = Path(folder, f"{service}.toml")
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = f"{file} cannot be read: {error.strerror}"
    except ValueError as error:  # of TOML's grammar, or not UTF-8
        reason = f"{file} is no TOML: {error}"
    else:
        reason = "; ".join(faults_of(said))
        if not reason:
            return Description(file.name, said)
        reason = f"{file} is not usable: {reason}"
    raise EngineUnavailable(reason)
