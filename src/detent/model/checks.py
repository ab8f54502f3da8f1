"""Checks between the steps: what an operator wants to pass before a new credential counts.

A wait and an approval stand before the last step where old and new credential overlap, and before the target is
touched where they do not: no application is locked out while a person thinks. A probe belongs to the step that proves
the new credential, and is tried again with it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from detent.model.rotation import Step


class CheckKind(StrEnum):
    """The kinds of checks; the values are the wire's words."""

    WAIT = "wait"
    APPROVE = "approve"
    PROBE = "probe"


@dataclass(frozen=True, slots=True)
class Check:
    """One check."""

    kind: CheckKind
    seconds: int = 0  # of a wait
    url: str = ""  # of a probe
    statement: str = ""  # of a probe, instead


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks of one secret, or of all that have a tag."""

    checks: tuple[Check, ...]
    secret_name: str | None = None
    tag: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """A check that is passed: since when it was waited for, until when, and who said go."""

    kind: CheckKind
    since: datetime
    until: datetime
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Where a rotation stands among the checks that hold it up."""

    checks: tuple[Check, ...]
    since: datetime
    position: int = 0
    passed: tuple[Passed, ...] = ()

    @property
    def waits_for(self) -> Check | None:
        """The check it has come to; None: all are passed."""
        return self.checks[self.position] if self.position < len(self.checks) else None

    @property
    def until(self) -> datetime | None:
        """When it goes on by itself; None: it does not, or nothing holds it."""
        check = self.waits_for
        return (
            None if check is None or check.kind is not CheckKind.WAIT else self.since + timedelta(seconds=check.seconds)
        )

    def waited(self, now: datetime) -> "Hold":
        """Pass every wait that is over."""
        hold = self
        while (over := hold.until) is not None and over <= now:
            hold = hold._on(over, None)
        return hold

    def approved(self, by: str, now: datetime) -> "Hold":
        """Pass the approval that it has come to."""
        return self._on(now, by)

    def _on(self, now: datetime, by: str | None) -> "Hold":
        check = self.checks[self.position]
        passed = (*self.passed, Passed(check.kind, self.since, now, by))
        return replace(self, position=self.position + 1, since=now, passed=passed)


def holding(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Give the checks that hold a rotation up: all but probes."""
    return tuple(check for check in checks if check.kind is not CheckKind.PROBE)


def held_before(*, overlaps: bool) -> Step:
    """Say before which step a rotation is held up."""
    return Step.FINISH if overlaps else Step.SET
