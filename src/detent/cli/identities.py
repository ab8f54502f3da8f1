"""What `detent users` and `detent roles` do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import typer
from rich.text import Text

from detent.cli.acting import Acting, acting
from detent.cli.options import pair
from detent.cli.policy_files import read_document, shown
from detent.cli.screen import facts, moment, screen, table


class Kind(NamedTuple):
    """A user or a role, and how the API names its members and calls."""

    word: str
    member: str  # of one's name
    listed: str  # of a list

    def call(self, caller: Acting, verb: str, name: str) -> dict[str, Any]:
        """Call the operation of this verb on one."""
        told: dict[str, Any] = getattr(caller.own, f"{verb}_{self.word}")(**{self.member: name})
        return told


USER: Final = Kind("user", "UserName", "Users")
ROLE: Final = Kind("role", "RoleName", "Roles")


def show_all(data: Path | None, account: str | None, kind: Kind) -> None:
    """List all of a kind."""
    with acting(data, account) as caller:
        found = getattr(caller.own, f"list_{kind.word}s")()[kind.listed]
    listed = table(kind.word, "policies", "tags", "created")
    for one in found:
        cells = (one[kind.member], ", ".join(one["PolicyNames"]), _tags(one), moment(one["CreatedDate"]))
        listed.add_row(*map(Text, cells))
    screen().print(listed if found else f"There are no {kind.word}s.")


def show(data: Path | None, account: str | None, kind: Kind, name: str) -> None:
    """Show one."""
    with acting(data, account) as caller:
        found = kind.call(caller, "describe", name)
    console = screen()
    rows = {
        kind.word: found[kind.member],
        "ARN": found["ARN"],
        "id": found[f"{kind.word.capitalize()}Id"],
        "created": moment(found["CreatedDate"]),
        "tags": _tags(found) or "none",
        "policies": ", ".join(found["PolicyNames"]) or "none",
    }
    if kind is ROLE:
        rows["sessions"] = f"at most {found['MaxSessionSeconds']} s"
    console.print(facts(rows))
    if kind is ROLE:
        console.print(Text(f"\nWho may assume it:\n{shown(found['TrustPolicy'])}"))


def create_user(data: Path | None, account: str | None, name: str, tags: list[str] | None) -> None:
    """Make a user."""
    with acting(data, account) as caller:
        made = caller.own.create_user(UserName=name, Tags=_tagged(tags) or [])
    _say(f"{made['ARN']} is made.")


def create_role(
    data: Path | None, account: str | None, name: str, *, trust: Path, seconds: int | None, tags: list[str] | None
) -> None:
    """Make a role."""
    members = {"TrustPolicy": read_document(trust), **_changed(None, seconds, tags)}
    with acting(data, account) as caller:
        made = caller.own.create_role(RoleName=name, **members)
    _say(f"{made['ARN']} is made.")


def update_role(
    data: Path | None,
    account: str | None,
    name: str,
    *,
    trust: Path | None,
    seconds: int | None,
    tags: list[str] | None,
) -> None:
    """Change what is given of a role. Raises BadParameter when that is nothing."""
    members = _changed(trust, seconds, tags)
    if not members:
        raise typer.BadParameter("give what to change: --trust, --max-session-seconds or --tag")
    with acting(data, account) as caller:
        changed = caller.own.update_role(RoleName=name, **members)
    _say(f"{changed['ARN']} is changed.")


def delete(data: Path | None, account: str | None, kind: Kind, name: str) -> None:
    """Delete one."""
    with acting(data, account) as caller:
        gone = kind.call(caller, "delete", name)
    _say(f"{gone['ARN']} is deleted.")


def revoke_sessions(data: Path | None, account: str | None, name: str) -> None:
    """End a role's sessions."""
    with acting(data, account) as caller:
        told = caller.own.revoke_sessions(RoleName=name)
    _say(f"Every session of {told['ARN']} has ended.")


def _changed(trust: Path | None, seconds: int | None, tags: list[str] | None) -> dict[str, Any]:
    given = {
        "TrustPolicy": None if trust is None else read_document(trust),
        "MaxSessionSeconds": seconds,
        "Tags": _tagged(tags),
    }
    return {member: value for member, value in given.items() if value is not None}


def _tagged(tags: list[str] | None) -> list[dict[str, str]] | None:
    if not tags:
        return None
    return [dict(zip(("Key", "Value"), pair(tag, "--tag"), strict=True)) for tag in tags]


def _tags(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{tag['Key']}={tag['Value']}" for tag in found["Tags"])


def _say(line: str) -> None:
    screen().print(Text(line))
