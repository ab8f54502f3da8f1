"""A small calendar for the terminal: each day with a mark that says how much there is."""

import calendar
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Final

from rich.table import Table
from rich.text import Text

_ABREAST: Final = 2  # months in a row, each of 28 columns
_MANY: Final = 10


def months(busy: Mapping[date, int], crowded: Collection[date]) -> Iterator[Table]:
    """Give the months from the first busy day to the last, some abreast in a row."""
    first, last = min(busy), max(busy)
    span = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    for start in range(0, len(span), _ABREAST):
        row = Table.grid(padding=(0, 3, 1, 0))
        row.add_row(*(_month(*divmod(number, 12), busy, crowded) for number in span[start : start + _ABREAST]))
        yield row


def _month(year: int, before: int, busy: Mapping[date, int], crowded: Collection[date]) -> Text:
    month = before + 1
    picture = Text(f"{calendar.month_name[month]} {year}\n", "bold")
    picture.append("".join(f"{name:<4}" for name in ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")), "dim")
    for week in calendar.monthcalendar(year, month):
        picture.append("\n")
        for day in week:
            picture.append(*_cell(date(year, month, day), busy, crowded) if day else ("    ",))
    return picture


def _cell(day: date, busy: Mapping[date, int], crowded: Collection[date]) -> tuple[str, str]:
    count = busy.get(day, 0)
    if day in crowded:
        return f"{day.day:>2}! ", "red"
    if count >= _MANY:
        return f"{day.day:>2}# ", "yellow"
    mark, style = (" ", "dim") if not count else ("·", "cyan") if count == 1 else (":", "cyan")
    return f"{day.day:>2}{mark} ", style
