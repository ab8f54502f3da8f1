"""`protocol.Keysets` in SQL."""

from detent.model.keyset import CustomerKeyset
from detent.store import queries, rows
from detent.store.statements import Statements


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
