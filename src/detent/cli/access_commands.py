"""`detent apply` and `detent can`: who may do what, as a whole and in particular."""

from pathlib import Path
from typing import Annotated

import typer

from detent.cli.options import Account, Place


def apply(  # noqa: PLR0917 - typer calls it by keyword
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A TOML file.", readable=False, show_default=False)],
    prune: Annotated[bool, typer.Option("--prune", help="Delete what the file does not name.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the difference.")] = False,
    account: Account = None,
    data: Place = None,
) -> None:
    """Make users, roles and policies such as a file declares them: shows the difference, asks, and makes it none.

    Marks: + is created, ~ changed, - deleted. Where nobody can be asked, --yes is needed. A second run has nothing to
    do; one that was cut off is gone on with by the next. The file's form: docs/how-to/declare-access.md.
    """
    from detent.cli import applying  # noqa: PLC0415 - what a command needs is imported when it runs

    applying.apply(data, account, file, applying.How(prune, yes, dry_run))


def can(
    principal: Annotated[
        str, typer.Argument(metavar="PRINCIPAL", help="user/NAME, role/NAME, root, or an ARN.", show_default=False)
    ],
    action: Annotated[
        str, typer.Argument(metavar="ACTION", help="GetSecretValue, or detent:CreateUser.", show_default=False)
    ],
    resource: Annotated[
        str, typer.Argument(metavar="SECRET", help="A secret's name or ARN, or the ARN of anything else.")
    ] = "*",
    account: Account = None,
    data: Place = None,
) -> None:
    """Say whether somebody may do something, and which statement decides it. Exit codes: 0 yes, 1 no.

    Nothing is done. A role is asked about as a session of it; conditions are judged as if the call sent nothing.
    """
    from detent.cli import checking  # noqa: PLC0415 - what a command needs is imported when it runs

    if not checking.can(data, account, principal, action, resource):
        raise typer.Exit(1)
