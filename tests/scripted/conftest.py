import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from scripted.spoken import SPOKEN
from scripted.spoken_target import SpokenTarget
from scripted.table import SCRIPTED
from scripted.target import ScriptedTarget
from servers.certificates import Certificates


@pytest.fixture
def scripted() -> Iterator[Callable[[str], ScriptedTarget]]:
    """Give the played server of a row, for one test; a statement that is not in its script fails the test."""
    targets: list[ScriptedTarget] = []

    def start(row: str) -> ScriptedTarget:
        targets.append(SCRIPTED[row](running))
        return targets[-1]

    with ExitStack() as running:
        yield cache(start)
    _await_logins_given_up()
    assert [surprise for target in targets for surprise in target.server.surprises] == []


@pytest.fixture(scope="session")
def spoken_started(certificates: Certificates) -> Iterator[Callable[[str], SpokenTarget]]:
    with ExitStack() as running:
        yield cache(lambda row: SPOKEN[row](running, certificates))


@pytest.fixture
def spoken_of(spoken_started: Callable[[str], SpokenTarget]) -> Iterator[Callable[[str], SpokenTarget]]:
    """Give a server that is played at the other end of the wire; what its script does not know fails the test."""
    asked: list[SpokenTarget] = []

    def found(row: str) -> SpokenTarget:
        asked.append(spoken_started(row))
        return asked[-1]

    yield found
    surprises = [target.surprises[:] for target in asked if target.surprises]
    for target in asked:
        target.surprises.clear()
    assert surprises == []


def _await_logins_given_up() -> None:
    """Let oracledb's socket be found, unclosed, now and not in another test."""
    left = [thread for thread in threading.enumerate() if thread.name == "oracle-login"]
    for thread in left:
        thread.join(5)
    if left:
        gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Drivers do what Python warns of: old ways to make a context of TLS, sockets that are not closed."""
    for item in items:
        if item.path.parent.name == "scripted":
            item.add_marker(pytest.mark.filterwarnings("ignore:ssl.:DeprecationWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))
