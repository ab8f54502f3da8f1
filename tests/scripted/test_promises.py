"""What every engine promises, on the servers that are played: the contract suite but for TLS and live servers."""

from collections.abc import Callable

import pytest

import contract.test_engines as promises
from contract.test_engines import admin_of, engine, value  # noqa: F401 - fixtures
from detent.functions.engines import known_engines
from scripted.table import SCRIPTED
from scripted.target import ScriptedTarget

# no word of a script: who is live, and handshakes
OF_LIVE_SERVERS = {
    "test_the_live_server_is_among_those_that_the_engine_says_it_ran_against",
    "test_an_engine_without_a_live_server_says_so",
    "test_tls_is_verified_by_the_own_ca_and_refused_by_any_other",
    "test_a_server_that_takes_no_plaintext_says_so",
}
globals().update(
    {name: found for name, found in vars(promises).items() if name.startswith("test_") and name not in OF_LIVE_SERVERS}
)


@pytest.fixture(params=SCRIPTED)
def target(request: pytest.FixtureRequest, scripted: Callable[[str], ScriptedTarget]) -> ScriptedTarget:
    return scripted(request.param)


def test_tests_that_are_left_out_are_there() -> None:
    assert set(vars(promises)) > OF_LIVE_SERVERS


def test_what_is_played_is_an_engine() -> None:
    assert {row.partition("-")[0] for row in SCRIPTED} <= set(known_engines())
