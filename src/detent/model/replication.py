"""Secrets that follow another: how a primary names its replicas, and a replica its primary.

Rules (API reference H, B.19):
- a replica has its primary's name and ARN but for the region; one of another account has a name and ARN of its own;
- it is read-only, and follows every change of its primary in the same transaction;
- where it cannot follow it is FAILED, stays as it was, and the primary's own change stands;
- a DETACHED one follows no more: only one of another account can be that.
"""

from dataclasses import dataclass
from enum import StrEnum

from detent.model.arn import Arn, secret_parts


class Following(StrEnum):
    """How a replica stands; the values are the wire's words."""

    IN_SYNC = "InSync"
    FAILED = "Failed"
    PENDING = "Pending"
    DETACHED = "Detached"


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica as its primary knows it."""

    arn: str
    kms_key_id: str | None = None  # None: the default one there
    status: Following = Following.PENDING
    message: str | None = None  # why it failed
    role: str | None = None  # kept and shown, for one of another account

    @property
    def place(self) -> Arn:
        """Its region, account and name."""
        parts = secret_parts(self.arn)
        if parts is None:
            raise AssertionError("a replica has a secret's ARN")
        return parts


@dataclass(frozen=True, slots=True)
class PrimaryLink:
    """A primary as its replica knows it."""

    arn: str
    status: Following = Following.PENDING
    message: str | None = None
