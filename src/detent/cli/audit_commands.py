"""`detent audit`: proving and searching the audit trail of a data folder."""

from pathlib import Path
from typing import Annotated, Any

import typer

from detent.cli import options

app = options.group("Prove and search the audit trail. Both read the data folder; the server may run.")

_FILE: dict[str, Any] = {"metavar": "FILE", "readable": False}
Older = Annotated[
    list[Path] | None,
    typer.Argument(help="Parts of the trail that were put aside, oldest first; DIR/audit.log follows them.", **_FILE),
]


@app.command()
def verify(
    files: Older = None,
    expect: Annotated[
        str | None,
        typer.Option("--expect", metavar="HEAD", help="A head that verify printed before: the trail must contain it."),
    ] = None,
    data: options.Beside = None,
) -> None:
    """Prove that no record was changed, removed, put elsewhere or cut off.

    Prints what is wrong, file and line, then the trail's head: noted down elsewhere, it proves a later trail to contain
    this one. Exit code 1 if anything is wrong.
    """
    from detent.cli import auditing  # noqa: PLC0415 - what a command needs is imported when it runs
    from detent.cli.screen import screen  # noqa: PLC0415

    auditing.verify(screen(), data, files or [], expect)


@app.command()
def search(  # noqa: PLR0917 - typer calls it by keyword
    files: Older = None,
    principal: Annotated[
        str | None, typer.Option(help="Who called: an ARN, a user's or role's name, an access key's id, root.")
    ] = None,
    secret: Annotated[str | None, typer.Option(help="A secret's name or ARN.")] = None,
    action: Annotated[str | None, typer.Option(help="GetSecretValue, or secretsmanager:GetSecretValue.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="2026-03-10, 2026-03-10T12:00:00Z, or 90m, 12h, 7d ago.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Likewise; up to but not including it.")] = None,
    refused: Annotated[bool, typer.Option("--refused", help="Only what was refused or failed.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print whole records, one JSON line each.")] = False,
    data: options.Beside = None,
) -> None:
    """Find records, oldest first. Searching proves nothing: verify does."""
    from detent.cli import auditing  # noqa: PLC0415 - as above
    from detent.cli.screen import screen  # noqa: PLC0415

    wanted = auditing.wanted(principal, secret, action, since, until, only_refused=refused)
    auditing.search(screen(), data, files or [], wanted, as_json=json)
