"""Which versions a secret loses once it has more than the quota (C.5).

Rules:
- a version with a label stays;
- a version stays for a day after it was made;
- a version whose rotation reached SET stays until a later rotation has succeeded, for the target may know its
  credential and no other. It does not count against the quota either: a rotation that fails again and again must not
  keep a person from writing the value that heals it;
- of the others the oldest go first, and only as many as there are too many.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from detent.model.secret import Labels, Version, VersionId

YOUNG = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Pruning:
    """What pruning a secret comes to."""

    going: tuple[VersionId, ...]
    excess: int  # how many more than the quota there still are without these


def pruning(
    versions: Sequence[Version], labels: Labels, acted: Collection[VersionId], now: datetime, limit: int
) -> Pruning:
    """Say which of a secret's versions, given oldest first, go; `acted` are those that a target may know."""
    labelled = set(labels.values())
    counted = [version for version in versions if version.id in labelled or version.id not in acted]
    excess = max(0, len(counted) - limit)
    free = [one.id for one in counted if one.id not in labelled and now - one.created >= YOUNG]
    going = tuple(free[:excess])
    return Pruning(going, excess - len(going))
