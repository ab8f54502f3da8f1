"""Write the reference page of each engine, and the table of all, into a folder: made of the engines' FACTS alone.

Usage: engine_pages.py [FOLDER]. Default: docs/reference/engines.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from detent.functions.builtin import functions_of
from detent.functions.choosing import keys_of
from detent.functions.contract import RotationFunction
from detent.functions.engines import Engine, Facts, Privileges, engine_named, of_this_folder

FOLDER = Path(__file__).parent.parent / "docs" / "reference" / "engines"
NOT_YET = "not yet run against a live server"
HEAD = """# Engines

What a credential logs into. Made of what the engines say of themselves: `make docs`.

| engine | strategies | |
|---|---|---|
"""
NAMES = {"user": "app", "admin": "rotator"}


def main(folder: Path) -> None:
    """Write all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    engines = sorted(of_this_folder())
    for name in engines:
        (folder / f"{name}.md").write_text("\n".join(page(name)), encoding="utf-8")
    rows = [row(name) for name in engines]
    (folder / "README.md").write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")


def row(name: str) -> str:
    """Give an engine's line of the table."""
    strategies = ", ".join(function.strategy.name for function in functions_of(name).values())
    return f"| [{name}]({name}.md) | {strategies} | {standing(engine_named(name).FACTS)} |"


def standing(facts: Facts) -> str:
    """Say plainly what it was run against."""
    return f"run against a live server: {', '.join(facts.run_against)}" if facts.run_against else NOT_YET


def page(name: str) -> Iterator[str]:
    """Give an engine's page, line by line."""
    engine, functions = engine_named(name), functions_of(name)
    facts = engine.FACTS
    yield f"# {name}\n"
    yield f"{about(engine)}\n"
    yield f"{standing(facts)[0].upper()}{standing(facts)[1:]}.\n"
    yield "## The secret's JSON\n"
    yield f"```json\n{json.dumps(dict(facts.example), ensure_ascii=False)}\n```\n"
    yield "| key | |\n|---|---|"
    yield from (f"| `{key}` | {cell(said)} |" for key, said in all_keys(functions).items())
    yield "\nOther keys are kept as they are.\n"
    yield "## Strategies\n"
    for function_name, function in functions.items():
        yield from strategy(function_name, function, facts.privileges[function.strategy.name])
    yield f"## Open connections\n\n{facts.open_connections}\n"
    yield f"## What the server writes down\n\n{facts.server_log}\n"


def about(engine: Engine) -> str:
    """Give what the engine's module says of itself."""
    return "\n".join(line.rstrip() for line in (engine.__doc__ or "").strip().replace("``", "`").splitlines())


def all_keys(functions: dict[str, RotationFunction]) -> dict[str, str]:
    """Give the keys that any of an engine's functions knows."""
    return {key: said for function in functions.values() for key, said in keys_of(function).items()}


def strategy(name: str, function: RotationFunction, least: Privileges) -> Iterator[str]:
    """Give a strategy's section: what it does, and the least that it needs."""
    yield f"### {function.strategy.name}: `{name}`\n"
    yield f"{function.strategy.about}\n"
    if least.own is None:
        yield "The user cannot do it alone: an admin secret is needed. Its user's least privileges:\n"
    else:
        yield from needs("Without an admin secret the user itself needs", least.own)
        yield "With one, its user's least privileges:\n"
    yield from statements(least.admin)


def needs(who: str, what: tuple[str, ...]) -> Iterator[str]:
    """Say what somebody needs."""
    if not what:
        yield f"{who} nothing.\n"
        return
    yield f"{who}:\n"
    yield from statements(what)


def statements(written: tuple[str, ...]) -> Iterator[str]:
    """Give statements as a block."""
    text = "\n".join(statement.format(**NAMES) for statement in written)
    yield f"```\n{text}\n```\n" if text else "None.\n"


def cell(text: str) -> str:
    """Make a text fit into a table."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
