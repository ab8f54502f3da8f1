"""`protocol.Targets` in SQL."""

from detent.model.secret import CURRENT, SecretKey, VersionId
from detent.model.value import SealedValue
from detent.store import queries
from detent.store.protocol import StaleVersion
from detent.store.statements import Statements


class SqlTargets:
    """Of the versions of every account and region."""

    def __init__(self, tx: Statements) -> None:
        """Work within this transaction."""
        self._tx = tx

    def lacking(self, key: SecretKey, version: VersionId, limit: int) -> list[StaleVersion]:
        """List values without a target that stand behind this version."""
        found = self._tx.run(queries.LACKING_TARGETS, {"key": key, "version": version, "limit": limit})
        return [
            StaleVersion(number, arn, name, SealedValue(*sealed)) for number, arn, name, *sealed in found.fetchall()
        ]

    def fill(self, key: SecretKey, version: VersionId, target: str) -> None:
        """Keep a version's target; if it is the current one, of its secret's rotations that are not over, too."""
        known = {"key": key, "version": version, "target": target}
        self._tx.write(queries.FILL_TARGET, known)
        self._tx.write(queries.FILL_ROTATIONS_TARGET, {**known, "label": CURRENT})
