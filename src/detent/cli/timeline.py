"""`detent rotation NAME`: one rotation from its beginning on, as a timeline; and saying go, or no."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from detent.cli.connection import Server
from detent.cli.screen import millis, moment, reason, state, table, until
from detent.cli.steps import Rotation


class Entry(NamedTuple):
    """Something that happened, or will."""

    when: datetime
    what: Text
    took: str = ""
    why: str = ""


def show(server: Server, console: Console, name: str, version: str | None) -> None:
    """Show a rotation: what happened when, and what comes next."""
    asked = {"SecretId": name} if version is None else {"SecretId": name, "VersionId": version}
    rotation: Rotation = server.own.describe_rotation(**asked)
    console.print(Text(f"{rotation['Name']}, version {rotation.get('VersionId', '')}: ").append(_stands(rotation)))
    listed = table("when", "after", "what", "took", "why", right=("after", "took"))
    begun: datetime = rotation["StartedDate"]
    for entry in sorted(_entries(rotation), key=lambda entry: entry.when):
        after = f"{(entry.when - begun).total_seconds():.1f} s"
        listed.add_row(moment(entry.when), after, entry.what, entry.took, Text(entry.why))
    console.print(listed)
    for line in _next(rotation):
        console.print(Text(line))


def _stands(rotation: Rotation) -> Text:
    waits = rotation.get("WaitsFor")
    return state(rotation["State"]).append(f", waits ({waits})" if waits else "")


def _entries(rotation: Rotation) -> Iterator[Entry]:
    yield Entry(rotation["StartedDate"], Text("begun"))
    for attempt in rotation["Attempts"]:
        number = f" (attempt {attempt['Number']})" if attempt["Number"] > 1 else ""
        what = Text(f"{attempt['Step']}{number} ").append(state(attempt["Outcome"]))
        yield Entry(attempt["StartedDate"], what, millis(attempt), reason(rotation, attempt))
    for check in rotation.get("PassedChecks", []):
        yield Entry(check["EndedDate"], Text(f"{check['Type']} passed"), _waited(check), check.get("ApprovedBy", ""))
    if "EndedDate" in rotation:
        is_told = rotation["State"] in {"abandoned", "cancelled"}
        yield Entry(rotation["EndedDate"], state(rotation["State"]), "", rotation.get("Reason", "") if is_told else "")


def _waited(check: Mapping[str, Any]) -> str:
    return f"{(check['EndedDate'] - check['StartedDate']).total_seconds():.1f} s"


def _next(rotation: Rotation) -> Iterator[str]:
    """Say what comes next, and what one can do."""
    name = rotation["Name"]
    if rotation.get("WaitsFor") == "approve":
        yield f"It goes on when somebody says so: detent approve {name}, or: detent deny {name}"
    elif "NextAttemptDate" in rotation:
        yield f"It goes on at {rotation['Step']} {until(rotation['NextAttemptDate'])}."
    elif rotation["State"] == "failed":
        yield f"It is tried again only when you rotate again: detent rotate {name}"


def approve(server: Server, console: Console, name: str, version: str | None) -> None:
    """Let a rotation that waits for an approval go on."""
    told = server.own.approve_rotation(**_named(name, version))
    console.print(Text(f"The rotation of {told['Name']} goes on at {told['Step']} (version {told['VersionId']})."))


def deny(server: Server, console: Console, name: str, version: str | None, why: str | None) -> None:
    """Abandon a rotation that waits for an approval."""
    told = server.own.deny_rotation(**_named(name, version), **({} if why is None else {"Reason": why}))
    console.print(Text(f"The rotation of {told['Name']} is abandoned (version {told['VersionId']})."))


def _named(name: str, version: str | None) -> dict[str, str]:
    return {"SecretId": name} if version is None else {"SecretId": name, "VersionId": version}
