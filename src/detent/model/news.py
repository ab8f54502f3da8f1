"""News of rotations: which of the audit trail's events are told to webhooks, and when a webhook is tried again.

A webhook gets its news in the order in which they came. One that does not answer is tried again after ever longer
pauses; what is older than three days by then is let go.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a webhook may want to hear of; on the wire each stands behind `detent.rotation.`."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # an attempt did; whether there is another, the news say
    ABANDONED = "abandoned"
    ROLLED_BACK = "rolled-back"  # the target has the credential of another version again
    OVERDUE = "overdue"
    WAITING = "waiting"  # for a person to say go


AWAITS_APPROVAL: Final = "RotationAwaitsApproval"
OVERDUE: Final = "RotationOverdue"
KINDS: Final = {  # by the audit trail's name of the event
    "RotationStarted": Kind.STARTED,
    "RotationSucceeded": Kind.SUCCEEDED,
    "RotationFailed": Kind.FAILED,
    "RotationAbandoned": Kind.ABANDONED,
    "RotationRolledBack": Kind.ROLLED_BACK,
    OVERDUE: Kind.OVERDUE,
    AWAITS_APPROVAL: Kind.WAITING,
}
OLDEST: Final = timedelta(days=3)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where news are posted to. Its signing secret is not in it."""

    account: str
    region: str
    name: str
    url: str
    kinds: tuple[Kind, ...]
    created: datetime
    due: datetime | None = None  # when news are sent next; None: there are none
    epoch: int = 0  # rises with each claim
    failures: int = 0  # since it last took something
    reason: str | None = None  # of the last failure; None: it took what it was sent last
    key: int = 0

    def pause(self, share: float) -> timedelta:
        """Give how long to wait after one more failure; `share`, 0 to 1, spreads those that failed together."""
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * (1 << min(self.failures, 20)))
        return longest * (0.5 + share / 2)
