"""CheckAccess: may somebody do something, and which statement decides it. Nothing is done."""

from typing import NamedTuple

from detent.model.errors import BadParameter, NotFound, SecretNotFound
from detent.model.identity import Identity, IdentityKind, root_arn, session_arn
from detent.model.judgement import Source, Verdict
from detent.model.policy import Ask, Principal
from detent.service.authorization import allow, judged, resource_policy
from detent.service.conditions import Conditions
from detent.service.env import Env
from detent.service.function_lookup import key_of
from detent.service.function_trust import policy_of
from detent.service.lookup import meant_by

_SESSION = "check-access"  # a role is asked about as a session of it


class Checked(NamedTuple):
    """A verdict, and on whom, what and which resource it is."""

    principal: Principal
    action: str
    resource: str
    verdict: Verdict


def check_access(
    env: Env,
    caller: Principal,
    *,
    principal_arn: str,
    action: str,
    secret_id: str | None = None,
    resource: str | None = None,
) -> Checked:
    """Judge a request of one of the account's principals, as if it came from where this one does.

    Conditions on what a call would send (G.2) are judged as if it sent nothing.
    """
    allow(env, caller, Ask("detent:CheckAccess", "*", caller.account))
    if secret_id is not None and resource is not None:
        raise BadParameter("Give a SecretId or a Resource, not both.")
    principal = _principal(env, caller.account, principal_arn)
    ask, source = (
        _on_secret(env, principal, action, secret_id)
        if secret_id is not None
        else _on(env, principal, action, resource)
    )
    return Checked(principal, action, ask.resource, judged(env, principal, ask, source))


def _on_secret(env: Env, principal: Principal, action: str, secret_id: str) -> tuple[Ask, Source | None]:
    secret = meant_by(env, principal.account, secret_id)
    if secret is None or secret.account != principal.account:  # another account's policies are not told
        raise SecretNotFound
    context = Conditions(env, principal, secret.account, secret=secret)
    return Ask(action, secret.arn, secret.account, context=context), resource_policy(env, secret)


def _on(env: Env, principal: Principal, action: str, resource: str | None) -> tuple[Ask, Source | None]:
    key = key_of(resource or "")
    function = None if key is None or key.account != principal.account else env.tx.functions.find(key)
    tags, policy = (None, None) if function is None else (function.tags, policy_of(function))
    context = Conditions(env, principal, principal.account, tags=tags)
    return Ask(action, resource or "*", principal.account, context=context), policy


def _principal(env: Env, account: str, arn: str) -> Principal:
    """Give the principal of an ARN of this account: its root, a user, or a role as a session of it."""
    if arn == root_arn(account):
        return Principal(account, arn, "", id=account)
    for kind in IdentityKind:
        prefix = f"arn:aws:iam::{account}:{kind}/"
        found = env.tx.identities.find(account, kind, arn.removeprefix(prefix)) if arn.startswith(prefix) else None
        if found is not None:
            return _of(found)
    raise NotFound(f"There is no principal {arn} in account {account}.")


def _of(identity: Identity) -> Principal:
    account, is_role = identity.account, identity.kind is IdentityKind.ROLE
    return Principal(
        account,
        session_arn(account, identity.name, _SESSION) if is_role else identity.arn,
        "",
        role=identity.arn if is_role else None,
        user=None if is_role else identity.name,
        id=f"{identity.id}:{_SESSION}" if is_role else identity.id,
        identity=identity.key,
        tags=identity.tags,
    )
