"""`detent explain`, `retry`, `abandon` and `rollback`: how a secret stands, and steering what is incomplete."""

import shlex
from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from detent.cli.connection import Server
from detent.cli.failure import CommandFailed
from detent.cli.screen import facts, moment, reason, table, until
from detent.cli.steps import IN_PROGRESS, Rotation, follow, view

_ENDED: Final = "Somebody ended it."  # the reason where nothing more is to be said
_ANSWERS: Final = {"yes": "green", "no": "red", "unknown": "yellow"}
_CURES: Final = {
    "configure": "aws secretsmanager rotate-secret --secret-id {} --rotation-lambda-arn …  (detent functions)",
    "restore": "aws secretsmanager restore-secret --secret-id {}",
    "resume": "detent resume",
    "roll-back": "detent rollback {}",
    "retry": "detent retry {}",
    "abandon": "detent abandon {}  (then detent rotate, which turns rotation on again)",
    "rotate": "detent rotate {}",
    "put-value": "aws secretsmanager put-secret-value --secret-id {} --secret-string …  (a login that works)",
}


def explain(server: Server, console: Console, name: str) -> None:
    """Show which versions log in, what blocks, what comes next and what heals it."""
    told = server.own.explain_secret(SecretId=name)
    versions = table("version", "id", "logs in", "target", "reason")
    for one in told["Versions"]:
        versions.add_row(
            Text(one["Label"]),
            Text(one["VersionId"]),
            Text(one["LogsIn"], _ANSWERS.get(one["LogsIn"], "")),
            Text(one.get("Target", "")),
            Text(one.get("Reason", "")),
        )
    console.print(versions)
    console.print()
    cure = _CURES.get(told["Cure"])
    rows = {
        "blocks": told.get("Blocks", "nothing"),
        "next": _next(told),
        "to heal it": "nothing needs to be done" if cure is None else cure.format(shlex.quote(name)),
    }
    console.print(facts(rows))


def _next(told: Mapping[str, Any]) -> str:
    when = told.get("NextAttemptDate")
    if when is None:
        return "nothing, until you ask for it"
    what = told["Step"] if told.get("State") in {IN_PROGRESS, "failed"} else "a rotation"
    return f"{what} {until(when)} ({moment(when)})"


def retry(server: Server, console: Console, name: str, *, wait: bool) -> None:
    """Try an incomplete rotation again now."""
    known = len(_attempts(server, name))
    _followed(server, console, name, server.own.retry_rotation(SecretId=name), known, wait=wait)


def roll_back(server: Server, console: Console, name: str, *, wait: bool) -> None:
    """Put the target and the labels back, or forward."""
    _followed(server, console, name, server.own.roll_back_rotation(SecretId=name), 0, wait=wait)


def abandon(server: Server, console: Console, name: str, *, wait: bool) -> None:
    """End an incomplete rotation."""
    told = server.own.abandon_rotation(SecretId=name)
    if told["Purpose"] != "roll-back":
        console.print(Text(f"The rotation of {name} is abandoned{_left(told)}"))
        return
    _followed(server, console, name, told, 0, wait=wait)


def _left(told: Rotation) -> str:
    """Say what became of the target; a function that cannot roll it back may have changed it."""
    unsure = told.get("Reason", "").removeprefix(_ENDED).strip()
    return f". {unsure}" if unsure else "; its target was not changed by it."


def _attempts(server: Server, name: str) -> list[Mapping[str, Any]]:
    try:
        found: list[Mapping[str, Any]] = server.own.describe_rotation(SecretId=name)["Attempts"]
    except server.own.exceptions.ResourceNotFoundException:
        return []
    return found


def _followed(server: Server, console: Console, name: str, told: Rotation, known: int, *, wait: bool) -> None:
    version = told["VersionId"]
    rolls_back = told["Purpose"] == "roll-back"
    verb = f"is being rolled to version {version}" if rolls_back else "is tried again now"
    console.print(Text(f"{name} {verb}."))
    if not wait:
        console.print(Text(f"How it goes: detent rotations {name}"))
        return
    with view(console) as shown:
        ended = follow(server, name, version, known, shown)
    if ended["State"] != "succeeded":
        raise CommandFailed(_outcome(name, ended))
    console.print(Text(f"{name}: version {version} is current and logs in."))


def _outcome(name: str, rotation: Rotation) -> str:
    again = rotation.get("NextAttemptDate")
    after = f"The server tries again {until(again)}." if again else f"detent explain {name} says what heals it."
    why = reason(rotation, rotation) or f"it is {rotation['State']}"
    return f"{name} is not healed: {why.rstrip('.')}. {after}"
