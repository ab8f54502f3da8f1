"""A policy document: whom its statements are about, which actions and resources, and under which conditions.

Only what is written in it. Whether a caller may do something is decided from many documents, elsewhere.

Of each pair (`principals` and `not_principals`, …) exactly one has entries.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from detent.model.condition import Condition
from detent.model.pattern import Matcher, fits, folded, matcher, matches, may_mean
from detent.model.policy import Context, Principal

ANYTHING = "*"
WITH_VARIABLES = "2012-10-17"  # the version of the grammar from which on there are policy variables
_ACCOUNT = re.compile(r"(?P<number>\d{12})|arn:aws:iam::(?P<root>\d{12}):root", re.ASCII)


class Effect(StrEnum):
    """What a statement does; the values are the grammar's words."""

    ALLOW = "Allow"
    DENY = "Deny"


class PrincipalKind(StrEnum):
    """What sort of name a principal's is; the values are the grammar's words."""

    AWS = "AWS"  # an account, an ARN, or everyone
    SERVICE = "Service"
    FEDERATED = "Federated"


@dataclass(frozen=True, slots=True)
class NamedPrincipal:
    """A principal as a statement names it. A `*` for everyone is an AWS one, however it was written."""

    kind: PrincipalKind
    name: str

    @property
    def is_anyone(self) -> bool:
        """Whether everyone is meant."""
        return self.kind is PrincipalKind.AWS and self.name == ANYTHING

    @property
    def account(self) -> str | None:
        """The account that is meant as a whole, by its number or its root's ARN."""
        found = _ACCOUNT.fullmatch(self.name) if self.kind is PrincipalKind.AWS else None
        return None if found is None else found["number"] or found["root"]

    def means(self, caller: Principal) -> bool:
        """Whether the caller is this principal, or belongs to it."""
        if self.kind is not PrincipalKind.AWS:
            return False
        return self.is_anyone or self.account == caller.account or self.name in (caller.arn, caller.role)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement."""

    effect: Effect
    principals: tuple[NamedPrincipal, ...] = ()
    not_principals: tuple[NamedPrincipal, ...] = ()
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    not_resources: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()  # all must hold
    sid: str | None = None

    def concerns(self, caller: Principal) -> bool:
        """Whether the statement is about the caller."""
        if self.principals:
            return any(named.means(caller) for named in self.principals)
        return not self._excepts(caller)

    def _excepts(self, caller: Principal) -> bool:
        """AWS: NotPrincipal leaves a user out only when the user and the account are listed (IAM guide, NotPrincipal).

        For an account's root the two are the same; of a role's session the role and the session must be listed too.
        """
        if any(named.is_anyone for named in self.not_principals):
            return True
        names = {named.name for named in self.not_principals if named.kind is PrincipalKind.AWS}
        listed = any(named.account == caller.account for named in self.not_principals)
        return listed and (caller.is_root or {caller.arn, caller.role or caller.arn} <= names)

    def covers(self, action: str) -> bool:
        """Whether the statement is about an action, `service:Operation`; case does not matter."""
        found = any(fit(folded(action)) for fit in _actions(self.actions or self.not_actions))
        return found if self.actions else not found

    def may_reach(self, arn: str) -> bool:
        """Whether the statement can be about a resource."""
        if self.resources:
            return any(may_mean(pattern, arn) for pattern in self.resources)
        return not any(matches(pattern, arn) for pattern in self.not_resources)

    def reaches(self, resource: str, context: Context, *, variables: bool) -> bool:
        """Whether the statement is about a resource; one that names none, as in a role's trust, is about its own.

        AWS: a pattern with a variable that the request lacks fits nothing (IAM guide, policy variables). In NotResource
        that would let an Allow reach more, so there it reaches nothing: a Choice.
        """
        if self.not_resources:
            found = [fits(pattern, resource, context, variables=variables) for pattern in self.not_resources]
            return not any(found) and (self.effect is Effect.DENY or None not in found)
        patterns = self.resources
        return not patterns or any(fits(pattern, resource, context, variables=variables) for pattern in patterns)


@lru_cache(maxsize=4096)
def _actions(patterns: tuple[str, ...]) -> tuple[Matcher, ...]:
    return tuple(matcher(folded(pattern)) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Document:
    """A whole policy. Its version decides whether policy variables are variables."""

    version: str
    statements: tuple[Statement, ...]
    id: str | None = None

    @property
    def has_variables(self) -> bool:
        """Whether `${…}` is a policy variable in it."""
        return self.version == WITH_VARIABLES
