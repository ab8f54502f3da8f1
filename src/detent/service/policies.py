"""Operations on a secret's resource policy (B.16, B.19): kept and checked here, and enforced by `authorization`."""

from dataclasses import dataclass

from detent.model.errors import BadParameter, PolicyNotFound
from detent.model.policy import Ask, Principal
from detent.model.secret import Secret
from detent.service.authorization import DEFAULT, allow
from detent.service.documents import opened
from detent.service.env import Env
from detent.service.lookup import find, permit
from detent.service.paging import Paged, page_start, token_for
from detent.service.vetting import Check, Failure, failures

_PAGE = 100


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A secret's policy of one name; `document` None: it has none, or it is not asked for."""

    secret: Secret
    name: str
    document: str | None = None


def put_resource_policy(
    env: Env,
    caller: Principal,
    *,
    secret_id: str,
    resource_policy: str,
    policy_name: str | None = None,
    block_public_policy: bool | None = None,
) -> NamedPolicy:
    """Attach a policy, in the place of the one there. Broad access is refused only where that was asked for."""
    sent = {"secretsmanager:blockpublicpolicy": block_public_policy}
    secret = find(env, caller, "PutResourcePolicy", secret_id, sent=sent)
    name = _changeable(policy_name)
    for failure in failures(env, caller, opened(resource_policy), secret.arn):
        if failure.check is not Check.BROAD_ACCESS or block_public_policy:
            raise failure.error
    env.tx.policies.put(secret.key, name, resource_policy)
    return NamedPolicy(env.tx.secrets.save(secret), name)


def get_resource_policy(env: Env, caller: Principal, *, secret_id: str, policy_name: str | None = None) -> NamedPolicy:
    """Give a policy's text as it was put; a secret without a default one is no error."""
    secret = find(env, caller, "GetResourcePolicy", secret_id)
    name = policy_name or DEFAULT
    document = env.tx.policies.find(secret.key, name)
    if document is None and name != DEFAULT:
        raise PolicyNotFound
    return NamedPolicy(secret, name, document)


def delete_resource_policy(
    env: Env, caller: Principal, *, secret_id: str, policy_name: str | None = None
) -> NamedPolicy:
    """Detach the policy; none there is fine (a Choice)."""
    secret = find(env, caller, "DeleteResourcePolicy", secret_id)
    name = _changeable(policy_name)
    env.tx.policies.drop(secret.key, name)
    return NamedPolicy(env.tx.secrets.save(secret), name)


def _changeable(name: str | None) -> str:
    if name not in (None, DEFAULT):  # the reference has no wording for this one: a Choice
        raise BadParameter(f"You can only change the resource policy named {DEFAULT}.")
    return DEFAULT


def list_resource_policies(
    env: Env, caller: Principal, *, secret_id: str, max_results: int | None = None, next_token: str | None = None
) -> Paged[str]:
    """List the names of a secret's policies, the default one first."""
    secret = find(env, caller, "ListResourcePolicies", secret_id)
    bound = f"ListResourcePolicies {secret.arn}"
    names = sorted(env.tx.policies.names(secret.key), key=lambda name: (name != DEFAULT, name))
    start = int(page_start(env, next_token, bound) or 0)
    end = start + (max_results or _PAGE)
    return Paged(names[start:end], token_for(env, str(end), bound) if end < len(names) else None)


def validate_resource_policy(
    env: Env, caller: Principal, *, resource_policy: str, secret_id: str | None = None
) -> list[Failure]:
    """Give all that is wrong with a policy, for one secret or for any.

    Choice: a text that is not one JSON object is refused as malformed, because nothing in it can be checked; whatever
    else is wrong is told.
    """
    secret = None if secret_id is None else find(env, caller, "ValidateResourcePolicy", secret_id)
    if secret is not None:  # AWS: it takes both permissions (G.3)
        permit(env, caller, "secretsmanager:PutResourcePolicy", secret, secret_id)
    else:
        for operation in ("ValidateResourcePolicy", "PutResourcePolicy"):
            allow(env, caller, Ask(f"secretsmanager:{operation}", "*", caller.account))
    return list(failures(env, caller, opened(resource_policy), None if secret is None else secret.arn))
