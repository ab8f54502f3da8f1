from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detent.model.errors import BadParameter
from detent.model.schedule import RotationRules, Window

moments = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it
rules = st.one_of(
    st.builds(RotationRules, after_days=st.integers(1, 1000)),
    st.builds(lambda n: RotationRules(expression=f"rate({n} days)"), st.integers(1, 999)),
    st.builds(lambda n: RotationRules(expression=f"rate({n} hours)"), st.integers(4, 23)),
)

SAMPLES = [  # the reference's real samples (D.2)
    (datetime(2026, 1, 22, 6, 42, 22, tzinfo=UTC), datetime(2026, 2, 21, 23, 59, 59, tzinfo=UTC)),
    (datetime(2024, 2, 22, 7, 16, 15, tzinfo=UTC), datetime(2024, 3, 23, 23, 59, 59, tzinfo=UTC)),
]


@pytest.mark.parametrize(("rotated", "shown"), SAMPLES)
def test_the_next_date_is_the_last_second_of_the_due_day(rotated: datetime, shown: datetime) -> None:
    window = RotationRules(after_days=30).window_after(rotated)
    assert window is not None
    assert window.last_second == shown


@given(rules, moments)
def test_the_next_window_always_lies_ahead_and_opens_on_the_hour(rule: RotationRules, moment: datetime) -> None:
    window = rule.window_after(moment)
    assert window is not None
    assert window.opens > moment or window.opens.date() > moment.date()
    assert (window.opens.minute, window.opens.second, window.opens.microsecond) == (0, 0, 0)
    assert window.closes > window.opens


@given(rules, moments)
def test_windows_never_overlap(rule: RotationRules, moment: datetime) -> None:
    first = rule.window_after(moment)
    assert first is not None
    second = rule.window_after(first.last_second)
    assert second is not None
    assert second.opens >= first.closes


def test_a_duration_sets_the_windows_length() -> None:
    window = RotationRules(after_days=1, duration_hours=3).window_after(datetime(2026, 12, 31, 9, tzinfo=UTC))
    assert window == Window(datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, 3, tzinfo=UTC))


def test_hours_count_from_midnight_of_the_last_rotations_day() -> None:
    rule = RotationRules(expression="rate(10 hours)")
    window = rule.window_after(datetime(2026, 3, 10, 20, 30, tzinfo=UTC))
    assert window == Window(datetime(2026, 3, 11, 6, tzinfo=UTC), datetime(2026, 3, 11, 7, tzinfo=UTC))


SHOWN = [("rate(10 hours)", 1), ("rate(1 day)", 1), ("rate(14 days)", 14), ("rate(999 days)", 999)]


@pytest.mark.parametrize(("expression", "days"), SHOWN)
def test_days_are_derived_from_an_expression(expression: str, days: int) -> None:
    assert RotationRules(expression=expression).shown_days == days


REFUSED = [
    ({"expression": "rate(3 hours)"}, "Rate in hour should be least 4 and less than 24."),
    ({"expression": "rate(24 hours)"}, "Rate in hour should be least 4 and less than 24."),
    ({"expression": "rate(0 days)"}, "Rate in day should be greater than 0 and less than 1000."),
    ({"expression": "rate(1000 days)"}, "Rate in day should be greater than 0 and less than 1000."),
    ({"expression": "rate(5 minutes)"}, "Invalid schedule expression."),
    ({"expression": "rate(5  days)"}, "Invalid schedule expression."),
    ({"expression": "rate(-5 days)"}, "Invalid schedule expression."),
    ({"expression": "every day"}, "Invalid schedule expression."),
    ({"expression": "rate(5 days)\n"}, "Invalid schedule expression."),
    ({"expression": "cron(0 8 * * ? *)"}, "cron() schedules are not supported by this server yet"),
    ({"after_days": 3, "duration_hours": 25}, "Duration must be at least 1 hour, at most 24 hour."),
    ({"after_days": 3, "duration_hours": 0}, "Duration must be at least 1 hour, at most 24 hour."),
    ({"expression": "rate(5 hours)", "duration_hours": 6}, "Duration cannot be greater than Rate in hour."),
    (
        {"expression": "rate(5 days)", "after_days": 5},
        "You cannot specify both rotation frequency and schedule expression together.",
    ),
]


@pytest.mark.parametrize(("members", "message"), REFUSED)
def test_rules_that_are_none_are_refused(members, message: str) -> None:
    with pytest.raises(BadParameter) as refusal:
        RotationRules(**members)
    assert str(refusal.value).startswith(message)


def test_without_a_schedule_there_is_no_window() -> None:
    assert RotationRules(duration_hours=2).window_after(datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert RotationRules().every is None
    assert timedelta(days=2) == RotationRules(after_days=2).every
