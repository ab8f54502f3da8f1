"""How much there may be of anything: the quotas (I), as AWS has them unless an operator says otherwise.

A change that makes nothing more numerous is never refused, so that whoever lowers a quota locks nobody out.
"""

from dataclasses import dataclass

from detent.model.errors import BadParameter, LimitExceeded
from detent.model.secret import Secret


@dataclass(frozen=True, slots=True)
class Limits:
    """The quotas of one server."""

    secrets: int = 500_000  # per account and region
    versions: int = 100  # of a secret; AWS says "approximately" (C.5)
    labels: int = 20  # over all versions of a secret
    tags: int = 50  # of a secret
    value_bytes: int = 65_536  # of UTF-8 text or of decoded binary (A.7)

    def check_secrets(self, found: int) -> None:
        """Raise LimitExceeded when an account and region that has so many secrets may have no other."""
        if found >= self.secrets:
            raise LimitExceeded(f"An account can have at most {self.secrets} secrets in a region.")

    def labelled(self, after: Secret, before: Secret) -> Secret:
        """Give the secret after a change of its labels. Raises LimitExceeded for too many."""
        if len(after.labels) > max(self.labels, len(before.labels)):
            raise LimitExceeded(f"A secret can have at most {self.labels} staging labels over all its versions.")
        return after

    def tagged(self, after: Secret, before: Secret) -> Secret:
        """Give the secret after a change of its tags. Raises BadParameter for too many: AWS has no quota error here."""
        if len(after.tags or ()) > max(self.tags, len(before.tags or ())):
            raise BadParameter(f"A secret can have at most {self.tags} tags.")
        return after
