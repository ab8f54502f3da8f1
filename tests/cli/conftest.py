from pathlib import Path

import pytest

from cli.folders import copied, make_used


@pytest.fixture(scope="session")
def used_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_used(tmp_path_factory.mktemp("used") / "data")


@pytest.fixture
def data(used_once: Path, tmp_path: Path) -> Path:
    """A data folder of its own, whose server was stopped."""
    return copied(used_once, tmp_path)
