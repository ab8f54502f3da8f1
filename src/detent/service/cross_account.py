"""A replica in another account (B.19): made there, linked from the primary's side, which alone can fill it.

Both accounts agree before anything crosses: the replica's by naming this very primary when it is made, the primary's
by linking this very replica. Policies that widen or narrow this come with the rules about principals.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from detent.model.arn import partition, secret_parts
from detent.model.errors import BadParameter, BadState, LimitExceeded, SecretNotFound
from detent.model.policy import Principal
from detent.model.replication import Following, PrimaryLink, Replica
from detent.model.secret import Secret
from detent.service import keysets
from detent.service.env import Env
from detent.service.following import copy_of, follow
from detent.service.lookup import find, with_arn
from detent.service.replication import cross_account, regional


@dataclass(frozen=True, slots=True)
class Linked:
    """A primary and one replica of it in another account."""

    primary: Secret
    replica: Replica


def checked_primary(
    env: Env, caller: Principal, arn: str, kms_key_id: str | None, excluded: Iterable[object]
) -> PrimaryLink:
    """Shape the replica's side of a link from what CreateSecret was given. Raises BadParameter."""
    if any(member is not None for member in excluded):
        raise BadParameter(
            "You can't specify SecretString, SecretBinary, Description, AddReplicaRegions, or Type with"
            " CrossAccountPrimaryARN."
        )
    _require_other_account(env, caller.account, arn, "CrossAccountPrimaryARN")
    if keysets.is_default(kms_key_id):
        raise BadParameter("You must specify a customer managed KMS key in KmsKeyId with CrossAccountPrimaryARN.")
    return PrimaryLink(arn)


def _require_other_account(env: Env, account: str, arn: str, member: str) -> None:
    parts = secret_parts(arn)
    here = f"arn:{partition(env.region)}:secretsmanager:{env.region}:"
    if parts is None or not arn.startswith(here) or parts.account == account:
        raise BadParameter(f"Invalid {member}. It must be the ARN of a secret of another account in {env.region}.")


def associate_cross_account_replica(
    env: Env,
    caller: Principal,
    *,
    secret_id: str,
    cross_account_replica_arn: str,
    replica_restriction: Literal["SameOrg", "NoRestriction"] | None = None,  # noqa: ARG001 - all accounts of one server are one organization: a Choice
    replication_role_arn: str | None = None,
) -> Linked:
    """Link a replica, or repair the link. One that cannot follow is refused, and neither side changes."""
    secret = find(env, caller, "AssociateCrossAccountReplica", secret_id)
    _require_other_account(env, secret.account, cross_account_replica_arn, "CrossAccountReplicaARN")
    others = [replica for replica in cross_account(secret) if replica.arn != cross_account_replica_arn]
    if any(replica.status is not Following.DETACHED for replica in others):
        raise LimitExceeded("A primary secret can have at most one cross-account replica.")
    copy = with_arn(env, cross_account_replica_arn)
    if copy is None:
        raise SecretNotFound
    if copy.primary is None or copy.primary.arn != secret.arn:
        raise BadParameter(
            f"The secret {copy.arn} is not a replica of {secret.arn}: create it with that CrossAccountPrimaryARN."
        )
    new = Replica(copy.arn, copy.kms_key_id, role=replication_role_arn)
    followed = follow(env, replace(secret, replicas=(*regional(secret), new)))
    linked = followed.replicas[-1]
    if linked.status is Following.FAILED:
        raise BadState(f"The replica can't follow its primary: {linked.message}")
    return Linked(followed, linked)


def disassociate_cross_account_replica(
    env: Env, caller: Principal, *, secret_id: str, cross_account_replica_arn: str
) -> Linked:
    """End a link from the primary's side; the replica stays as it is, and follows no more."""
    secret = find(env, caller, "DisassociateCrossAccountReplica", secret_id)
    gone = next((one for one in cross_account(secret) if one.arn == cross_account_replica_arn), None)
    if gone is None:
        raise BadParameter(f"{cross_account_replica_arn} is not a cross-account replica of {secret.name}.")
    copy = copy_of(env, secret, gone)
    if copy is not None:
        env.tx.secrets.save(replace(copy, primary=PrimaryLink(secret.arn, Following.DETACHED)))
    kept = tuple(replica for replica in secret.replicas if replica is not gone)
    return Linked(env.tx.secrets.save(replace(secret, replicas=kept)), gone)
