"""`detent roles`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from detent.cli.options import Account, Place, Tags, group

app = group("Make, list, show, change and delete roles, which others assume through STS.")

_FILE: dict[str, Any] = {"metavar": "FILE", "readable": False}  # whoever opens it says better why it cannot

Name = Annotated[str, typer.Argument(metavar="NAME", help="The role's name.", show_default=False)]
Seconds = Annotated[
    int | None,
    typer.Option("--max-session-seconds", min=3600, max=43200, help="How long its sessions may last.", metavar="N"),
]


@app.command("list")
def list_(account: Account = None, data: Place = None) -> None:
    """List the roles and the policies that each has."""
    from detent.cli import identities  # noqa: PLC0415 - what a command needs is imported when it runs

    identities.show_all(data, account, identities.ROLE)


@app.command()
def create(  # noqa: PLR0917 - typer calls it by keyword
    name: Name,
    trust: Annotated[Path, typer.Option("--trust", help="A JSON document: who may assume it.", **_FILE)],
    max_session_seconds: Seconds = None,
    tag: Tags = None,
    account: Account = None,
    data: Place = None,
) -> None:
    """Make a role, which has no policies yet; whom its trust policy names must exist."""
    from detent.cli import identities  # noqa: PLC0415 - as above

    identities.create_role(data, account, name, trust=trust, seconds=max_session_seconds, tags=tag)


@app.command()
def show(name: Name, account: Account = None, data: Place = None) -> None:
    """Show a role: who may assume it, for how long, its tags and the policies that it has."""
    from detent.cli import identities  # noqa: PLC0415 - as above

    identities.show(data, account, identities.ROLE, name)


@app.command()
def update(  # noqa: PLR0917 - as above
    name: Name,
    trust: Annotated[Path | None, typer.Option("--trust", help="A JSON document: who may assume it.", **_FILE)] = None,
    max_session_seconds: Seconds = None,
    tag: Tags = None,
    account: Account = None,
    data: Place = None,
) -> None:
    """Change a role; what is given takes the place of what there is. Sessions that were begun go on."""
    from detent.cli import identities  # noqa: PLC0415 - as above

    identities.update_role(data, account, name, trust=trust, seconds=max_session_seconds, tags=tag)


@app.command()
def delete(name: Name, account: Account = None, data: Place = None) -> None:
    """Delete a role with its sessions, which sign nothing from the next request on."""
    from detent.cli import identities  # noqa: PLC0415 - as above

    identities.delete(data, account, identities.ROLE, name)


@app.command("revoke-sessions")
def revoke_sessions(name: Name, account: Account = None, data: Place = None) -> None:
    """End every session of a role; it can be assumed again at once."""
    from detent.cli import identities  # noqa: PLC0415 - as above

    identities.revoke_sessions(data, account, name)
