"""`detent policies`."""

from pathlib import Path
from typing import Annotated

import typer

from detent.cli.options import Account, Place, group

app = group("Make, list, show, change, delete, attach and detach the policies of users and roles.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The policy's name.", show_default=False)]
File = Annotated[
    Path, typer.Argument(metavar="FILE", help="The document, in JSON.", readable=False, show_default=False)
]
User = Annotated[str | None, typer.Option("--user", metavar="USER", help="The user.")]
Role = Annotated[str | None, typer.Option("--role", metavar="ROLE", help="The role.")]


@app.command("list")
def list_(account: Account = None, data: Place = None) -> None:
    """List the policies."""
    from detent.cli import policies  # noqa: PLC0415 - what a command needs is imported when it runs

    policies.show_all(data, account)


@app.command()
def create(name: Name, file: File, account: Account = None, data: Place = None) -> None:
    """Make a policy, which is attached to nobody yet."""
    from detent.cli import policies  # noqa: PLC0415 - as above

    policies.create(data, account, name, file)


@app.command()
def show(name: Name, account: Account = None, data: Place = None) -> None:
    """Show a policy: its document, and to whom it is attached."""
    from detent.cli import policies  # noqa: PLC0415 - as above

    policies.show(data, account, name)


@app.command()
def update(name: Name, file: File, account: Account = None, data: Place = None) -> None:
    """Put another document in its place; it holds on the next request of whoever has the policy."""
    from detent.cli import policies  # noqa: PLC0415 - as above

    policies.update(data, account, name, file)


@app.command()
def delete(name: Name, account: Account = None, data: Place = None) -> None:
    """Delete a policy that is attached to nobody."""
    from detent.cli import policies  # noqa: PLC0415 - as above

    policies.delete(data, account, name)


@app.command()
def attach(name: Name, user: User = None, role: Role = None, account: Account = None, data: Place = None) -> None:
    """Let a user or a role have a policy; one that it has already is fine."""
    from detent.cli import policies  # noqa: PLC0415 - as above

    policies.attach(data, account, name, _holder(user, role))


@app.command()
def detach(name: Name, user: User = None, role: Role = None, account: Account = None, data: Place = None) -> None:
    """Take a policy from a user or a role; one that it does not have is fine."""
    from detent.cli import policies  # noqa: PLC0415 - as above

    policies.detach(data, account, name, _holder(user, role))


def _holder(user: str | None, role: str | None) -> dict[str, str]:
    """Give the member of the API that names the holder. Raises BadParameter unless one is given."""
    given = {member: name for member, name in (("UserName", user), ("RoleName", role)) if name is not None}
    if len(given) != 1:
        raise typer.BadParameter("give either --user or --role")
    return given
