"""Detent's own operations on the policies that users and roles can have."""

import json
from dataclasses import dataclass, replace

from detent.model.document import Document
from detent.model.errors import BadState, Exists, MalformedPolicy, NotFound, UnsupportedPrincipal
from detent.model.identity import Identity, IdentityPolicy, policy_arn
from detent.model.policy import Ask, Principal
from detent.service.authorization import allow
from detent.service.documents import DocumentKind, opened, parsed
from detent.service.env import Env
from detent.service.vetting import is_known

_MOST_TOLD = 10  # of those that a policy is attached to
_LONGEST_TOLD = 200  # characters of a principal that cannot be found


@dataclass(frozen=True, slots=True)
class AttachedPolicy:
    """A policy, and those that it is attached to."""

    policy: IdentityPolicy
    to: tuple[Identity, ...]


def create_policy(env: Env, caller: Principal, *, policy_name: str, policy_document: str) -> IdentityPolicy:
    """Keep a policy that is attached to nobody yet."""
    _may(env, caller, "CreatePolicy", policy_name)
    if env.tx.identity_policies.is_taken(caller.account, policy_name):
        raise Exists(f"There is a policy of the name {policy_name} already; upper and lower case make no difference.")
    checked_document(policy_document, DocumentKind.IDENTITY)
    return _put(env, IdentityPolicy(caller.account, policy_name, policy_document, env.now, env.now))


def update_policy(env: Env, caller: Principal, *, policy_name: str, policy_document: str) -> IdentityPolicy:
    """Put another document in its place; it holds on the next request of whoever has the policy."""
    known = _find(env, caller, "UpdatePolicy", policy_name)
    checked_document(policy_document, DocumentKind.IDENTITY)
    return _put(env, replace(known, document=policy_document, changed=env.now))


def describe_policy(env: Env, caller: Principal, *, policy_name: str) -> AttachedPolicy:
    """Give a policy with its document, and whom it is attached to."""
    found = _find(env, caller, "DescribePolicy", policy_name)
    return AttachedPolicy(found, tuple(env.tx.identity_policies.attached_to(found)))


def list_policies(env: Env, caller: Principal) -> list[IdentityPolicy]:
    """List the account's policies by name."""
    allow(env, caller, Ask("detent:ListPolicies", "*", caller.account))
    return env.tx.identity_policies.of(caller.account)


def delete_policy(env: Env, caller: Principal, *, policy_name: str) -> IdentityPolicy:
    """Remove a policy that is attached to nobody. Raises BadState."""
    gone = _find(env, caller, "DeletePolicy", policy_name)
    holders = [f"{one.kind} {one.name}" for one in env.tx.identity_policies.attached_to(gone)]
    if holders:
        more = f" and {len(holders) - _MOST_TOLD} more" if len(holders) > _MOST_TOLD else ""
        raise BadState(
            f"The policy {gone.name} is attached to {', '.join(holders[:_MOST_TOLD])}{more}: detach it first."
        )
    env.tx.identity_policies.drop(gone)
    return gone


def named(env: Env, account: str, name: str) -> IdentityPolicy:
    """Find a policy of an account by exactly its name. Raises NotFound."""
    found = env.tx.identity_policies.find(account, name)
    if found is None:
        raise NotFound(f"There is no policy {name} in this account.")
    return found


def _may(env: Env, caller: Principal, operation: str, name: str) -> None:
    allow(env, caller, Ask(f"detent:{operation}", policy_arn(caller.account, name), caller.account))


def _find(env: Env, caller: Principal, operation: str, name: str) -> IdentityPolicy:
    _may(env, caller, operation, name)
    return named(env, caller.account, name)


def _put(env: Env, policy: IdentityPolicy) -> IdentityPolicy:
    env.tx.identity_policies.put(policy)
    return policy


def checked_document(text: str, kind: DocumentKind) -> Document:
    """Read a document of a kind. Raises MalformedPolicy."""
    try:
        return parsed(opened(text), kind)
    except MalformedPolicy:
        raise MalformedPolicy(f"This {kind.name.lower()} policy contains a syntax error.") from None


def checked_trust(env: Env, text: str) -> str:
    """Give a trust document back. Raises MalformedPolicy, also when it names somebody who does not exist."""
    for statement in checked_document(text, DocumentKind.TRUST).statements:
        for principal in (*statement.principals, *statement.not_principals):
            if not is_known(env, principal):
                told = json.dumps(principal.name[:_LONGEST_TOLD])  # in ASCII, whatever it is
                raise UnsupportedPrincipal(f"This trust policy names a principal that does not exist here: {told}.")
    return text
