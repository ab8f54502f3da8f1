"""What is printed is whole, also where nothing says how wide the output is."""

from datetime import UTC, datetime, timedelta

import pytest

from cli.command import detent, success
from detent.cli.screen import millis, until
from servers.detent import RunningDetent

FAR = {
    timedelta(seconds=10.4): "in 10 s",
    timedelta(seconds=119.4): "in 119 s",
    timedelta(minutes=5, seconds=5): "in 5 minutes",
    timedelta(hours=30, seconds=5): "in 30 hours",
    timedelta(days=3, seconds=5): "in 3 days",
    timedelta(seconds=-5): "in 0 s",
}


@pytest.mark.parametrize("far", FAR, ids=str)
def test_how_far_off_a_moment_is(far: timedelta) -> None:
    assert until(datetime.now(UTC) + far) == FAR[far]


def test_a_duration_has_three_figures() -> None:
    assert [millis({"DurationMillis": taken}) for taken in (0.25, 99.94, 123.4, 61234.5)] == [
        *("0.2 ms", "99.9 ms"),
        *("0.12 s", "61.23 s"),
    ]


def test_a_log_of_unknown_width_gets_long_lines(shared_detent: RunningDetent) -> None:
    client, name = shared_detent.client(), "n" * 120
    client.create_secret(Name=name)
    listed = success(detent("secrets", "--data", shared_detent.data, env={"COLUMNS": ""}))
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    assert name in listed.split(), listed
