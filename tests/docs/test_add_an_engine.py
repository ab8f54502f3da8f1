"""`docs/how-to/add-an-engine.md`, followed word for word in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
PAGE = (PROJECT / "docs" / "how-to" / "add-an-engine.md").read_text(encoding="utf-8")


def followed(copy: Path) -> None:
    """Do what the page says."""
    for folder in ("src", "tests"):
        shutil.copytree(PROJECT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", copy)
    engine, server, row = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (copy / "src/detent/functions/engines/guestbook.py").write_text(engine, encoding="utf-8")
    (copy / "tests/servers/guestbook.py").write_text(server, encoding="utf-8")
    table = copy / "tests/servers/table.py"
    text = table.read_text(encoding="utf-8")
    opening = re.search(r"^SERVERS: .*\{\n", text, re.MULTILINE)
    assert opening
    text = text[: opening.end()] + row + text[opening.end() :]
    table.write_text(
        text.replace("from servers.target", "from servers.guestbook import start_guestbook\nfrom servers.target")
    )


def test_the_page_ends_in_an_engine_that_keeps_every_promise(tmp_path: Path) -> None:
    followed(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
    for name in [name for name in environment if name.startswith(("PYTEST_", "COV"))]:
        del environment[name]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "tests/contract", "-k", "guestbook"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:]
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) > 50
    listed = subprocess.run(
        [sys.executable, "-m", "detent.cli", "functions", "list"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "detent-guestbook-single-user" in listed.stdout


def test_the_pages_file_is_as_long_as_an_engine_should_be() -> None:
    engine = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
    assert len(engine.splitlines()) <= 120
