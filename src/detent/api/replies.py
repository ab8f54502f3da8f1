"""What the service answers, as the wire's replies."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from detent import __version__
from detent.api import shapes
from detent.api.errors import code_of
from detent.model.checks import Passed
from detent.model.errors import DetentError
from detent.model.keyset import ROOT_KEYSET_ID, CustomerKeyset, keyset_arn
from detent.model.ports import AuditedPart
from detent.model.rotation import Attempt
from detent.model.secret import RotationSettings, Secret, Version
from detent.model.value import SecretValue
from detent.service import pausing
from detent.service.batches import Tried
from detent.service.cross_account import Linked
from detent.service.explaining import Explained
from detent.service.history import SecretRotation
from detent.service.keys import DescribedKey
from detent.service.paging import Paged
from detent.service.policies import NamedPolicy
from detent.service.preview import Coming
from detent.service.replication import cross_account, regional
from detent.service.secrets import Deleted, Described
from detent.service.versions import ListedVersions, ReadValue, WrittenVersion
from detent.service.vetting import Failure


def seconds(moment: datetime) -> float:
    """Give a moment as the wire does: seconds since 1970, milliseconds after the point."""
    return round(moment.timestamp(), 3)


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else seconds(moment)


def _day(day: date | None) -> float | None:
    """Give a day as its midnight, UTC (C.8)."""
    return None if day is None else datetime.combine(day, time(), UTC).timestamp()


def secret_value(read: ReadValue) -> shapes.SecretValueReply:
    """Answer GetSecretValue."""
    plain = read.value.reveal()
    return shapes.SecretValueReply(
        arn=read.secret.arn,
        name=read.secret.name,
        version_id=read.version.id,
        secret_string=plain if isinstance(plain, str) else None,
        secret_binary=plain if isinstance(plain, bytes) else None,
        version_stages=list(read.secret.labels_of(read.version.id)) or None,
        created_date=seconds(read.version.created),
    )


def secret_values(page: Paged[Tried]) -> shapes.SecretValuesReply:
    """Answer BatchGetSecretValue: what was read, and what could not be."""
    return shapes.SecretValuesReply(
        secret_values=[secret_value(one.outcome) for one in page.items if not isinstance(one.outcome, DetentError)],
        errors=[_failure(one.secret_id, one.outcome) for one in page.items if isinstance(one.outcome, DetentError)],
        next_token=page.next_token,
    )


def _failure(secret_id: str, error: DetentError) -> shapes.SecretFailureReply:
    return shapes.SecretFailureReply(secret_id=secret_id, error_code=code_of(error), message=str(error))


def single_reads(page: Paged[Tried]) -> Iterator[AuditedPart]:
    """Give the GetSecretValue of each secret asked for, as the audit trail keeps it."""
    for secret_id, outcome in page.items:
        error = (code_of(outcome), str(outcome)) if isinstance(outcome, DetentError) else None
        yield AuditedPart("GetSecretValue", {"secretId": secret_id}, error)


def named(secret: Secret) -> shapes.NamedReply:
    """Answer with the secret alone."""
    return shapes.NamedReply(arn=secret.arn, name=secret.name)


def written(made: WrittenVersion) -> shapes.NamedReply:
    """Answer with the secret and the version, if one was made."""
    return shapes.NamedReply(arn=made.secret.arn, name=made.secret.name, version_id=made.version_id)


def created(made: WrittenVersion) -> shapes.CreatedReply:
    """Answer CreateSecret."""
    return shapes.CreatedReply(
        arn=made.secret.arn,
        name=made.secret.name,
        version_id=made.version_id,
        replication_status=_replicas(made.secret, {}) or None,
    )


def replication(secret: Secret) -> shapes.ReplicationReply:
    """Answer ReplicateSecretToRegions and RemoveRegionsFromReplication."""
    return shapes.ReplicationReply(arn=secret.arn, replication_status=_replicas(secret, {}))


def promoted(secret: Secret) -> shapes.PromotedReply:
    """Answer StopReplicationToReplica."""
    return shapes.PromotedReply(arn=secret.arn)


def linked(link: Linked) -> shapes.CrossAccountReply:
    """Answer AssociateCrossAccountReplica."""
    return shapes.CrossAccountReply(
        arn=link.primary.arn, cross_account_replica_arn=link.replica.arn, replication_status=link.replica.status
    )


def unlinked(link: Linked) -> shapes.CrossAccountReply:
    """Answer DisassociateCrossAccountReplica."""
    return shapes.CrossAccountReply(arn=link.primary.arn, cross_account_replica_arn=link.replica.arn)


def _replicas(secret: Secret, read: Mapping[str, date | None]) -> list[shapes.ReplicaShown]:
    return [
        shapes.ReplicaShown(
            region=replica.place.region,
            status=replica.status,
            kms_key_id=replica.kms_key_id,
            status_message=replica.message,
            last_accessed_date=_day(read.get(replica.arn)),
        )
        for replica in regional(secret)
    ]


def put(made: WrittenVersion) -> shapes.NamedReply:
    """Answer PutSecretValue: with the version's labels as they are now."""
    stages: list[str] = [] if made.version_id is None else [*made.secret.labels_of(made.version_id)]
    return shapes.NamedReply(
        arn=made.secret.arn, name=made.secret.name, version_id=made.version_id, version_stages=stages
    )


def described(found: Described) -> shapes.SecretReply:
    """Answer DescribeSecret."""
    secret = found.secret
    shown = _secret(secret)
    shown.version_ids_to_stages = _stages(secret)
    shown.replication_status = _replicas(secret, found.read) or None
    shown.cross_account_replicas = [
        shapes.CrossAccountReplicaShown(replica.arn, replica.status, replica.role, replica.message)
        for replica in cross_account(secret)
    ] or None
    if secret.primary is not None and secret.primary_region is None:
        link = secret.primary
        shown.cross_account_primary = shapes.CrossAccountPrimaryShown(link.arn, link.status, link.message)
    return shown


def listed(page: Paged[Secret]) -> shapes.ListSecretsReply:
    """Answer ListSecrets."""
    return shapes.ListSecretsReply(secret_list=[_entry(secret) for secret in page.items], next_token=page.next_token)


def _entry(secret: Secret) -> shapes.SecretReply:
    shown = _secret(secret)
    shown.secret_versions_to_stages = _stages(secret)
    return shown


def _stages(secret: Secret) -> dict[str, list[str]] | None:
    holders = sorted(set(secret.labels.values()))
    return {holder: list(secret.labels_of(holder)) for holder in holders} or None


def _secret(secret: Secret) -> shapes.SecretReply:
    rotation = secret.rotation
    on = rotation if secret.rotates else None
    window = on.next_window if on is not None else None
    return shapes.SecretReply(
        arn=secret.arn,
        name=secret.name,
        description=secret.description,
        kms_key_id=secret.kms_key_id,
        type=secret.type,
        rotation_enabled=None if rotation is None else rotation.enabled,
        rotation_lambda_arn=None if rotation is None else rotation.function,
        rotation_rules=None if rotation is None else _rules(rotation, secret.changed),
        last_rotated_date=None if on is None else _seconds(on.rotated),
        last_changed_date=seconds(secret.changed),
        last_accessed_date=_day(secret.accessed),
        deleted_date=_seconds(secret.deletion),
        next_rotation_date=None if window is None else seconds(window.last_second),
        tags=None if secret.tags is None else [shapes.TagShown(key=k, value=v) for k, v in secret.tags.items()],
        created_date=seconds(secret.created),
        primary_region=secret.primary_region,
        external_secret_rotation_metadata=_metadata(rotation),
        external_secret_rotation_role_arn=rotation.external.role if rotation and rotation.external else None,
    )


def _metadata(rotation: RotationSettings | None) -> list[shapes.MetadataShown] | None:
    external = rotation.external if rotation is not None else None
    return None if external is None else [shapes.MetadataShown(key, value) for key, value in external.metadata] or None


def _rules(rotation: RotationSettings, changed: datetime) -> shapes.RotationRulesShown | None:
    rules = rotation.rules
    if rules is None:
        return None
    return shapes.RotationRulesShown(
        automatically_after_days=rotation.shown_days(changed),
        duration=None if rules.duration_hours is None else f"{rules.duration_hours}h",
        schedule_expression=rules.expression,
    )


def versions(found: ListedVersions) -> shapes.ListVersionsReply:
    """Answer ListSecretVersionIds."""
    return shapes.ListVersionsReply(
        versions=[_version(found.secret, version) for version in found.page.items],
        next_token=found.page.next_token,
        arn=found.secret.arn,
        name=found.secret.name,
    )


def _version(secret: Secret, version: Version) -> shapes.VersionReply:
    return shapes.VersionReply(
        version_id=version.id,
        version_stages=list(secret.labels_of(version.id)) or None,
        last_accessed_date=_day(version.accessed),
        created_date=seconds(version.created),
        kms_key_ids=_keysets(secret, version),
    )


def _keysets(secret: Secret, version: Version) -> list[str] | None:
    """Name the key a value lies under; a placeholder has no value yet."""
    if version.keyset_id is None:
        return None
    is_default = version.keyset_id == ROOT_KEYSET_ID
    return ["DefaultEncryptionKey" if is_default else keyset_arn(secret.region, secret.account, version.keyset_id)]


def deleted(gone: Deleted) -> shapes.DeleteSecretReply:
    """Answer DeleteSecret."""
    return shapes.DeleteSecretReply(arn=gone.arn, name=gone.name, deletion_date=seconds(gone.deletion))


def random_password(password: SecretValue) -> shapes.RandomPasswordReply:
    """Answer GetRandomPassword."""
    return shapes.RandomPasswordReply(random_password=str(password.reveal()))


def policy_named(found: NamedPolicy) -> shapes.PolicyNamedReply:
    """Answer with the secret and its policy's name."""
    return shapes.PolicyNamedReply(arn=found.secret.arn, name=found.secret.name, policy_name=found.name)


def policy(found: NamedPolicy) -> shapes.PolicyReply:
    """Answer GetResourcePolicy."""
    return shapes.PolicyReply(
        arn=found.secret.arn, name=found.secret.name, policy_name=found.name, resource_policy=found.document
    )


def policies(page: Paged[str]) -> shapes.ListPoliciesReply:
    """Answer ListResourcePolicies."""
    entries = [shapes.PolicyEntry(policy_name=name) for name in page.items]
    return shapes.ListPoliciesReply(resource_policies=entries, next_token=page.next_token)


def policy_validation(failures: list[Failure]) -> shapes.PolicyValidationReply:
    """Answer ValidateResourcePolicy."""
    told = [
        shapes.PolicyFailureReply(check_name=failure.check, error_message=str(failure.error)) for failure in failures
    ]
    return shapes.PolicyValidationReply(policy_validation_passed=not told, validation_errors=told)


def key(keyset: CustomerKeyset) -> shapes.KeyReply:
    """Answer with one keyset."""
    return shapes.KeyReply(**_key(keyset))


def key_described(described: DescribedKey) -> shapes.KeyDescribedReply:
    """Answer with one keyset and what lies under it."""
    total, stale = described.seals
    return shapes.KeyDescribedReply(**_key(described.keyset), values=total, values_to_reseal=stale)


def _key(keyset: CustomerKeyset) -> dict[str, Any]:
    enabled = "enabled" if keyset.enabled else "disabled"
    return {
        "key_id": keyset.id,
        "arn": keyset.arn,
        "state": enabled if keyset.deletion is None else "pending-deletion",
        "created_date": seconds(keyset.created),
        "alias": keyset.alias,
        "rotated_date": None if keyset.rotated is None else seconds(keyset.rotated),
        "deletion_date": None if keyset.deletion is None else seconds(keyset.deletion),
    }


def server(described: pausing.Described) -> shapes.ServerReply:
    """Answer with what the server is."""
    pause = described.pause
    return shapes.ServerReply(
        version=__version__,
        account_id=described.account,
        region=described.region,
        rotation_paused_date=None if pause is None else seconds(pause.since),
        backup_date=None if pause is None else seconds(pause.backup),
    )


def keys(keysets: list[CustomerKeyset]) -> shapes.ListKeysReply:
    """Answer ListKeys."""
    return shapes.ListKeysReply(keys=[key(keyset) for keyset in keysets])


def rotation(found: SecretRotation) -> shapes.RotationReply:
    """Answer DescribeRotation."""
    return _rotation(found, [_attempt(attempt) for attempt in found.attempts])


def rotations(page: Paged[SecretRotation]) -> shapes.ListRotationsReply:
    """Answer ListRotations."""
    return shapes.ListRotationsReply(
        rotations=[_rotation(found, None) for found in page.items], next_token=page.next_token
    )


def explained(found: Explained) -> shapes.ExplainSecretReply:
    """Answer ExplainSecret."""
    rotation = found.rotation
    return shapes.ExplainSecretReply(
        arn=found.secret.arn,
        name=found.secret.name,
        versions=[
            shapes.TriedReply(
                label=one.label, version_id=one.version, logs_in=one.logs_in, target=one.target, reason=one.reason
            )
            for one in found.versions
        ],
        cure=found.cure,
        blocks=found.blocks,
        state=None if rotation is None else rotation.state,
        step=None if rotation is None else rotation.step,
        next_attempt_date=_seconds(found.next_attempt),
    )


def schedule(page: Paged[Coming]) -> shapes.PreviewScheduleReply:
    """Answer PreviewSchedule."""
    return shapes.PreviewScheduleReply(windows=[_coming(one) for one in page.items], next_token=page.next_token)


def _coming(one: Coming) -> shapes.ComingReply:
    return shapes.ComingReply(
        arn=one.secret.arn,
        name=one.secret.name,
        opens_date=seconds(one.window.opens),
        closes_date=seconds(one.window.closes),
        due_date=seconds(one.due),
        target=one.target,
        host=one.host,
    )


def _rotation(found: SecretRotation, attempts: list[shapes.AttemptReply] | None) -> shapes.RotationReply:
    rotation, hold = found.rotation, found.hold
    waiting = None if hold is None or rotation.ended is not None else hold.waits_for
    return shapes.RotationReply(
        arn=found.secret.arn,
        name=found.secret.name,
        version_id=rotation.token,
        purpose=rotation.purpose,
        state=rotation.state,
        step=rotation.step,
        started_date=_seconds(rotation.started),
        ended_date=_seconds(rotation.ended),
        next_attempt_date=_seconds(rotation.due),
        reason=rotation.reason,
        attempts=attempts,
        window_closes_date=seconds(rotation.window.closes),
        waits_for=None if waiting is None else waiting.kind,
        passed_checks=None if attempts is None or found.hold is None else [_passed(one) for one in found.hold.passed],
    )


def _passed(check: Passed) -> shapes.PassedCheckReply:
    return shapes.PassedCheckReply(
        type=check.kind,
        started_date=seconds(check.since),
        ended_date=seconds(check.until),
        approved_by=check.by,
    )


def _attempt(attempt: Attempt) -> shapes.AttemptReply:
    return shapes.AttemptReply(
        step=attempt.step,
        number=attempt.number,
        started_date=seconds(attempt.started),
        duration_millis=round(attempt.duration.total_seconds() * 1000, 3),
        outcome="succeeded" if attempt.reason is None else "failed",
        reason=attempt.reason,
    )
