"""What is wrong with a resource policy: its syntax, whom it names, whom it lets in, and whom it keeps out (G.1)."""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from detent.model.document import NamedPrincipal, PrincipalKind, Statement
from detent.model.errors import (
    DetentError,
    LocksOut,
    MalformedPolicy,
    PublicPolicy,
    UnsupportedPrincipal,
    UnsupportedServicePrincipal,
)
from detent.model.identity import IdentityKind
from detent.model.pattern import may_mean
from detent.model.policy import Principal
from detent.model.safety import is_broad, locks_out
from detent.service.documents import Members, parsed, sound_statements
from detent.service.env import Env

_ARN = re.compile(
    r"arn:aws:(?:iam::(?=\d{12}:(?:user|role)/)|sts::(?=\d{12}:assumed-role/))"
    r"(?P<account>\d{12}):(?P<kind>[a-z-]+)/(?P<name>[\w+=,.@/-]+)",
    re.ASCII,
)
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com", re.ASCII)


class Check(StrEnum):
    """The three checks of a policy. The reference does not give their names: a Choice."""

    SYNTAX = "policy-syntax"
    BROAD_ACCESS = "broad-access"
    LOCK_OUT = "caller-lock-out"


class Failure(NamedTuple):
    """One thing that is wrong, and which check found it."""

    check: Check
    error: DetentError


def failures(env: Env, caller: Principal, members: Members, arn: str | None) -> Iterator[Failure]:
    """Check a document for the secret with this ARN, or for any; each kind of failure is given once.

    Statements that cannot be read do not keep the others from being checked.
    """
    statements = sound_statements(members)
    for error in _malformations(env, members, statements, arn):
        yield Failure(Check.SYNTAX, error)
    if any(is_broad(statement) for statement in statements):
        yield Failure(Check.BROAD_ACCESS, PublicPolicy())
    if any(locks_out(statement, caller, arn) for statement in statements):
        yield Failure(Check.LOCK_OUT, LocksOut())


def _malformations(
    env: Env, members: Members, statements: Iterable[Statement], arn: str | None
) -> Iterator[MalformedPolicy]:
    # Choice: every resource must be one that can mean this secret, because any other is a slip.
    resources = {resource for statement in statements for resource in statement.resources}
    if not _is_document(members) or (arn is not None and not all(may_mean(one, arn) for one in resources)):
        yield MalformedPolicy()
    named = {name for statement in statements for name in (*statement.principals, *statement.not_principals)}
    services = {principal for principal in named if principal.kind is PrincipalKind.SERVICE}
    if not all(is_known(env, principal) for principal in named - services):
        yield UnsupportedPrincipal()
    if not all(is_known(env, service) for service in services):
        yield UnsupportedServicePrincipal()


def _is_document(members: Members) -> bool:
    try:
        parsed(members)
    except MalformedPolicy:
        return False
    return True


def is_known(env: Env, principal: NamedPrincipal) -> bool:
    """Say whether a principal exists here: an account, a user, a role, a session of a role, or a service.

    Choice: none is federated, because this server knows no identity provider, and any name of AWS's form is taken for
    a service's, because no list of them stays complete.
    """
    if principal.kind is PrincipalKind.SERVICE:
        return _SERVICE.fullmatch(principal.name) is not None
    if principal.kind is not PrincipalKind.AWS or principal.is_anyone:
        return principal.is_anyone
    if principal.account is not None:
        return principal.account == env.server.account or env.tx.access_keys.has_account(principal.account)
    parts = _ARN.fullmatch(principal.name)
    return parts is not None and _exists(env, parts["account"], parts["kind"], parts["name"], principal.name)


def _exists(env: Env, account: str, kind: str, name: str, arn: str) -> bool:
    if kind == "assumed-role":  # Choice: any session of a role that exists, begun or not
        role = env.tx.identities.find(account, IdentityKind.ROLE, name.partition("/")[0])
        return role is not None or env.tx.access_keys.has_principal(arn)
    return env.tx.identities.find(account, IdentityKind(kind), name) is not None
