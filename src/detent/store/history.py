"""`protocol.History` in SQL."""

from datetime import datetime

from detent.model.rotation import Rotation
from detent.store import queries, rows
from detent.store.statements import Statements


class SqlHistory:
    """Over the rotations of every account and region."""

    def __init__(self, tx: Statements) -> None:
        """Work within this transaction."""
        self._tx = tx

    def has_missed(self, now: datetime) -> bool:
        return self._tx.run(queries.MISSED, {"now": rows.to_micros(now)}).fetchone() is not None

    def mark_overdue(self, now: datetime, limit: int) -> list[Rotation]:
        found = self._tx.write(queries.MARK_OVERDUE, {"now": rows.to_micros(now), "limit": limit}).fetchall()
        return [rows.rotation(row) for row in found]

    def count_overdue(self) -> int:
        return int(self._tx.run(queries.COUNT_OVERDUE, {}).fetchone()[0])

    def count_taken_over(self) -> int:
        return int(self._tx.run(queries.COUNT_TAKEN_OVER, {}).fetchone()[0])

    def has_forgettable(self, before: datetime) -> bool:
        return self._tx.run(queries.FORGETTABLE, {"before": rows.to_micros(before)}).fetchone() is not None

    def forget(self, before: datetime, limit: int) -> int:
        params = {"before": rows.to_micros(before), "limit": limit}
        return int(self._tx.write(queries.FORGET_ROTATIONS, params).rowcount)

    def oldest_credential(self) -> datetime | None:
        found = self._tx.run(queries.OLDEST_CREDENTIAL, {}).fetchone()
        return None if found is None else rows.moment(found[0])
