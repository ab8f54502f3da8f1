"""How many calls a second: AWS's request rates (I), one token bucket per account, region and group of operations.

Each worker process keeps its own buckets and lets its share through. A bucket holds what a second brings, so a burst
of a second's calls is never refused. What a rotation function asks in this process is not counted.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from detent.api.errors import Refused


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Operations that are counted together, and their calls per second, over all workers."""

    per_second: int
    operations: tuple[str, ...]


_TABLE = (
    Group(10_000, ("DescribeSecret", "GetSecretValue")),
    Group(100, ("BatchGetSecretValue",)),
    Group(50, ("CreateSecret",)),
    Group(50, ("DeleteSecret",)),
    Group(50, ("GetRandomPassword",)),
    Group(50, ("ListSecrets", "ListSecretVersionIds")),  # of AWS's older table: the newer value is unconfirmed
    Group(
        50,
        (
            "DeleteResourcePolicy",
            "GetResourcePolicy",
            "PutResourcePolicy",
            "ValidateResourcePolicy",
        ),
    ),
    Group(
        50,
        (
            "PutSecretValue",
            "UpdateSecret",
            "UpdateSecretVersionStage",
            "ReplicateSecretToRegions",
            "RemoveRegionsFromReplication",
            "StopReplicationToReplica",
        ),
    ),
    Group(50, ("RestoreSecret",)),
    Group(50, ("RotateSecret", "CancelRotateSecret")),
    Group(50, ("TagResource", "UntagResource")),
    # A Choice: these are newer than AWS's table, and those after them Detent's own.
    Group(50, ("AssociateCrossAccountReplica", "DisassociateCrossAccountReplica", "ListResourcePolicies")),
    Group(50, ("DescribeRotation", "ListRotations", "PreviewSchedule")),
    Group(50, ("ExplainSecret", "RetryRotation", "AbandonRotation", "RollBackRotation")),
    Group(50, ("CreateKey", "DisableKey", "EnableKey", "ListKeys", "DescribeKey")),
    Group(50, ("DescribeServer", "ResumeRotation")),
    Group(50, ("RotateKey", "ScheduleKeyDeletion", "CancelKeyDeletion")),
    Group(50, ("CreateUser", "UpdateUser", "DescribeUser", "ListUsers", "DeleteUser")),
    Group(50, ("CreateRole", "UpdateRole", "DescribeRole", "ListRoles", "DeleteRole", "RevokeSessions")),
    Group(
        50,
        (
            "CreatePolicy",
            "UpdatePolicy",
            "DescribePolicy",
            "ListPolicies",
            "DeletePolicy",
            "AttachPolicy",
            "DetachPolicy",
        ),
    ),
    Group(50, ("CreateAccessKey", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey")),
    Group(50, ("CheckAccess",)),
    Group(50, ("AttachAdminSecret", "DetachAdminSecret", "ListAdminSecrets")),
    Group(50, ("PutRemoteFunction", "GetFunctionLogs")),
    Group(50, ("PutWebhook", "ListWebhooks", "DeleteWebhook")),
    Group(50, ("PutRotationChecks", "ListRotationChecks", "ApproveRotation", "DenyRotation")),
    # Lambda's own quotas; how often functions are invoked is bounded by how many run at once.
    Group(100, ("GetFunction",)),
    Group(15, ("GetPolicy",)),
    Group(
        15,
        (
            "CreateFunction",
            "UpdateFunctionCode",
            "UpdateFunctionConfiguration",
            "GetFunctionConfiguration",
            "ListFunctions",
            "DeleteFunction",
            "AddPermission",
            "RemovePermission",
        ),
    ),
)
GROUPS: Mapping[str, Group] = {name: group for group in _TABLE for name in group.operations}


class Rates:
    """The buckets of one process."""

    def __init__(self, factor: float, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Let `factor` times AWS's rates through, divided by the workers; `clock` counts seconds."""
        self._share = factor / workers
        self._clock = clock
        self._buckets: dict[tuple[str, str, Group], tuple[float, float]] = {}  # how many calls, and when

    def spend(self, account: str, region: str, group: Group) -> None:
        """Take one call out of its bucket. Raises Refused, ThrottlingException, when there is none left."""
        rate = group.per_second * self._share
        most = max(rate, 1.0)
        now = self._clock()
        left, since = self._buckets.get((account, region, group), (most, now))
        left = min(most, left + (now - since) * rate)
        self._buckets[account, region, group] = left - (left >= 1), now
        if left < 1:
            raise Refused("ThrottlingException", "Rate exceeded")
