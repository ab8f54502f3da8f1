import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from scripted.table import SCRIPTED
from scripted.target import ScriptedTarget


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
