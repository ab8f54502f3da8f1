"""The folders that code lies in while it runs: one for each code that was seen, shared by processes."""

import base64
import binascii
import tempfile
from collections.abc import Callable
from pathlib import Path

from detent.model.errors import FunctionFailed
from detent.model.function import UserFunction
from detent.runtime.limits import Limits
from detent.runtime.unpacking import BadCode, mark_used, remove, remove_unused, unpack


class UnpackedCode:
    """Unpacks each function's code once, wherever it is used first."""

    def __init__(self, folder: Path, code: Callable[[UserFunction], bytes], limits: Limits) -> None:
        """Take the folder, which is made, and what gives a function's zip."""
        self._folder, self._code, self._limits = folder, code, limits

    def of(self, function: UserFunction) -> Path:
        """Give the folder with the function's code. Raises FunctionFailed."""
        target = self._folder / _name(function)
        if not target.is_dir():
            self._unpack(function, target)
        mark_used(target)
        return target

    def _unpack(self, function: UserFunction, target: Path) -> None:
        blob = self._code(function)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_unused(self._folder)
        part = Path(tempfile.mkdtemp(prefix="part-", dir=self._folder))
        part.chmod(0o755)  # the folder above keeps others out; a sandbox's own user must read this one
        try:
            unpack(blob, part, self._limits)
            part.rename(target)
        except BadCode as error:
            remove(part)
            raise FunctionFailed(f"The code of the function {function.key.name} cannot be used. {error}") from None
        except OSError as error:
            remove(part)
            if not target.is_dir():  # else another process was faster
                raise FunctionFailed(f"The code of {function.key.name} cannot be unpacked: {error}") from None


def _name(function: UserFunction) -> str:
    """Give the folder's name: the hash is base64, whose letters are not all fit for one."""
    try:
        name = base64.b64decode(function.code_sha256, validate=True).hex()
    except binascii.Error:
        name = ""
    if not name:
        raise FunctionFailed(f"The function {function.key.name} has no code that could be run here.")
    return name
