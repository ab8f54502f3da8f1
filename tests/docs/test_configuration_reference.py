"""`docs/reference/configuration.md` names every setting of the server, and nothing that is none."""

import dataclasses
import re
from pathlib import Path
from typing import NamedTuple

import pytest
import typer.main

from detent.cli.commands import app
from detent.cli.data_folder import DEFAULT
from detent.cli.serving import settle
from detent.main.settings import Settings

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "configuration.md"
ROW = re.compile(
    r"\| `(?P<option>--[a-z-]+)[^`]*` \| `(?P<variable>DETENT_\w+)` \|"
    r" (?:`(?P<key>\w+)`|no) \| (?P<default>[^|]+) \| [^|]+ \|"
)


class Row(NamedTuple):
    """One line of the table."""

    option: str
    variable: str
    key: str  # empty: it cannot stand in the TOML file
    default: str


def rows() -> list[Row]:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `--")]
    found = [match.groupdict() for line in lines if (match := ROW.fullmatch(line))]
    assert len(found) == len(lines), "a row of the table has another form"
    return [Row(**{**one, "key": one["key"] or ""}) for one in found]


def shown(value: object) -> str:
    """Give a default as the page shows it."""
    match value:
        case None:
            return "none"
        case False | "":
            return "off"
        case float():
            return f"`{value:g}`"
        case dataclasses.MISSING:
            return f"`{DEFAULT}`"
    return f"`{value}`"


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {row.key: row.default for row in rows() if row.key}
    assert documented == {setting.name: shown(setting.default) for setting in dataclasses.fields(Settings)}


def test_every_option_and_variable_of_serve_is_documented_and_no_other() -> None:
    serve = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    options = {parameter.opts[0]: parameter.envvar for parameter in serve.params if parameter.envvar}
    assert options
    assert {row.option: row.variable for row in rows()} == options


@pytest.mark.parametrize("row", rows(), ids=[row.option for row in rows()])
def test_option_variable_and_key_are_one_name(row: Row) -> None:
    name = row.option.removeprefix("--").replace("-", "_")
    assert row.variable == f"DETENT_{name.upper()}"
    assert row.key in {name, ""}
    assert (row.key == "") == (name == "config")


def test_the_example_is_taken(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    file = tmp_path / "detent.toml"
    file.write_text(example)
    settings = settle(None, {"data": tmp_path})
    assert (settings.host, settings.workers) == ("0.0.0.0", 4)
    assert (settings.tls_cert, settings.tls_key) == (tmp_path / "tls.crt", tmp_path / "tls.key")
