"""The README's commands, run as they stand there, on a fresh home and a real PostgreSQL."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg import sql

from cli.command import surroundings
from detent.cli.throwaway import WHEEL, ThrowawayPostgres
from servers.canary import Canary
from servers.detent import READY, START_SECONDS
from servers.postgres import postgres_binaries

ROOT = Path(__file__).parent.parent.parent
BLOCK = re.compile(r"^```(?:sh|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ACTIVATE = ". .venv/bin/activate"  # the tests' own environment is in its place


def blocks() -> list[str]:
    text = (ROOT / "README.md").read_text()
    return ["\n".join(line for line in block.splitlines() if ACTIVATE not in line) for block in BLOCK.findall(text)]


@contextmanager
def served(command: str, environment: dict[str, str], home: Path) -> Iterator[None]:
    with (home / "out").open("wb") as out:
        server = subprocess.Popen(["bash", "-c", f"exec {command}"], stdout=out, stderr=out, env=environment)
    try:
        deadline = time.monotonic() + START_SECONDS
        while READY not in (home / "out").read_text():
            assert server.poll() is None, (home / "out").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=90) == 0


def test_the_readme_does_what_it_says(tmp_path: Path, canary: Canary) -> None:
    make, serve, connect, store, rotate = blocks()
    assert [line.split()[:2] for line in make.splitlines()] == [["make", "demo"], ["make", "test"]]
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = surroundings(HOME=str(tmp_path), PATH=programs, DETENT_PORT="0", NO_PROXY="127.0.0.1")
    canary.folders.append(tmp_path / ".detent")
    with ThrowawayPostgres(postgres_binaries(WHEEL)) as postgres, served(serve, environment, tmp_path):
        with postgres.connect() as connection:
            connection.execute(sql.SQL("CREATE ROLE app LOGIN PASSWORD {}").format(canary.value()))
            connection.execute("CREATE DATABASE app OWNER app")
        assert store.count("5432") == store.count("…") == 1
        program = store.replace("5432", str(postgres.port)).replace("…", canary.value())
        script = "\n".join(["set -e", connect, f"python - <<'END'\n{program}\nEND", rotate])
        done = subprocess.run(
            ["bash"], input=script, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith('{\n    "SecretList": []\n}\n')
    assert "app/db is rotated: version " in done.stdout
    assert re.search(r"app/db +every 30 days +\S+ .*succeeded", done.stdout)
    assert re.search(r"finishSecret +1 .*succeeded", done.stdout)
