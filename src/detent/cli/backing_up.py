"""What `detent backup`, `restore`, `resume` and `keyset export` do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from detent.cli.acting import acting
from detent.cli.data_folder import named
from detent.cli.failure import CommandFailed
from detent.main import backup as copies
from detent.main.settings import CannotStart


def backup(data: Path | None, file: Path, *, replace: bool) -> None:
    """Copy the store."""
    with _one_line():
        copies.back_up(named(data), file.absolute(), replace=replace)
    typer.echo(f"{file} holds the store; keep the keyset apart from it: detent keyset export FILE")


def export_keyset(data: Path | None, file: Path) -> None:
    """Copy the keyset; a warning goes to standard error when it is not wrapped."""
    with _one_line():
        is_wrapped = copies.export_keyset(named(data), file.absolute())
    typer.echo(f"{file} holds the root keyset")
    if not is_wrapped:
        typer.echo("detent: it is not wrapped: with it and a backup anyone can read every secret", err=True)


def restore(data: Path | None, file: Path, keyset: Path) -> None:
    """Make a data folder."""
    folder = named(data)
    with _one_line():
        copies.restore(file, keyset, folder)
    typer.echo(f"{folder} is restored. Serve it, make an access key, and resume rotation when passwords are seen to:")
    for command in ("serve", "access-keys rotate-root", "resume"):
        typer.echo(f"  detent {command} --data {folder}")


def resume(data: Path | None, account: str | None) -> None:
    """End the pause."""
    with acting(data, account) as caller:
        told = caller.own.describe_server()
        caller.own.resume_rotation()
    since = told.get("RotationPausedDate")
    typer.echo("rotation goes on" if since else "rotation was not paused")


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except CannotStart as error:
        raise CommandFailed(str(error)) from None
    except FileExistsError as error:
        raise CommandFailed(f"{error.filename2 or error.filename} is there already: name another file") from None
    except OSError as error:
        raise CommandFailed(f"cannot read or write {error.filename}: {error.strerror}") from None
