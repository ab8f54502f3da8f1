"""When a rotation is due: rules and windows (API reference D.2). Pure: every moment is an aware UTC datetime."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from detent.model.errors import BadParameter

_RATE = re.compile(r"rate\((\d{1,9}) (hours?|days?)\)")
_MAX_DAYS = 999
_MIN_HOURS, _MAX_HOURS = 4, 23
_MAX_DURATION = 24


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
        if self.duration_hours is not None and not 1 <= self.duration_hours <= _MAX_DURATION:
            raise BadParameter("Duration must be at least 1 hour, at most 24 hour.")
        every = self.every
        if self._in_hours and self.duration_hours and timedelta(hours=self.duration_hours) > (every or timedelta.max):
            raise BadParameter("Duration cannot be greater than Rate in hour.")

    @property
    def every(self) -> timedelta | None:
        """The time from one rotation to the next; None: no schedule."""
        if self.after_days is not None:
            return timedelta(days=self.after_days)
        return None if self.expression is None else _rate(self.expression)

    @property
    def shown_days(self) -> int | None:
        """`AutomaticallyAfterDays` as shown to callers: derived from an expression, rounded down, at least 1."""
        every = self.every
        return None if every is None else max(1, every.days)

    def window_after(self, moment: datetime) -> Window | None:
        """Give the next window after a rotation at this moment; None: no schedule.

        Days count from the UTC date; hours from that date's midnight (unconfirmed in the reference: the guide says
        only that windows start at midnight).
        """
        every = self.every
        if every is None:
            return None
        midnight = datetime.combine(moment.date(), time(), UTC)
        opens = midnight + every * ((moment - midnight) // every + 1) if self._in_hours else midnight + every
        return Window(opens, opens + self._length)

    @property
    def _in_hours(self) -> bool:
        every = self.every
        return every is not None and every < timedelta(days=1)

    @property
    def _length(self) -> timedelta:
        if self.duration_hours is not None:
            return timedelta(hours=self.duration_hours)
        return timedelta(hours=1) if self._in_hours else timedelta(days=1)


def _rate(expression: str) -> timedelta:
    if expression.startswith("cron("):  # the grammar of D.2 is served by no rule here yet: refuse, never guess
        raise BadParameter(
            "cron() schedules are not supported by this server yet: use rate() or AutomaticallyAfterDays."
        )
    match = _RATE.fullmatch(expression)
    if match is None:
        raise BadParameter("Invalid schedule expression.")
    count, unit = int(match[1]), match[2]
    if unit.startswith("hour"):
        if not _MIN_HOURS <= count <= _MAX_HOURS:
            raise BadParameter("Rate in hour should be least 4 and less than 24.")  # AWS: sic
        return timedelta(hours=count)
    if not 1 <= count <= _MAX_DAYS:
        raise BadParameter("Rate in day should be greater than 0 and less than 1000.")
    return timedelta(days=count)
