from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detent.model.errors import BadParameter
from detent.model.secret import CURRENT, PENDING, PREVIOUS, Secret, SecretKey, StagingLabel, VersionId

NOW = datetime(2026, 3, 10, tzinfo=UTC)
MINE = StagingLabel("mine")
A, B, C = VersionId("a"), VersionId("b"), VersionId("c")


def secret(**labels: str) -> Secret:
    names = {"current": CURRENT, "pending": PENDING, "previous": PREVIOUS, "mine": MINE}
    held = {names[name]: VersionId(version) for name, version in labels.items()}
    return Secret(SecretKey(1), "0" * 12, "us-east-1", "s", "arn:s", NOW, NOW, labels=held)


WRITES = [  # labels before, stages asked for, labels after writing version b (C.6)
    ({}, None, {"current": "b"}),
    ({}, [MINE], {"current": "b", "mine": "b"}),
    ({"current": "a"}, None, {"current": "b", "previous": "a"}),
    ({"current": "a", "previous": "c"}, None, {"current": "b", "previous": "a"}),
    ({"current": "a", "pending": "c"}, None, {"current": "b", "previous": "a"}),
    ({"current": "a", "pending": "a"}, None, {"current": "b", "previous": "a"}),
    ({"current": "a", "mine": "a"}, None, {"current": "b", "previous": "a", "mine": "a"}),
    ({"current": "a"}, [PENDING], {"current": "a", "pending": "b"}),
    ({"current": "a", "pending": "a"}, [PENDING], {"current": "a", "pending": "b"}),
    ({"current": "a"}, [CURRENT, MINE], {"current": "b", "previous": "a", "mine": "b"}),
    ({"current": "a", "mine": "a"}, [MINE], {"current": "a", "mine": "b"}),
    ({"current": "a", "pending": "b"}, [PENDING], {"current": "a", "pending": "b"}),
    ({"pending": "b"}, [PENDING], {"pending": "b"}),  # a rotation of a secret that never had a value
    ({"pending": "c"}, [MINE], {"current": "b", "mine": "b"}),
]


@pytest.mark.parametrize(("before", "stages", "after"), WRITES)
def test_a_written_version_takes_its_labels(before, stages, after) -> None:
    assert secret(**before).version_written(B, stages, NOW).labels == secret(**after).labels


MOVES = [  # labels before, label, to, from, labels after
    ({"current": "a"}, CURRENT, B, A, {"current": "b", "previous": "a"}),
    (
        {"current": "a", "pending": "b", "previous": "c"},
        CURRENT,
        B,
        A,
        {"current": "b", "pending": "b", "previous": "a"},
    ),
    ({"current": "b", "previous": "a"}, CURRENT, A, B, {"current": "a", "previous": "b"}),
    ({"pending": "b"}, CURRENT, B, None, {"current": "b", "pending": "b"}),
    ({"current": "a"}, CURRENT, A, None, {"current": "a"}),
    ({"current": "a"}, MINE, B, None, {"current": "a", "mine": "b"}),
    ({"current": "a", "mine": "a"}, MINE, B, A, {"current": "a", "mine": "b"}),
    ({"current": "a", "mine": "a"}, MINE, None, A, {"current": "a"}),
    ({"current": "a", "previous": "b"}, PREVIOUS, None, B, {"current": "a"}),
]


@pytest.mark.parametrize(("before", "label", "to", "source", "after"), MOVES)
def test_a_label_moves(before, label, to, source, after) -> None:
    assert secret(**before).label_moved(label, to, source, NOW).labels == secret(**after).labels


REFUSED = [
    ({"current": "a"}, CURRENT, None, A, "can only move staging label AWSCURRENT"),
    ({"current": "a"}, CURRENT, B, None, "must explicitly reference that version in RemoveFromVersionId"),
    ({"current": "a"}, CURRENT, B, C, "it must be set to the version that currently has the staging label"),
    ({"current": "a"}, MINE, B, A, "it must be set to the version that currently has the staging label"),
    ({"current": "a"}, MINE, None, A, "Version stage mine not found in version a"),
    ({"current": "a"}, MINE, None, None, "MoveToVersionId, RemoveFromVersionId, or both"),
]


@pytest.mark.parametrize(("before", "label", "to", "source", "message"), REFUSED)
def test_a_move_that_does_not_fit_is_refused(before, label, to, source, message) -> None:
    with pytest.raises(BadParameter, match=message):
        secret(**before).label_moved(label, to, source, NOW)


versions = st.sampled_from([A, B, C, VersionId("d")])
stages = st.none() | st.lists(st.sampled_from([CURRENT, PENDING, PREVIOUS, MINE]), min_size=1, max_size=3)
work = st.lists(
    st.tuples(st.just("write"), versions, stages)
    | st.tuples(st.just("move"), st.sampled_from([CURRENT, PENDING, MINE]), versions, st.none() | versions)
    | st.tuples(st.just("rotate"), versions),
    max_size=12,
)


@given(work)
def test_once_there_is_a_current_version_there_always_is_and_it_never_loses_to_nothing(jobs) -> None:
    now = secret()
    for kind, *asked in jobs:
        before = now
        try:
            if kind == "write":
                now = now.version_written(asked[0], asked[1], NOW)
            elif kind == "move":
                now = now.label_moved(*asked, NOW)
            else:
                now = now.rotation_started(asked[0], NOW)
        except BadParameter:
            continue
        if CURRENT in before.labels:
            assert CURRENT in now.labels
            if now.labels[CURRENT] != before.labels[CURRENT]:
                assert now.labels.get(PREVIOUS) in {before.labels[CURRENT], now.labels[CURRENT]}
        assert before.labels is not now.labels or before == now


def test_a_pending_label_on_the_current_version_is_no_incomplete_rotation() -> None:
    assert secret(current="a", pending="a").pending_elsewhere is None
    assert secret(current="a", pending="b").pending_elsewhere == B
    assert secret(pending="b").pending_elsewhere == B
    assert secret().pending_elsewhere is None
