"""`detent functions`."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from detent.cli.options import Place, Server, group

app = group("The rotation functions: those that come with Detent, and your own.")

_FILE: dict[str, Any] = {"metavar": "FILE", "readable": False}  # whoever opens it says better why it cannot

Name = Annotated[str, typer.Argument(metavar="NAME", help="The function's name.", show_default=False)]


@app.command("list")
def list_(data: Server = None) -> None:
    """List the functions that come with Detent, and your own on a server."""
    from detent.cli import functions  # noqa: PLC0415 - what a command needs is imported when it runs

    functions.show_all(data)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="FUNCTION", help="The function's name.", show_default=False)],
    data: Server = None,
) -> None:
    """Show a function.

    Of one that comes with Detent: the secret's keys, the least privileges, and what happens to open connections. Of
    your own: where it runs, its limits, and the names of its variables.
    """
    from detent.cli import functions  # noqa: PLC0415 - as above

    functions.show(data, name)


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


@app.command()
def add(  # noqa: PLR0917 - typer calls it by keyword
    name: Name,
    path: Annotated[
        Path | None, typer.Option("--path", metavar="DIR|ZIP", readable=False, help="Its code: it runs here.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="It runs elsewhere, behind an endpoint that takes Lambda's Invoke.")
    ] = None,
    aws: Annotated[
        str | None,
        typer.Option("--lambda", metavar="ARN", help="It runs on AWS Lambda, which is called with AWS's keys."),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="With --lambda: the AWS profile, as the server sees it.", show_default=False)
    ] = None,
    handler: Annotated[
        str | None, typer.Option(metavar="MODULE.FUNCTION", help="Default: lambda_function.lambda_handler.")
    ] = None,
    runtime: Annotated[
        str | None,
        typer.Option(help="python3.*, or provided.al2023. Default: as the code has an executable bootstrap or not."),
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A variable; give it once for each.")
    ] = None,
    timeout: Annotated[
        int | None, typer.Option(min=1, max=900, help="Seconds that a call may take. Default: 30.")
    ] = None,
    memory: Annotated[int | None, typer.Option(min=128, max=10240, help="MiB. Default: 128.")] = None,
    requirements: Annotated[
        Path | None, typer.Option(**_FILE, help="Packages that pip installs beside the code.")
    ] = None,
    layer: Annotated[list[str] | None, typer.Option(metavar="NAME|ARN", help="A layer; give it once for each.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    data: Server = None,
) -> None:
    """Make a function of your own, or change one: what is not given stays as it is.

    With --path the code is a folder or a zip, as for AWS Lambda; --env and --layer, if given, replace all that there
    were. Of the folder .git, .venv and __pycache__ are left out.
    """
    from detent.cli import user_functions  # noqa: PLC0415 - as above
    from detent.cli.connection import connected  # noqa: PLC0415

    wanted = user_functions.Wanted(
        name, path, url, aws, profile, handler, runtime, timeout, memory,
        env or (), layer or (), requirements, description,
    )  # fmt: skip
    with connected(data) as server:
        user_functions.add(server, wanted)


@app.command()
def invoke(
    name: Name,
    event: Annotated[str | None, typer.Option(metavar="FILE|JSON", help="The event. Default: {}.")] = None,
    tail: Annotated[bool, typer.Option("--tail", help="Print the end of its log on standard error.")] = False,
    data: Server = None,
) -> None:
    """Call a function of your own, and print what it returns. It gets no credentials of this server.

    Exit codes: 0 it returned, 1 it failed.
    """
    from detent.cli import user_functions  # noqa: PLC0415 - as above
    from detent.cli.connection import connected  # noqa: PLC0415

    with connected(data) as server:
        user_functions.invoke(server, name, event, tail=tail)


@app.command()
def logs(
    name: Name,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="A span such as 15m, 2h or 1d, or a moment in ISO form.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many calls to show at most, the latest.")] = 20,
    data: Server = None,
) -> None:
    """Show what a function of your own wrote, call by call, the oldest first.

    The secret values of a rotation are not in it.
    """
    from detent.cli import user_functions  # noqa: PLC0415 - as above
    from detent.cli.connection import connected  # noqa: PLC0415

    with connected(data) as server:
        user_functions.logs(server, name, since, limit)


@app.command()
def rm(name: Name, data: Server = None) -> None:
    """Delete a function of your own, with its log."""
    from detent.cli import user_functions  # noqa: PLC0415 - as above
    from detent.cli.connection import connected  # noqa: PLC0415

    with connected(data) as server:
        user_functions.remove(server, name)


@app.command()
def package(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|DIR",
            help="A function that comes with Detent, or a folder of your own that holds function.py.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(**_FILE, help="The zip to write.", show_default=False)],
    architecture: Annotated[
        Literal["x86_64", "arm64"], typer.Option(help="The processor that it is for, in Lambda's words.")
    ] = "x86_64",
    runtime: Annotated[
        str | None, typer.Option(metavar="python3.N", help="Lambda's Python that it is for. Default: this one's.")
    ] = None,
) -> None:
    """Make a zip that AWS Lambda runs: the function with its driver, and nothing of this server.

    Of your own folder, function.py has the function handler, and requirements.txt may name packages; its tests are
    left out. Versions are those that are installed here. The same command gives the same bytes.
    """
    from detent.cli import lambda_package  # noqa: PLC0415 - as above

    lambda_package.package(lambda_package.Wanted(name, out, architecture, runtime))


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="DIR", help="The folder to make.", show_default=False)],
    builtin: Annotated[
        str | None, typer.Option("--from", metavar="BUILTIN", help="Vary this function, which comes with Detent.")
    ] = None,
) -> None:
    """Begin a function of your own: a folder with its code and its test, which passes as it is.

    Without --from it rotates a credential of a service with an HTTP API. `functions add`, `try` and `package` take the
    folder. What can be written in it: docs/how-to/write-a-rotation-function.md.
    """
    from detent.cli import starters  # noqa: PLC0415 - as above

    starters.new(name, builtin)


@app.command(name="try")
def try_(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|DIR",
            help="A function that comes with Detent, or the folder of your own.",
            show_default=False,
        ),
    ],
    secret: Annotated[
        str, typer.Option(metavar="SECRET", help="The secret that it shall rotate one day.", show_default=False)
    ],
    admin: Annotated[
        str | None,
        typer.Option(metavar="SECRET", help="The admin secret. Default: the one that the secret names."),
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A variable of your own function; once for each.")
    ] = None,
    data: Place = None,
) -> None:
    """Rehearse a rotation: all four steps on the real target, with a user or key that is thrown away afterwards.

    The secret is only read. A throw-away user is made like the secret's own, by the admin secret's user or else by the
    user itself; where a service issues keys, one is issued and revoked. A second server that lives no longer than the
    command does the rotation. Exit codes: 0 it went well, 1 it did not, or could not be rehearsed.
    """
    from detent.cli import rehearsing  # noqa: PLC0415 - as above

    rehearsing.rehearse(data, rehearsing.Wanted(name, secret, admin, tuple(env or ())))
