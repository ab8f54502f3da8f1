"""What `detent keyset` does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import typer
from rich.console import Console

from detent.cli.data_folder import named
from detent.cli.failure import CommandFailed
from detent.cli.screen import table
from detent.main import root_keyset
from detent.main.settings import CannotStart

_CLEAR: Final = "file"


def status(console: Console, data: Path | None) -> None:
    """Show the keyset."""
    with _one_line(data) as folder:
        found = root_keyset.status(folder)
    how = "in the clear" if found.wrapped_by is None else f"wrapped by {found.wrapped_by}"
    listed = table("key", "")
    for key in found.keys:
        listed.add_row(f"{key.id:08x}", "primary" if key.is_primary else "opens only")
    console.print(f"{found.path}, {how}", soft_wrap=True)
    console.print(listed)
    told = "all under the primary key" if not found.stale else f"{found.stale} still under an earlier key"
    console.print(f"{found.total} values, {told}")


def rotate(data: Path | None) -> None:
    """Add a key."""
    with _one_line(data) as folder:
        root_keyset.rotate(folder)
    typer.echo("a new key seals from now on; what earlier ones sealed is sealed anew while a server runs")


def wrap(by: str, data: Path | None) -> None:
    """Wrap the keyset, or unwrap it."""
    with _one_line(data) as folder:
        root_keyset.wrap(folder, None if by == _CLEAR else by)
    typer.echo("the keyset lies in the clear" if by == _CLEAR else f"the keyset is wrapped by {by}")


@contextmanager
def _one_line(data: Path | None) -> Iterator[Path]:
    """Give the data folder; what goes wrong leaves as CommandFailed."""
    try:
        yield named(data)
    except CannotStart as error:
        raise CommandFailed(str(error)) from None
    except OSError as error:
        raise CommandFailed(f"cannot write the keyset: {error.strerror}") from None
