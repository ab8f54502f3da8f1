"""`detent layers`."""

from pathlib import Path
from typing import Annotated

import typer

from detent.cli.options import Beside, group

app = group("Build layers: packages for functions, such as the database drivers that AWS's own ones import.")


@app.command()
def build(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The layer's name.", show_default=False)],
    requirements: Annotated[
        Path | None,
        typer.Option("--requirements", metavar="FILE", readable=False, help="What to install. Default: the drivers."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail where one of the drivers cannot be had.")] = False,
    data: Beside = None,
) -> None:
    """Install Python packages with pip into a layer, in the place of an earlier one of that name.

    The drivers are PyGreSQL, PyMySQL with cryptography, pymongo<4, oracledb, pymssql and influxdb-client. One that this
    machine cannot have (PyGreSQL is compiled, and needs libpq's headers and a C compiler) is told of and left out.
    """
    from detent.cli import layers  # noqa: PLC0415 - what a command needs is imported when it runs

    layers.build(data, name, requirements, strict=strict)


@app.command("list")
def list_(data: Beside = None) -> None:
    """List the layers, the ARN of each, and the packages in it."""
    from detent.cli import layers  # noqa: PLC0415 - as above

    layers.show_all(data)
