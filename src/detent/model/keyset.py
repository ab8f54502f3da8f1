"""Keysets that callers choose: what a KmsKeyId names. The key material is crypto's and the store's."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from detent.model.arn import partition

ROOT_KEYSET_ID = "root"
DEFAULT_ALIAS = "alias/aws/secretsmanager"  # the root keyset, in every account and region
AWS_ALIASES = "alias/aws/"


class Seals(NamedTuple):
    """How many values lie under a keyset, and how many of them under another of its keys than the primary."""

    total: int
    stale: int


@dataclass(frozen=True, slots=True)
class CustomerKeyset:
    """A keyset of one account in one region. One that is disabled or about to be deleted neither seals nor opens."""

    id: str
    account: str
    region: str
    created: datetime
    alias: str | None = None  # alias/…
    enabled: bool = True
    deletion: datetime | None = None  # when its material is erased; None: it is not to be
    rotated: datetime | None = None
    generation: int = 1  # of its material: each rotation makes another

    @property
    def usable(self) -> bool:
        """Whether it seals and opens."""
        return self.enabled and self.deletion is None

    @property
    def arn(self) -> str:
        """Its ARN, in the form of a KMS key's."""
        return keyset_arn(self.region, self.account, self.id)


def keyset_arn(region: str, account: str, keyset_id: str) -> str:
    """Give the ARN of a keyset."""
    return f"arn:{partition(region)}:kms:{region}:{account}:key/{keyset_id}"
