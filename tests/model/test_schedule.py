import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from detent.model.errors import BadParameter
from detent.model.schedule import RotationRules, Window

moments = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it
edges = st.sampled_from(  # leap days and year ends, to the microsecond
    [
        datetime(year, month, day, tzinfo=UTC) + shift
        for year, month, day in [(2024, 2, 28), (2024, 2, 29), (2024, 3, 1), (2027, 3, 1), (2100, 3, 1), (2028, 1, 1)]
        for shift in (timedelta(0), timedelta(microseconds=-1), timedelta(hours=23, minutes=59, seconds=59))
    ]
)
days_of_month = st.sampled_from(["*", "1", "29", "31", "L", "1,15", "10-12", "*/10", "SUNL", "29,30,31"])
days_of_week = st.sampled_from(["*", "1", "SAT", "L", "MON-FRI", "2#1", "TUE#5", "6L", "MON#1,MON#3", "2/2"])
months = st.sampled_from(["*", "2", "FEB,MAR", "12", "1/3", "6-8", "JAN,DEC"])
hours = st.sampled_from(["0", "5", "12", "23", "/8", "2/10", "0/4", "0/23", "20/8", "3,9,23", "1,5"])
expressions = st.one_of(
    st.builds("rate({} days)".format, st.integers(1, 999)),
    st.builds("rate({} hours)".format, st.integers(4, 23)),
    st.builds("cron(0 {} {} {} ? *)".format, hours, days_of_month, months),
    st.builds("cron(0 {} ? {} {} *)".format, hours, months, days_of_week),
)


@st.composite
def ruled(draw: st.DrawFn) -> RotationRules:
    """Draw rules that are accepted, with or without a duration."""
    words = {"after_days": draw(st.integers(1, 1000))} if draw(st.booleans()) else {"expression": draw(expressions)}
    try:
        return RotationRules(**words, duration_hours=draw(st.none() | st.integers(1, 24)))
    except BadParameter:  # such as a window beyond the day's end, or 31 February
        reject()


rules = ruled()


def after(rule: RotationRules, moment: datetime, former: Window | None = None) -> Window:
    window = rule.window_after(moment, former)
    assert window is not None
    return window


SAMPLES = [  # the reference's real samples (D.2)
    (RotationRules(after_days=30), "2026-01-22 06:42:22.340", "2026-02-21 23:59:59"),
    (RotationRules(after_days=30), "2024-02-22 07:16:15.807", "2024-03-23 23:59:59"),
    (RotationRules(expression="cron(0 0 ? * 2 *)"), "2023-10-16 07:18:02.417", "2023-10-23 23:59:59"),
]


@pytest.mark.parametrize(("rule", "rotated", "shown"), SAMPLES)
def test_the_next_date_is_the_last_second_of_the_window(rule: RotationRules, rotated: str, shown: str) -> None:
    window = after(rule, datetime.fromisoformat(rotated).replace(tzinfo=UTC))
    assert window.last_second == datetime.fromisoformat(shown).replace(tzinfo=UTC)


@given(rules, moments | edges)
def test_the_next_window_always_lies_ahead_and_opens_on_the_hour(rule: RotationRules, moment: datetime) -> None:
    window = after(rule, moment)
    assert window.opens > moment
    assert (window.opens.minute, window.opens.second, window.opens.microsecond) == (0, 0, 0)


@given(rules, moments | edges)
def test_a_window_never_leaves_its_utc_day(rule: RotationRules, moment: datetime) -> None:
    window = after(rule, moment)
    assert timedelta(hours=1) <= window.closes - window.opens <= timedelta(days=1)
    assert window.opens.date() == window.last_second.date()


@given(rules, moments | edges, st.lists(st.floats(0, 0.999999), min_size=1, max_size=6))
def test_windows_never_overlap_whenever_in_them_the_rotations_are(
    rule: RotationRules, moment: datetime, shares: list[float]
) -> None:
    window = after(rule, moment)
    for share in shares:
        rotated = window.opens + (window.closes - window.opens) * share
        following = after(rule, rotated, window)
        assert following.opens >= window.closes > rotated
        assert following.last_second > window.last_second
        window = following


@given(rules, moments | edges, st.timedeltas(timedelta(0), timedelta(days=1)))
def test_a_later_rotation_never_makes_the_next_window_an_earlier_one(
    rule: RotationRules, moment: datetime, later: timedelta
) -> None:
    planned = after(rule, moment)
    assert after(rule, moment + later, planned).opens >= after(rule, moment, planned).opens


@given(rules, moments | edges, st.timedeltas(timedelta(0), timedelta(days=3000)))
def test_after_a_failure_the_windows_that_count_from_the_last_success_go_on(
    rule: RotationRules, rotated: datetime, later: timedelta
) -> None:
    planned, failed = after(rule, rotated), rotated + later
    window = rule.window_following(failed, planned)
    assert window is not None
    assert window.opens > failed
    assert window == planned or planned.opens <= failed
    schedule = rule.schedule
    if isinstance(schedule, timedelta):
        assert (window.opens - planned.opens) % schedule == timedelta(0)
        assert window == planned or window.opens - failed <= schedule
    else:
        assert window == after(rule, failed)


@given(st.integers(4, 23), st.none() | st.integers(1, 4), moments | edges)
def test_windows_in_hours_open_that_many_hours_apart_over_midnight_too(
    every: int, duration: int | None, moment: datetime
) -> None:
    rule = RotationRules(expression=f"rate({every} hours)", duration_hours=duration)
    window = after(rule, moment)
    for _ in range(20):
        following = after(rule, window.opens, window)
        assert following.opens - window.opens == timedelta(hours=every)
        window = following


def test_far_windows_are_found_as_fast_as_near_ones() -> None:
    for expression in ("cron(0 0 29 2 ? *)", "cron(0 0 ? 2 MON#5 *)", "cron(0 0/4 * * ? *)", "rate(4 hours)"):
        rule, window, began = RotationRules(expression=expression), None, time.perf_counter()
        for _ in range(50):
            window = after(rule, window.opens if window else datetime(2030, 1, 31, 5, tzinfo=UTC), window)
        assert time.perf_counter() - began < 0.25


def test_a_duration_sets_the_windows_length() -> None:
    window = RotationRules(after_days=1, duration_hours=3).window_after(datetime(2026, 12, 31, 9, tzinfo=UTC))
    assert window == Window(datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, 3, tzinfo=UTC))


def test_a_window_of_hours_ends_with_its_day() -> None:
    window = after(RotationRules(expression="rate(10 hours)", duration_hours=10), datetime(2026, 3, 10, 12, tzinfo=UTC))
    assert window == Window(datetime(2026, 3, 10, 20, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))


LENGTHS = [
    ("cron(0 8 1 * ? *)", None, 16),
    ("cron(0 8 1 * ? *)", 3, 3),
    ("cron(0 0 1 * ? *)", 24, 24),
    ("cron(0 8/8 * * ? *)", None, 1),
    ("cron(0 8/8 * * ? *)", 8, 8),
    ("cron(0 20/8 * * ? *)", None, 1),
    ("cron(0 8,20 * * ? *)", None, 1),
    ("cron(0 8,20 * * ? *)", 4, 4),
    ("rate(1 day)", None, 24),
    ("rate(4 hours)", None, 1),
    ("rate(4 hours)", 4, 4),
]


@pytest.mark.parametrize(("expression", "duration", "length"), LENGTHS)
def test_a_window_is_as_long_as_its_kind_of_schedule_says(expression: str, duration: int | None, length: int) -> None:
    window = after(RotationRules(expression=expression, duration_hours=duration), datetime(2026, 3, 10, 1, tzinfo=UTC))
    assert window.closes - window.opens == timedelta(hours=length)


def test_hours_go_on_from_the_window_before() -> None:
    rule = RotationRules(expression="rate(10 hours)", duration_hours=10)
    former = Window(datetime(2026, 3, 11, 6, tzinfo=UTC), datetime(2026, 3, 11, 16, tzinfo=UTC))
    assert after(rule, datetime(2026, 3, 11, 6, 5, tzinfo=UTC), former).opens == former.closes
    assert after(rule, datetime(2026, 3, 9, 23, tzinfo=UTC), former).opens == datetime(2026, 3, 10, tzinfo=UTC)


def test_hours_count_from_midnight_of_the_last_rotations_day() -> None:
    rule = RotationRules(expression="rate(10 hours)")
    window = rule.window_after(datetime(2026, 3, 10, 20, 30, tzinfo=UTC))
    assert window == Window(datetime(2026, 3, 11, 6, tzinfo=UTC), datetime(2026, 3, 11, 7, tzinfo=UTC))


SHOWN = [
    ("rate(10 hours)", "2026-03-10", 1),
    ("rate(1 day)", "2026-03-10", 1),
    ("rate(14 days)", "2026-03-10", 14),
    ("rate(999 days)", "2026-03-10", 999),
    ("cron(0 8/8 * * ? *)", "2026-03-10", 1),
    ("cron(0 0 ? * 2 *)", "2026-03-10", 7),
    ("cron(0 16 1,15 * ? *)", "2026-03-31", 14),
    ("cron(0 17 L * ? *)", "2026-01-31", 28),
    ("cron(0 17 L * ? *)", "2026-02-01", 31),
    ("cron(0 0 29 2 ? *)", "2026-03-10", 1461),
]


@pytest.mark.parametrize(("expression", "since", "days"), SHOWN)
def test_days_are_derived_from_an_expression(expression: str, since: str, days: int) -> None:
    rule = RotationRules(expression=expression)
    assert rule.shown_days(after(rule, datetime.fromisoformat(since).replace(tzinfo=UTC))) == days


@given(st.integers(1, 1000), moments | edges, st.none() | st.integers(1, 24))
def test_days_are_shown_as_they_were_said(days: int, moment: datetime, duration: int | None) -> None:
    rule = RotationRules(after_days=days, duration_hours=duration)
    assert rule.shown_days(after(rule, moment)) == days


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
    ({"expression": "cron(0 8 * * * *)"}, "Invalid schedule expression."),
    ({"expression": "cron(0 8 30 2 ? *)"}, "Invalid schedule expression."),
    ({"expression": "rate(٣ days)"}, "Invalid schedule expression."),
    ({"after_days": 3, "duration_hours": 25}, "Duration must be at least 1 hour, at most 24 hour."),
    ({"after_days": 3, "duration_hours": 0}, "Duration must be at least 1 hour, at most 24 hour."),
    ({"expression": "rate(5 hours)", "duration_hours": 6}, "Duration cannot be greater than Rate in hour."),
    ({"expression": "cron(0 0/5 * * ? *)", "duration_hours": 6}, "Duration cannot be greater than Rate in hour."),
    ({"expression": "cron(0 3,9,23 * * ? *)", "duration_hours": 7}, "Duration cannot be greater than Rate in hour."),
    ({"expression": "cron(0 20/8 * * ? *)", "duration_hours": 9}, "Duration cannot be greater than Rate in hour."),
    ({"expression": "cron(0 8 * * ? *)", "duration_hours": 17}, "Starting hour and duration must be within a day."),
    ({"expression": "cron(0 0/5 * * ? *)", "duration_hours": 5}, "Starting hour and duration must be within a day."),
    (
        {"expression": "rate(5 days)", "after_days": 5},
        "You cannot specify both rotation frequency and schedule expression together.",
    ),
]


@pytest.mark.parametrize(("members", "message"), REFUSED)
def test_rules_that_are_none_are_refused(members, message: str) -> None:
    with pytest.raises(BadParameter) as refusal:
        RotationRules(**members)
    assert str(refusal.value) == message


def test_without_a_schedule_there_is_no_window() -> None:
    assert RotationRules(duration_hours=2).window_after(datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert RotationRules().schedule is None
    assert RotationRules(after_days=2).schedule == timedelta(days=2)
