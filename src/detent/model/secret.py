"""What a secret is, and how staging labels move.

Rules (API reference C.6):
- a label is on at most one version: `labels` maps label to version id, so anything else cannot be written down;
- once a version is current, exactly one always is: the label moves, it is never removed;
- whenever CURRENT moves from X to Y, PREVIOUS moves to X; PREVIOUS moves in no other way by itself;
- a new version that takes CURRENT drops PENDING from any older version: a rotation under way is abandoned by that.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import NewType

from detent.model.arn import secret_parts
from detent.model.errors import BadParameter
from detent.model.replication import PrimaryLink, Replica
from detent.model.schedule import RotationRules, Window

SecretKey = NewType("SecretKey", int)  # the store's own number for a secret: never reused, never shown
VersionId = NewType("VersionId", str)
StagingLabel = NewType("StagingLabel", str)
Labels = Mapping[StagingLabel, VersionId]

CURRENT = StagingLabel("AWSCURRENT")
PENDING = StagingLabel("AWSPENDING")
PREVIOUS = StagingLabel("AWSPREVIOUS")

_RESERVED_TAGS = "aws:"
_TAG_TEXT = re.compile(r"[\w .:/=+@-]*")  # letters and digits of every script (C.10)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a secret. Its value is not in it."""

    id: VersionId
    created: datetime
    keyset_id: str | None  # None: an empty placeholder, made by a rotation that has not stored its value yet
    accessed: date | None = None
    target: str | None = None  # a keyed hash of the host and port that its value names; None: it names none

    @property
    def is_empty(self) -> bool:
        """Whether no value was stored yet."""
        return self.keyset_id is None


@dataclass(frozen=True, slots=True)
class AdminLink:
    """The admin secret a rotation may read, recorded when a caller who may read it turned rotation on."""

    arn: str


@dataclass(frozen=True, slots=True)
class ExternalRotation:
    """What AWS needs to rotate a managed external secret; kept and shown here (D.11)."""

    role: str | None = None  # ARN
    metadata: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RotationSettings:
    """How a secret rotates. Kept, for display, after rotation is cancelled."""

    function: str | None  # None: a managed external secret, for which nothing here can do the steps
    rules: RotationRules | None = None
    enabled: bool = True
    admin: AdminLink | None = None
    rotated: datetime | None = None  # end of the last successful rotation
    next_window: Window | None = None
    external: ExternalRotation | None = None
    counted_from: datetime | None = None  # what `next_window` is counted from: `rotated`, or a later write by hand

    def window_after(self, moment: datetime) -> Window | None:
        """Give the next window after a rotation at this moment; hours go on from the window planned before."""
        return None if self.rules is None else self.rules.window_after(moment, self.next_window)

    def window_following(self, moment: datetime) -> Window | None:
        """Give the next window after a rotation that failed at this moment: of those planned, none is counted anew."""
        if self.rules is None or self.next_window is None:
            return self.window_after(moment)
        return self.rules.window_following(moment, self.next_window)

    def turned_on(self, rules: RotationRules | None, now: datetime) -> "RotationSettings":
        """Turn rotation on, by these rules or those there are. Rules that stay leave what is planned.

        Other rules in days or hours count from the last rotation, moments of the calendar from now (D.2).
        """
        same = rules is None or rules == self.rules
        on = replace(self, enabled=True, rules=rules or self.rules, next_window=self.next_window if same else None)
        if on.rules is None or (on.next_window is not None and on.next_window.closes > now):
            return on
        last = None if on.rules.in_calendar else on.counted_from or on.rotated
        window = on.window_after(last or now)
        is_over = window is not None and window.closes <= now
        return replace(on, next_window=on.window_after(now) if is_over else window)

    def shown_days(self, moment: datetime) -> int | None:
        """`AutomaticallyAfterDays` as shown: of the next window, or of what would be after the moment without one."""
        first = self.next_window or self.window_after(moment)
        return None if self.rules is None or first is None else self.rules.shown_days(first)


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret without its versions; `revision` rises with every save."""

    key: SecretKey
    account: str
    region: str
    name: str
    arn: str
    created: datetime
    changed: datetime
    description: str | None = None
    kms_key_id: str | None = None
    type: str | None = None
    tags: Mapping[str, str] | None = None  # None: never tagged; empty: the last tag was removed
    labels: Labels = field(default_factory=dict)
    accessed: date | None = None
    deletion: datetime | None = None  # end of the recovery window, once scheduled for deletion
    rotation: RotationSettings | None = None  # None: never configured
    replicas: tuple[Replica, ...] = ()  # not empty: it is their primary
    primary: PrimaryLink | None = None  # not None: it is a replica
    revision: int = 0

    def labels_of(self, version_id: VersionId) -> list[StagingLabel]:
        """Give the labels on a version, sorted (a Choice of the reference: their order means nothing)."""
        return sorted([label for label, holder in self.labels.items() if holder == version_id])

    @property
    def rotates(self) -> bool:
        """Whether rotation is configured and on."""
        return self.rotation is not None and self.rotation.enabled

    @property
    def primary_region(self) -> str | None:
        """The region of its primary, which may be itself; None: there is no other region with a replica of it."""
        if self.primary is not None:
            parts = secret_parts(self.primary.arn)
            return parts.region if parts is not None and parts.region != self.region else None
        return self.region if any(replica.place.region != self.region for replica in self.replicas) else None

    @property
    def pending_elsewhere(self) -> VersionId | None:
        """The pending version of an incomplete rotation: absent when none, or when pending is the current one."""
        pending = self.labels.get(PENDING)
        return None if pending == self.labels.get(CURRENT) else pending

    def version_written(self, version_id: VersionId, stages: Iterable[StagingLabel] | None, now: datetime) -> "Secret":
        """Label a version whose value is being stored; `stages` None means CURRENT alone.

        The first version with a value always takes CURRENT, unless it fills a rotation's placeholder.
        """
        wanted = {CURRENT} if stages is None else set(stages)
        if CURRENT not in self.labels and self.labels.get(PENDING) != version_id:
            wanted.add(CURRENT)
        labels = dict(self.labels)
        if CURRENT in wanted:
            labels = _current_moved(labels, version_id)
            if labels.get(PENDING) != version_id:
                labels.pop(PENDING, None)
        labels.update(dict.fromkeys(wanted, version_id))
        return self._labelled(labels, now)

    def rotation_started(self, token: VersionId, now: datetime) -> "Secret":
        """Put PENDING on the new rotation's placeholder, from whichever version has it."""
        return self._labelled({**self.labels, PENDING: token}, now)

    def label_removed(self, label: StagingLabel, now: datetime) -> "Secret":
        """Take a label off its version; absent already is fine. CURRENT cannot be taken off."""
        if label == CURRENT:
            raise BadParameter(
                "You can only move staging label AWSCURRENT to a different secret version."
                " It can\u2019t be completely removed."
            )
        return self._labelled({name: holder for name, holder in self.labels.items() if name != label}, now)

    def label_moved(
        self, label: StagingLabel, to: VersionId | None, source: VersionId | None, now: datetime
    ) -> "Secret":
        """Move, attach or remove one label, as UpdateSecretVersionStage does (the table in C.6)."""
        holder = self.labels.get(label)
        if to is None and source is None:  # the reference has no wording for this one
            raise BadParameter("You must provide a value for MoveToVersionId, RemoveFromVersionId, or both.")
        if to is None:
            if holder != source:
                raise BadParameter(f"Version stage {label} not found in version {source}")
            return self.label_removed(label, now)
        if source is not None and holder != source:
            raise BadParameter(
                f"When you move staging label {label}, if you specify RemoveFromVersionId, it must be set to the"
                f" version that currently has the staging label {label}."
            )
        if source is None and holder not in (None, to):
            raise BadParameter(
                f"The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to"
                f" version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            )
        if label == CURRENT:
            return self._labelled(_current_moved(dict(self.labels), to), now)
        return self._labelled({**self.labels, label: to}, now)

    def tagged(self, tags: Mapping[str, str], now: datetime) -> "Secret":
        """Add tags, or overwrite them by key; the order of first appearance stays."""
        if any(key.startswith(_RESERVED_TAGS) for key in tags):
            raise BadParameter(f"Tag keys that begin with {_RESERVED_TAGS} are reserved.")
        if not all(_TAG_TEXT.fullmatch(text) for tag in tags.items() for text in tag):
            raise BadParameter(
                "Tag keys and values may hold letters, digits, spaces, and any of the following: _.:/=+-@"
            )
        return replace(self, tags={**(self.tags or {}), **tags} or self.tags, changed=now)

    def untagged(self, keys: Iterable[str], now: datetime) -> "Secret":
        """Remove tags by key; keys that are not there are ignored."""
        gone = set(keys)
        kept = {key: value for key, value in (self.tags or {}).items() if key not in gone}
        return replace(self, tags=None if self.tags is None else kept, changed=now)

    def rolled_back(self, to: VersionId, now: datetime) -> "Secret":
        """Make this version the current one; PENDING stays on no other, for no rotation goes on with that."""
        labels = _current_moved(dict(self.labels), to)
        if labels.get(PENDING) != to:
            labels.pop(PENDING, None)
        moved = self._labelled(labels, now)
        return moved if self.labels.get(CURRENT) == to else moved.rescheduled(now)

    def rescheduled(self, moment: datetime) -> "Secret":
        """Compute the next window anew from this moment: a value written by hand counts as a rotation (D.2)."""
        if self.rotation is None:
            return self
        window = self.rotation.window_after(moment)
        return replace(self, rotation=replace(self.rotation, next_window=window, counted_from=moment))

    def rotation_succeeded(self, now: datetime) -> "Secret":
        """Note the end of a successful rotation, and compute the next window from it."""
        moved_on = self.rescheduled(now)
        return (
            self if moved_on.rotation is None else replace(moved_on, rotation=replace(moved_on.rotation, rotated=now))
        )

    def _labelled(self, labels: Labels, now: datetime) -> "Secret":
        return replace(self, labels=labels, changed=now)


def _current_moved(labels: dict[StagingLabel, VersionId], to: VersionId) -> dict[StagingLabel, VersionId]:
    holder = labels.get(CURRENT)
    if holder is not None and holder != to:
        labels[PREVIOUS] = holder
    labels[CURRENT] = to
    return labels
