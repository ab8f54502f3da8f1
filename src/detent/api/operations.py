"""The table: operation, request shape, service function, reply. What is not a row is an unknown operation."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgspec

from detent.api import (
    access_replies,
    access_shapes,
    function_replies,
    function_shapes,
    identity_replies,
    identity_shapes,
    news_replies,
    news_shapes,
    replies,
    shapes,
    sts_replies,
    sts_shapes,
)
from detent.api.rates import GROUPS, Group
from detent.model.ports import AuditedPart
from detent.service import (
    access_keys,
    admin_secrets,
    assuming,
    batches,
    checking,
    checks,
    cross_account,
    explaining,
    function_logs,
    healing,
    history,
    identities,
    identity,
    identity_policies,
    keys,
    listing,
    passwords,
    pausing,
    policies,
    preview,
    remote_functions,
    replication,
    roles,
    rotations,
    secrets,
    versions,
    webhooks,
)

# Signing names; of the first two, target prefixes too.
SECRETS_MANAGER, DETENT, STS, LAMBDA = "secretsmanager", "detent", "sts", "lambda"
MAX_BODY = 1024 * 1024  # bytes; the largest value, all of it escaped in JSON, is under half of it
# How the service takes members that are made of members.
_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "add_replica_regions": lambda given: [(one.region, one.kms_key_id) for one in given],
    "checks": lambda given: [msgspec.structs.asdict(one) for one in given],
    "external_secret_rotation_metadata": lambda given: [(one.key, one.value) for one in given],
    "filters": lambda given: [(one.key, one.values) for one in given],
    "policy_arns": lambda given: [one.arn for one in given if one.arn is not None],
    "rotation_rules": lambda given: {k: v for k, v in msgspec.structs.asdict(given).items() if v is not None},
    "tags": lambda given: {tag.key: tag.value or "" for tag in given},
}


class Runs(Enum):
    """Where an operation runs."""

    ON_LOOP = "a read short enough for the loop's own thread"
    ON_THREAD = "a read that may be long"
    ON_WRITER = "a write transaction"
    TRIED_FIRST = "a write transaction; what it looks at may take long, so it is tried as a read on a thread first"
    INVOKING = "a read, and then a function's run without a transaction"
    EXPLAINING = "a function's run without a transaction, and then a read of what it told"
    DECIDING = "the same, and then a write transaction"


@dataclass(frozen=True)
class Operation:
    """One row."""

    service: str
    name: str
    shape: type[shapes.Request]
    run: Callable[..., Any]
    reply: Callable[[Any], msgspec.Struct | None]
    runs: Runs
    long_with: str | None = None  # the field whose presence makes a short read a long one
    parts: Callable[[Any], Iterable[AuditedPart]] | None = None  # of a call that stands for several: each is recorded
    plain: Mapping[str, Callable[[Any], Any]] = field(default_factory=lambda: _PLAIN)
    status: int = 200  # HTTP's, of success
    most: int = MAX_BODY  # bytes of a request
    decoder: "msgspec.json.Decoder[shapes.Request]" = field(init=False)
    group: Group | None = field(init=False)  # with which others it is counted (I); None: it is not counted
    sized: tuple[str, ...] = field(init=False)  # members whose quota is counted in bytes
    nested: bool = field(init=False)  # whether a member is made of members
    shown: tuple[tuple[str, str], ...] = field(init=False)  # what the audit trail keeps: field, and its name there

    def __post_init__(self) -> None:
        """Make ready what each call needs."""
        object.__setattr__(self, "decoder", msgspec.json.Decoder(self.shape))
        object.__setattr__(self, "group", GROUPS.get(self.name))
        named = [(name, shapes.wire_name(name)) for name in self.shape.__struct_fields__]
        shown = tuple((name, wire[:1].lower() + wire[1:]) for name, wire in named if name not in shapes.SENSITIVE)
        object.__setattr__(self, "shown", shown)
        object.__setattr__(self, "sized", tuple(shapes.SIZED & set(self.shape.__struct_fields__)))
        object.__setattr__(self, "nested", bool(self.plain.keys() & set(self.shape.__struct_fields__)))

    @property
    def reads_only(self) -> bool:
        """Whether the audit trail calls it read-only."""
        return self.runs in (Runs.ON_LOOP, Runs.ON_THREAD, Runs.EXPLAINING)

    def runs_for(self, request: shapes.Request) -> Runs:
        """Say where this very request runs."""
        if self.long_with is not None and getattr(request, self.long_with) is not None:
            return Runs.ON_THREAD
        return self.runs

    def arguments(self, request: shapes.Request) -> dict[str, Any]:
        """Give the request's members as the service function takes them."""
        arguments = msgspec.structs.asdict(request)
        if self.nested:
            for name in self.plain.keys() & arguments.keys():
                if arguments[name] is not None:
                    arguments[name] = self.plain[name](arguments[name])
        return arguments

    def audited(self, request: shapes.Request) -> dict[str, Any]:
        """Give the request's members for the audit trail: those sent, without values."""
        return {wire: value for name, wire in self.shown if (value := getattr(request, name)) is not None}


def _nothing(_: object) -> None:
    """Answer with an empty body (A.2)."""


_ROWS = (
    Operation(
        SECRETS_MANAGER,
        "AssociateCrossAccountReplica",
        shapes.AssociateCrossAccountReplica,
        cross_account.associate_cross_account_replica,
        replies.linked,
        Runs.ON_WRITER,
    ),
    Operation(
        SECRETS_MANAGER,
        "BatchGetSecretValue",
        shapes.BatchGetSecretValue,
        batches.batch_get_secret_value,
        replies.secret_values,
        Runs.ON_LOOP,
        long_with="filters",
        parts=replies.single_reads,
    ),
    Operation(
        SECRETS_MANAGER,
        "CancelRotateSecret",
        shapes.SecretNamed,
        rotations.cancel_rotate_secret,
        replies.written,
        Runs.ON_WRITER,
    ),
    Operation(
        SECRETS_MANAGER, "CreateSecret", shapes.CreateSecret, secrets.create_secret, replies.created, Runs.ON_WRITER
    ),
    Operation(
        SECRETS_MANAGER,
        "DeleteResourcePolicy",
        shapes.PolicyNamed,
        policies.delete_resource_policy,
        replies.policy_named,
        Runs.ON_WRITER,
    ),
    Operation(
        SECRETS_MANAGER, "DeleteSecret", shapes.DeleteSecret, secrets.delete_secret, replies.deleted, Runs.ON_WRITER
    ),
    Operation(
        SECRETS_MANAGER, "DescribeSecret", shapes.SecretNamed, secrets.describe_secret, replies.described, Runs.ON_LOOP
    ),
    Operation(
        SECRETS_MANAGER,
        "DisassociateCrossAccountReplica",
        shapes.DisassociateCrossAccountReplica,
        cross_account.disassociate_cross_account_replica,
        replies.unlinked,
        Runs.ON_WRITER,
    ),
    Operation(
        SECRETS_MANAGER,
        "GetRandomPassword",
        shapes.GetRandomPassword,
        passwords.get_random_password,
        replies.random_password,
        Runs.ON_LOOP,
    ),
    Operation(
        SECRETS_MANAGER,
        "GetResourcePolicy",
        shapes.PolicyNamed,
        policies.get_resource_policy,
        replies.policy,
        Runs.ON_LOOP,
    ),
    Operation(
        SECRETS_MANAGER,
        "GetSecretValue",
        shapes.GetSecretValue,
        versions.get_secret_value,
        replies.secret_value,
        Runs.ON_LOOP,
    ),
    Operation(
        SECRETS_MANAGER,
        "ListResourcePolicies",
        shapes.ListResourcePolicies,
        policies.list_resource_policies,
        replies.policies,
        Runs.ON_LOOP,
    ),
    Operation(
        SECRETS_MANAGER,
        "ListSecretVersionIds",
        shapes.ListSecretVersionIds,
        versions.list_secret_version_ids,
        replies.versions,
        Runs.ON_THREAD,
    ),
    Operation(SECRETS_MANAGER, "ListSecrets", shapes.ListSecrets, listing.list_secrets, replies.listed, Runs.ON_THREAD),
    Operation(
        SECRETS_MANAGER,
        "PutResourcePolicy",
        shapes.PutResourcePolicy,
        policies.put_resource_policy,
        replies.policy_named,
        Runs.ON_WRITER,
    ),
    Operation(
        SECRETS_MANAGER, "PutSecretValue", shapes.PutSecretValue, versions.put_secret_value, replies.put, Runs.ON_WRITER
    ),
    Operation(
        SECRETS_MANAGER,
        "RemoveRegionsFromReplication",
        shapes.RemoveRegionsFromReplication,
        replication.remove_regions_from_replication,
        replies.replication,
        Runs.ON_WRITER,
    ),
    Operation(
        SECRETS_MANAGER,
        "ReplicateSecretToRegions",
        shapes.ReplicateSecretToRegions,
        replication.replicate_secret_to_regions,
        replies.replication,
        Runs.ON_WRITER,
    ),
    Operation(
        SECRETS_MANAGER, "RestoreSecret", shapes.SecretNamed, secrets.restore_secret, replies.named, Runs.ON_WRITER
    ),
    Operation(
        SECRETS_MANAGER, "RotateSecret", shapes.RotateSecret, rotations.rotate_secret, replies.written, Runs.ON_WRITER
    ),
    Operation(
        SECRETS_MANAGER,
        "StopReplicationToReplica",
        shapes.SecretNamed,
        replication.stop_replication_to_replica,
        replies.promoted,
        Runs.ON_WRITER,
    ),
    Operation(SECRETS_MANAGER, "TagResource", shapes.TagResource, secrets.tag_resource, _nothing, Runs.ON_WRITER),
    Operation(SECRETS_MANAGER, "UntagResource", shapes.UntagResource, secrets.untag_resource, _nothing, Runs.ON_WRITER),
    Operation(
        SECRETS_MANAGER, "UpdateSecret", shapes.UpdateSecret, secrets.update_secret, replies.written, Runs.ON_WRITER
    ),
    Operation(
        SECRETS_MANAGER,
        "UpdateSecretVersionStage",
        shapes.UpdateSecretVersionStage,
        versions.update_secret_version_stage,
        replies.named,
        Runs.ON_WRITER,
    ),
    Operation(
        SECRETS_MANAGER,
        "ValidateResourcePolicy",
        shapes.ValidateResourcePolicy,
        policies.validate_resource_policy,
        replies.policy_validation,
        Runs.ON_THREAD,
    ),
    Operation(
        STS, "GetCallerIdentity", shapes.Request, identity.get_caller_identity, sts_replies.identity, Runs.ON_LOOP
    ),
    Operation(STS, "AssumeRole", sts_shapes.AssumeRole, assuming.assume_role, sts_replies.assumed, Runs.ON_WRITER),
    Operation(
        STS,
        "GetSessionToken",
        sts_shapes.GetSessionToken,
        assuming.get_session_token,
        sts_replies.session_token,
        Runs.ON_WRITER,
    ),
    Operation(DETENT, "CancelKeyDeletion", shapes.KeyNamed, keys.cancel_key_deletion, replies.key, Runs.ON_WRITER),
    Operation(DETENT, "CreateKey", shapes.CreateKey, keys.create_key, replies.key, Runs.ON_WRITER),
    Operation(DETENT, "DescribeKey", shapes.KeyNamed, keys.describe_key, replies.key_described, Runs.ON_THREAD),
    Operation(DETENT, "DescribeServer", shapes.OfServer, pausing.describe_server, replies.server, Runs.ON_THREAD),
    Operation(DETENT, "DisableKey", shapes.KeyNamed, keys.disable_key, replies.key, Runs.ON_WRITER),
    Operation(DETENT, "EnableKey", shapes.KeyNamed, keys.enable_key, replies.key, Runs.ON_WRITER),
    Operation(DETENT, "ListKeys", shapes.ListKeys, keys.list_keys, replies.keys, Runs.ON_THREAD),
    Operation(DETENT, "ResumeRotation", shapes.OfServer, pausing.resume_rotation, replies.server, Runs.ON_WRITER),
    Operation(DETENT, "RotateKey", shapes.KeyNamed, keys.rotate_key, replies.key, Runs.ON_WRITER),
    Operation(
        DETENT,
        "ScheduleKeyDeletion",
        shapes.ScheduleKeyDeletion,
        keys.schedule_key_deletion,
        replies.key,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT, "DescribeRotation", shapes.DescribeRotation, history.describe_rotation, replies.rotation, Runs.ON_LOOP
    ),
    Operation(
        DETENT, "PreviewSchedule", shapes.PreviewSchedule, preview.preview_schedule, replies.schedule, Runs.ON_THREAD
    ),
    Operation(DETENT, "ExplainSecret", shapes.OfSecret, explaining.explain_secret, replies.explained, Runs.EXPLAINING),
    Operation(DETENT, "RetryRotation", shapes.OfSecret, healing.retry_rotation, replies.rotation, Runs.ON_WRITER),
    Operation(DETENT, "AbandonRotation", shapes.OfSecret, healing.abandon_rotation, replies.rotation, Runs.ON_WRITER),
    Operation(DETENT, "RollBackRotation", shapes.OfSecret, healing.roll_back_rotation, replies.rotation, Runs.DECIDING),
    Operation(DETENT, "ListRotations", shapes.ListRotations, history.list_rotations, replies.rotations, Runs.ON_THREAD),
    Operation(
        DETENT,
        "CreateUser",
        identity_shapes.CreateUser,
        identities.create_user,
        identity_replies.user,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT,
        "UpdateUser",
        identity_shapes.UpdateUser,
        identities.update_user,
        identity_replies.user,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT,
        "DescribeUser",
        identity_shapes.UserNamed,
        identities.describe_user,
        identity_replies.user,
        Runs.ON_LOOP,
    ),
    Operation(
        DETENT,
        "ListUsers",
        identity_shapes.ListUsers,
        identities.list_users,
        identity_replies.users,
        Runs.ON_THREAD,
    ),
    Operation(
        DETENT,
        "DeleteUser",
        identity_shapes.UserNamed,
        identities.delete_user,
        identity_replies.user_gone,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT, "CreateRole", identity_shapes.CreateRole, roles.create_role, identity_replies.role, Runs.ON_WRITER
    ),
    Operation(
        DETENT, "UpdateRole", identity_shapes.UpdateRole, roles.update_role, identity_replies.role, Runs.ON_WRITER
    ),
    Operation(
        DETENT, "DescribeRole", identity_shapes.RoleNamed, roles.describe_role, identity_replies.role, Runs.ON_LOOP
    ),
    Operation(DETENT, "ListRoles", identity_shapes.ListRoles, roles.list_roles, identity_replies.roles, Runs.ON_THREAD),
    Operation(
        DETENT, "DeleteRole", identity_shapes.RoleNamed, roles.delete_role, identity_replies.role_gone, Runs.ON_WRITER
    ),
    Operation(
        DETENT,
        "RevokeSessions",
        identity_shapes.RevokeSessions,
        roles.revoke_sessions,
        identity_replies.identity_arn,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT,
        "CreatePolicy",
        identity_shapes.PolicyWritten,
        identity_policies.create_policy,
        identity_replies.policy,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT,
        "UpdatePolicy",
        identity_shapes.PolicyWritten,
        identity_policies.update_policy,
        identity_replies.policy,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT,
        "DescribePolicy",
        identity_shapes.PolicyNamed,
        identity_policies.describe_policy,
        identity_replies.policy_described,
        Runs.ON_LOOP,
    ),
    Operation(
        DETENT,
        "ListPolicies",
        identity_shapes.ListPolicies,
        identity_policies.list_policies,
        identity_replies.policies,
        Runs.ON_THREAD,
    ),
    Operation(
        DETENT,
        "DeletePolicy",
        identity_shapes.PolicyNamed,
        identity_policies.delete_policy,
        identity_replies.policy_gone,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT,
        "AttachPolicy",
        identity_shapes.Attachment,
        identities.attach_policy,
        identity_replies.attachments,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT,
        "DetachPolicy",
        identity_shapes.Attachment,
        identities.detach_policy,
        identity_replies.attachments,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT,
        "CreateAccessKey",
        identity_shapes.CreateAccessKey,
        access_keys.create_access_key,
        identity_replies.access_key_made,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT,
        "ListAccessKeys",
        identity_shapes.ListAccessKeys,
        access_keys.list_access_keys,
        identity_replies.access_keys,
        Runs.ON_THREAD,
    ),
    Operation(
        DETENT,
        "UpdateAccessKey",
        identity_shapes.UpdateAccessKey,
        access_keys.update_access_key,
        identity_replies.access_key,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT,
        "DeleteAccessKey",
        identity_shapes.AccessKeyNamed,
        access_keys.delete_access_key,
        identity_replies.access_key_gone,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT, "CheckAccess", access_shapes.CheckAccess, checking.check_access, access_replies.access, Runs.ON_LOOP
    ),
    Operation(
        DETENT,
        "AttachAdminSecret",
        access_shapes.AttachAdminSecret,
        admin_secrets.attach_admin_secret,
        access_replies.admin_secret,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT,
        "DetachAdminSecret",
        access_shapes.DetachAdminSecret,
        admin_secrets.detach_admin_secret,
        access_replies.admin_secret_gone,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT,
        "ListAdminSecrets",
        access_shapes.ListAdminSecrets,
        admin_secrets.list_admin_secrets,
        access_replies.admin_secrets,
        Runs.ON_THREAD,
    ),
    Operation(
        DETENT,
        "PutRemoteFunction",
        function_shapes.PutRemoteFunction,
        remote_functions.put_remote_function,
        function_replies.remote_function,
        Runs.TRIED_FIRST,
    ),
    Operation(
        DETENT,
        "GetFunctionLogs",
        function_shapes.GetFunctionLogs,
        function_logs.get_function_logs,
        function_replies.logs,
        Runs.ON_THREAD,
    ),
    Operation(
        DETENT,
        "PutWebhook",
        news_shapes.PutWebhook,
        webhooks.put_webhook,
        news_replies.put_webhook,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT,
        "ListWebhooks",
        news_shapes.ListWebhooks,
        webhooks.list_webhooks,
        news_replies.webhooks,
        Runs.ON_THREAD,
    ),
    Operation(
        DETENT,
        "DeleteWebhook",
        news_shapes.WebhookNamed,
        webhooks.delete_webhook,
        news_replies.webhook_gone,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT,
        "PutRotationChecks",
        news_shapes.PutRotationChecks,
        checks.put_rotation_checks,
        news_replies.checks,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT,
        "ListRotationChecks",
        news_shapes.ListRotationChecks,
        checks.list_rotation_checks,
        news_replies.all_checks,
        Runs.ON_THREAD,
    ),
    Operation(
        DETENT,
        "ApproveRotation",
        news_shapes.ApproveRotation,
        checks.approve_rotation,
        replies.rotation,
        Runs.ON_WRITER,
    ),
    Operation(
        DETENT,
        "DenyRotation",
        news_shapes.DenyRotation,
        checks.deny_rotation,
        replies.rotation,
        Runs.ON_WRITER,
    ),
)
UNKNOWN = Operation("", "", shapes.Request, _nothing, _nothing, Runs.ON_LOOP)  # what is not in the table
UNKNOWN_QUERY = Operation(STS, "", shapes.Request, _nothing, _nothing, Runs.ON_LOOP)  # the same, asked of STS
OPERATIONS: Mapping[bytes, Operation] = {
    f"{row.service}.{row.name}".encode(): row for row in _ROWS if row.service != STS
}
QUERIES: Mapping[str, Operation] = {row.name: row for row in _ROWS if row.service == STS}
