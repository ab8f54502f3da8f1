"""The verbs of access keys, in SQL."""

from datetime import datetime, timedelta

from detent.model.identity import IdentityKey
from detent.store import queries, rows
from detent.store.protocol import AccessKey, KeyUse
from detent.store.statements import Statements

_REMEMBERED = timedelta(hours=1)  # how long an expired session is still known


class SqlAccessKeys:
    """`protocol.AccessKeys` in SQL."""

    def __init__(self, tx: Statements) -> None:
        """Work within this transaction."""
        self._tx = tx

    def find(self, access_key_id: str) -> AccessKey | None:
        row = self._tx.run(queries.ACCESS_KEY, {"id": access_key_id}).fetchone()
        key = rows.access_key(row or rows.NO_ACCESS_KEY)  # an id that nobody has takes as long as any
        return None if row is None else key

    def made(self, access_key_id: str) -> AccessKey | None:
        return self._tx.remembered(rows.access_key, queries.ACCESS_KEY, access_key_id)

    def add(self, key: AccessKey) -> None:
        self._tx.write(queries.ADD_ACCESS_KEY, rows.access_key_params(key))

    def of_identity(self, identity: IdentityKey) -> list[AccessKey]:
        found = self._tx.run(queries.ACCESS_KEYS_OF_IDENTITY, {"identity_key": identity})
        return [rows.access_key(row) for row in found.fetchall()]

    def of_root(self, account: str) -> list[AccessKey]:
        found = self._tx.run(queries.ACCESS_KEYS_OF_ROOT, {"account": account})
        return [rows.access_key(row) for row in found.fetchall()]

    def set_active(self, access_key_id: str, *, active: bool) -> None:
        self._tx.write(queries.SET_ACCESS_KEY_ACTIVE, {"id": access_key_id, "active": active})

    def drop(self, access_key_id: str) -> None:
        self._tx.write(queries.DROP_ACCESS_KEY, {"id": access_key_id})

    def note_use(self, access_key_id: str, use: KeyUse) -> None:
        params = {"id": access_key_id, "used_at": rows.to_micros(use.moment), "service": use.service}
        self._tx.write(queries.NOTE_KEY_USE, {**params, "region": use.region})

    def has_account(self, account: str) -> bool:
        return self._tx.run(queries.ACCESS_KEY_OF_ACCOUNT, {"account": account}).fetchone() is not None

    def has_principal(self, arn: str) -> bool:
        return self._tx.run(queries.ACCESS_KEY_OF_PRINCIPAL, {"arn": arn}).fetchone() is not None

    def of_rotation_token(self, token_hash: bytes) -> AccessKey | None:
        row = self._tx.run(queries.ACCESS_KEY_OF_ROTATION_TOKEN, {"hash": token_hash}).fetchone()
        return None if row is None else rows.access_key(row)

    def drop_sessions(self, secret_arn: str, now: datetime) -> None:
        self._tx.write(queries.DROP_SESSIONS, {"secret": secret_arn, "expired": rows.to_micros(now - _REMEMBERED)})

    def drop_expired(self, now: datetime) -> None:
        self._tx.write(queries.DROP_EXPIRED, {"expired": rows.to_micros(now - _REMEMBERED)})

    def drop_sessions_of(self, identity: IdentityKey) -> None:
        self._tx.write(queries.DROP_SESSIONS_OF, {"identity_key": identity})
