"""`detent users`."""

from typing import Annotated

import typer

from detent.cli.options import Account, Place, Tags, group

app = group("Make, list, show and delete users, who sign with access keys of their own.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.", show_default=False)]


@app.command("list")
def list_(account: Account = None, data: Place = None) -> None:
    """List the users and the policies that each has."""
    from detent.cli import identities  # noqa: PLC0415 - what a command needs is imported when it runs

    identities.show_all(data, account, identities.USER)


@app.command()
def create(name: Name, tag: Tags = None, account: Account = None, data: Place = None) -> None:
    """Make a user, who has neither access keys nor policies yet.

    Next: `detent access-keys create --user NAME`, `detent policies attach POLICY --user NAME`.
    """
    from detent.cli import identities  # noqa: PLC0415 - as above

    identities.create_user(data, account, name, tag)


@app.command()
def show(name: Name, account: Account = None, data: Place = None) -> None:
    """Show a user: its tags and the policies that it has."""
    from detent.cli import identities  # noqa: PLC0415 - as above

    identities.show(data, account, identities.USER, name)


@app.command()
def delete(name: Name, account: Account = None, data: Place = None) -> None:
    """Delete a user with its access keys and sessions, which sign nothing from the next request on."""
    from detent.cli import identities  # noqa: PLC0415 - as above

    identities.delete(data, account, identities.USER, name)
