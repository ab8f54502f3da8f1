"""`detent serve`: where each setting comes from, then the server itself."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

import typer

from detent.cli.data_folder import DEFAULT
from detent.cli.failure import CommandFailed
from detent.main import logs, processes
from detent.main.settings import CannotStart, Settings

_BESIDE: Final = "detent.toml"
_SHARED: Final = (
    "audit_fsync",
    "regions",
    "jitter_seconds",
    "manual_window_seconds",
    *(setting.name for setting in fields(Settings) if setting.name.startswith("max_")),
)
_WORDS: Final = {str: "text", int: "a whole number", float: "a number", bool: "true or false", Path: "a path, as text"}


def serve(config: Path | None, given: Mapping[str, Any]) -> None:
    """Serve until told to stop; `given` are the settings from options and variables. Raises CommandFailed."""
    try:
        settings = settle(config, given)
        logs.log_to_stderr(settings.log_format, settings.log_level)
        processes.serve(settings, lambda endpoint: typer.echo(f"Detent serves on {endpoint}"))
    except CannotStart as error:
        raise CommandFailed(str(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise CommandFailed(f"cannot serve: {where}{error.strerror or error}") from None


def settle(config: Path | None, given: Mapping[str, Any]) -> Settings:
    """Join what was given with the TOML file. Raises CannotStart, CommandFailed."""
    data = Path(given.get("data", DEFAULT)).expanduser()
    beside = data / _BESIDE
    written = _read(config) if config is not None else _read_beside(beside)
    chosen = {"data": data, **written, **given}
    settings: dict[str, Any] = {
        name: _path(value) if isinstance(value, Path) else value for name, value in chosen.items()
    }
    return Settings(**settings)


def shared_settings(data: Path, region: str) -> Settings:
    """Give what works on a folder beside its server: of its TOML file, what says how secrets are kept."""
    written = _read_beside(data / _BESIDE)
    try:
        return Settings(data, region=region, **{name: written[name] for name in _SHARED if name in written})
    except CannotStart as error:
        raise CommandFailed(f"{data / _BESIDE}: {error}") from None


def _path(path: Path) -> Path:
    return path.expanduser().absolute()


def _read_beside(file: Path) -> dict[str, Any]:
    try:
        if not file.exists():
            return {}
    except OSError:
        return {}  # the folder cannot be looked into: opening it says so better
    written = _read(file)
    if "data" in written:
        raise CommandFailed(f"{file}: data: this file lies in the data folder; name another one by --data")
    return written


def _read(file: Path) -> dict[str, Any]:
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandFailed(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:  # what tomllib and the decoding of UTF-8 raise
        raise CommandFailed(f"{file}: not TOML: {error}") from None
    kinds = _kinds()
    unknown = sorted(set(written) - set(kinds))
    if unknown:
        raise CommandFailed(f"{file}: {unknown[0]}: there is no such setting; there are {', '.join(sorted(kinds))}")
    return {key: _checked(file, key, value, kinds[key]) for key, value in written.items()}


def _kinds() -> dict[str, type]:
    """Give each setting's type, without the None of those that may be absent."""
    hints = get_type_hints(Settings)
    return {name: next((kind for kind in get_args(hint) if kind is not NoneType), hint) for name, hint in hints.items()}


def _checked(file: Path, key: str, value: object, kind: type) -> object:
    if kind is Path and isinstance(value, str):
        return file.parent / Path(value).expanduser()
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:  # in TOML, unlike in Python, true is no number
        raise CommandFailed(f"{file}: {key}: must be {_WORDS[kind]}")
    return value
