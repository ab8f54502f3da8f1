"""What `detent audit` does."""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from detent.cli.data_folder import named
from detent.cli.failure import CommandFailed
from detent.cli.screen import table
from detent.main import trail
from detent.main.settings import CannotStart

_MOST_SHOWN: Final = 20  # findings; a trail that was tampered with may have as many as records
_AGO: Final = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def verify(console: Console, data: Path | None, older: Sequence[Path], expect: str | None) -> None:
    """Verify the trail. Raises CommandFailed unless nothing is wrong."""
    noted = None if expect is None else _head(expect)
    with _reading():
        verifier, findings = trail.findings(named(data), older, noted)
        shown = list(islice(findings, _MOST_SHOWN))
        more = sum(1 for _ in findings)
    for one in shown:
        where = f"{one.file}:{one.line}" if one.line else str(one.file)
        console.print(Text(f"{where}: {one.text}"), soft_wrap=True)
    console.print(Text(f"{verifier.records} records; head {verifier.head}"), soft_wrap=True)
    if shown:
        told = f", of which {_MOST_SHOWN} are shown" if more else ""
        raise CommandFailed(f"the audit trail is not whole: {len(shown) + more} findings{told}")


def wanted(
    principal: str | None,
    secret: str | None,
    action: str | None,
    since: str | None,
    until: str | None,
    *,
    only_refused: bool,
) -> trail.Wanted:
    """Read the options of a search. Raises CommandFailed."""
    return trail.Wanted(principal, secret, action, _moment("since", since), _moment("until", until), only_refused)


def search(console: Console, data: Path | None, older: Sequence[Path], wanted: trail.Wanted, *, as_json: bool) -> None:
    """Print the records that are wanted: a table, or JSON lines as they are found."""
    with _reading():
        records = trail.found(named(data), older, wanted)
        if as_json:
            for record in records:
                sys.stdout.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
            return
        listed = table("time", "action", "by", "secret", "from", "outcome")
        for record in records:
            listed.add_row(*(Text(cell) for cell in _row(record)))
    console.print(listed if listed.row_count else "No record fits.")


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    who = record["userIdentity"]
    return (
        record["eventTime"],
        record["eventName"],
        who.get("arn") or who.get("invokedBy") or "unknown",
        trail.secret_of(record),
        record["sourceIPAddress"],
        record.get("errorCode") or record.get("errorMessage") or "done",
    )


@contextmanager
def _reading() -> Iterator[None]:
    """Turn what cannot be read into one line."""
    try:
        yield
    except CannotStart as error:
        raise CommandFailed(str(error)) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandFailed(f"cannot read {error.filename}: {error.strerror}") from None


def _head(text: str) -> trail.Head:
    try:
        return trail.Head.told(text)
    except ValueError:
        raise CommandFailed(
            f"--expect: {text!r} is not a head as `detent audit verify` prints it, NUMBER:HASH"
        ) from None


def _moment(option: str, text: str | None) -> str | None:
    """Give a moment as records have it."""
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            moment = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandFailed(f"--{option}: {text!r} is no time: 2026-03-10, 2026-03-10T12:00:00Z, or 12h") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
