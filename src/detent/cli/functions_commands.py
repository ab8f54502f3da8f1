"""`detent functions`."""

from typing import Annotated

import typer

from detent.cli.options import Place, group

app = group("See the rotation functions: what there is, what each needs, which suits a secret.")


@app.command("list")
def list_() -> None:
    """List the functions that come with Detent."""
    from detent.cli import functions  # noqa: PLC0415 - what a command needs is imported when it runs

    functions.show_all()


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="FUNCTION", help="The function's name.", show_default=False)],
) -> None:
    """Show what a function needs: the secret's keys, the least privileges, and what happens to open connections."""
    from detent.cli import functions  # noqa: PLC0415 - as above

    functions.show(name)


@app.command()
def recommend(
    name: Annotated[str, typer.Argument(metavar="SECRET", help="The secret's name or ARN.", show_default=False)],
    data: Place = None,
) -> None:
    """Say which function suits a secret, by the engine that its value names, and why.

    Of the value only the engine's name is looked at.
    """
    from detent.cli import functions  # noqa: PLC0415 - as above

    functions.recommend(data, name)
