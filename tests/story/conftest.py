from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from servers.canary import Canary
from servers.world import World


@pytest.fixture
def make_world(tmp_path: Path, canary: Canary, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []
    canary.folders.append(tmp_path)

    def make(*, durable: bool = True) -> World:
        folder = tmp_path / f"world-{len(worlds)}"
        worlds.append(World(folder, canary.value("-first"), monkeypatch, durable=durable))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
