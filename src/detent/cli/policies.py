"""What `detent policies` does."""

from pathlib import Path

from rich.text import Text

from detent.cli.acting import acting
from detent.cli.policy_files import read_document, shown
from detent.cli.screen import facts, moment, screen, table


def show_all(data: Path | None, account: str | None) -> None:
    """List the policies."""
    with acting(data, account) as caller:
        found = caller.own.list_policies()["Policies"]
    listed = table("policy", "created", "changed")
    for one in found:
        listed.add_row(Text(one["PolicyName"]), moment(one["CreatedDate"]), moment(one["ChangedDate"]))
    screen().print(listed if found else "There are no policies.")


def show(data: Path | None, account: str | None, name: str) -> None:
    """Show one with its document."""
    with acting(data, account) as caller:
        found = caller.own.describe_policy(PolicyName=name)
    console = screen()
    rows = {
        "policy": found["PolicyName"],
        "ARN": found["ARN"],
        "created": moment(found["CreatedDate"]),
        "changed": moment(found["ChangedDate"]),
        "attached to": ", ".join(found["AttachedTo"]) or "nobody",
    }
    console.print(facts(rows), "")
    console.print(Text(shown(found["PolicyDocument"])))


def create(data: Path | None, account: str | None, name: str, file: Path) -> None:
    """Make one."""
    document = read_document(file)
    with acting(data, account) as caller:
        made = caller.own.create_policy(PolicyName=name, PolicyDocument=document)
    _say(f"{made['ARN']} is made.")


def update(data: Path | None, account: str | None, name: str, file: Path) -> None:
    """Put another document in its place."""
    document = read_document(file)
    with acting(data, account) as caller:
        changed = caller.own.update_policy(PolicyName=name, PolicyDocument=document)
    _say(f"{changed['ARN']} is changed.")


def delete(data: Path | None, account: str | None, name: str) -> None:
    """Delete one."""
    with acting(data, account) as caller:
        gone = caller.own.delete_policy(PolicyName=name)
    _say(f"{gone['ARN']} is deleted.")


def attach(data: Path | None, account: str | None, name: str, holder: dict[str, str]) -> None:
    """Attach one; `holder` is the API's member that names whom to."""
    with acting(data, account) as caller:
        told = caller.own.attach_policy(PolicyName=name, **holder)
    _say(f"{told['ARN']} has {', '.join(told['PolicyNames'])}.")


def detach(data: Path | None, account: str | None, name: str, holder: dict[str, str]) -> None:
    """Detach one."""
    with acting(data, account) as caller:
        told = caller.own.detach_policy(PolicyName=name, **holder)
    _say(f"{told['ARN']} has {', '.join(told['PolicyNames']) or 'no policy'}.")


def _say(line: str) -> None:
    screen().print(Text(line))
