"""The wire's shapes: requests with their constraints (API reference B.0), replies as they are sent."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

# Members whose values never stand in an error, a log or the audit trail.
SENSITIVE = frozenset(
    {
        *("secret_string", "secret_binary", "rotation_token", "random_password", "secret_access_key", "session_token"),
        "signing_secret",
        *("code", "environment", "payload", "zip_file"),  # of functions
    }
)

# Members whose quota counts bytes, of UTF-8 text or of decoded binary (A.7): no bound of msgspec's says so.
SIZED = frozenset({"secret_string", "secret_binary"})

_SPECIAL = {
    "arn": "ARN",
    "rotation_lambda_arn": "RotationLambdaARN",
    "cross_account_primary_arn": "CrossAccountPrimaryARN",
    "cross_account_replica_arn": "CrossAccountReplicaARN",
    "replication_role_arn": "ReplicationRoleARN",
    "primary_secret_arn": "PrimarySecretARN",
    "replica_secret_arn": "ReplicaSecretARN",
    "admin_secret_arn": "AdminSecretARN",
    "kms_key_arn": "KMSKeyArn",
    "principal_org_id": "PrincipalOrgID",
}


def wire_name(field: str) -> str:
    """Give a field's name on the wire."""
    return _SPECIAL.get(field) or "".join(part.capitalize() for part in field.split("_"))


class Request(Struct, rename=wire_name):
    r"""A request; members nobody knows are ignored, `null` is absent (A.1).

    Patterns are AWS's own; where they must match the whole value, \A and \Z are put around them, and never shown.
    """


def size_of(request: Request, field: str) -> int:
    """Give the bytes of a sized member; 0: it was not sent."""
    value = getattr(request, field)
    return len(value.encode() if isinstance(value, str) else value or b"")


class Reply(Struct, rename=wire_name, omit_defaults=True):
    """A reply; absent members are left out (A.1)."""


SecretId = Annotated[str, Meta(min_length=1, max_length=2048)]
Name = Annotated[str, Meta(min_length=1, max_length=512)]
Token = str  # its length has an error of its own (B.1)
VersionId = Annotated[str, Meta(min_length=32, max_length=64)]
VersionStage = Annotated[str, Meta(min_length=1, max_length=256)]
VersionStages = Annotated[list[VersionStage], Meta(min_length=1, max_length=20)]
UpTo2048 = Annotated[str, Meta(max_length=2048)]
TypeName = Annotated[str, Meta(max_length=256)]
RotationToken = Annotated[str, Meta(min_length=36, max_length=256, pattern=r"^[a-zA-Z0-9\-]+$")]
NextToken = Annotated[str, Meta(min_length=1, max_length=4096)]
MaxResults = Annotated[int, Meta(ge=1, le=100)]
PolicyName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[0-9A-Za-z\-\_]+\Z")]
ResourcePolicy = Annotated[str, Meta(min_length=1, max_length=20480)]
TagKey = Annotated[str, Meta(min_length=1, max_length=128)]

FilterValue = Annotated[str, Meta(max_length=512, pattern=r"\A^\!?[a-zA-Z0-9 :_@\/\+\=\.\-\!]*$\Z")]


Region = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^([a-z]+-)+\d+$")]
SomeArn = Annotated[str, Meta(min_length=20, max_length=2048)]


class Tag(Request):
    """One tag of a request."""

    key: TagKey
    value: Annotated[str, Meta(max_length=256)] | None = None


class TagShown(Reply):
    """One tag of a reply."""

    key: str
    value: str


class RotationRules(Request):
    """When to rotate, as asked."""

    automatically_after_days: Annotated[int, Meta(ge=1, le=1000)] | None = None
    duration: Annotated[str, Meta(min_length=2, max_length=3, pattern=r"\A[0-9]+h\Z")] | None = None
    schedule_expression: (
        Annotated[str, Meta(min_length=1, max_length=256, pattern=r"\A[0-9A-Za-z\(\)#\?\*\-\/, ]+\Z")] | None
    ) = None


class RotationRulesShown(Reply):
    """When to rotate, as shown."""

    automatically_after_days: int | None = None
    duration: str | None = None
    schedule_expression: str | None = None


class ReplicaRegion(Request):
    """A region to replicate to."""

    region: Region | None = None
    kms_key_id: UpTo2048 | None = None


class Filter(Request):
    """One filter of a list; what is missing has an error of its own (J.3)."""

    key: Literal["description", "name", "tag-key", "tag-value", "primary-region", "owning-service", "all"] | None = None
    values: Annotated[list[FilterValue], Meta(min_length=1, max_length=10)] | None = None


Filters = Annotated[list[Filter], Meta(max_length=10)]


ReplicaRegions = Annotated[list[ReplicaRegion], Meta(min_length=1)]


class ReplicaShown(Reply):
    """A replica in another region, as its primary's reply shows it."""

    region: str
    status: str
    kms_key_id: str | None = None
    status_message: str | None = None
    last_accessed_date: float | None = None


class CrossAccountReplicaShown(Reply):
    """A replica in another account, as its primary's reply shows it."""

    replica_secret_arn: str
    replication_status: str
    replication_role_arn: str | None = None
    status_message: str | None = None


class CrossAccountPrimaryShown(Reply):
    """A primary in another account, as its replica's reply shows it."""

    primary_secret_arn: str
    replication_status: str
    status_message: str | None = None


class Metadata(Request):
    """One entry of what rotates a managed external secret, as asked."""

    key: Annotated[str, Meta(min_length=1, max_length=256)]
    value: Annotated[str, Meta(min_length=1, max_length=2048)]


class MetadataShown(Reply):
    """The same, as shown."""

    key: str
    value: str


class CreateSecret(Request):
    """B.1."""

    name: Name
    client_request_token: Token | None = None
    description: UpTo2048 | None = None
    kms_key_id: UpTo2048 | None = None
    secret_string: str | None = None
    secret_binary: bytes | None = None
    tags: list[Tag] | None = None
    type: TypeName | None = None
    add_replica_regions: ReplicaRegions | None = None
    force_overwrite_replica_secret: bool | None = None
    cross_account_primary_arn: SomeArn | None = None


class GetSecretValue(Request):
    """B.3."""

    secret_id: SecretId
    version_id: VersionId | None = None
    version_stage: VersionStage | None = None


class BatchGetSecretValue(Request):
    """B.4; which of its members exclude each other has errors of its own."""

    secret_id_list: Annotated[list[SecretId], Meta(min_length=1, max_length=20)] | None = None
    filters: Filters | None = None
    max_results: Annotated[int, Meta(ge=1, le=20)] | None = None
    next_token: NextToken | None = None


class PutSecretValue(Request):
    """B.2."""

    secret_id: SecretId
    client_request_token: Token | None = None
    secret_string: str | None = None
    secret_binary: bytes | None = None
    version_stages: VersionStages | None = None
    rotation_token: RotationToken | None = None


class UpdateSecret(Request):
    """B.5."""

    secret_id: SecretId
    client_request_token: Token | None = None
    description: UpTo2048 | None = None
    kms_key_id: UpTo2048 | None = None
    secret_string: str | None = None
    secret_binary: bytes | None = None
    type: TypeName | None = None


class SecretNamed(Request):
    """A request with nothing but the secret."""

    secret_id: SecretId


class ListSecrets(Request):
    """B.7."""

    include_planned_deletion: bool | None = None
    max_results: MaxResults | None = None
    next_token: NextToken | None = None
    filters: Filters | None = None
    sort_by: Literal["created-date", "last-accessed-date", "last-changed-date", "name"] | None = None
    sort_order: Literal["asc", "desc"] | None = None


class ListSecretVersionIds(Request):
    """B.8."""

    secret_id: SecretId
    max_results: MaxResults | None = None
    next_token: NextToken | None = None
    include_deprecated: bool | None = None


class UpdateSecretVersionStage(Request):
    """B.13."""

    secret_id: SecretId
    version_stage: VersionStage
    remove_from_version_id: VersionId | None = None
    move_to_version_id: VersionId | None = None


class DeleteSecret(Request):
    """B.9; the window's limits have an error of their own."""

    secret_id: SecretId
    recovery_window_in_days: int | None = None
    force_delete_without_recovery: bool | None = None


class RotateSecret(Request):
    """B.11."""

    secret_id: SecretId
    client_request_token: Token | None = None
    rotation_lambda_arn: UpTo2048 | None = None
    rotation_rules: RotationRules | None = None
    rotate_immediately: bool | None = None
    external_secret_rotation_metadata: list[Metadata] | None = None
    external_secret_rotation_role_arn: SomeArn | None = None


class ReplicateSecretToRegions(Request):
    """B.17."""

    secret_id: SecretId
    add_replica_regions: ReplicaRegions
    force_overwrite_replica_secret: bool | None = None


class RemoveRegionsFromReplication(Request):
    """B.17."""

    secret_id: SecretId
    remove_replica_regions: Annotated[list[Region], Meta(min_length=1)]


class AssociateCrossAccountReplica(Request):
    """B.19."""

    secret_id: SecretId
    cross_account_replica_arn: SomeArn
    replica_restriction: Literal["SameOrg", "NoRestriction"] | None = None
    replication_role_arn: SomeArn | None = None


class DisassociateCrossAccountReplica(Request):
    """B.19."""

    secret_id: SecretId
    cross_account_replica_arn: SomeArn


class GetRandomPassword(Request):
    """B.15."""

    password_length: Annotated[int, Meta(ge=1, le=4096)] | None = None
    exclude_characters: Annotated[str, Meta(max_length=4096)] | None = None
    exclude_numbers: bool | None = None
    exclude_punctuation: bool | None = None
    exclude_uppercase: bool | None = None
    exclude_lowercase: bool | None = None
    include_space: bool | None = None
    require_each_included_type: bool | None = None


class TagResource(Request):
    """B.14."""

    secret_id: SecretId
    tags: list[Tag]


class UntagResource(Request):
    """B.14."""

    secret_id: SecretId
    tag_keys: list[TagKey]


class PolicyNamed(Request):
    """B.16: a request with nothing but the secret and its policy's name."""

    secret_id: SecretId
    policy_name: PolicyName | None = None


class PutResourcePolicy(Request):
    """B.16."""

    secret_id: SecretId
    resource_policy: ResourcePolicy
    policy_name: PolicyName | None = None
    block_public_policy: bool | None = None


class ValidateResourcePolicy(Request):
    """B.16."""

    resource_policy: ResourcePolicy
    secret_id: SecretId | None = None


class ListResourcePolicies(Request):
    """B.19."""

    secret_id: SecretId
    max_results: MaxResults | None = None
    next_token: NextToken | None = None


class ListRotations(Request):
    """Detent's own: the rotations of one secret, or of all."""

    secret_id: SecretId | None = None
    status: Literal["due", "failed", "running"] | None = None
    max_results: MaxResults | None = None
    next_token: NextToken | None = None


class DescribeRotation(Request):
    """Detent's own: one rotation, by default the secret's latest."""

    secret_id: SecretId
    version_id: VersionId | None = None


class OfSecret(Request):
    """Detent's own: a request with nothing but the secret."""

    secret_id: SecretId


class PreviewSchedule(Request):
    """Detent's own: the windows that come, of one secret or of all."""

    secret_id: SecretId | None = None
    days: Annotated[int, Meta(ge=1, le=366)] | None = None
    max_results: MaxResults | None = None
    next_token: NextToken | None = None


class CreateKey(Request):
    """Detent's own: a keyset that a KmsKeyId can name."""

    alias: Annotated[str, Meta(min_length=7, max_length=256, pattern=r"\Aalias/[a-zA-Z0-9/_-]+\Z")] | None = None


class ListKeys(Request):
    """Detent's own: all keysets of an account in a region, but for the default one."""


class KeyNamed(Request):
    """Detent's own: a request with nothing but the keyset."""

    key_id: Annotated[str, Meta(min_length=1, max_length=2048)]


class OfServer(Request):
    """Detent's own: about the server as a whole."""


class ServerReply(Reply):
    """A server."""

    version: str
    account_id: str
    region: str
    rotation_paused_date: float | None = None
    backup_date: float | None = None


class ScheduleKeyDeletion(KeyNamed):
    """Detent's own: the end of a keyset, some days off."""

    pending_window_in_days: Annotated[int, Meta(ge=7, le=30)] = 30


class KeyReply(Reply):
    """One keyset."""

    key_id: str
    arn: str
    state: str
    created_date: float
    alias: str | None = None
    rotated_date: float | None = None
    deletion_date: float | None = None


class KeyDescribedReply(KeyReply, kw_only=True):
    """One keyset, and how many values lie under it, under its primary key or not yet."""

    values: int
    values_to_reseal: int


class ListKeysReply(Reply):
    """Detent's own."""

    keys: list[KeyReply]


class NamedReply(Reply):
    """The secret, and the version a call made."""

    arn: str
    name: str
    version_id: str | None = None
    version_stages: list[str] | None = None


class CreatedReply(Reply):
    """B.1."""

    arn: str
    name: str
    version_id: str | None = None
    replication_status: list[ReplicaShown] | None = None


class ReplicationReply(Reply):
    """B.17."""

    arn: str
    replication_status: list[ReplicaShown]


class PromotedReply(Reply):
    """B.17."""

    arn: str


class CrossAccountReply(Reply):
    """B.19; the status is that of the link just made."""

    arn: str
    cross_account_replica_arn: str
    replication_status: str | None = None


class SecretValueReply(Reply):
    """B.3."""

    arn: str
    name: str
    version_id: str
    created_date: float
    secret_string: str | None = None
    secret_binary: bytes | None = None
    version_stages: list[str] | None = None


class SecretFailureReply(Reply):
    """Why one secret of B.4 could not be read."""

    secret_id: str
    error_code: str
    message: str


class SecretValuesReply(Reply):
    """B.4; both lists are always sent (a Choice)."""

    secret_values: list[SecretValueReply]
    errors: list[SecretFailureReply]
    next_token: str | None = None


class SecretReply(Reply):
    """B.6, and an entry of B.7: they differ in the name of the labels' map."""

    arn: str
    name: str
    last_changed_date: float
    created_date: float
    description: str | None = None
    kms_key_id: str | None = None
    type: str | None = None
    rotation_enabled: bool | None = None
    rotation_lambda_arn: str | None = None
    rotation_rules: RotationRulesShown | None = None
    last_rotated_date: float | None = None
    last_accessed_date: float | None = None
    deleted_date: float | None = None
    next_rotation_date: float | None = None
    tags: list[TagShown] | None = None
    version_ids_to_stages: dict[str, list[str]] | None = None
    secret_versions_to_stages: dict[str, list[str]] | None = None
    external_secret_rotation_metadata: list[MetadataShown] | None = None
    external_secret_rotation_role_arn: str | None = None
    primary_region: str | None = None
    replication_status: list[ReplicaShown] | None = None
    cross_account_primary: CrossAccountPrimaryShown | None = None
    cross_account_replicas: list[CrossAccountReplicaShown] | None = None


class ListSecretsReply(Reply):
    """B.7."""

    secret_list: list[SecretReply]
    next_token: str | None = None


class VersionReply(Reply):
    """An entry of B.8."""

    version_id: str
    created_date: float
    version_stages: list[str] | None = None
    last_accessed_date: float | None = None
    kms_key_ids: list[str] | None = None


class ListVersionsReply(Reply):
    """B.8."""

    versions: list[VersionReply]
    arn: str
    name: str
    next_token: str | None = None


class DeleteSecretReply(Reply):
    """B.9."""

    arn: str
    name: str
    deletion_date: float


class RandomPasswordReply(Reply):
    """B.15."""

    random_password: str


class PolicyNamedReply(Reply):
    """B.16: the secret and its policy's name."""

    arn: str
    name: str
    policy_name: str


class PolicyReply(PolicyNamedReply):
    """B.16: a policy's text as well, if there is one."""

    resource_policy: str | None = None


class PolicyFailureReply(Reply):
    """One thing that is wrong with a policy."""

    check_name: str
    error_message: str


class PolicyValidationReply(Reply):
    """B.16."""

    policy_validation_passed: bool
    validation_errors: list[PolicyFailureReply]


class PolicyEntry(Reply):
    """An entry of B.19's list."""

    policy_name: str


class ListPoliciesReply(Reply):
    """B.19."""

    resource_policies: list[PolicyEntry]
    next_token: str | None = None


class AttemptReply(Reply):
    """One call of the function for one step."""

    step: str
    number: int
    started_date: float
    duration_millis: float
    outcome: str
    reason: str | None = None


class PassedCheckReply(Reply):
    """A check that a rotation has passed."""

    type: str
    started_date: float
    ended_date: float
    approved_by: str | None = None


class RotationReply(Reply):
    """One rotation; attempts only when it is described."""

    arn: str
    name: str
    purpose: str
    state: str
    step: str
    version_id: str | None = None
    started_date: float | None = None
    ended_date: float | None = None
    next_attempt_date: float | None = None
    reason: str | None = None
    attempts: list[AttemptReply] | None = None
    window_closes_date: float | None = None
    waits_for: str | None = None
    passed_checks: list[PassedCheckReply] | None = None


class TriedReply(Reply):
    """One labelled version at the target."""

    label: str
    version_id: str
    logs_in: str
    target: str | None = None
    reason: str | None = None


class ExplainSecretReply(Reply):
    """Detent's own."""

    arn: str
    name: str
    versions: list[TriedReply]
    cure: str
    blocks: str | None = None
    state: str | None = None
    step: str | None = None
    next_attempt_date: float | None = None


class ComingReply(Reply):
    """Detent's own."""

    arn: str
    name: str
    opens_date: float
    closes_date: float
    due_date: float
    target: str | None = None
    host: str | None = None


class PreviewScheduleReply(Reply):
    """Detent's own."""

    windows: list[ComingReply]
    next_token: str | None = None


class ListRotationsReply(Reply):
    """Detent's own."""

    rotations: list[RotationReply]
    next_token: str | None = None
