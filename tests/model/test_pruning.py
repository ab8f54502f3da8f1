"""Which versions go: C.5 of the API reference, and what a target may know of (architecture, 4)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detent.model.pruning import YOUNG, Pruning, pruning
from detent.model.secret import CURRENT, PREVIOUS, StagingLabel, Version, VersionId

NOW = datetime(2026, 3, 10, tzinfo=UTC)


def aged(ages: dict[str, timedelta]) -> list[Version]:
    """Give versions of these ages, oldest first, as the store lists them."""
    made = [Version(VersionId(name), NOW - age, "root") for name, age in ages.items()]
    return sorted(made, key=lambda version: (version.created, version.id))


def days(**ages: float) -> list[Version]:
    return aged({name: timedelta(days=age) for name, age in ages.items()})


LABELS = {CURRENT: VersionId("c"), PREVIOUS: VersionId("p")}
CASES = [  # versions, those a target may know, quota, what goes, how many are too many still
    (days(a=9, b=8, p=2, c=1), set(), 4, (), 0),
    (days(a=9, b=8, p=2, c=1), set(), 3, ("a",), 0),
    (days(a=9, b=8, p=2, c=1), set(), 2, ("a", "b"), 0),
    (days(p=9, c=8, a=2, b=1), set(), 2, ("a", "b"), 0),
    (days(a=9, b=8, p=2, c=1), {"a"}, 3, (), 0),
    (days(a=9, b=8, p=2, c=1), {"a"}, 2, ("b",), 0),
    (days(a=9, b=8, p=2, c=1), {"a", "b"}, 2, (), 0),
    (days(a=9, b=8, p=2, c=1), {"c"}, 3, ("a",), 0),
    (days(a=1, b=0.99, p=0, c=0), set(), 2, ("a",), 1),
    (days(a=0.5, b=0.5, p=0, c=0), set(), 2, (), 2),
    (days(c=1), set(), 3, (), 0),
    ([], set(), 3, (), 0),
]


@pytest.mark.parametrize(("versions", "acted", "limit", "going", "excess"), CASES)
def test_the_oldest_that_may_go_and_are_too_many_go(versions, acted, limit: int, going, excess: int) -> None:
    assert pruning(versions, LABELS, acted, NOW, limit) == Pruning(going, excess)


names = st.sampled_from("abcdefgh")


@given(
    st.dictionaries(names, st.integers(min_value=0, max_value=72).map(lambda hours: timedelta(hours=hours))),
    st.dictionaries(st.sampled_from([CURRENT, PREVIOUS, StagingLabel("mine")]), names),
    st.sets(names),
    st.integers(min_value=0, max_value=8),
)
def test_what_may_not_go_stays_and_what_may_goes_oldest_first_until_the_quota_holds(ages, labels, acted, limit) -> None:
    versions = aged(ages)
    found = pruning(versions, labels, acted, NOW, limit)
    left = [version.id for version in versions if version.id not in found.going]
    held = set(labels.values())
    free = [one.id for one in versions if one.id not in held | acted and ages[one.id] >= YOUNG]
    assert list(found.going) == free[: len(found.going)]
    counted = len([version for version in left if version in held or version not in acted])
    if found.excess:
        assert list(found.going) == free
        assert counted == limit + found.excess
    else:
        assert counted == limit if found.going else counted <= limit
