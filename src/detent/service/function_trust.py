"""Whom a user's own function lets in: its resource policy, and for whose secrets' rotations it may be called."""

from functools import lru_cache

from detent.model.arn import secret_parts
from detent.model.errors import NotPermitted
from detent.model.function import UserFunction
from detent.model.identity import root_arn
from detent.model.judgement import PolicyKind, Source, trusts
from detent.model.policy import SERVICE, Ask, Principal
from detent.model.secret import Secret
from detent.service.authorization import DEFAULT, allow
from detent.service.conditions import Conditions
from detent.service.documents import DocumentKind, compiled
from detent.service.env import Env

INVOKE = "lambda:InvokeFunction"
CANNOT_INVOKE = (
    "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the"
    " principal secretsmanager.amazonaws.com."
)
_KEPT = 1024  # policies that were read


def policy_of(function: UserFunction) -> Source | None:
    """Give a function's resource policy; None: it has none."""
    return _policy(function.policy) if function.policy else None


@lru_cache(maxsize=_KEPT)
def _policy(text: str) -> Source:
    return Source(PolicyKind.RESOURCE, DEFAULT, compiled(text, DocumentKind.FUNCTION))


def permit_rotation(env: Env, caller: Principal, secret: Secret, function: UserFunction) -> None:
    """Raise NotPermitted unless the caller may have this function called, and the function may be for this secret.

    A function of another account need not name the caller: what it lets in is the service, or the secret's account.
    """
    key, policy = function.key, policy_of(function)
    ask = Ask(INVOKE, key.arn, key.account, context=Conditions(env, caller, key.account, tags=function.tags))
    if key.account == caller.account:
        allow(env, caller, ask, policy)
    else:
        allow(env, caller, ask._replace(account=caller.account))
    if not may_rotate(env, function, secret.arn):
        raise NotPermitted(CANNOT_INVOKE)


def may_rotate(env: Env, function: UserFunction, secret_arn: str) -> bool:
    """Say whether a function may be called for a secret: one of its own account, or one that its policy lets in."""
    parts, policy, key = secret_parts(secret_arn), policy_of(function), function.key
    if parts is None:
        return False
    if parts.account == key.account:
        return True
    sent = {"aws:sourceaccount": parts.account, "aws:sourcearn": secret_arn}
    for asking in (SERVICE, Principal(parts.account, root_arn(parts.account), "", id=parts.account)):
        ask = Ask(INVOKE, key.arn, key.account, context=Conditions(env, asking, key.account, sent))
        if policy is not None and trusts(asking, ask, policy):
            return True
    return False
