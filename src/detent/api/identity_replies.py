"""What the service answers about users, roles, their policies and access keys, as the wire's replies."""

from collections.abc import Mapping
from typing import Any

from detent.api import identity_shapes as shapes
from detent.api.replies import seconds
from detent.api.shapes import TagShown
from detent.model.identity import Identity
from detent.service.access_keys import HeldKey
from detent.service.identities import Attached


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
