"""The verbs of resource policies, in SQL."""

from typing import Any

from detent.model.secret import SecretKey
from detent.store import queries
from detent.store.statements import Statements


class SqlPolicies:
    """`protocol.Policies` in SQL."""

    def __init__(self, tx: Statements) -> None:
        """Work within this transaction."""
        self._tx = tx

    def find(self, key: SecretKey, name: str) -> str | None:
        return self._tx.remembered(_document, queries.POLICY, key, name)

    def names(self, key: SecretKey) -> list[str]:
        return [row[0] for row in self._tx.run(queries.POLICY_NAMES, {"key": key}).fetchall()]

    def put(self, key: SecretKey, name: str, document: str) -> None:
        self._tx.write(queries.PUT_POLICY, {"key": key, "name": name, "document": document})

    def drop(self, key: SecretKey, name: str) -> None:
        self._tx.write(queries.DROP_POLICY, {"key": key, "name": name})


def _document(row: Any) -> str:  # noqa: ANN401 - a driver's row
    return str(row[0])
