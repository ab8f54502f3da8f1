"""`docs/reference/engines`: a page for each engine, made of what it says, and a table that tells the truth."""

import subprocess
import sys
from pathlib import Path

from detent.functions.engines import engine_named, of_this_folder
from servers.table import SERVERS

PROJECT = Path(__file__).parent.parent.parent
PAGES = PROJECT / "docs" / "reference" / "engines"


def test_the_pages_are_made_of_what_the_engines_say(tmp_path: Path) -> None:
    subprocess.run([sys.executable, PROJECT / "tools" / "engine_pages.py", tmp_path], check=True, timeout=60)
    made, kept = ({page.name: page.read_text() for page in folder.iterdir()} for folder in (tmp_path, PAGES))
    assert kept == made, "make them anew: make docs"
    assert set(kept) == {"README.md", *(f"{name}.md" for name in of_this_folder())}


def test_the_table_says_of_each_engine_whether_a_live_server_was_there() -> None:
    """tests/contract/test_engines.py asks the servers themselves for what the table says they are."""
    live = {row.partition("-")[0] for row in SERVERS}
    lines = {line.split("]")[0][3:]: line for line in (PAGES / "README.md").read_text().splitlines() if "](" in line}
    assert set(lines) == of_this_folder()
    for name, line in lines.items():
        told = f"run against a live server: {', '.join(engine_named(name).FACTS.run_against)}"
        assert (told in line) == (name in live)
        assert ("not yet run against a live server" in line) == (name not in live)
