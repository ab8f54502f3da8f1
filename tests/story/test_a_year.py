"""A year of 200 secrets, in which everything goes wrong that can; the seed stands in the test's name."""

import pytest

from detent.model.secret import CURRENT
from detent.service import secrets
from servers.years import Year


@pytest.mark.parametrize("seed", [7])
def test_a_year_with_outages_crashes_lost_answers_and_clock_jumps_keeps_every_credential_working(
    make_world, seed: int
) -> None:
    year = Year(make_world(), seed, size=200)
    year.live(days=365)
    for name in year.names:
        assert year.logs_in(name), name
        secret = year.world.ask(secrets.describe_secret, secret_id=name).secret
        assert secret.labels[CURRENT]
        assert secret.rotation.rotated is not None
    happened = year.happened
    assert min(happened.outages, happened.deaths, happened.lost, happened.stalls, happened.jumps) > 3
    assert happened.probes_failed > 3


def test_the_same_seed_has_the_same_year(make_world) -> None:
    def lived() -> tuple[object, ...]:
        year = Year(make_world(), 3, size=10)
        year.live(days=60)
        happened = year.happened
        return year.world.clock.moment.date(), happened.outages, happened.lost

    assert lived() == lived()
