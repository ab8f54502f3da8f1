"""`detent access-keys`: what an account's root and its users sign with, always on the data folder itself."""

from typing import Annotated

import typer

from detent.cli.options import Account, Folder, group

app = group("Make, list and end the access keys of an account's root and of its users.")

KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="The access key's id.", show_default=False)]
User = Annotated[str | None, typer.Option("--user", metavar="NAME", help="The user. Default: the account's root.")]


@app.command()
def create(user: User = None, account: Account = None, data: Folder = None) -> None:
    """Make an access key, of a user or of the account's root, and print it as an AWS shared-credentials file.

    It is told this once. Each holder has two keys at most.
    """
    from detent.cli import access_keys  # noqa: PLC0415 - what a command needs is imported when it runs

    access_keys.create(data, account, user)


@app.command("list")
def list_(
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help="Of this user only.")] = None,
    account: Account = None,
    data: Folder = None,
) -> None:
    """List the keys of the account's root and of its users, and when each was last used."""
    from detent.cli import access_keys  # noqa: PLC0415 - as above

    access_keys.show(data, account, user)


@app.command()
def deactivate(key_id: KeyId, account: Account = None, data: Folder = None) -> None:
    """Let a key sign nothing until it is activated again."""
    from detent.cli import access_keys  # noqa: PLC0415 - as above

    access_keys.set_state(data, account, key_id, "inactive")


@app.command()
def activate(key_id: KeyId, account: Account = None, data: Folder = None) -> None:
    """Let a key sign again."""
    from detent.cli import access_keys  # noqa: PLC0415 - as above

    access_keys.set_state(data, account, key_id, "active")


@app.command()
def delete(key_id: KeyId, account: Account = None, data: Folder = None) -> None:
    """Remove a key; it signs nothing from the next request on."""
    from detent.cli import access_keys  # noqa: PLC0415 - as above

    access_keys.delete(data, account, key_id)


@app.command("rotate-root")
def rotate_root(
    printed: Annotated[
        bool, typer.Option("--print", help="Print the new key, and delete the credentials file: nothing keeps it here.")
    ] = False,
    data: Folder = None,
) -> None:
    """Make a new root access key for the folder, then end the one that it gave out before.

    The new key takes the old one's place in DIR/credentials, in one step. A run that was killed is made good by the
    next.
    """
    from detent.cli import access_keys  # noqa: PLC0415 - as above

    access_keys.rotate_root(data, printed=printed)
