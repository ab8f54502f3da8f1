"""AWS's cron dialect (D.2), and a slow reading of the same grammar that says the same."""

import calendar
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detent.model.cron import parsed
from detent.model.errors import BadParameter

DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday


def openings(fields: str, count: int, after: datetime = NEW_YEAR) -> list[str]:
    cron, found = parsed(f"cron({fields})"), [after]
    for _ in range(count):
        found.append(cron.opening_after(found[-1]))
    return [f"{moment:%m-%d %H}" for moment in found[1:]]


MEANT = [
    ("0 8/8 * * ? *", ["01-01 08", "01-01 16", "01-02 08"]),
    ("0 /8 * * ? *", ["01-01 08", "01-01 16", "01-02 00"]),
    ("0 */8 * * ? *", ["01-01 08", "01-01 16", "01-02 00"]),
    ("0 2/10 * * ? *", ["01-01 02", "01-01 12", "01-01 22", "01-02 02"]),
    ("0 3,9,23 * * ? *", ["01-01 03", "01-01 09", "01-01 23", "01-02 03"]),
    ("0 18 ? * SAT *", ["01-03 18", "01-10 18"]),
    ("0 18 ? * 7 *", ["01-03 18", "01-10 18"]),
    ("0 18 ? * L *", ["01-03 18", "01-10 18"]),
    ("0 18 ? * 1 *", ["01-04 18", "01-11 18"]),
    ("0 18 ? * mon-Wed *", ["01-05 18", "01-06 18", "01-07 18", "01-12 18"]),
    ("0 18 ? * 2/3 *", ["01-01 18", "01-05 18", "01-08 18"]),
    ("0 0 ? * * *", ["01-02 00", "01-03 00"]),
    ("0 17 L * ? *", ["01-31 17", "02-28 17", "03-31 17", "04-30 17"]),
    ("0 17 15,L * ? *", ["01-15 17", "01-31 17", "02-15 17"]),
    ("0 17 SUNL * ? *", ["01-25 17", "02-22 17", "03-29 17"]),
    ("0 17 sunl * ? *", ["01-25 17", "02-22 17", "03-29 17"]),
    ("0 17 ? * SUNL *", ["01-25 17", "02-22 17", "03-29 17"]),
    ("0 17 ? * 6L *", ["01-30 17", "02-27 17", "03-27 17"]),
    ("0 1 ? 1/3 SUN#1 *", ["01-04 01", "04-05 01", "07-05 01", "10-04 01", "01-03 01"]),
    ("0 0 ? * 2#1 *", ["01-05 00", "02-02 00", "03-02 00"]),
    ("0 0 ? * TUE#3 *", ["01-20 00", "02-17 00"]),
    ("0 0 ? * FRI#5 *", ["01-30 00", "05-29 00", "07-31 00"]),
    ("0 0 ? * MON#1,MON#3 *", ["01-05 00", "01-19 00", "02-02 00"]),
    ("0 16 1,15 * ? *", ["01-01 16", "01-15 16", "02-01 16"]),
    ("0 16 10/10 * ? *", ["01-10 16", "01-20 16", "01-30 16", "02-10 16"]),
    ("0 16 1-5/2 * ? *", ["01-01 16", "01-03 16", "01-05 16", "02-01 16"]),
    ("0 16 */15 * ? *", ["01-01 16", "01-16 16", "01-31 16", "02-01 16"]),
    ("0 16 31 * ? *", ["01-31 16", "03-31 16", "05-31 16"]),
    ("0 16 1 feb,JUL-8 ? *", ["02-01 16", "07-01 16", "08-01 16"]),
    ("0 0 31 12 ? *", ["12-31 00", "12-31 00"]),
]


@pytest.mark.parametrize(("fields", "expected"), MEANT)
def test_an_expression_means_these_moments(fields: str, expected: list[str]) -> None:
    assert openings(fields, len(expected)) == expected


LEAPS = [
    ("0 0 29 2 ? *", 2023, [2024, 2028, 2032]),
    ("0 0 29 FEB ? *", 2096, [2096, 2104]),  # 2100 is no leap year
    ("0 0 ? 2 MON#5 *", 2024, [2044, 2072, 2112]),  # a 29 February that is a Monday
]


@pytest.mark.parametrize(("fields", "year", "expected"), LEAPS)
def test_what_comes_in_leap_years_only_is_found_at_once(fields: str, year: int, expected: list[int]) -> None:
    cron, found, began = parsed(f"cron({fields})"), [datetime(year, 1, 1, tzinfo=UTC)], time.perf_counter()
    for _ in expected:
        found.append(cron.opening_after(found[-1]))
    assert [(moment.year, moment.month, moment.day) for moment in found[1:]] == [(year, 2, 29) for year in expected]
    assert time.perf_counter() - began < 0.1


REFUSED = [
    *("", "cron", "cron()", "cron(0 8 * * ?)", "cron(0 8 * * ? * *)", "cron(0 8 * * ? *", "CRON(0 8 * * ? *)"),
    *("cron(0  8 * * ? *)", "cron( 0 8 * * ? *)", "cron(0 8 * * ? *) ", "xcron(0 8 * * ? *)", "cron(0 8 * * ? *)\n"),
    *(f"cron({minute} 8 * * ? *)" for minute in ("1", "*", "0/30", "?", "00", "0,30", "x")),
    *(f"cron(0 {hour} * * ? *)" for hour in ("*", "?", "24", "-1", "8-16", "0/3", "22/3", "8/0", "0/24", "0,3", "x")),
    *(f"cron(0 {hour} * * ? *)" for hour in ("8,", ",8", "8/", "/", "8//8", "0/4,2", "L", "٨", "100")),
    *(f"cron(0 8 {day} * ? *)" for day in ("0", "32", "5-1", "1/0", "1/32", "W", "15W", "L-3", "FRI", "1L", "LL", "")),
    *(f"cron(0 8 {day} * ? *)" for day in ("?,1", "*,1", "1-", "-1", "1--2", "1-2-3", "MON#1")),
    *(f"cron(0 8 1 {month} ? *)" for month in ("0", "13", "JANUARY", "?", "L", "SUN", "FEB-JAN", "1/13", "")),
    *(f"cron(0 8 ? * {day} *)" for day in ("0", "8", "SUNDAY", "SUN#0", "SUN#6", "#1", "SUN#", "SUN#L", "JAN", "2#1L")),
    *(f"cron(0 8 ? * {day} *)" for day in ("SAT-SUN", "1/8", "?", "*L", "2#1/2", "MON-FRI#1", "8L", "")),
    *(f"cron(0 8 * * ? {year})" for year in ("2026", "2026-2030", "*/2", "?", "")),
    *("cron(0 8 * * * *)", "cron(0 8 1 * 2 *)", "cron(0 8 ? * ? *)"),  # exactly one is ?
    *("cron(0 8 30 2 ? *)", "cron(0 8 31 2,4,6,9,11 ? *)", "cron(0 8 30-31 FEB ? *)"),  # never
]


@pytest.mark.parametrize("expression", REFUSED)
def test_what_is_no_schedule_or_never_comes_is_refused(expression: str) -> None:
    began = time.perf_counter()
    with pytest.raises(BadParameter, match=r"^Invalid schedule expression\.$"):
        parsed(expression)
    assert time.perf_counter() - began < 0.1


def numbers(low: int, high: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[tuple[str, set[int]]]:
    """Write a field's plain items, and say which numbers they mean."""

    def word(number: int) -> st.SearchStrategy[str]:
        return st.sampled_from([str(number), *([names[number - low]] if names else [])])

    one = st.integers(low, high)
    single = one.flatmap(lambda n: word(n).map(lambda text: (text, {n})))
    spans = st.tuples(one, one).map(sorted).map(lambda pair: (f"{pair[0]}-{pair[1]}", {*range(pair[0], pair[1] + 1)}))
    steps = st.tuples(one, st.integers(1, high)).map(lambda pair: (f"{pair[0]}/{pair[1]}", {*range(pair[0], high + 1, pair[1])}))  # fmt: skip  # noqa: E501
    lists = st.lists(single | spans | steps, min_size=1, max_size=4).map(
        lambda items: (",".join(text for text, _ in items), set().union(*(meant for _, meant in items)))
    )
    return st.just(("*", {*range(low, high + 1)})) | lists


hours = st.tuples(st.integers(0, 23), st.integers(4, 23)).map(
    lambda pair: (f"{pair[0]}/{pair[1]}", {*range(pair[0], 24, pair[1])})
) | st.integers(0, 23).map(lambda hour: (str(hour), {hour}))
moments = st.datetimes(datetime(1999, 1, 1), datetime(2105, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it


def first(hours: set[int], months: set[int], after: datetime, meant) -> datetime | None:
    """Look at every day of two years; `meant` says of a day, its weekday (1 = Sunday) and its month's length."""
    midnight = after.replace(hour=0, minute=0, second=0, microsecond=0)
    for day in (midnight + timedelta(days=n) for n in range(731)):
        length = calendar.monthrange(day.year, day.month)[1]
        if day.month in months and meant(day.day, day.isoweekday() % 7 + 1, length):
            for hour in sorted(hours):
                if day.replace(hour=hour) > after:
                    return day.replace(hour=hour)
    return None


def agrees(fields: str, after: datetime, expected: datetime | None) -> None:
    if expected is None:
        try:
            found = parsed(f"cron({fields})").opening_after(after)
        except BadParameter:
            return
        assert found > after + timedelta(days=730)
    else:
        assert parsed(f"cron({fields})").opening_after(after) == expected


@given(hours, numbers(1, 31), numbers(1, 12, MONTHS), moments)
def test_days_of_the_month_are_those_that_looking_at_every_day_finds(hour, day, month, after: datetime) -> None:
    expected = first(hour[1], month[1], after, lambda number, _weekday, _length: number in day[1])
    agrees(f"0 {hour[0]} {day[0]} {month[0]} ? *", after, expected)


@given(hours, numbers(1, 7, DAYS), numbers(1, 12, MONTHS), moments)
def test_weekdays_are_those_that_looking_at_every_day_finds(hour, day, month, after: datetime) -> None:
    expected = first(hour[1], month[1], after, lambda _number, weekday, _length: weekday in day[1])
    agrees(f"0 {hour[0]} ? {month[0]} {day[0]} *", after, expected)


@given(hours, st.integers(1, 7), st.integers(1, 5), numbers(1, 12, MONTHS), moments)
def test_numbered_weekdays_are_those_that_looking_at_every_day_finds(hour, day: int, nth: int, month, after) -> None:
    def meant(number: int, weekday: int, _length: int) -> bool:
        return weekday == day and nth * 7 - 7 < number <= nth * 7

    agrees(f"0 {hour[0]} ? {month[0]} {day}#{nth} *", after, first(hour[1], month[1], after, meant))


@given(hours, st.integers(1, 7), numbers(1, 12, MONTHS), moments)
def test_last_weekdays_are_those_that_looking_at_every_day_finds(hour, day: int, month, after: datetime) -> None:
    def meant(number: int, weekday: int, length: int) -> bool:
        return weekday == day and number + 7 > length

    agrees(f"0 {hour[0]} ? {month[0]} {day}L *", after, first(hour[1], month[1], after, meant))
    agrees(f"0 {hour[0]} {DAYS[day - 1]}L {month[0]} ? *", after, first(hour[1], month[1], after, meant))
