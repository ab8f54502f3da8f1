"""Replicas following their primary, in the transaction that changed it (H, B.19).

What a replica must be is computed from its primary each time, so that one which could not follow earlier catches up
with the next change. One that cannot follow is FAILED and stays as it was; the primary's change stands.
"""

from collections.abc import Mapping
from dataclasses import replace

from detent.model.errors import BadParameter, BadState, CannotOpen, CannotSeal, LimitExceeded, NotPermitted
from detent.model.replication import Following, PrimaryLink, Replica
from detent.model.secret import Secret, SecretKey, Version, VersionId
from detent.model.value import SealedValue
from detent.service import keysets, sealing
from detent.service.authorization import DEFAULT
from detent.service.env import Env, Server
from detent.service.lookup import with_arn
from detent.store.protocol import Tx

_OBSTACLES = (BadParameter, BadState, CannotOpen, CannotSeal, LimitExceeded, NotPermitted)
_TAKEN = "Secret with this name already exists in this region"


def settle(server: Server, tx: Tx) -> None:
    """Let the replicas of every primary that a unit of work has changed follow."""
    for secret in tx.changed():
        if secret.replicas:
            follow(server.env(tx, secret.region), secret)


def follow(env: Env, primary: Secret, *, overwriting: frozenset[str] = frozenset()) -> Secret:
    """Let every replica follow; gives the primary with what became of them.

    `overwriting` has the ARNs for which another secret of the same name may be replaced.
    """
    replicas = tuple(_followed(env, primary, replica, replica.arn in overwriting) for replica in primary.replicas)
    return primary if replicas == primary.replicas else env.tx.secrets.save(replace(primary, replicas=replicas))


def copy_of(env: Env, primary: Secret, replica: Replica) -> Secret | None:
    """Find a replica's secret; None: it could not be made yet."""
    found = with_arn(env, replica.arn)
    linked = found is not None and found.primary is not None and found.primary.arn == primary.arn
    return found if linked else None


def _followed(env: Env, primary: Secret, replica: Replica, overwrite: bool) -> Replica:
    if replica.status is Following.DETACHED:
        return replica
    copy = copy_of(env, primary, replica)
    try:
        kms_key_id = replica.kms_key_id if copy is None or copy.account == primary.account else copy.kms_key_id
        target = replace(copy or _new(env, primary, replica, overwrite), kms_key_id=kms_key_id)
        _make_equal(env, primary, target)
    except _OBSTACLES as obstacle:
        message = str(obstacle)
        if copy is not None and copy.primary != PrimaryLink(primary.arn, Following.FAILED, message):
            env.tx.secrets.save(replace(copy, primary=PrimaryLink(primary.arn, Following.FAILED, message)))
        return replace(replica, status=Following.FAILED, message=message)
    return replace(replica, status=Following.IN_SYNC, message=None)


def _new(env: Env, primary: Secret, replica: Replica, overwrite: bool) -> Secret:
    """Shape a replica that is not there yet, its name made free. Raises BadState when it is another secret's."""
    place = replica.place
    if place.account != primary.account:  # its own account alone makes it (B.19)
        raise BadState("The replica is not there any more.")
    taken = env.tx.secrets.named(place.account, place.region, place.name)
    if taken is not None:
        if not overwrite or taken.replicas or taken.primary is not None:
            raise BadState(_TAKEN)
        env.tx.secrets.erase(taken.key)
    env.server.limits.check_secrets(env.tx.secrets.count(place.account, place.region))
    return Secret(SecretKey(0), place.account, place.region, place.name, replica.arn, env.now, primary.changed)


def _make_equal(env: Env, primary: Secret, target: Secret) -> None:
    """Write what differs, once everything is sealed: what cannot be sealed leaves the replica as it was."""
    same_account = target.account == primary.account
    wanted = replace(
        target,
        description=primary.description,
        type=primary.type,
        tags=primary.tags if same_account else target.tags,
        labels=primary.labels,
        primary=PrimaryLink(primary.arn, Following.IN_SYNC),
    )
    copied = {version.id: version for version in env.tx.secrets.versions(target.key)}
    versions = {version.id: version for version in env.tx.secrets.versions(primary.key)}
    sealed = _sealed(env, primary, wanted, versions, copied)
    gone = [version_id for version_id in copied if version_id not in versions]
    policy_differs = same_account and _policy(env, primary) != _policy(env, target)
    if target.key and wanted == target and not sealed and not gone and not policy_differs:
        return
    changed = replace(wanted, changed=primary.changed)
    kept = env.tx.secrets.save(changed) if target.key else env.tx.secrets.add(changed)
    for version_id, value in sealed.items():
        if version_id in copied and value is not None:
            env.tx.secrets.reseal(kept.key, version_id, value)
        else:
            version = versions[version_id]
            keyset_id = None if value is None else value.keyset_id
            copy = Version(version_id, version.created, keyset_id, target=version.target)
            env.tx.secrets.put_version(kept.key, copy, value)
    for version_id in gone:
        env.tx.secrets.drop_version(kept.key, version_id)
    if policy_differs:
        _copy_policy(env, primary, kept)


def _sealed(
    env: Env,
    primary: Secret,
    wanted: Secret,
    versions: Mapping[VersionId, Version],
    copied: Mapping[VersionId, Version],
) -> dict[VersionId, SealedValue | None]:
    """Seal for the replica what it lacks, or has under another keyset; None: an empty placeholder."""
    keyset = keysets.sealing(env, wanted.account, wanted.region, wanted.kms_key_id)
    found: dict[VersionId, SealedValue | None] = {}
    for version_id, version in versions.items():
        copy = copied.get(version_id)
        if copy is None and version.is_empty:
            found[version_id] = None
        elif not version.is_empty and (copy is None or copy.is_empty or copy.keyset_id != keyset.id):
            value = env.tx.secrets.sealed(primary.key, version_id)
            if value is not None:
                opened = sealing.opened(env, primary, version_id, value)
                found[version_id] = sealing.sealed(env, wanted, version_id, opened)
    return found


def _policy(env: Env, secret: Secret) -> str | None:
    return env.tx.policies.find(secret.key, DEFAULT) if secret.key else None


def _copy_policy(env: Env, primary: Secret, copy: Secret) -> None:
    document = _policy(env, primary)
    if document is None:
        env.tx.policies.drop(copy.key, DEFAULT)
    else:
        env.tx.policies.put(copy.key, DEFAULT, document)
