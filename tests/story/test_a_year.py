"""A year of 200 secrets in four worlds, in which everything goes wrong that can; the seed stands in the test's name."""

from collections.abc import Callable
from random import Random
from uuid import UUID

import pytest

from detent.model.secret import CURRENT
from detent.service import secrets
from servers.troubles import POINTS, TROUBLES
from servers.years import Year


@pytest.fixture
def year(make_world, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], Year]:
    def make(seed: int, size: int) -> Year:
        ids = Random(seed)
        monkeypatch.setattr("detent.rotation.runner.uuid4", lambda: UUID(int=ids.getrandbits(128), version=4))
        return Year(make_world(durable=False), seed, size)

    return make


@pytest.mark.parametrize("seed", [7, 8, 9, 10])
def test_a_year_with_outages_crashes_lost_answers_and_clock_jumps_keeps_every_credential_working(
    year, seed: int
) -> None:
    lived = year(seed, 50)
    lived.live(days=365)
    for name in lived.names:
        assert lived.world.logs_in(name), name
        secret = lived.world.ask(secrets.describe_secret, secret_id=name).secret
        assert secret.labels[CURRENT]
        assert secret.rotation.rotated is not None
    assert all(lived.happened[what] > 3 for what in (*TROUBLES, "stalled", "overtaken", "beside", "death"))
    assert len(lived.died) > len(POINTS) // 2


def test_the_same_seed_has_the_same_year(year) -> None:
    lived = []
    for _ in range(2):  # one after the other: a world's database is the only one of its time
        one = year(3, 12)
        one.live(days=90)
        lived.append((one.world.clock.moment, one.happened))
    assert lived[0] == lived[1]
