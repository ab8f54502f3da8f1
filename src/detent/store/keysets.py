"""`protocol.Keysets` in SQL."""

from datetime import datetime

from detent.model.keyset import CustomerKeyset, Seals
from detent.model.value import SealedValue
from detent.store import queries, rows
from detent.store.protocol import StaleVersion
from detent.store.statements import Statements

_COUNTS = (
    queries.COUNT_VERSIONS_UNDER,
    queries.COUNT_ACCESS_KEYS_UNDER,
    queries.COUNT_FUNCTIONS_UNDER,
    queries.COUNT_FUNCTION_LOGS_UNDER,
    queries.COUNT_FUNCTION_EVENTS_UNDER,
    queries.COUNT_WEBHOOKS_UNDER,
)


class SqlKeysets:
    """Few, and read on every call that seals or opens under one: rows are kept under the snapshot's stamp."""

    def __init__(self, tx: Statements) -> None:
        """Work within this transaction."""
        self._tx = tx

    def find(self, keyset_id: str) -> CustomerKeyset | None:
        return self._tx.remembered(rows.keyset, queries.KEYSET, keyset_id)

    def aliased(self, account: str, region: str, alias: str) -> CustomerKeyset | None:
        return self._tx.remembered(rows.keyset, queries.KEYSET_ALIASED, account, region, alias)

    def of(self, account: str, region: str) -> list[CustomerKeyset]:
        found = self._tx.run(queries.KEYSETS, {"account": account, "region": region})
        return [rows.keyset(row) for row in found.fetchall()]

    def sealed(self, keyset_id: str) -> bytes | None:
        row = self._tx.run(queries.KEYSET_SEALED, {"id": keyset_id}).fetchone()
        return None if row is None else row[0]

    def add(self, keyset: CustomerKeyset, sealed: bytes) -> None:
        self._tx.write(queries.ADD_KEYSET, {**rows.keyset_params(keyset), "sealed": sealed})

    def save(self, keyset: CustomerKeyset) -> None:
        self._tx.write(queries.SAVE_KEYSET, rows.keyset_params(keyset))

    def all(self) -> list[CustomerKeyset]:
        return [rows.keyset(row) for row in self._tx.run(queries.ALL_KEYSETS, {}).fetchall()]

    def due_for_deletion(self, now: datetime, limit: int) -> list[CustomerKeyset]:
        found = self._tx.run(queries.KEYSETS_DUE, {"now": rows.to_micros(now), "limit": limit})
        return [rows.keyset(row) for row in found.fetchall()]

    def reseal(self, keyset_id: str, sealed: bytes) -> None:
        self._tx.write(queries.RESEAL_KEYSET, {"id": keyset_id, "sealed": sealed})

    def drop(self, keyset_id: str) -> None:
        self._tx.write(queries.DROP_KEYSET, {"id": keyset_id})

    def seals(self, keyset_id: str, prefix: bytes) -> Seals:
        params = {"id": keyset_id, "prefix": prefix}
        counts = [self._tx.run(count, params).fetchone() for count in _COUNTS]
        return Seals(sum(total for total, _ in counts), sum(stale for _, stale in counts))

    def stale_versions(self, keyset_id: str, prefix: bytes, limit: int) -> list[StaleVersion]:
        found = self._tx.run(queries.STALE_VERSIONS, {"id": keyset_id, "prefix": prefix, "limit": limit})
        return [
            StaleVersion(key, arn, version, SealedValue(*sealed)) for key, arn, version, *sealed in found.fetchall()
        ]

    def stale_access_keys(self, keyset_id: str, prefix: bytes, limit: int) -> list[tuple[str, SealedValue]]:
        found = self._tx.run(queries.STALE_ACCESS_KEYS, {"id": keyset_id, "prefix": prefix, "limit": limit})
        return [(key_id, SealedValue(*sealed)) for key_id, *sealed in found.fetchall()]

    def reseal_access_key(self, access_key_id: str, sealed: SealedValue) -> None:
        params = {"id": access_key_id, "keyset_id": sealed.keyset_id, "ciphertext": sealed.ciphertext}
        self._tx.write(queries.RESEAL_ACCESS_KEY, params)
