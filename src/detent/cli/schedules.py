"""`detent schedule preview`: the windows that come, as tables and as a small calendar."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from detent.cli.calendar import months
from detent.cli.connection import Server
from detent.cli.screen import table

Window = Mapping[str, Any]  # as PreviewSchedule answers it
_NAMED: Final = 5  # secrets of a collision that are named
_UNNAMED: Final = "not shown"  # the host, to whoever may read none of the values


def preview(server: Server, console: Console, name: str | None, days: int) -> None:
    """Print everything that comes within so many days."""
    asked = {"Days": days} if name is None else {"Days": days, "SecretId": name}
    pages = server.own.get_paginator("preview_schedule").paginate(**asked)
    windows = sorted((one for page in pages for one in page["Windows"]), key=lambda one: (one["DueDate"], one["Name"]))
    if not windows:
        console.print(f"No window opens within {days} days.")
        return
    console.print(_listed(windows), "")
    collisions = _collisions(windows)
    if collisions:
        console.print(_told(collisions), "")
    busy = Counter(_day(window) for window in windows)
    for picture in months(busy, {_day(crowd[0]) for crowd in collisions}):
        console.print(picture)
    console.print("Marks: · one window, : several, # ten or more, ! at once at one host. All in UTC.", style="dim")


def _listed(windows: Iterable[Window]) -> Table:
    listed = table("opens", "closes", "from", "secret")
    for window in windows:
        listed.add_row(
            _minute(window["OpensDate"]),
            _minute(window["ClosesDate"]),
            _utc(window["DueDate"]).strftime("%H:%M:%S"),
            Text(window["Name"]),
        )
    return listed


def _collisions(windows: Iterable[Window]) -> list[list[Window]]:
    """Give those that open at the same moment at the same host and port, soonest first."""
    crowds: defaultdict[tuple[datetime, str], list[Window]] = defaultdict(list)
    for window in windows:
        if "Target" in window:
            crowds[window["OpensDate"], window["Target"]].append(window)
    return [crowd for _, crowd in sorted(crowds.items(), key=lambda entry: entry[0]) if len(crowd) > 1]


def _told(collisions: Iterable[list[Window]]) -> Table:
    listed = table("at once at one host", "host", "secrets", "which", right=("secrets",))
    for crowd in collisions:
        names = ", ".join(sorted(window["Name"] for window in crowd)[:_NAMED])
        more = f" and {len(crowd) - _NAMED} more" if len(crowd) > _NAMED else ""
        host = next((window["Host"] for window in crowd if "Host" in window), _UNNAMED)
        listed.add_row(_minute(crowd[0]["OpensDate"]), Text(host), str(len(crowd)), Text(f"{names}{more}"))
    return listed


def _day(window: Window) -> date:
    return _utc(window["OpensDate"]).date()


def _minute(moment: datetime) -> str:
    return _utc(moment).strftime("%Y-%m-%d %H:%M")


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
