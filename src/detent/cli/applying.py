"""`detent apply`: the difference between what is declared and what there is, shown, agreed to, and made none.

Each change is a call of its own. One that is cut off is gone on with by the same command: what is done already is no
difference any more.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import typer
from botocore.exceptions import ClientError
from rich.console import Console
from rich.text import Text

from detent.cli.acting import Acting, acting
from detent.cli.changing import steps
from detent.cli.declaration import Declared, Thing, accounts_in, declared
from detent.cli.difference import Difference, difference, lines
from detent.cli.failure import CommandFailed
from detent.cli.screen import screen
from detent.cli.standing import resolved, standing
from detent.main.operating import REFUSAL, Operator

_COLOURS: Final = {"+": "green", "~": "yellow", "-": "red"}


class How(NamedTuple):
    """How far to go."""

    prune: bool
    agreed: bool  # nobody is asked
    only_shown: bool


def apply(data: Path | None, account: str | None, file: Path, how: How) -> None:
    """Show the difference, ask, and make it none. Raises CommandFailed."""
    console = screen()
    with acting(data, account) as caller:
        wanted = declared(file, caller.account)
        callers = {one: _of(caller, one) for one in accounts_in(wanted, caller.account)}
        there: Declared = {}
        for one, asked in callers.items():
            named = resolved(asked, {thing: members for thing, members in wanted.items() if thing.account == one})
            wanted |= named
            there |= standing(asked, one, named)
        found = difference(wanted, there, prune=how.prune)
        _show(console, found, many=len(callers) > 1)
        if found.changes and _is_agreed(how):
            _run(found, callers)
            console.print(f"Done: {_counted(len(found.changes))}.")


def _of(caller: Acting, account: str) -> Acting:
    if account == caller.account:
        return caller
    if isinstance(caller, Operator):
        return caller.of(account)
    raise CommandFailed(
        f"accounts.{account}: you call as account {caller.account}: give --data DIR, or sign as that one"
    )


def _show(console: Console, found: Difference, *, many: bool) -> None:
    for change in found.changes:
        for number, line in enumerate(lines(change)):
            told = f"{line} in account {change.thing.account}" if many and not number else line
            console.print(Text(told, _COLOURS.get(line.lstrip()[:1], "")))
    if found.left:
        names = ", ".join(f"{thing.kind} {thing.name}" for thing in found.left)
        console.print(Text(f"Not in the file, and left (--prune deletes): {names}."))
    if not found.changes:
        console.print("Nothing to do.")


def _is_agreed(how: How) -> bool:
    """Ask, where there is somebody to answer. Raises CommandFailed when it is not agreed."""
    if how.only_shown or how.agreed:
        return not how.only_shown
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CommandFailed("nothing was changed: here is nobody to ask: --yes agrees, --dry-run only shows")
    if not typer.confirm("Make these changes?"):
        raise CommandFailed("nothing was changed")
    return True


def _run(found: Difference, callers: Mapping[str, Acting]) -> None:
    done: set[Thing] = set()
    for step in steps(found.changes):
        thing = step.change.thing
        try:
            step.call(callers[thing.account])
        except (ClientError, REFUSAL) as refusal:
            told = refusal.response["Error"]
            raise CommandFailed(
                f"{thing.kind} {thing.name}: {told.get('Message') or 'refused'} ({told['Code']}); of"
                f" {_counted(len(found.changes))} {len(done - {thing})} were made: the same command goes on"
            ) from None
        done.add(thing)


def _counted(number: int) -> str:
    return f"{number} change" if number == 1 else f"{number} changes"
