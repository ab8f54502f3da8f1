"""How the keys that a rotation made are known again: by tags of their user, as access keys have none.

A key made is marked by the tag of its id. Since a process may end between the two, the user is first tagged with
what is about to be made: any key that is not in that list, and was made within a minute of it, is one nobody heard of.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

ISSUING: Final = "detent-issuing"
_MARKED: Final = "detent "
_WITHIN: Final = timedelta(minutes=1)  # a request is given up after ten seconds
_REFUSED: Final = re.compile(r"[^\w.:/=+@-]", re.ASCII)  # no blanks either: they part what a tag says


@dataclass(frozen=True, slots=True)
class Issuing:
    """A key that is about to be made: its mark, the moment by IAM's clock, and the keys that there are already."""

    mark: str
    since: datetime
    known: Sequence[str]

    def tag(self) -> dict[str, str]:
        """Write it down."""
        moment = self.since.strftime("%Y-%m-%dT%H:%M:%S%z")
        return {"Key": ISSUING, "Value": " ".join([self.mark, moment, *self.known])}

    def made(self, key: Mapping[str, Any]) -> bool:
        """Say whether a key of ListAccessKeys came of it; one that a person made since then did not."""
        return key["AccessKeyId"] not in self.known and key["CreateDate"] <= self.since + _WITHIN


def issuing(tags: Mapping[str, str]) -> Issuing | None:
    """Read back what was about to be made, None if nothing was or somebody else wrote the tag."""
    match tags.get(ISSUING, "").split():
        case [mark, moment, *known]:
            try:
                return Issuing(mark, datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S%z").astimezone(UTC), known)
            except ValueError:
                return None
    return None


def written(mark: str) -> str:
    """Give a mark in the characters that a tag may have."""
    return _REFUSED.sub("-", mark)


def tag(key: str, mark: str) -> dict[str, str]:
    """Mark a key that was made."""
    return {"Key": key, "Value": _MARKED + mark}


def mark_of(key: Mapping[str, Any], tags: Mapping[str, str]) -> str | None:
    """Give the mark that a key of ListAccessKeys was made with, None if it has none."""
    said = tags.get(key["AccessKeyId"], "")
    if said.startswith(_MARKED):
        return said.removeprefix(_MARKED)
    begun = issuing(tags)
    return begun.mark if begun and begun.made(key) else None


def left_over(tags: Mapping[str, str], keys: Sequence[str]) -> list[str]:
    """Name the tags of ours whose keys are gone."""
    return [name for name, said in tags.items() if said.startswith(_MARKED) and name not in keys]
