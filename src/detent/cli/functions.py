"""What `detent functions` does."""

import json
from pathlib import Path

from rich.text import Text

from detent.cli import user_functions
from detent.cli.acting import acting
from detent.cli.connection import connected, is_folder_meant
from detent.cli.data_folder import named
from detent.cli.failure import CommandFailed
from detent.cli.screen import facts, screen, table
from detent.functions import choosing
from detent.functions.builtin import BUILTIN
from detent.functions.contract import RotationFunction
from detent.functions.engines import Privileges
from detent.functions.errors import StepFailed

_NAMES = {"user": "app", "admin": "rotator"}  # what stands for the names in the statements that are shown


def show_all(data: Path | None) -> None:
    """List the built-in functions, then the users' own: of the server that is meant, if there is any."""
    listed = table("function", "what it does")
    for name, function in BUILTIN.items():
        listed.add_row(Text(name), Text(function.strategy.about))
    own = _own_rows(data)
    screen().print(listed)
    screen().print()
    if isinstance(own, str):
        screen().print(Text(f"Your own functions are not listed: {own}", "dim"))
        return
    yours = table("your own function", "runs", "changed")
    for row in own:
        yours.add_row(*row)
    screen().print(yours if own else "You have no functions of your own: detent functions add makes one.")


def show(data: Path | None, name: str) -> None:
    """Show one function, built in or a user's own."""
    if name in BUILTIN:
        _show_built_in(name, BUILTIN[name])
        return
    if is_folder_meant(data) and data is None and not named(None).exists():
        raise CommandFailed(f"there is no function {name!r} built in; there are: {', '.join(BUILTIN)}")
    with connected(data) as server:
        user_functions.show(server, name)


def _own_rows(data: Path | None) -> list[tuple[Text, Text, Text]] | str:
    """Give the users' own functions; where nobody said which server is meant, perhaps why there are none."""
    try:
        with connected(data) as server:
            return user_functions.rows(server)
    except CommandFailed as failure:
        if data is not None or not is_folder_meant(data):
            raise
        return str(failure)


def _show_built_in(name: str, function: RotationFunction) -> None:
    known, out = choosing.facts_of(function), screen()
    out.print(Text(f"{name}: {function.strategy.about}"))
    _section("The secret's JSON", facts(choosing.keys_of(function)))
    out.print(Text(json.dumps(dict(known.example), ensure_ascii=False), "dim"))
    least = known.privileges[function.strategy.name]
    _section("The least privileges, the user itself", _own(least))
    _section("The least privileges, the admin secret's user", _statements(least.admin))
    _section("Open connections", known.open_connections)
    _section("What the server writes down", known.server_log)
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
