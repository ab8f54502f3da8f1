"""What `detent admin-secret` does."""

from pathlib import Path

from rich.text import Text

from detent.cli.acting import acting
from detent.cli.screen import screen, table


def attach(data: Path | None, account: str | None, name: str, admin: str) -> None:
    """Link two secrets."""
    with acting(data, account) as caller:
        linked = caller.own.attach_admin_secret(SecretId=name, AdminSecretId=admin)
    screen().print(Text(f"The rotation of {linked['Name']} may use {linked['AdminSecretARN']}."))


def detach(data: Path | None, account: str | None, name: str) -> None:
    """End a link."""
    with acting(data, account) as caller:
        gone = caller.own.detach_admin_secret(SecretId=name)
    screen().print(Text(f"{gone['Name']} has no admin secret."))


def show_all(data: Path | None, account: str | None) -> None:
    """List the links."""
    with acting(data, account) as caller:
        found = caller.own.list_admin_secrets()["AdminSecrets"]
    listed = table("secret", "admin secret", "holds")
    for one in found:
        holds = "yes" if one["Holds"] else "no: the current value does not name it"
        listed.add_row(Text(one["Name"]), Text(one["AdminSecretARN"]), holds)
    screen().print(listed if found else "No secret has an admin secret.")
