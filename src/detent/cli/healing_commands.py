"""The commands that explain and heal, as typer takes them."""

from typing import Annotated

import typer

from detent.cli.options import Name, Server

Wait = Annotated[bool, typer.Option("--wait", help="Show the steps, and wait for the end.")]


def explain(name: Name, data: Server = None) -> None:
    """Say which versions of a secret log in now, what blocks, what comes next, and what heals it.

    Each labelled version is tried at the target once; nothing is changed.
    """
    from detent.cli import healing  # noqa: PLC0415 - what a command needs is imported when it runs
    from detent.cli.connection import connected  # noqa: PLC0415
    from detent.cli.screen import screen  # noqa: PLC0415

    with connected(data) as server:
        healing.explain(server, screen(), name)


def rollback(name: Name, wait: Wait = False, data: Server = None) -> None:
    """Put a target's credential and the labels back to the previous version.

    Of an incomplete rotation they go back to the current version, or forward to the pending one when that is the one
    which works.
    """
    from detent.cli import healing  # noqa: PLC0415 - as above
    from detent.cli.connection import connected  # noqa: PLC0415
    from detent.cli.screen import screen  # noqa: PLC0415

    with connected(data) as server:
        healing.roll_back(server, screen(), name, wait=wait)


def retry(name: Name, wait: Wait = False, data: Server = None) -> None:
    """Try an incomplete rotation again now, at the step that failed."""
    from detent.cli import healing  # noqa: PLC0415 - as above
    from detent.cli.connection import connected  # noqa: PLC0415
    from detent.cli.screen import screen  # noqa: PLC0415

    with connected(data) as server:
        healing.retry(server, screen(), name, wait=wait)


def abandon(name: Name, wait: Wait = False, data: Server = None) -> None:
    """End an incomplete rotation; a target that it may have changed is put back to the current version."""
    from detent.cli import healing  # noqa: PLC0415 - as above
    from detent.cli.connection import connected  # noqa: PLC0415
    from detent.cli.screen import screen  # noqa: PLC0415

    with connected(data) as server:
        healing.abandon(server, screen(), name, wait=wait)
