"""What is run for a function: AWS's client for Python, or the function's own executable."""

import os
import sys
from pathlib import Path

from detent.model.function import UserFunction
from detent.runtime import pythons
from detent.runtime.cells import World

_PYTHON, _PROVIDED = "python3.", "provided"
BOOTSTRAP = "bootstrap"


def refusal(function: UserFunction) -> str | None:
    """Say why there is nothing to run for a function; None: there is."""
    if function.remote is not None:
        return f"The function {function.key.name} does not run on this host."
    if function.runtime.startswith(_PYTHON) and not pythons.has_client():
        return "Python functions are not run on this host: AWS's client for them is missing. pip install awslambdaric"
    if function.runtime.startswith((_PYTHON, _PROVIDED)):
        return None
    return (
        f"The runtime {function.runtime} of the function {function.key.name} is not run here:"
        " use python3.11, or provided.al2023 with an executable named bootstrap."
    )


class NoBootstrap(Exception):
    """The code has no bootstrap that can be run."""


def command(function: UserFunction, code: Path, opt: Path | None, world: World) -> list[str]:
    """Give the command as it is seen in the function's world. Raises NoBootstrap."""
    if function.runtime.startswith(_PYTHON):
        return [sys.executable, "-m", "awslambdaric", function.handler]
    for folder, seen in ((code, world.task), (opt, world.opt)):
        if folder is not None and (folder / BOOTSTRAP).is_file() and os.access(folder / BOOTSTRAP, os.X_OK):
            return [f"{seen}/{BOOTSTRAP}"]
    raise NoBootstrap
