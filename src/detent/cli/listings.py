"""`detent secrets` and `detent rotations`: tables."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from detent.cli.connection import Server
from detent.cli.screen import millis, moment, reason, state, table


def secrets(server: Server, console: Console) -> None:
    """List every secret."""
    listed = table("secret", "rotation", "next date", "state")
    for page in server.secrets.get_paginator("list_secrets").paginate():
        for secret in page["SecretList"]:
            listed.add_row(
                Text(secret["Name"]),
                Text(_rules(secret)),
                moment(secret.get("NextRotationDate")),
                _stands(server, secret),
            )
    console.print(listed if listed.row_count else "There are no secrets.")


_SAID = {"failed": "failed", "due": "due within a day", "running": "running"}


def _rules(secret: Mapping[str, Any]) -> str:
    if not secret.get("RotationEnabled"):
        return "off" if "RotationEnabled" in secret else "none"
    rules = secret.get("RotationRules", {})
    days = rules.get("AutomaticallyAfterDays")
    return rules.get("ScheduleExpression") or (f"every {days} days" if days else "on demand")


def _stands(server: Server, secret: Mapping[str, Any]) -> Text:
    """Say how the latest rotation stands."""
    if "RotationEnabled" not in secret:
        return Text("")
    try:
        latest = server.own.describe_rotation(SecretId=secret["ARN"])
    except server.own.exceptions.ResourceNotFoundException:
        return Text("not yet rotated", "dim")
    told = state(latest["State"])
    if latest["State"] != "succeeded":
        told.append(f" at {latest['Step']}")
    return told


def rotations(server: Server, console: Console, limit: int, status: str | None = None) -> None:
    """List the latest rotations of all secrets, or those of a status; at most `limit`."""
    asked: dict[str, Any] = {} if status is None else {"Status": status}
    paginator = server.own.get_paginator("list_rotations")
    pages = paginator.paginate(**asked, PaginationConfig={"PageSize": min(limit, 100)})
    found = list(islice((rotation for page in pages for rotation in page["Rotations"]), limit + 1))
    if not found:
        console.print("There were no rotations." if status is None else f"No rotation is {_SAID[status]}.")
        return
    listed = table("started", "secret", "state", "step", "took", "next attempt", "reason", right=("took",))
    for rotation in found[:limit]:
        listed.add_row(
            moment(rotation.get("StartedDate")),
            Text(rotation["Name"]),
            _with_wait(rotation),
            rotation["Step"] + (" (test)" if rotation["Purpose"] == "test" else ""),
            _took(rotation),
            moment(rotation.get("NextAttemptDate")),
            Text(reason(rotation, rotation)),
        )
    console.print(listed)
    if len(found) > limit:
        console.print("There are more: --limit shows them.", style="dim")


def _with_wait(rotation: Mapping[str, Any]) -> Text:
    waits = rotation.get("WaitsFor")
    return state(rotation["State"]).append(f", waits ({waits})" if waits else "")


def _took(rotation: Mapping[str, Any]) -> str:
    if "StartedDate" not in rotation or "EndedDate" not in rotation:
        return ""
    return f"{(rotation['EndedDate'] - rotation['StartedDate']).total_seconds():.2f} s"


def rotation(server: Server, console: Console, name: str) -> None:
    """Show a secret's latest rotation with its attempts."""
    latest = server.own.describe_rotation(SecretId=name)
    facts = table("", "")
    facts.show_header = False
    facts.add_row("secret", Text(latest["Name"]))
    facts.add_row("version", Text(latest.get("VersionId", "")))
    facts.add_row("state", state(latest["State"]))
    facts.add_row("started", moment(latest.get("StartedDate")))
    for label, value in (("ended", latest.get("EndedDate")), ("next attempt", latest.get("NextAttemptDate"))):
        if value is not None:
            facts.add_row(label, moment(value))
    if "Reason" in latest:
        facts.add_row("reason", Text(reason(latest, latest)))
    console.print(facts, "")
    console.print(_attempts(latest))


def _attempts(rotation: Mapping[str, Any]) -> Table:
    listed = table("step", "attempt", "started", "took", "outcome", "reason", right=("attempt", "took"))
    for attempt in rotation["Attempts"]:
        listed.add_row(
            attempt["Step"],
            str(attempt["Number"]),
            moment(attempt["StartedDate"]),
            millis(attempt),
            state(attempt["Outcome"]),
            Text(reason(rotation, attempt)),
        )
    return listed
