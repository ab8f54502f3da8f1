"""What `detent layers` does."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.text import Text

from detent.cli.acting import on_folder
from detent.cli.failure import CommandFailed
from detent.cli.installing import NotInstalled, buildable, install, installed
from detent.cli.screen import screen, table
from detent.main.layers import Layers, arn

# What AWS's published rotation templates import, in versions that they work with.
DRIVERS: Final = ("PyGreSQL", "PyMySQL", "cryptography", "pymongo<4", "oracledb", "pymssql", "influxdb-client")


def build(data: Path | None, name: str, requirements: Path | None, *, strict: bool) -> None:
    """Build a layer, in the place of an earlier one."""
    layers, account, region = _opened(data)
    try:
        with layers.building(name) as made:
            if requirements is None:
                _install_drivers(made / "python", strict=strict)
            else:
                _install(made / "python", ("--requirement", str(requirements)))
            held = installed(made / "python")
    except ValueError as fault:
        raise CommandFailed(str(fault)) from None
    except OSError as error:
        raise CommandFailed(f"cannot build the layer in {layers.folder}: {error.strerror or error}") from None
    screen().print(Text(f"{name} holds {held or 'nothing'}."))
    screen().print(Text(f"Name it by --layer {name}, or by {arn(account, region, name)}"))


def show_all(data: Path | None) -> None:
    """List the layers."""
    layers, account, region = _opened(data)
    names = layers.names()
    listed = table("layer", "ARN", "packages")
    for name in names:
        listed.add_row(Text(name), Text(arn(account, region, name)), Text(installed(layers.folder / name / "python")))
    screen().print(listed if names else "There are no layers: detent layers build NAME makes one.")


def _opened(data: Path | None) -> tuple[Layers, str, str]:
    with on_folder(data) as operator:
        return operator.house.layers, operator.account, operator.region


def _install_drivers(target: Path, *, strict: bool) -> None:
    """Install the drivers, without those that this machine cannot have unless it is strict."""
    try:
        install(target, DRIVERS)
    except NotInstalled as reason:
        if strict:
            raise CommandFailed(f"the drivers were not installed: {reason}") from None
        _install_what_can_be(target)


def _install_what_can_be(target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="detent-wheels-") as wheels:
        missing = buildable(DRIVERS, Path(wheels))
        for requirement, reason in missing.items():
            screen().print(Text(f"{requirement} is left out: {reason}", "yellow"))
        if len(missing) == len(DRIVERS):
            raise CommandFailed("none of the drivers can be installed here: pip reaches no package index")
        _install(target, [str(wheel) for wheel in sorted(Path(wheels).glob("*.whl"))])


def _install(target: Path, what: Sequence[str]) -> None:
    try:
        install(target, what)
    except NotInstalled as reason:
        raise CommandFailed(f"the packages were not installed: {reason}") from None
