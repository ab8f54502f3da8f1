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
    assert [surprise for target in targets for surprise in target.server.surprises] == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Drivers warn of what they do themselves; redshift-connector makes a context of TLS in a way of old."""
    for item in items:
        if item.path.parent.name == "scripted":
            item.add_marker(pytest.mark.filterwarnings("ignore:ssl.:DeprecationWarning"))
