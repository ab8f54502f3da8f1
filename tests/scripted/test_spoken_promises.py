"""What every engine promises, TLS too, on the servers that are played at the other end of the wire."""

from collections.abc import Callable
from contextlib import closing

import pytest

import contract.test_engines as promises
from contract.test_engines import HOSTILE, OLD, able, admin_of, engine, plenty, tls, value, with_password  # noqa: F401
from detent.functions.abilities import OwnPassword
from detent.functions.errors import PasswordRefused
from detent.functions.passwords import Password
from scripted.spoken import SPOKEN
from scripted.spoken_target import SpokenTarget

OF_LIVE_SERVERS = {
    "test_the_live_server_is_among_those_that_the_engine_says_it_ran_against",
    "test_an_engine_without_a_live_server_says_so",
}
globals().update(
    {name: found for name, found in vars(promises).items() if name.startswith("test_") and name not in OF_LIVE_SERVERS}
)


@pytest.fixture(params=SPOKEN)
def target(request: pytest.FixtureRequest, spoken_of: Callable[[str], SpokenTarget]) -> SpokenTarget:
    return spoken_of(request.param)


@pytest.mark.parametrize("odd", HOSTILE)
def test_any_password_can_be_set_and_logs_in(target: SpokenTarget, odd: str) -> None:
    able(target.module, OwnPassword)
    if target.takes_password(odd):
        promises.test_any_password_can_be_set_and_logs_in(target, target.module, odd)
        return
    user = with_password(target)
    target.let_change_itself(user)
    with closing(target.module.connect(target.login(user, OLD), plenty)) as session, pytest.raises(PasswordRefused):
        session.change_own_password(Password(odd))
    assert target.logs_in(user, OLD)


def test_a_second_password_is_added_and_the_first_retired_each_repeatably(target: SpokenTarget) -> None:
    if not target.tells_passwords:
        pytest.skip("it wants to be told first which are to stay: tests/scripted/test_elasticache.py")
    promises.test_a_second_password_is_added_and_the_first_retired_each_repeatably(target, target.module)
