"""What the service answers about users, roles, their policies and access keys, as the wire's replies."""

from collections.abc import Mapping
from typing import Any

from detent.api import identity_shapes as shapes
from detent.api.replies import seconds
from detent.api.shapes import TagShown
from detent.model.identity import Identity, IdentityPolicy
from detent.service.access_keys import HeldKey
from detent.service.identities import Attached
from detent.service.identity_policies import AttachedPolicy


def user(found: Attached) -> shapes.UserReply:
    """Answer with one user."""
    identity = found.identity
    return shapes.UserReply(user_name=identity.name, user_id=identity.id, **_common(found))


def users(found: list[Attached]) -> shapes.ListUsersReply:
    """Answer ListUsers."""
    return shapes.ListUsersReply(users=[user(one) for one in found])


def user_gone(gone: Identity) -> shapes.UserGoneReply:
    """Answer DeleteUser."""
    return shapes.UserGoneReply(user_name=gone.name, arn=gone.arn)


def role(found: Attached) -> shapes.RoleReply:
    """Answer with one role."""
    identity = found.identity
    if identity.trust is None or identity.longest_session is None:
        raise AssertionError("a role has a trust policy and a longest session")
    return shapes.RoleReply(
        role_name=identity.name,
        role_id=identity.id,
        trust_policy=identity.trust,
        max_session_seconds=int(identity.longest_session.total_seconds()),
        **_common(found),
    )


def roles(found: list[Attached]) -> shapes.ListRolesReply:
    """Answer ListRoles."""
    return shapes.ListRolesReply(roles=[role(one) for one in found])


def role_gone(gone: Identity) -> shapes.RoleGoneReply:
    """Answer DeleteRole."""
    return shapes.RoleGoneReply(role_name=gone.name, arn=gone.arn)


def identity_arn(found: Identity) -> shapes.IdentityArnReply:
    """Answer RevokeSessions."""
    return shapes.IdentityArnReply(arn=found.arn)


def attachments(found: Attached) -> shapes.AttachedReply:
    """Answer AttachPolicy and DetachPolicy."""
    return shapes.AttachedReply(arn=found.identity.arn, policy_names=list(found.policies))


def policy(found: IdentityPolicy) -> shapes.PolicyReply:
    """Answer CreatePolicy and UpdatePolicy."""
    return shapes.PolicyReply(**_policy(found), policy_document=found.document)


def policy_described(found: AttachedPolicy) -> shapes.PolicyReply:
    """Answer DescribePolicy."""
    attached_to = [identity.arn for identity in found.to]
    return shapes.PolicyReply(**_policy(found.policy), policy_document=found.policy.document, attached_to=attached_to)


def policies(found: list[IdentityPolicy]) -> shapes.ListPoliciesReply:
    """Answer ListPolicies."""
    return shapes.ListPoliciesReply(policies=[shapes.PolicyReply(**_policy(one)) for one in found])


def policy_gone(gone: IdentityPolicy) -> shapes.PolicyGoneReply:
    """Answer DeletePolicy."""
    return shapes.PolicyGoneReply(policy_name=gone.name, arn=gone.arn)


def _policy(found: IdentityPolicy) -> Mapping[str, Any]:
    return {
        "policy_name": found.name,
        "arn": found.arn,
        "created_date": seconds(found.created),
        "changed_date": seconds(found.changed),
    }


def _common(found: Attached) -> Mapping[str, Any]:
    identity = found.identity
    return {
        "arn": identity.arn,
        "created_date": seconds(identity.created),
        "tags": [TagShown(key=key, value=value) for key, value in identity.tags.items()],
        "policy_names": list(found.policies),
    }


def access_key(held: HeldKey) -> shapes.AccessKeyReply:
    """Answer UpdateAccessKey."""
    return shapes.AccessKeyReply(**_key(held))


def access_key_made(made: HeldKey) -> shapes.MadeAccessKeyReply:
    """Answer CreateAccessKey, the one time that a key's secret is told."""
    if made.secret is None:
        raise AssertionError("a key that was just made has a secret")
    return shapes.MadeAccessKeyReply(**_key(made), secret_access_key=str(made.secret.reveal()))


def access_keys(found: list[HeldKey]) -> shapes.ListAccessKeysReply:
    """Answer ListAccessKeys."""
    return shapes.ListAccessKeysReply(access_keys=[access_key(held) for held in found])


def access_key_gone(gone: HeldKey) -> shapes.AccessKeyGoneReply:
    """Answer DeleteAccessKey."""
    return shapes.AccessKeyGoneReply(access_key_id=gone.key.principal.access_key_id)


def _key(held: HeldKey) -> Mapping[str, Any]:
    key, used = held.key, held.key.used
    return {
        "access_key_id": key.principal.access_key_id,
        "state": "active" if key.active else "inactive",
        "created_date": seconds(key.created),
        "user_name": key.principal.user,
        "last_used": used and shapes.LastUsedShown(date=seconds(used.moment), service=used.service, region=used.region),
    }
