"""What `detent access-keys` does."""

import sys
from pathlib import Path
from typing import Any

from rich.text import Text

from detent.cli.acting import on_folder
from detent.cli.data_folder import DataFolder
from detent.cli.screen import moment, screen, state, table
from detent.main.operating import Operator
from detent.main.root_key import rotate_root as rotate


def create(data: Path | None, account: str | None, user: str | None) -> None:
    """Print a new key, and nothing else."""
    with on_folder(data, account) as operator:
        made = operator.own.create_access_key(**_of(user))
    _print(made["AccessKeyId"], made["SecretAccessKey"])


def show(data: Path | None, account: str | None, user: str | None) -> None:
    """List the keys of one user, or of root and every user."""
    with on_folder(data, account) as operator:
        found = _keys(operator, user) if user is not None else _all(operator)
    listed = table("access key", "of", "state", "created", "last used")
    for key in found:
        used = key.get("LastUsed")
        listed.add_row(
            key["AccessKeyId"],
            Text(key.get("UserName", "root")),
            state(key["State"]),
            moment(key["CreatedDate"]),
            Text(f"{moment(used['Date'])} ({used['Service']}, {used['Region']})" if used else "never"),
        )
    screen().print(listed if found else "There are no access keys.")


def set_state(data: Path | None, account: str | None, key_id: str, wanted: str) -> None:
    """Let a key sign, or not."""
    with on_folder(data, account) as operator:
        operator.own.update_access_key(AccessKeyId=key_id, State=wanted)
    screen().print(f"{key_id} is {wanted}.")


def delete(data: Path | None, account: str | None, key_id: str) -> None:
    """Remove a key; says so when it was the one that the folder gives out."""
    with on_folder(data, account) as operator:
        operator.own.delete_access_key(AccessKeyId=key_id)
    folder = DataFolder.found(data)
    screen().print(f"{key_id} is deleted.")
    if _given_out(folder) == key_id:
        screen().print(Text(f"{folder.credentials} holds it still: detent access-keys rotate-root makes another."))


def rotate_root(data: Path | None, *, printed: bool) -> None:
    """Put a new root key in the place of the one that the folder gives out."""
    folder = DataFolder.found(data)
    with on_folder(data) as operator:
        if not printed:
            rotate(operator, _given_out(folder), operator.house.folder.write_credentials)
            screen().print(Text(f"{folder.credentials} holds the new root access key."))
            return
        rotate(operator, _given_out(folder), _print)
        folder.credentials.unlink(missing_ok=True)


def _given_out(folder: DataFolder) -> str | None:
    return folder.keys.get("aws_access_key_id") if folder.credentials.exists() else None


def _of(user: str | None) -> dict[str, str]:
    return {} if user is None else {"UserName": user}


def _all(operator: Operator) -> list[dict[str, Any]]:
    users = [user["UserName"] for user in operator.own.list_users()["Users"]]
    return [key for holder in (None, *users) for key in _keys(operator, holder)]


def _keys(operator: Operator, user: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = operator.own.list_access_keys(**_of(user))["AccessKeys"]
    return found


def _print(key_id: str, secret: str) -> None:
    """Print a key in AWS's shared-credentials form; it is out before this returns."""
    sys.stdout.write(f"[default]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n")
    sys.stdout.flush()
