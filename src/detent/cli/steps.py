"""Following one rotation, step by step, until it ends or an attempt fails."""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Protocol, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from detent.cli.connection import Server
from detent.cli.screen import millis

Rotation = Mapping[str, Any]  # as DescribeRotation answers it
IN_PROGRESS: Final = "in-progress"

_POLL_SECONDS: Final = 0.05
_STEPS: Final = {
    "rotation": ("createSecret", "setSecret", "testSecret", "finishSecret"),
    "test": ("testSecret",),
    "roll-back": ("rollbackSecret",),
}


class View(Protocol):
    """Where the steps are shown."""

    def show(self, rotation: Rotation, fresh: Sequence[Mapping[str, Any]]) -> None:
        """Show where the rotation stands; `fresh` are the attempts made since it was first asked about."""


def follow(server: Server, secret: str, version: str, known: int, view: View) -> Rotation:
    """Follow a rotation until it ends, waits, or a further attempt fails; the first `known` attempts are old news."""
    while True:
        rotation: Rotation = server.own.describe_rotation(SecretId=secret, VersionId=version)
        fresh = rotation["Attempts"][known:]
        view.show(rotation, fresh)
        if rotation["State"] != IN_PROGRESS or failures(fresh) or "WaitsFor" in rotation:
            return rotation
        time.sleep(_POLL_SECONDS)


def failures(attempts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Give the attempts that failed."""
    return [attempt for attempt in attempts if attempt["Outcome"] == "failed"]


class Lines:
    """A view for logs: one line an attempt, once it is over."""

    def __init__(self, console: Console) -> None:
        """Print to this console."""
        self._console = console
        self._shown = 0

    def __enter__(self) -> Self:
        """Show nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave what was printed."""

    def show(self, rotation: Rotation, fresh: Sequence[Mapping[str, Any]]) -> None:  # noqa: ARG002 - a view's verb
        """Print the attempts that are new."""
        for attempt in fresh[self._shown :]:
            self._console.print(f"  {attempt['Step']:<14}{attempt['Outcome']:<11}{millis(attempt):>9}")
        self._shown = len(fresh)


class Moving:
    """A view for terminals: all steps of the rotation, redrawn in place."""

    def __init__(self, console: Console) -> None:
        """Draw on this console."""
        self._live = Live(console=console, refresh_per_second=20)
        self._spinner = Spinner("dots", style="cyan")

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last picture."""
        self._live.__exit__(kind, error, trace)

    def show(self, rotation: Rotation, fresh: Sequence[Mapping[str, Any]]) -> None:
        """Draw every step with its latest attempt."""
        picture = Table.grid(padding=(0, 2))
        latest = {attempt["Step"]: attempt for attempt in rotation["Attempts"]}
        news = {attempt["Step"] for attempt in failures(fresh)}
        for step in _STEPS.get(rotation["Purpose"], ()):
            runs = rotation["State"] == IN_PROGRESS and rotation["Step"] == step and step not in news
            picture.add_row(Text("  ") + Text(step), *self._row(latest.get(step), runs=runs))
        self._live.update(picture, refresh=True)

    def _row(self, attempt: Mapping[str, Any] | None, *, runs: bool) -> tuple[RenderableType, RenderableType]:
        if runs:
            return self._spinner, Text("" if attempt is None else f"attempt {attempt['Number'] + 1}", "dim")
        if attempt is None:
            return Text("·", "dim"), Text("")
        if attempt["Outcome"] == "succeeded":
            return Text("✓", "green"), Text(millis(attempt), "dim")
        return Text("✗", "red"), Text(f"attempt {attempt['Number']}, {millis(attempt)}", "dim")


def view(console: Console) -> Lines | Moving:
    """Choose the view that suits the console."""
    return Moving(console) if console.is_terminal else Lines(console)
