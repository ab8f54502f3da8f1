"""Whole rotations on the servers that are played: the contract suite, and a process killed at every statement."""

from collections.abc import Callable

import pytest

import contract.test_rotations as promises
from contract.test_rotations import Story
from functions.fuse import Fuse, Killed
from functions.stories import STEPS
from scripted.server import ScriptedServer
from scripted.table import ROWS
from scripted.target import ScriptedTarget

globals().update({name: found for name, found in vars(promises).items() if name.startswith("test_")})


@pytest.fixture(params=ROWS, ids=[f"{row}:{name.removeprefix('detent-')}" for row, name in ROWS])
def story(request: pytest.FixtureRequest, scripted: Callable[[str], ScriptedTarget]) -> Story:
    row, name = request.param
    return Story(scripted(row), name)


def test_a_process_killed_before_or_after_any_statement_or_login_is_healed_by_the_same_steps_again(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    length, burnt_out = 0, False
    story.rotate()
    while not burnt_out:
        length += 1
        token = story.client.start_rotation(story.arn)
        fuse, done = Fuse(length), 0
        with monkeypatch.context() as patched:
            for method in ("run", "login"):
                patched.setattr(ScriptedServer, method, fuse.burning(getattr(ScriptedServer, method)))
            try:
                for step in STEPS:
                    story.step(step, token)
                    done += 1
                burnt_out = True
            except Killed:
                pass
        assert story.alive("AWSCURRENT") or not story.overlaps
        for step in STEPS[done:]:
            story.step(step, token)
        assert story.version("AWSCURRENT") == token
        assert story.alive("AWSCURRENT")
        assert story.alive("AWSPREVIOUS") is story.overlaps
    assert length > 6
