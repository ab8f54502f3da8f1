"""`detent schedule`."""

from typing import Annotated

import typer

from detent.cli.options import Server, group

app = group("When secrets rotate.")


@app.command()
def preview(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A secret's name or ARN; all by default.")] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="How far to look ahead.")] = 90,
    data: Server = None,
) -> None:
    """List every coming window, and what opens at once at one host; a calendar shows which days are busy.

    Windows are in UTC. It is as if each rotation succeeded on the day it is due. A host is named to whoever may read
    one of the values that name it.
    """
    from detent.cli import schedules  # noqa: PLC0415 - what a command needs is imported when it runs
    from detent.cli.connection import connected  # noqa: PLC0415
    from detent.cli.screen import screen  # noqa: PLC0415

    with connected(data) as server:
        schedules.preview(server, screen(), name, days)
