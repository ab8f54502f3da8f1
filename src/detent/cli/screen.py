"""What is printed: the same facts for a terminal and for a log."""

import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

_LOG_WIDTH: Final = 1000  # columns where nothing says how wide the output is: a name of 512 characters stays whole

_STYLES: Final = {
    "succeeded": "green",
    "failed": "red",
    "abandoned": "red",
    "cancelled": "yellow",
    "replaced": "yellow",
    "in-progress": "cyan",
    "inactive": "yellow",
}


def screen() -> Console:
    """Give standard output; wide enough for whole lines when it is no terminal."""
    found = Console(highlight=False)
    if found.is_terminal or os.environ.get("COLUMNS"):
        return found
    return Console(highlight=False, width=_LOG_WIDTH)


def table(*columns: str, right: Collection[str] = ()) -> Table:
    """Make a sober table; the columns named in `right` are right-aligned. No cell is ever cut off."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def facts(rows: Mapping[str, str]) -> Table:
    """Make a table of one thing's facts, one a line."""
    made = table("", "")
    made.show_header = False
    for name, text in rows.items():
        made.add_row(name, Text(text))
    return made


def state(word: str) -> Text:
    """Colour a state or an outcome."""
    return Text(word, _STYLES.get(word, ""))


def moment(when: datetime | float | None) -> str:
    """Show a moment, as boto3 gives it or in seconds of the epoch, in this machine's time zone."""
    if when is None:
        return ""
    known = when if isinstance(when, datetime) else datetime.fromtimestamp(when, UTC)
    return known.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def until(when: datetime) -> str:
    """Show how far off a moment is, roughly."""
    seconds = max(0, round((when - datetime.now(UTC)).total_seconds()))
    for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * unit:
            return f"in {seconds // unit} {name}s"
    return f"in {seconds} s"


def reason(rotation: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """Show why `told`, the rotation or an attempt of it, failed; the step and the secret stand beside it already."""
    text: str = told.get("Reason", "")
    return text.removeprefix(f"{told['Step']} of {rotation['ARN']}: ")


def millis(attempt: Mapping[str, Any]) -> str:
    """Show how long an attempt took."""
    taken: float = attempt["DurationMillis"]
    return f"{taken:.1f} ms" if taken < 100 else f"{taken / 1000:.2f} s"  # noqa: PLR2004 - three figures at most
