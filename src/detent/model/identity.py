"""Users and roles of an account, and the policies that are attached to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

IdentityKey = NewType("IdentityKey", int)  # the store's number; never used twice, so that no one inherits anything


class IdentityKind(StrEnum):
    """What sort an identity is; the values are the words of its ARN."""

    USER = "user"
    ROLE = "role"


@dataclass(frozen=True, slots=True)
class Identity:
    """A user, who signs with access keys of its own, or a role, whose sessions STS gives out."""

    account: str
    kind: IdentityKind
    name: str  # unique among its kind whatever the case; looked up in exactly this one
    id: str  # unique for ever: AIDA… or AROA…
    created: datetime
    tags: Mapping[str, str] = field(default_factory=dict)
    trust: str | None = None  # a role's: the document that says who may assume it
    longest_session: timedelta | None = None  # a role's
    key: IdentityKey = IdentityKey(0)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return identity_arn(self.account, self.kind, self.name)


@dataclass(frozen=True, slots=True)
class IdentityPolicy:
    """A policy of an account, to be attached to its users and roles. The document is kept as it was given."""

    account: str
    name: str
    document: str
    created: datetime
    changed: datetime

    @property
    def arn(self) -> str:
        """Its ARN."""
        return policy_arn(self.account, self.name)


def identity_arn(account: str, kind: IdentityKind, name: str) -> str:
    """Give a user's or role's ARN."""
    return f"arn:aws:iam::{account}:{kind}/{name}"


def policy_arn(account: str, name: str) -> str:
    """Give an identity policy's ARN."""
    return f"arn:aws:iam::{account}:policy/{name}"


def session_arn(account: str, role: str, session: str) -> str:
    """Give the ARN of a role's session."""
    return f"arn:aws:sts::{account}:assumed-role/{role}/{session}"


def root_arn(account: str) -> str:
    """Give the ARN of an account's root."""
    return f"arn:aws:iam::{account}:root"
