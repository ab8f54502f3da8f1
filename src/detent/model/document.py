"""A policy document: whom its statements are about, which actions and resources, and under which conditions.

Only what is written in it. Whether a caller may do something is decided from many documents, elsewhere.

Of each pair (`principals` and `not_principals`, …) exactly one has entries.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from detent.model.condition import Condition
from detent.model.policy import Principal

ANYTHING = "*"
_ACCOUNT = re.compile(r"(?P<number>\d{12})|arn:aws:iam::(?P<root>\d{12}):root", re.ASCII)
_VARIABLE = re.compile(r"\$\{[^}]*\}")


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
        return self.is_anyone or self.account == caller.account or self.name == caller.arn


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

        For an account's root the two are the same.
        """
        names = self.not_principals
        if any(named.is_anyone for named in names):
            return True
        listed = any(named.account == caller.account for named in names)
        return listed and (caller.is_root or any(named.name == caller.arn for named in names))

    def covers(self, action: str) -> bool:
        """Whether the statement is about an action, `service:Operation`; case does not matter."""
        patterns = self.actions or self.not_actions
        found = any(matches(pattern.lower(), action.lower()) for pattern in patterns)
        return found if self.actions else not found

    def reaches(self, arn: str) -> bool:
        """Whether the statement can be about a resource."""
        if self.resources:
            return any(may_mean(pattern, arn) for pattern in self.resources)
        return not any(matches(pattern, arn) for pattern in self.not_resources)


@dataclass(frozen=True, slots=True)
class Document:
    """A whole policy. Its version decides whether policy variables are variables."""

    version: str
    statements: tuple[Statement, ...]
    id: str | None = None


def may_mean(resource: str, arn: str) -> bool:
    """Whether a resource's pattern can fit this ARN; a policy variable in it may become anything."""
    return matches(_VARIABLE.sub("*", resource), arn)


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text fits a pattern in which `*` stands for any characters and `?` for any one.

    Each piece is matched once, where it first fits: callers write patterns, and none may take long.
    """
    first, *rest = (_literal(piece) for piece in re.sub(r"\*+", "*", pattern).split("*"))
    if not rest:
        return re.fullmatch(first, text, re.DOTALL) is not None
    if len(pattern.replace("*", "")) > len(text):
        return False
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1])
    return re.fullmatch(f"{first}{middle}.*{rest[-1]}", text, re.DOTALL) is not None


def _literal(piece: Iterable[str]) -> str:
    return "".join("." if character == "?" else re.escape(character) for character in piece)
