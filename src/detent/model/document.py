"""A policy document: whom its statements are about, which actions and resources, and under which conditions.

Only what is written in it. Whether a caller may do something is decided from many documents, elsewhere.

Of each pair (`principals` and `not_principals`, …) exactly one has entries.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from detent.model.condition import Condition
from detent.model.pattern import Matcher, fitting, folded, matcher, matches, may_mean
from detent.model.policy import Context, Principal

ANYTHING = "*"
WITH_VARIABLES = "2012-10-17"  # the version of the grammar from which on there are policy variables
_RULES_KEPT = 256  # actions and effects of one document: more than there are operations
_ACCOUNT = re.compile(r"(?P<number>\d{12})|arn:aws:iam::(?P<root>\d{12}):root", re.ASCII)

Reach = Callable[[str, Context], bool]


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
        """Whether the caller is this principal, or belongs to it; only a service has no account."""
        if self.kind is not PrincipalKind.AWS:
            return self.kind is PrincipalKind.SERVICE and not caller.account and self.name == caller.arn
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

    def reach(self, *, variables: bool) -> Reach:
        """Give what tells whether the statement is about a resource; without any, as in a role's trust, it always is.

        AWS: a pattern with a variable that the request lacks fits nothing (IAM guide, policy variables). In NotResource
        that would let an Allow reach more, so there it reaches nothing: a Choice.
        """
        all_fits = [fitting(pattern, variables=variables) for pattern in self.resources or self.not_resources]
        if ANYTHING in self.resources or not all_fits:
            return lambda _resource, _context: True
        if self.resources:
            (first, *rest) = all_fits
            if not rest:
                return lambda resource, context: bool(first(resource, context))
            return lambda resource, context: any(fits(resource, context) for fits in all_fits)
        denies = self.effect is Effect.DENY

        def reaches(resource: str, context: Context) -> bool:
            found = [fits(resource, context) for fits in all_fits]
            return not any(found) and (denies or None not in found)

        return reaches


class Rule(NamedTuple):
    """A statement made ready to be asked."""

    number: int  # its place in the document, from 1
    statement: Statement
    reaches: Reach
    conditions: tuple[Callable[[Context], bool], ...]

    def applies(self, caller: Principal, resource: str, context: Context, *, on_resource: bool) -> bool:
        """Whether it is about this request, whose action it covers; `on_resource`: it names principals."""
        if (on_resource and not self.statement.concerns(caller)) or not self.reaches(resource, context):
            return False
        for holds in self.conditions:  # noqa: SIM110 - a generator costs as much as a condition
            if not holds(context):
                return False
        return True


@lru_cache(maxsize=4096)
def _actions(patterns: tuple[str, ...]) -> tuple[Matcher, ...]:
    return tuple(matcher(folded(pattern)) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Document:
    """A whole policy. Its version decides whether policy variables are variables."""

    version: str
    statements: tuple[Statement, ...]
    id: str | None = None
    _rules: dict[tuple[str, Effect], tuple[Rule, ...]] = field(default_factory=dict, compare=False, repr=False)

    def rules(self, action: str, effect: Effect) -> tuple[Rule, ...]:
        """Give the statements of this effect that are about an action; they are made ready once."""
        found = self._rules.get((action, effect))
        if found is None:
            if len(self._rules) >= _RULES_KEPT:
                self._rules.clear()
            found = self._rules[action, effect] = tuple(self._made_ready(action, effect))
        return found

    def _made_ready(self, action: str, effect: Effect) -> Iterator[Rule]:
        variables = self.version == WITH_VARIABLES
        for number, statement in enumerate(self.statements, 1):
            if statement.effect is effect and statement.covers(action):
                tests = tuple(condition.test(variables=variables) for condition in statement.conditions)
                yield Rule(number, statement, statement.reach(variables=variables), tests)
