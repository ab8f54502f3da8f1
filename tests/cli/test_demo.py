"""`detent demo`: it proves what it says, shows no password, and leaves nothing behind, however it ends."""

import io
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from cli.command import detent, success, surroundings
from detent.cli import demonstration, throwaway
from detent.cli.connection import Server
from detent.cli.demonstration import Demo, demonstrate
from detent.cli.failure import CommandFailed
from detent.cli.throwaway import ThrowawayPostgres
from detent.cli.throwaway_detent import ThrowawayDetent
from servers.canary import Canary
from servers.postgres import postgres_binaries

REFUSED = 'refused; the server says: password authentication failed for user "app"'


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A temp folder of the demo's own; PostgreSQL's account must reach it too."""
    folder = Path(tempfile.mkdtemp(prefix="detent-demo-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def binaries() -> throwaway.PostgresBinaries:
    return postgres_binaries("wheel")


def left_over(folder: Path) -> list[str]:
    """Give the files in the folder, and the processes that work on it."""
    found = [str(file) for file in folder.iterdir()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        if str(folder).encode() in command:
            found.append(command.decode(errors="replace"))
    return found


@pytest.mark.usefixtures("binaries")
def test_the_demo_rotates_twice_and_proves_it(temporary: Path) -> None:
    said = success(detent("demo", env={"TMPDIR": str(temporary)}))
    lines = [" ".join(line.split()) for line in said.splitlines()]
    for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
        assert len([line for line in lines if re.fullmatch(rf"{step} succeeded [\d.]+ m?s", line)]) == 2
        assert len([line for line in lines if re.match(rf"{step} [\d.]+ m?s \w", line)]) == 1  # the table of durations
    assert lines.count(f"✓ the old password {REFUSED}") == 2
    assert lines.count('✓ the new password accepted; current_user is "app"') == 2
    assert lines.count(f"✓ the very first password {REFUSED}") == 1
    labels = [line for line in lines if re.match(r"[0-9a-f-]{36} ", line)]
    assert labels[0].endswith(" AWSCURRENT AWSPREVIOUS")
    assert labels[1].endswith(" (did not exist) AWSCURRENT, AWSPENDING")
    assert any(line.startswith("Every proof held, in ") for line in lines)
    assert 'eval "$(detent env)" # the AWS CLI and boto3 now talk to it' in lines
    assert left_over(temporary) == []


@pytest.mark.usefixtures("binaries")
def test_no_password_is_shown(monkeypatch: pytest.MonkeyPatch, canary: Canary) -> None:
    accepted = Demo._accepted
    seen = []

    def watched(demo: Demo, password: str) -> None:
        seen.append(canary.watch(password))
        accepted(demo, password)

    monkeypatch.setattr(Demo, "_accepted", watched)
    for terminal in (False, True):
        shown = io.StringIO()
        demonstrate(Console(file=shown, force_terminal=terminal, width=120))
        canary.texts.append(shown.getvalue())
        assert "Every proof held" in shown.getvalue()
    assert len(set(seen)) == 6  # each time the first, and one for each rotation


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at", ["PostgreSQL", "First rotation"])
@pytest.mark.usefixtures("binaries")
def test_a_demo_that_is_told_to_stop_leaves_nothing(temporary: Path, told: signal.Signals, at: str) -> None:
    env = surroundings(TMPDIR=str(temporary), PYTHONUNBUFFERED="1")
    command = [sys.executable, "-m", "detent.cli", "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while at not in process.stdout.readline():
            pass
        for _ in range(2):  # the second finds it ending its servers
            process.send_signal(told)
            time.sleep(0.05)
        process.stdout.read()
        said = process.stderr.read()
    assert (process.returncode, said) == (128 + told, "")
    assert left_over(temporary) == []


@pytest.mark.usefixtures("binaries")
def test_a_demo_that_is_told_to_stop_while_it_starts_leaves_nothing(temporary: Path) -> None:
    env = surroundings(TMPDIR=str(temporary))
    with subprocess.Popen([sys.executable, "-m", "detent.cli", "demo"], stdout=subprocess.PIPE, env=env) as process:
        while not list(temporary.glob("detent-postgres-*/*")):
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.read() == b""
    assert process.returncode == 130
    assert left_over(temporary) == []


def test_a_machine_without_postgresql_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throwaway, "find_postgres", list)
    with pytest.raises(CommandFailed, match="apt-get install postgresql"):
        demonstrate(Console(file=io.StringIO()))


def test_a_detent_that_does_not_start_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(ThrowawayDetent, "data", Path("/dev/null"))
    with pytest.raises(CommandFailed, match="did not start: detent: cannot use the data folder"), ThrowawayDetent():
        raise AssertionError
    assert left_over(temporary) == []


def test_a_proof_that_does_not_hold_ends_the_demo(binaries: throwaway.PostgresBinaries) -> None:
    shown = io.StringIO()
    with ThrowawayPostgres(binaries) as postgres:
        demo = Demo(Console(file=shown), postgres, Server("", None, None))
        password = demo._make_role()
        with pytest.raises(CommandFailed, match="the proof failed: the old password still logs in"):
            demo._refused(password, "the old password")
        with pytest.raises(CommandFailed, match="the proof failed: the server refuses the password that should work"):
            demo._accepted("another")
        with postgres.connect() as connection:
            connection.execute("ALTER ROLE app NOLOGIN")
        with pytest.raises(CommandFailed, match=r"was not refused as a password, but: role .* is not permitted"):
            demo._refused(password, "the old password")
    assert shown.getvalue() == ""


def test_a_new_version_that_is_not_current_ends_the_demo(binaries: throwaway.PostgresBinaries) -> None:
    read = {"VersionId": "old", "SecretString": '{"password": "old"}'}
    client = SimpleNamespace(get_secret_value=lambda **_: read)
    demo = Demo(Console(file=io.StringIO()), ThrowawayPostgres(binaries), Server("", client, None))
    for version, old in (("new", "older"), ("old", "old")):
        with pytest.raises(CommandFailed, match="the proof failed: the new version is not current"):
            demo._prove(old, {"VersionId": version})


def test_a_rotation_that_does_not_succeed_ends_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = {"State": "failed", "Reason": "no such role"}
    monkeypatch.setattr(demonstration, "follow", lambda *_: failed)
    demo = Demo(Console(file=io.StringIO()), ThrowawayPostgres(), Server("", None, None))
    with pytest.raises(CommandFailed, match="the rotation is failed: no such role"):
        demo._follow("version")
