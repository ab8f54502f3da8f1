"""When a rotation is due: rules and windows (API reference D.2). Pure: every moment is an aware UTC datetime."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from detent.model import cron
from detent.model.cron import Cron
from detent.model.errors import BadParameter

_RATE = re.compile(r"rate\((\d{1,9}) (hours?|days?)\)", re.ASCII)
_MAX_DAYS = 999
_MIN_HOURS, _MAX_HOURS = 4, 23
_DAY = timedelta(days=1)
_MAX_DURATION = 24

Schedule = timedelta | Cron  # so much time after the last rotation, or moments of the calendar


@dataclass(frozen=True, slots=True)
class Window:
    """The span within which a rotation may start. `closes` is not in it any more."""

    opens: datetime
    closes: datetime

    @property
    def last_second(self) -> datetime:
        """The moment shown to callers as the next rotation date."""
        return self.closes - timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class RotationRules:
    """When a secret rotates, as its owner said it: days, or an expression; and a window's length in hours."""

    after_days: int | None = None
    expression: str | None = None
    duration_hours: int | None = None

    def __post_init__(self) -> None:
        """Refuse rules that name no schedule Detent can follow, with the reference's messages."""
        if self.after_days is not None and self.expression is not None:
            raise BadParameter("You cannot specify both rotation frequency and schedule expression together.")
        hours, schedule = self.duration_hours, self.schedule
        if hours is None:
            return
        if not 1 <= hours <= _MAX_DURATION:
            raise BadParameter("Duration must be at least 1 hour, at most 24 hour.")
        if timedelta(hours=hours) > (_spacing(schedule) or _DAY):
            raise BadParameter("Duration cannot be greater than Rate in hour.")
        if isinstance(schedule, Cron) and schedule.hours[-1] + hours > _MAX_DURATION:
            raise BadParameter("Starting hour and duration must be within a day.")

    @property
    def schedule(self) -> Schedule | None:
        """What the owner's words mean; None: no schedule."""
        if self.expression is not None:
            return _parsed(self.expression)
        return None if self.after_days is None else timedelta(days=self.after_days)

    @property
    def in_calendar(self) -> bool:
        """Whether windows stand in the calendar, and do not count from the last rotation."""
        return isinstance(self.schedule, Cron)

    def window_after(self, moment: datetime, former: Window | None = None) -> Window | None:
        """Give the next window after a rotation at this moment; None: no schedule.

        `rate()` in hours goes on from the opening of a former window of the same rules, or else from the moment's
        midnight (unconfirmed in the reference: the guide says only that windows start at midnight).
        """
        schedule = self.schedule
        if schedule is None:
            return None
        if isinstance(schedule, Cron):
            opens = schedule.opening_after(moment)
        elif schedule < _DAY:
            opens = _next_multiple(schedule, moment, _midnight(moment) if former is None else former.opens)
        else:
            opens = _midnight(moment) + schedule
        return self._opening(opens, schedule)

    def window_following(self, moment: datetime, planned: Window) -> Window | None:
        """Give the first window that opens after this moment, `planned` or one of those that go on from it.

        Days count from the last rotation, and not from this moment, at which none succeeded (D.2).
        """
        schedule = self.schedule
        if planned.opens > moment or schedule is None:
            return planned
        if isinstance(schedule, Cron):
            return self._opening(schedule.opening_after(moment), schedule)
        return self._opening(_next_multiple(schedule, moment, planned.opens), schedule)

    def _opening(self, opens: datetime, schedule: Schedule) -> Window:
        return Window(opens, min(opens + self._length(schedule), _midnight(opens) + _DAY))

    def shown_days(self, first: Window) -> int | None:
        """`AutomaticallyAfterDays` as shown to callers: days from this window to the next, rounded down, at least 1."""
        second = self.window_after(first.last_second, first)
        return None if second is None else max(1, (second.opens - first.opens).days)

    def _length(self, schedule: Schedule) -> timedelta:
        """Give a window's length, but for the end of the UTC day, which always closes it."""
        if self.duration_hours is not None:
            return timedelta(hours=self.duration_hours)
        return _DAY if _spacing(schedule) is None else timedelta(hours=1)


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time(), UTC)


def _next_multiple(every: timedelta, moment: datetime, start: datetime) -> datetime:
    return start + every * ((moment - start) // every + 1)


def _spacing(schedule: Schedule | None) -> timedelta | None:
    """Give the least time between two windows of a schedule in hours; None: it is one in days, or none."""
    if isinstance(schedule, Cron):
        return None if schedule.spacing is None else timedelta(hours=schedule.spacing)
    return schedule if schedule is not None and schedule < _DAY else None


def _parsed(expression: str) -> Schedule:
    match = _RATE.fullmatch(expression)
    if match is None:
        return cron.parsed(expression)
    count, unit = int(match[1]), match[2]
    if unit.startswith("hour"):
        if not _MIN_HOURS <= count <= _MAX_HOURS:
            raise BadParameter("Rate in hour should be least 4 and less than 24.")  # AWS: sic
        return timedelta(hours=count)
    if not 1 <= count <= _MAX_DAYS:
        raise BadParameter("Rate in day should be greater than 0 and less than 1000.")
    return timedelta(days=count)
