"""`detent admin-secret`."""

from typing import Annotated

import typer

from detent.cli.options import Account, Place, group

app = group("Let a secret's rotation use the login of another one, its admin secret.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The secret's name or ARN.", show_default=False)]


@app.command()
def attach(
    name: Name,
    admin: Annotated[str, typer.Argument(metavar="ADMIN", help="The admin secret's name or ARN.", show_default=False)],
    account: Account = None,
    data: Place = None,
) -> None:
    """Write masterarn into a secret's current value, as a new version, and record the link.

    Whoever asks must be allowed to read and write the one and to read the other. masterarn alone links nothing.
    """
    from detent.cli import admin_secrets  # noqa: PLC0415 - what a command needs is imported when it runs

    admin_secrets.attach(data, account, name, admin)


@app.command()
def detach(name: Name, account: Account = None, data: Place = None) -> None:
    """Take masterarn out of a secret's current value, as a new version, and forget the link."""
    from detent.cli import admin_secrets  # noqa: PLC0415 - as above

    admin_secrets.detach(data, account, name)


@app.command("list")
def list_(account: Account = None, data: Place = None) -> None:
    """List the secrets that are linked to an admin secret."""
    from detent.cli import admin_secrets  # noqa: PLC0415 - as above

    admin_secrets.show_all(data, account)
