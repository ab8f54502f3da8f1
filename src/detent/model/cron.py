"""AWS's cron dialect, as far as rotation schedules go (API reference D.2): `cron(0 Hours Days Months Weekdays *)`.

Own code, because no library reads this dialect: those of Unix count weekdays otherwise, and AWS's other services know
neither `/8` as hours nor `SUNL` as a day of the month. Pure: every moment is an aware UTC datetime.

Choices: letters are taken in any case; a list may hold whatever may stand alone but `?` and `*`; a range must rise;
hours lie four apart within a day, also in a list; a schedule that never comes, such as 30 February, is refused.
"""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count, pairwise
from typing import NoReturn

from detent.model.errors import BadParameter

_EXPRESSION = re.compile(r"cron\(0 (\S+) (\S+) (\S+) (\S+) \*\)")
_NUMBER = re.compile(r"\d{1,2}", re.ASCII)
_NTH = re.compile(r"(\w+)#([1-5])", re.ASCII)
_LAST = re.compile(r"(\w+)L", re.ASCII)
_LEAST_HOURS = 4  # between two openings
_WEEK = 7
_EVERY_KIND_OF_YEAR = range(2000, 2028)  # leap or not, beginning on any weekday


@dataclass(frozen=True, slots=True)
class _Field:
    """The numbers that one field counts by, and their names."""

    low: int
    high: int
    names: tuple[str, ...] = ()

    def numbers(self, item: str) -> range:
        """Read one number, range or step; `*` and the empty start of a step mean all."""
        span, slash, step = item.partition("/")
        low, dash, high = span.partition("-")
        if span == "*" or (slash and not span):
            start, end = self.low, self.high
        else:
            start = self.number(low)
            end = self.number(high) if dash else self.high if slash else start
        stride = _number(step, 1, self.high) if slash else 1
        return range(start, end + 1, stride) if start <= end else _refuse()

    def number(self, word: str) -> int:
        """Read one number or name."""
        return self.names.index(word) + self.low if word in self.names else _number(word, self.low, self.high)


_HOURS = _Field(0, 23)
_DAYS = _Field(1, 31)
_MONTHS = _Field(1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"))
_WEEKDAYS = _Field(1, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))


@dataclass(frozen=True, slots=True)
class _Days:
    """The days of a month that one of the two day fields means; weekdays are 1 to 7 from Sunday."""

    days: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    nth: frozenset[tuple[int, int]] = frozenset()  # a weekday, and which one of its month
    last: frozenset[int] = frozenset()  # weekdays, each the last one of its month
    end: bool = False  # the month's last day

    def of(self, year: int, month: int, since: int) -> Iterator[int]:
        """List a month's days from one on."""
        first, length = calendar.monthrange(year, month)  # Monday is 0
        for day in range(since, length + 1):
            weekday = (first + day) % _WEEK + 1
            if (
                day in self.days
                or weekday in self.weekdays
                or (weekday, (day - 1) // _WEEK + 1) in self.nth
                or (weekday in self.last and day + _WEEK > length)
                or (self.end and day == length)
            ):
                yield day


@dataclass(frozen=True, slots=True)
class Cron:
    """When windows open; `spacing` are the fewest hours between two openings of a day. None: a day has one."""

    hours: tuple[int, ...]
    spacing: int | None
    days: _Days
    months: tuple[int, ...]

    def opening_after(self, moment: datetime) -> datetime:
        """Give the first opening after a moment: tomorrow's, or one forty years ahead (a fifth Monday in February)."""
        return next(opens for opens in self._openings(moment) if opens > moment)

    def _openings(self, moment: datetime) -> Iterator[datetime]:
        """List openings from the moment's day on. A month without any costs one step, a year at most twelve."""
        for year in count(moment.year):
            for month in self.months:
                if (year, month) >= (moment.year, moment.month):
                    since = moment.day if (year, month) == (moment.year, moment.month) else 1
                    for day in self.days.of(year, month, since):
                        yield from (datetime(year, month, day, hour, tzinfo=UTC) for hour in self.hours)


@lru_cache(maxsize=4096)  # rules are read anew with each secret
def parsed(expression: str) -> Cron:
    """Read an expression. Raises BadParameter."""
    fields = _EXPRESSION.fullmatch(expression)
    if fields is None:
        _refuse()
    hours, of_month, months, of_week = (field.upper() for field in fields.groups())
    if (of_month == "?") is (of_week == "?"):
        _refuse()
    days = _of_month(of_month) if of_week == "?" else _of_week(of_week)
    cron = Cron(*_hours(hours), days, tuple(sorted(_numbers(_MONTHS, _items(months)))))
    if not any(True for year in _EVERY_KIND_OF_YEAR for month in cron.months for _ in days.of(year, month, 1)):
        _refuse()
    return cron


def _hours(text: str) -> tuple[tuple[int, ...], int | None]:
    """Read the hours, and how many lie at least between two of them or between what a step would reach."""
    items = _items(text)
    if "-" in text:
        _refuse()
    hours = sorted(_numbers(_HOURS, items))
    gaps = [after - before for before, after in pairwise(hours)]
    gaps += [int(step) for _, slash, step in (item.partition("/") for item in items) if slash]
    if any(gap < _LEAST_HOURS for gap in gaps):
        _refuse()
    return tuple(hours), min(gaps, default=None)


def _of_month(text: str) -> _Days:
    items = _items(text)
    last = [found[1] for item in items if (found := _LAST.fullmatch(item)) and not found[1].isdigit()]
    plain = [item for item in items if not item.endswith("L")]
    if len(last) + len(plain) + items.count("L") != len(items):  # such as 1L
        _refuse()
    return _Days(_numbers(_DAYS, plain), last=_numbers(_WEEKDAYS, last), end="L" in items)


def _of_week(text: str) -> _Days:
    items = ["SAT" if item == "L" else item for item in _items(text)]
    last = [found[1] for item in items if (found := _LAST.fullmatch(item))]
    nth = [found for item in items if (found := _NTH.fullmatch(item))]
    plain = [item for item in items if not (_LAST.fullmatch(item) or _NTH.fullmatch(item))]
    return _Days(
        weekdays=_numbers(_WEEKDAYS, plain),
        nth=frozenset((_WEEKDAYS.number(found[1]), int(found[2])) for found in nth),
        last=_numbers(_WEEKDAYS, last),
    )


def _items(text: str) -> list[str]:
    items = text.split(",")
    return items if items == ["*"] or "*" not in items else _refuse()


def _numbers(field: _Field, items: list[str]) -> frozenset[int]:
    return frozenset(number for item in items for number in field.numbers(item))


def _number(word: str, least: int, most: int) -> int:
    return int(word) if _NUMBER.fullmatch(word) and least <= int(word) <= most else _refuse()


def _refuse() -> NoReturn:
    raise BadParameter("Invalid schedule expression.")
