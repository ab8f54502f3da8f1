"""Whether a caller may: its own policies, the resource's, and what narrows its session, judged together."""

from functools import lru_cache

from detent.model.errors import NotPermitted
from detent.model.judgement import PolicyKind, Source, Verdict
from detent.model.policy import NO_CONTEXT, Ask, Principal
from detent.model.secret import Secret
from detent.service.conditions import Conditions
from detent.service.documents import DocumentKind, compiled
from detent.service.env import Env
from detent.service.verdicts import verdict

DEFAULT = "default"  # the one name under which callers may keep a secret's policy
_SESSION_POLICY = "session"
_KEPT = 4096  # sets of documents: what stands in them never changes


def allow(env: Env, caller: Principal, ask: Ask, resource: Source | None = None, *, shown: str | None = None) -> None:
    """Raise NotPermitted, in the reference's words (A.6), unless the caller may; `shown` is named as the resource."""
    found = judged(env, caller, ask, resource)
    if not found.allowed:
        raise NotPermitted(
            f"User: {caller.arn} is not authorized to perform: {ask.action} on resource: {shown or ask.resource}"
            f" {found.because(ask.action)}"
        )


def judged(env: Env, caller: Principal, ask: Ask, resource: Source | None = None) -> Verdict:
    """Say whether the caller may, and what decided it."""
    if ask.context is NO_CONTEXT:
        ask = ask._replace(context=Conditions(env, caller, ask.account))
    return verdict(caller, ask, _own(env, caller), resource, _narrowing(caller))


def resource_policy(env: Env, secret: Secret) -> Source | None:
    """Give a secret's policy; None: it has none."""
    text = env.tx.policies.find(secret.key, DEFAULT)
    return None if text is None else _resource_policy(text)


@lru_cache(maxsize=_KEPT)
def _resource_policy(text: str) -> Source:
    return Source(PolicyKind.RESOURCE, DEFAULT, compiled(text, DocumentKind.RESOURCE))


def _own(env: Env, caller: Principal) -> tuple[Source, ...]:
    return () if caller.identity is None else _identity_policies(env.tx.identities.documents(caller.identity))


@lru_cache(maxsize=_KEPT)
def _identity_policies(documents: tuple[tuple[str, str], ...]) -> tuple[Source, ...]:
    return tuple(Source(PolicyKind.IDENTITY, name, compiled(text, DocumentKind.IDENTITY)) for name, text in documents)


def _narrowing(caller: Principal) -> tuple[Source, ...] | None:
    """Give the policies of the caller's session; None: nothing narrows it."""
    session = caller.session
    return None if session is None or session.policies is None else _session_policies(session.policies)


@lru_cache(maxsize=_KEPT)
def _session_policies(texts: tuple[str, ...]) -> tuple[Source, ...]:
    return tuple(Source(PolicyKind.SESSION, _SESSION_POLICY, compiled(text, DocumentKind.IDENTITY)) for text in texts)
