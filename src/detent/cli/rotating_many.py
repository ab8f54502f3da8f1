"""`detent rotate` for several secrets: begin all, follow all, and sum up."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from detent.cli.connection import Server
from detent.cli.failure import CommandFailed
from detent.cli.options import pair
from detent.cli.rotating import Begun, begin, outcome
from detent.cli.screen import table
from detent.cli.steps import IN_PROGRESS, Rotation, failures

_ROUND_SECONDS: Final = 0.1  # between two looks at all that still go on
Stand = tuple[Any, ...]
_GOES_ON: Final[Stand] = ("goes on",)


@dataclass(frozen=True)
class Chosen:
    """Which secrets are meant: by name, by tags, all of which they have, and by ListSecrets' filters."""

    names: Sequence[str] = ()
    tags: Sequence[str] = ()
    filters: Sequence[str] = ()

    @property
    def is_one(self) -> bool:
        """Whether one secret is named, and nothing else."""
        return len(self.names) == 1 and not self.tags and not self.filters


def chosen_secrets(server: Server, chosen: Chosen) -> list[str]:
    """Give the names, each once. Raises CommandFailed where there are none, or where a tag or filter has no value."""
    names = list(chosen.names)
    if chosen.tags or chosen.filters:
        tags = [pair(tag, "--tag") for tag in chosen.tags]
        names += [secret["Name"] for secret in _filtered(server, chosen.filters, tags) if _rotates(secret)]
    if not names:
        raise CommandFailed("no secret that rotates is meant: give names, or a --tag or --filter that some have")
    return list(dict.fromkeys(names))


def _filtered(server: Server, filters: Sequence[str], tags: Sequence[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
    asked = [{"Key": key, "Values": [value]} for key, value in (pair(text, "--filter") for text in filters)]
    asked += [{"Key": "tag-key", "Values": [key]} for key, _ in tags]
    for page in server.secrets.get_paginator("list_secrets").paginate(Filters=asked):
        for secret in page["SecretList"]:  # filters match beginnings
            has = {(tag["Key"], tag.get("Value", "")) for tag in secret.get("Tags", [])}
            if has.issuperset(tags):
                yield secret


def _rotates(secret: Mapping[str, Any]) -> bool:
    return bool(secret.get("RotationEnabled"))


def rotate_many(server: Server, console: Console, names: Sequence[str], *, wait: bool) -> None:
    """Rotate secrets. Raises CommandFailed when some could not begin, or were waited for and did not succeed."""
    refused: dict[str, str] = {}
    begun: dict[str, Begun] = {}
    for name in names:
        try:
            begun[name] = begin(server, name)
        except (ClientError, CommandFailed) as refusal:
            refused[name] = _said(refusal)
    console.print(f"{len(begun)} of {len(names)} rotations have begun.")
    failed = {**refused, **(_followed(server, console, begun) if wait else {})}
    if wait:
        console.print(f"{len(names) - len(failed)} of {len(names)} secrets are rotated.")
    if failed:
        _list(console, failed)
        raise CommandFailed(f"{len(failed)} of {len(names)} secrets were not rotated: the reasons are above")


def _followed(server: Server, console: Console, begun: Mapping[str, Begun]) -> dict[str, str]:
    """Look at all until each ends or an attempt fails; give why those that did not succeed did not."""
    waiting, failed = dict(begun), dict[str, str]()
    seen: dict[str, Stand] = {}
    with _bar(console) as bar:
        task = bar.add_task("rotating", total=len(begun), failed=0)
        while waiting:
            for name in _changed(server, waiting, seen):
                one = waiting[name]
                rotation: Rotation = server.own.describe_rotation(SecretId=name, VersionId=one.version)
                if not _is_over(rotation, one):
                    continue
                del waiting[name]
                if rotation["State"] != "succeeded" or rotation["Purpose"] != "rotation":
                    failed[name] = outcome(name, rotation, one)
                bar.update(task, advance=1, failed=len(failed))
            if waiting:
                time.sleep(_ROUND_SECONDS)
    return failed


def _changed(server: Server, waiting: Mapping[str, Begun], seen: dict[str, Stand]) -> list[str]:
    """Give those that do not simply go on, by one list of all that do; all of them to whoever may not list."""
    try:
        pages = server.own.get_paginator("list_rotations").paginate(Status="running")
        running = {one["VersionId"]: one for page in pages for one in page["Rotations"]}
    except server.own.exceptions.AccessDeniedException:
        return list(waiting)
    stands = {name: _stand(running.get(one.version)) for name, one in waiting.items()}
    changed = [name for name, stand in stands.items() if stand != _GOES_ON and (not stand or stand != seen.get(name))]
    seen.update(stands)
    return changed


def _stand(rotation: Mapping[str, Any] | None) -> Stand:
    """Give what a further failed attempt or a check would change; empty: it is not running any more."""
    if rotation is None:
        return ()
    if "Reason" not in rotation and "WaitsFor" not in rotation:
        return _GOES_ON
    return tuple(rotation.get(member) for member in ("Step", "Reason", "NextAttemptDate", "WaitsFor"))


def _is_over(rotation: Rotation, begun: Begun) -> bool:
    fresh = rotation["Attempts"][begun.known :]
    return rotation["State"] != IN_PROGRESS or bool(failures(fresh)) or "WaitsFor" in rotation


def _bar(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _list(console: Console, failed: Mapping[str, str]) -> None:
    listed = table("secret", "why")
    for name, why in failed.items():
        listed.add_row(Text(name), Text(why))
    console.print(listed)


def _said(refusal: Exception) -> str:
    if isinstance(refusal, ClientError):
        return str(refusal.response["Error"].get("Message") or refusal.response["Error"].get("Code"))
    return str(refusal)
