"""What `detent functions` does."""

import json
from pathlib import Path

from rich.text import Text

from detent.cli.acting import acting
from detent.cli.failure import CommandFailed
from detent.cli.screen import facts, screen, table
from detent.functions import choosing
from detent.functions.builtin import BUILTIN
from detent.functions.contract import RotationFunction
from detent.functions.engines import Privileges
from detent.functions.errors import StepFailed

_NAMES = {"user": "app", "admin": "rotator"}  # what stands for the names in the statements that are shown


def show_all() -> None:
    """List the built-in functions."""
    listed = table("function", "what it does")
    for name, function in BUILTIN.items():
        listed.add_row(Text(name), Text(function.strategy.about))
    screen().print(listed)


def show(name: str) -> None:
    """Show one function."""
    function = _named(name)
    known, out = choosing.facts_of(function), screen()
    out.print(Text(f"{name}: {function.strategy.about}"))
    _section("The secret's JSON", facts(choosing.keys_of(function)))
    out.print(Text(json.dumps(dict(known.example), ensure_ascii=False), "dim"))
    least = known.privileges[function.strategy.name]
    _section("The least privileges, the user itself", _own(least))
    _section("The least privileges, the admin secret's user", _statements(least.admin))
    _section("Open connections", known.open_connections)
    made = known.passwords
    kind = "an id and a secret that the service makes" if known.key_id else f"a password of {made.length} characters"
    _section("A new credential", f"{kind}; the engine's names: {', '.join(known.names)}")


def recommend(data: Path | None, name: str) -> None:
    """Say which function suits a secret."""
    with acting(data, None) as caller:
        text = caller.secrets.get_secret_value(SecretId=name).get("SecretString", "")
    try:
        value = json.loads(text)
        choice = choosing.recommended(value if isinstance(value, dict) else {})
    except ValueError:
        raise CommandFailed(f"the value of {name} is no JSON, so it names no engine") from None
    except StepFailed as fault:
        raise CommandFailed(f"{name}: {fault}") from None
    out = screen()
    out.print(Text(f"{choice.name}: {choice.reason}"))
    for other in choice.others:
        out.print(Text(f"or {other}: {BUILTIN[other].strategy.about}", "dim"))
    out.print(Text(f"What it needs: detent functions show {choice.name}"))


def _named(name: str) -> RotationFunction:
    found = BUILTIN.get(name)
    if found is None:
        raise CommandFailed(f"there is no function {name!r}; there are: {', '.join(BUILTIN)}")
    return found


def _own(least: Privileges) -> str:
    if least.own is None:
        return "It cannot do it alone: an admin secret is needed (detent admin-secret attach)."
    return _statements(least.own)


def _statements(statements: tuple[str, ...]) -> str:
    return "\n".join(statement.format(**_NAMES) for statement in statements) or "None."


def _section(heading: str, content: object) -> None:
    out = screen()
    out.print()
    out.print(Text(heading, "bold"))
    if isinstance(content, str):
        out.print(Text(content), soft_wrap=True)  # statements are copied: a terminal breaks lines, and keeps them whole
    else:
        out.print(content)
