"""The verbs of users, roles and their policies, in SQL."""

from dataclasses import replace
from typing import Any

from detent.model.identity import Identity, IdentityKey, IdentityKind, IdentityPolicy
from detent.store import queries, rows
from detent.store.statements import Statements


class SqlIdentities:
    """`protocol.Identities` in SQL."""

    def __init__(self, tx: Statements) -> None:
        """Work within this transaction."""
        self._tx = tx

    def find(self, account: str, kind: IdentityKind, name: str) -> Identity | None:
        found = self._named(account, kind, name)
        return found if found is not None and found.name == name else None

    def is_taken(self, account: str, kind: IdentityKind, name: str) -> bool:
        return self._named(account, kind, name) is not None

    def _named(self, account: str, kind: IdentityKind, name: str) -> Identity | None:
        row = self._tx.run(queries.IDENTITY, {"account": account, "kind": kind, "name": name}).fetchone()
        return None if row is None else rows.identity(row)

    def of(self, account: str, kind: IdentityKind) -> list[Identity]:
        found = self._tx.run(queries.IDENTITIES, {"account": account, "kind": kind})
        return [rows.identity(row) for row in found.fetchall()]

    def add(self, identity: Identity) -> Identity:
        row = self._tx.write(queries.ADD_IDENTITY, rows.identity_params(identity)).fetchone()
        return replace(identity, key=IdentityKey(row[0]))

    def save(self, identity: Identity) -> None:
        self._tx.write(queries.SAVE_IDENTITY, rows.identity_params(identity))

    def drop(self, key: IdentityKey) -> None:
        self._tx.write(queries.DROP_IDENTITY, {"key": key})

    def documents(self, key: IdentityKey) -> tuple[tuple[str, str], ...]:
        return self._tx.remembered_all(_document, queries.DOCUMENTS_OF, key)

    def attach(self, key: IdentityKey, policy: IdentityPolicy) -> None:
        self._tx.write(queries.ATTACH_POLICY, _attachment(key, policy))

    def detach(self, key: IdentityKey, policy: IdentityPolicy) -> None:
        self._tx.write(queries.DETACH_POLICY, _attachment(key, policy))


def _document(row: Any) -> tuple[str, str]:  # noqa: ANN401 - a driver's row
    return row[0], row[1]


def _attachment(key: IdentityKey, policy: IdentityPolicy) -> dict[str, object]:
    return {"identity_key": key, "account": policy.account, "name": policy.name}


class SqlIdentityPolicies:
    """`protocol.IdentityPolicies` in SQL."""

    def __init__(self, tx: Statements) -> None:
        """Work within this transaction."""
        self._tx = tx

    def find(self, account: str, name: str) -> IdentityPolicy | None:
        found = self._named(account, name)
        return found if found is not None and found.name == name else None

    def is_taken(self, account: str, name: str) -> bool:
        return self._named(account, name) is not None

    def _named(self, account: str, name: str) -> IdentityPolicy | None:
        row = self._tx.run(queries.IDENTITY_POLICY, {"account": account, "name": name}).fetchone()
        return None if row is None else rows.identity_policy(row)

    def of(self, account: str) -> list[IdentityPolicy]:
        found = self._tx.run(queries.IDENTITY_POLICIES, {"account": account})
        return [rows.identity_policy(row) for row in found.fetchall()]

    def put(self, policy: IdentityPolicy) -> None:
        params = rows.identity_policy_params(policy)
        if self._tx.write(queries.SAVE_IDENTITY_POLICY, params).rowcount == 0:
            self._tx.write(queries.ADD_IDENTITY_POLICY, params)

    def drop(self, policy: IdentityPolicy) -> None:
        self._tx.write(queries.DROP_IDENTITY_POLICY, {"account": policy.account, "name": policy.name})

    def attached_to(self, policy: IdentityPolicy) -> list[Identity]:
        found = self._tx.run(queries.ATTACHED_TO, {"account": policy.account, "name": policy.name})
        return [rows.identity(row) for row in found.fetchall()]
