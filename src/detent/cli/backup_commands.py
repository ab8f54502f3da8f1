"""`detent backup`, `restore` and `resume`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from detent.cli import options

_FILE: dict[str, Any] = {"metavar": "FILE", "readable": False, "show_default": False}


def backup(
    file: Annotated[Path, typer.Argument(help="The file to make.", **_FILE)],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    data: options.Beside = None,
) -> None:
    """Copy the store into one file, as of one moment, while the server serves.

    It holds secret values as ciphertext only. It is worth nothing without the root keyset: detent keyset export. The
    audit trail is not in it: copy audit.log and its earlier parts.
    """
    from detent.cli import backing_up  # noqa: PLC0415 - what a command needs is imported when it runs

    backing_up.backup(data, file, replace=force)


def restore(
    file: Annotated[Path, typer.Argument(metavar="BACKUP", help="What detent backup made.", show_default=False)],
    keyset: Annotated[Path, typer.Option("--keyset", help="What detent keyset export made.", **_FILE)],
    data: options.Beside = None,
) -> None:
    """Make a data folder of a backup, in an empty folder.

    Rotation is paused in it until detent resume: passwords that were rotated after the backup was made are not in it.
    """
    from detent.cli import backing_up  # noqa: PLC0415 - as above

    backing_up.restore(data, file, keyset)


def resume(data: options.Place = None, account: options.Account = None) -> None:
    """Let a restored store rotate again, what is overdue at once.

    Before that, see to secrets that were rotated after the backup: where the stored password no longer logs in, put the
    right one. A rotation that finds no password that logs in changes nothing, and says so.
    """
    from detent.cli import backing_up  # noqa: PLC0415 - as above

    backing_up.resume(data, account)
