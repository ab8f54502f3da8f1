"""`detent secrets`."""

from typing import Annotated

import typer

from detent.cli.options import Place, Server, Tags, pair

app = typer.Typer(invoke_without_command=True, rich_markup_mode="markdown")


@app.callback()
def secrets(context: typer.Context, data: Server = None) -> None:
    """List the secrets: rotation rules, next date, and how the latest rotation stands. Or add one."""
    if context.invoked_subcommand is not None:
        return
    from detent.cli import listings  # noqa: PLC0415 - what a command needs is imported when it runs
    from detent.cli.connection import connected  # noqa: PLC0415
    from detent.cli.screen import screen  # noqa: PLC0415

    with connected(data) as server:
        listings.secrets(server, screen())


@app.command()
def add(  # noqa: PLR0917 - typer calls it by keyword
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new secret's name.", show_default=False)],
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="ROTATION",
            help="What rotates it, and when: postgres/alternating-users every 30d; every 12h; cron(…); for 3h.",
            show_default=False,
        ),
    ],
    key: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A key of its JSON that is no secret; once for each."),
    ] = None,
    admin: Annotated[
        str | None, typer.Option(metavar="SECRET", help="The admin secret, by its name or ARN.", show_default=False)
    ] = None,
    secret_stdin: Annotated[
        bool, typer.Option("--secret-stdin", help="Read the password, or key, from standard input; ask for nothing.")
    ] = False,
    later: Annotated[
        bool, typer.Option("--later", help="Do not rotate now: test the login, and rotate at the next date.")
    ] = False,
    tag: Tags = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    data: Place = None,
) -> None:
    """Store a credential and have it rotate. What its engine needs is asked for; the password is not shown.

    ROTATION is an engine and a strategy, or an engine alone for the strategy that suits it best; without a time the
    secret rotates on demand. `detent functions list` names all, `detent functions show` the keys of one's secret.
    """
    from detent.cli import adding  # noqa: PLC0415 - as above

    keys, tags = (dict(pair(one, option) for one in given or ()) for given, option in ((key, "--set"), (tag, "--tag")))
    wanted = adding.Wanted(name, " ".join(words), keys, admin, secret_stdin, tags, description, later)
    adding.add(data, wanted)
