"""Replicas in other regions: making, removing and promoting them (H)."""

from collections.abc import Iterable
from dataclasses import replace

from detent.model.arn import in_region
from detent.model.errors import BadParameter, BadState
from detent.model.policy import Principal
from detent.model.replication import Following, Replica
from detent.model.secret import Secret
from detent.service import keysets
from detent.service.env import Env
from detent.service.following import copy_of, follow
from detent.service.lookup import find, with_arn
from detent.service.sealing import resealed

WantedRegion = tuple[str | None, str | None]  # a region and a KmsKeyId, as they were sent


def replicate_secret_to_regions(
    env: Env,
    caller: Principal,
    *,
    secret_id: str,
    add_replica_regions: Iterable[WantedRegion],
    force_overwrite_replica_secret: bool | None = None,
) -> Secret:
    """Make replicas; a region where that fails is FAILED and the call succeeds. Repeating it tries again."""
    wanted = list(add_replica_regions)
    sent = {
        "secretsmanager:addreplicaregions": [region for region, _ in wanted if region is not None],
        "secretsmanager:forceoverwritereplicasecret": force_overwrite_replica_secret,
    }
    secret = find(env, caller, "ReplicateSecretToRegions", secret_id, sent=sent)
    return replicated(env, secret, wanted, overwrite=bool(force_overwrite_replica_secret))


def replicated(env: Env, secret: Secret, wanted: Iterable[WantedRegion], *, overwrite: bool) -> Secret:
    """Add replicas to a secret. Raises BadParameter for what is no other region of this server."""
    known = {replica.arn: replica for replica in secret.replicas}
    asked: set[str] = set()
    for region, kms_key_id in wanted:
        if region is None or region == secret.region or region not in env.server.regions:
            raise BadParameter("Invalid replica region.")
        arn = in_region(secret.arn, region)
        if arn not in known or known[arn].status is Following.FAILED:  # one that is there already stays as it is
            known[arn] = Replica(arn, None if keysets.is_default(kms_key_id) else kms_key_id)
            asked.add(arn)
    changed = replace(secret, replicas=tuple(known.values()))
    return follow(env, changed, overwriting=frozenset(asked) if overwrite else frozenset())


def remove_regions_from_replication(
    env: Env, caller: Principal, *, secret_id: str, remove_replica_regions: Iterable[str]
) -> Secret:
    """Erase replicas at once; a region without one is harmless (unconfirmed in the reference)."""
    secret = find(env, caller, "RemoveRegionsFromReplication", secret_id)
    named = set(remove_replica_regions)
    gone = [replica for replica in regional(secret) if replica.place.region in named]
    if not gone:
        return secret
    for replica in gone:
        copy = copy_of(env, secret, replica)
        if copy is not None:
            env.tx.secrets.erase(copy.key)
    kept = tuple(replica for replica in secret.replicas if replica not in gone)
    return env.tx.secrets.save(replace(secret, replicas=kept))


def stop_replication_to_replica(env: Env, caller: Principal, *, secret_id: str) -> Secret:
    """Make a replica a secret of its own, under the same ARN."""
    secret = find(env, caller, "StopReplicationToReplica", secret_id, on_replica=True)
    if secret.primary is None:  # the reference has no wording for this one
        raise BadState(f"The secret {secret.name} is not a replica: there is no replication to stop.")
    primary = _listing(env, secret)
    if primary is not None:
        env.tx.secrets.save(replace(primary, replicas=_left(primary, secret)))
    return env.tx.secrets.save(replace(secret, primary=None, changed=env.now))


def _listing(env: Env, replica: Secret) -> Secret | None:
    """Find the primary that knows this replica; whoever merely names a secret as its primary may not touch it."""
    primary = None if replica.primary is None else with_arn(env, replica.primary.arn)
    known = primary is not None and any(one.arn == replica.arn for one in primary.replicas)
    return primary if known else None


def _left(primary: Secret, leaving: Secret) -> tuple[Replica, ...]:
    """Give a primary's replicas once one has left: one of another account stays, as detached (B.19)."""
    others = tuple(replica for replica in primary.replicas if replica.arn != leaving.arn)
    gone = [replica for replica in cross_account(primary) if replica.arn == leaving.arn]
    return (*others, *(replace(replica, status=Following.DETACHED, message=None) for replica in gone))


def replica_rekeyed(env: Env, replica: Secret, kms_key_id: str) -> Secret:
    """Seal a replica under another keyset of its region: all that can be changed on it."""
    rekeyed = env.tx.secrets.save(replace(resealed(env, replica, kms_key_id), changed=env.now))
    primary = _listing(env, replica)
    if primary is not None:
        known = (
            replace(one, kms_key_id=rekeyed.kms_key_id) if one.arn == replica.arn else one for one in primary.replicas
        )
        env.tx.secrets.save(replace(primary, replicas=tuple(known)))
    return rekeyed


def regional(secret: Secret) -> list[Replica]:
    """Give a primary's replicas in other regions."""
    return [replica for replica in secret.replicas if replica.place.account == secret.account]


def cross_account(secret: Secret) -> list[Replica]:
    """Give a primary's replicas in other accounts; there is at most one that is not detached."""
    return [replica for replica in secret.replicas if replica.place.account != secret.account]


def require_no_replicas(secret: Secret) -> None:
    """Raise BadParameter while a secret has replicas that follow it: it must not be deleted (B.9)."""
    following = [replica for replica in secret.replicas if replica.status is not Following.DETACHED]
    if following:
        regions = [replica.place.region for replica in regional(secret)]
        arns = [replica.arn for replica in cross_account(secret) if replica in following]
        held = f"replica regions [{', '.join(regions)}]" if regions else f"cross-account replicas [{', '.join(arns)}]"
        raise BadParameter(f"You can't delete secret {secret.name} that still has {held}")
