"""What there is beside what is declared: what is to be created, changed, deleted, and what is left alone."""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from detent.cli.declaration import NONE, POLICY, Declared, Document, Members, Thing
from detent.cli.failure import CommandFailed
from detent.cli.rotation_words import Wish


@dataclass(frozen=True)
class Change:
    """One thing that is not as declared; `before` None: it is to be created, `after` None: deleted."""

    thing: Thing
    before: Members | None
    after: Members | None

    @property
    def changed(self) -> list[str]:
        """The members that differ."""
        before, after = self.before or {}, self.after or {}
        return [name for name in (after or before) if before.get(name) != after.get(name)]


@dataclass(frozen=True)
class Difference:
    """All of it; `left` is there, not declared, and stays."""

    changes: tuple[Change, ...]
    left: tuple[Thing, ...]


def difference(wanted: Declared, there: Declared, *, prune: bool) -> Difference:
    """Compare. Raises CommandFailed when somebody shall have a policy that there will not be."""
    wanted = {thing: members for thing, members in wanted.items() if members not in NONE}
    _require_policies(wanted, there, prune=prune)
    changes = [
        Change(thing, there.get(thing), members) for thing, members in wanted.items() if there.get(thing) != members
    ]
    surplus = [thing for thing in there if thing not in wanted]
    if prune:
        changes += [Change(thing, there[thing], None) for thing in surplus]
    return Difference(tuple(changes), () if prune else tuple(surplus))


def _require_policies(wanted: Declared, there: Declared, *, prune: bool) -> None:
    policies = {thing for thing in {*wanted, *(() if prune else there)} if thing.kind == POLICY}
    for thing, members in wanted.items():
        for name in members.get("policies", ()):
            if Thing(thing.account, POLICY, name) not in policies:
                raise CommandFailed(f"{thing.kind} {thing.name}: there is no policy {name}: declare it too")


def lines(change: Change) -> Iterator[str]:
    """Tell a change: what it is of, then the members that differ."""
    sign = "+" if change.before is None else "-" if change.after is None else "~"
    yield f"{sign} {change.thing.kind} {change.thing.name}"
    if change.after is not None:
        before = change.before or {}
        for name in change.changed:
            yield from (f"    {line}" for line in _member(name, before.get(name), change.after[name]))


def _member(name: str, before: Any, after: Any) -> Iterator[str]:  # noqa: ANN401 - whatever a member is
    if isinstance(after, Document):
        yield f"{name}:"
        old, new = ([] if one is None else _pretty(one) for one in (before, after))
        told = list(difflib.unified_diff(old, new, lineterm="", n=1))[2:]
        yield from (f"  {line}" for line in told if not line.startswith("@@"))
    elif isinstance(after, int | str | Wish):
        yield f"{name}: {after}" if before is None else f"{name}: {before} -> {after}"
    else:
        had, has = (set(_items(one)) for one in (before, after))
        signed = [f"-{item}" for item in sorted(had - has)] + [f"+{item}" for item in sorted(has - had)]
        if signed:
            yield f"{name}: {', '.join(signed)}"


def _pretty(document: Document) -> list[str]:
    return json.dumps(json.loads(document.canonical), indent=2, ensure_ascii=False).splitlines()


def _items(member: Any) -> list[str]:  # noqa: ANN401 - tags or names
    if isinstance(member, dict):
        return [f"{key}={value}" for key, value in member.items()]
    return list(member or ())
