"""What `detent webhooks` and `detent checks` do."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from detent.cli.acting import acting
from detent.cli.failure import CommandFailed
from detent.cli.screen import moment, screen, table


def put_webhook(data: Path | None, account: str | None, name: str, url: str, events: Sequence[str]) -> None:
    """Make or change one."""
    with acting(data, account) as caller:
        made = caller.own.put_webhook(Name=name, Url=url, **({"Events": list(events)} if events else {}))
    screen().print(Text(f"News ({', '.join(made['Events'])}) are posted to {made['Url']}."))
    if "SigningSecret" in made:
        screen().print(Text(f"They are signed by {made['SigningSecret']}, which is told this once."))


def list_webhooks(data: Path | None, account: str | None) -> None:
    """List them."""
    with acting(data, account) as caller:
        found = caller.own.list_webhooks()["Webhooks"]
    listed = table("webhook", "url", "events", "waiting", "next attempt", "reason", right=("waiting",))
    for one in found:
        told = Text(one["Name"]), Text(one["Url"]), ", ".join(one["Events"])
        listed.add_row(*told, str(one["Waiting"]), moment(one.get("NextAttemptDate")), Text(one.get("Reason", "")))
    screen().print(listed if found else "There are no webhooks.")


def delete_webhook(data: Path | None, account: str | None, name: str) -> None:
    """Delete one."""
    with acting(data, account) as caller:
        gone = caller.own.delete_webhook(Name=name)
    screen().print(Text(f"The webhook {gone['Name']} is deleted."))


def set_checks(
    data: Path | None, account: str | None, name: str | None, tag: str | None, placed: Sequence[Mapping[str, Any]]
) -> None:
    """Place checks. Raises CommandFailed unless either a secret or a tag is named."""
    key, given, value = (tag or "").partition("=")
    if (name is None) == (tag is None) or (tag is not None and not (key and given)):
        raise CommandFailed("give either a secret's NAME, or --tag KEY=VALUE")
    where = {"TagKey": key, "TagValue": value} if name is None else {"SecretId": name}
    with acting(data, account) as caller:
        told = caller.own.put_rotation_checks(Checks=list(placed), **where)
    screen().print(Text(f"{_whose(told)}: {_shown(told['Checks']) or 'no checks'}"))


def list_checks(data: Path | None, account: str | None) -> None:
    """List them."""
    with acting(data, account) as caller:
        found = caller.own.list_rotation_checks()["RotationChecks"]
    listed = table("of", "checks")
    for one in found:
        listed.add_row(Text(_whose(one)), Text(_shown(one["Checks"])))
    screen().print(listed if found else "There are no checks.")


def _whose(placed: Mapping[str, Any]) -> str:
    return placed["Name"] if "Name" in placed else f"tag {placed['TagKey']}={placed['TagValue']}"


def _shown(checks: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(_check(check) for check in checks)


def _check(check: Mapping[str, Any]) -> str:
    if check["Type"] == "wait":
        return f"wait {check['Seconds']} s"
    return " ".join(filter(None, (check["Type"], check.get("Url"), check.get("Statement"))))
