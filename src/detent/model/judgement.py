"""May a caller do this? IAM's evaluation, over the caller's policies, the resource's, and the session's.

- An explicit Deny anywhere wins, over root's own power too.
- Within an account one Allow is enough: the caller's own policies', or the resource's that names the caller.
- A resource's Allow that names only the account leaves it to the account's own policies (AWS: IAM guide, Principal).
- From another account both must allow: the caller's own policies, and the resource's.
- A session's policies narrow all of that, but for a resource's Allow that names this very session.
- A rotation step may what its grant says, unless the resource's policy denies it.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from detent.model.document import Document, Effect, Rule
from detent.model.policy import Ask, Principal, step_may


class PolicyKind(StrEnum):
    """Which side a policy speaks for; the values are the words of AWS's refusals (A.6)."""

    IDENTITY = "identity-based policy"
    RESOURCE = "resource-based policy"
    SESSION = "session policy"


class Source(NamedTuple):
    """A document, and as what and under which name it was found."""

    kind: PolicyKind
    name: str
    document: Document


class Verdict(NamedTuple):
    """The answer, and what decided it: nothing that is written, where root or a step's grant did."""

    allowed: bool
    kind: PolicyKind | None = None
    policy: str | None = None
    statement: str | None = None  # its Sid, else `#` and its number from 1; None: no statement said a word

    def because(self, action: str) -> str:
        """Say why, as AWS ends its refusals (A.6)."""
        kind = self.kind or PolicyKind.IDENTITY
        if self.statement is None:
            return f"because no {kind} allows the {action} action"
        article = "an" if kind is PolicyKind.IDENTITY else "a"
        return f"with an explicit deny in {article} {kind}"


class _Found(NamedTuple):
    source: Source
    rule: Rule

    def verdict(self) -> Verdict:
        statement = self.rule.statement
        name = statement.sid or f"#{self.rule.number}"
        return Verdict(statement.effect is Effect.ALLOW, self.source.kind, self.source.name, name)


_ROOT = Verdict(True)


def judge(
    caller: Principal,
    ask: Ask,
    *,
    identity: Sequence[Source] = (),
    resource: Source | None = None,
    session: Sequence[Source] | None = None,
) -> Verdict:
    """Decide. `session` None: nothing narrows the caller; empty: it narrows it to nothing."""
    if caller.grant is not None and not step_may(caller.grant, ask):
        return Verdict(False)
    shared = () if resource is None else (resource,)
    denied = _first((*identity, *shared, *(session or ())), Effect.DENY, caller, ask)
    if denied is not None:
        return denied.verdict()
    if caller.grant is not None:
        return _ROOT
    narrowed = session is not None and _first(session, Effect.ALLOW, caller, ask) is None
    own = _first(() if caller.is_root else identity, Effect.ALLOW, caller, ask)
    mine = _ROOT if caller.is_root else None if own is None else own.verdict()
    granting = list(_applying(shared, Effect.ALLOW, caller, ask))
    if caller.account == ask.account:
        return _within(caller, mine, granting, narrowed=narrowed)
    return _across(mine, granting[0].verdict() if granting else None, narrowed=narrowed)


def trusts(caller: Principal, ask: Ask, trust: Source) -> bool:
    """Whether a role's trust document allows something to the caller, or leaves it to the caller's account."""
    return _first((trust,), Effect.ALLOW, caller, ask) is not None


def _within(caller: Principal, own: Verdict | None, allowing: Iterable[_Found], *, narrowed: bool) -> Verdict:
    granting = [found for found in allowing if _grants(found, caller)]
    for found in granting:
        if caller.role is not None and any(named.name == caller.arn for named in found.rule.statement.principals):
            return own if own is not None and not narrowed else found.verdict()
    allowed = own or (granting[0].verdict() if granting else None)
    if allowed is None:
        return Verdict(False, PolicyKind.IDENTITY)
    return Verdict(False, PolicyKind.SESSION) if narrowed else allowed


def _across(own: Verdict | None, shared: Verdict | None, *, narrowed: bool) -> Verdict:
    if own is None:
        return Verdict(False, PolicyKind.IDENTITY)
    if narrowed:
        return Verdict(False, PolicyKind.SESSION)
    return shared or Verdict(False, PolicyKind.RESOURCE)


def _grants(found: _Found, caller: Principal) -> bool:
    """Whether a resource's Allow gives something to the caller, and not only to its account to pass on."""
    principals = found.rule.statement.principals
    return not principals or any(named.means(caller) and named.account is None for named in principals)


def _first(sources: Iterable[Source], effect: Effect, caller: Principal, ask: Ask) -> _Found | None:
    return next(_applying(sources, effect, caller, ask), None)


def _applying(sources: Iterable[Source], effect: Effect, caller: Principal, ask: Ask) -> Iterator[_Found]:
    """Give the statements of this effect that are about this request."""
    for source in sources:
        on_resource = source.kind is PolicyKind.RESOURCE
        for rule in source.document.rules(ask.action, effect):
            if rule.applies(caller, ask.resource, ask.context, on_resource=on_resource):
                yield _Found(source, rule)
