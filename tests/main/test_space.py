import logging
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from detent.main.space import Space


class Usage(NamedTuple):
    free: int


def test_a_disk_that_runs_full_is_told_once_until_it_has_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    space = Space(tmp_path, 100)
    for free in (200, 99, 50, 300, 10):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(free * 1_000_000))
        space.look()
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [text.partition(" MB")[0] for text in told] == ["99", "10"]
    assert str(tmp_path) in told[0]


def test_zero_never_warns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0))
    Space(tmp_path, 0).look()
    assert caplog.records == []


def test_the_real_disk_is_measured(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Space(tmp_path, 10**12).look()
    assert len(caplog.records) == 1
