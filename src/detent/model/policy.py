"""Who calls, what they ask for, and what a rotation step's session may do (the architecture's section 7)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from detent.model.identity import IdentityKey
from detent.model.secret import CURRENT, PENDING, StagingLabel, VersionId


@dataclass(frozen=True, slots=True)
class StepGrant:
    """What one rotation step may touch: its secret, its own version, and the linked admin secret if there is one."""

    secret: str  # ARN
    token: VersionId
    admin: str | None = None  # ARN


@dataclass(frozen=True, slots=True)
class Session:
    """What temporary credentials carry besides whose they are."""

    issued: datetime
    policies: tuple[str, ...] | None = None  # documents that narrow it; None: it is not narrowed
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive: tuple[str, ...] = ()  # which of the tags a role assumed from here keeps
    source_identity: str | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. A `grant` narrows it to one rotation step."""

    account: str
    arn: str
    access_key_id: str
    grant: StepGrant | None = None
    role: str | None = None  # ARN of the role whose session this is
    user: str | None = None  # name of the user, also in a session of its own
    id: str = ""  # unique for ever: an account's number, a user's id, a role's id and the session's name
    identity: IdentityKey | None = None  # whose attached policies are its own; None: root's, or a step's
    tags: Mapping[str, str] = field(default_factory=dict)  # the identity's, and over them the session's
    session: Session | None = None  # None: a lasting access key

    @property
    def is_root(self) -> bool:
        """Whether this is an account's root."""
        return self.grant is None and self.arn.endswith(":root")


SERVICE = Principal("", "secretsmanager.amazonaws.com", "")  # the server itself, where it acts for nobody

Context = Callable[[str], tuple[str, ...] | None]  # a condition key in lower case -> its values; None: there is none


def _no_keys(_: str) -> None:
    """Give nothing: a request without any condition key."""


NO_CONTEXT: Context = _no_keys


class Ask(NamedTuple):
    """One request for permission. `version` is the version a write would make, label or unlabel."""

    action: str  # service:Operation
    resource: str  # an ARN, or `*`
    account: str  # whose resource it is
    version: VersionId | None = None
    label: StagingLabel | None = None
    context: Context = NO_CONTEXT


_READS = frozenset({"DescribeSecret", "GetSecretValue", "ListSecretVersionIds"})
_ADMIN_READS = frozenset({"DescribeSecret", "GetSecretValue"})


def step_may(grant: StepGrant, ask: Ask) -> bool:
    """Whether a step's session may, by its grant alone."""
    service, _, operation = ask.action.partition(":")
    if service != "secretsmanager":
        return False
    if operation == "GetRandomPassword":
        return True
    if ask.resource == grant.secret:
        return operation in _READS or _is_own_write(grant, operation, ask)
    return ask.resource == grant.admin and operation in _ADMIN_READS


def _is_own_write(grant: StepGrant, operation: str, ask: Ask) -> bool:
    if ask.version != grant.token:
        return False
    return operation == "PutSecretValue" or (
        operation == "UpdateSecretVersionStage" and ask.label in (CURRENT, PENDING)
    )
