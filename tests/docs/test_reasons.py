"""The reasons that the how-to explains are the texts that the function gives."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "how-to" / "rotate-your-postgres.md"
NOT_A_TEXT = {"AccessDeniedException, for the admin secret"}  # AWS's code, and which secret it is about


def quoted() -> list[str]:
    """Give the first column of the table of reasons."""
    table = PAGE.read_text().partition("| the reason says |")[2].partition("\n\n")[0]
    return [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]]


def texts() -> list[str]:
    """Give every piece of text in the functions' sources."""
    found = []
    for source in (ROOT / "src" / "detent" / "functions").rglob("*.py"):
        nodes = ast.walk(ast.parse(source.read_text()))
        found += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return found


@pytest.mark.parametrize("reason", quoted())
def test_a_reason_is_quoted_as_it_is(reason: str) -> None:
    pieces = [piece.strip() for piece in reason.split("…")]
    for piece in pieces:
        assert piece in NOT_A_TEXT or any(piece in text for text in texts()), piece
