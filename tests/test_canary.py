import base64
import logging
from pathlib import Path

import pytest

from servers.canary import Canary


@pytest.mark.parametrize("wrap", [str, lambda text: base64.b64encode(f'{{"p":"{text}"}}'.encode()).decode(), repr])
def test_a_value_in_the_clear_is_seen_in_texts_and_files(tmp_path: Path, wrap) -> None:
    canary = Canary()
    canary.texts.append(f"before {wrap(canary.value('-x'))} after")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "store").write_bytes(b"\x00" + wrap(canary.value()).encode())
    canary.folders.append(tmp_path)
    assert len(canary.sightings()) >= 2


def test_a_watched_value_is_seen_and_nothing_else() -> None:
    canary = Canary()
    canary.watch("generated-password")
    canary.texts += ["nothing here", "generated-passwor"]
    assert canary.sightings() == []
    canary.texts.append("a generated-password!")
    assert len(canary.sightings()) == 1


def test_what_our_loggers_say_at_any_level_is_what_the_fixture_searches(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("detent.test").debug("a line")
    assert [record.getMessage() for record in caplog.get_records("call")] == ["a line"]
