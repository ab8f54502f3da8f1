"""The function that is rehearsed: built in, or in a folder of one's own."""

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from detent.cli import own_folder
from detent.cli.failure import CommandFailed
from detent.functions.builtin import BUILTIN
from detent.functions.contract import RotationFunction
from detent.functions.engines import Engine, engine_named, known_engines


class Rehearsed(NamedTuple):
    """What logs in, and where its code is; None: it is built in."""

    engine: Engine
    folder: Path | None


def rehearsed(named: str, value: Mapping[str, Any]) -> Rehearsed:
    """Find a function. Raises CommandFailed where there is none, or where nothing knows what it logs into."""
    if named in BUILTIN:
        return Rehearsed(BUILTIN[named].the_engine(), None)
    folder = Path(named)
    if not own_folder.is_one(folder):
        raise CommandFailed(
            f"{named} is neither a function that comes with Detent (detent functions list) nor a folder with"
            f" {own_folder.CODE}"
        )
    handler = _handler(folder)
    if isinstance(handler, RotationFunction):
        return Rehearsed(handler.the_engine(), folder)
    return Rehearsed(_engine_of(value), folder)


def _handler(folder: Path) -> object:
    """Load the function's module here: it is the caller's own code."""
    own_folder.engine_of(folder)  # in a process of its own first, which says in one line why it cannot be loaded
    spec = importlib.util.spec_from_file_location("function", folder / own_folder.CODE)
    if spec is None or spec.loader is None:
        raise CommandFailed(f"{folder / own_folder.CODE} is no Python")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return getattr(module, "handler", None)


def _engine_of(value: Mapping[str, Any]) -> Engine:
    named = value.get("engine")
    for name in known_engines():
        if named in engine_named(name).FACTS.names:
            return engine_named(name)
    raise CommandFailed(
        f'the secret\'s "engine" is {named!r}, which Detent does not know, and the function is not made of'
        " detent.functions: who could make a user to throw away is not known"
    )
