"""One unit of work in SQL, for every dialect: it is given the way to run a statement, and nothing else."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Protocol, TypeVar

from detent.model.errors import ReadOnlyTransaction, StaleRevision
from detent.model.pace import Pace
from detent.model.ports import Clock
from detent.model.rotation import Attempt, Purpose, Rotation, State
from detent.model.search import found_alike
from detent.model.secret import CURRENT, Secret, SecretKey, Version, VersionId
from detent.model.value import SealedValue
from detent.store import claim_queries, queries, rows, search
from detent.store.access_keys import SqlAccessKeys
from detent.store.checks import SqlChecks
from detent.store.claiming import Claim, moments
from detent.store.functions import SqlFunctions
from detent.store.history import SqlHistory
from detent.store.identities import SqlIdentities, SqlIdentityPolicies
from detent.store.keysets import SqlKeysets
from detent.store.policies import SqlPolicies
from detent.store.protocol import Page
from detent.store.steady import Steady, Tick
from detent.store.targets import SqlTargets
from detent.store.webhooks import SqlWebhooks


class Result(Protocol):
    """What running a statement gives."""

    @property
    def rowcount(self) -> int:
        """How many rows a statement changed."""

    def fetchone(self) -> Any:  # noqa: ANN401 - a driver's row
        """Give the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Give all rows."""


T = TypeVar("T")
_MAX_KEPT = 4096  # rows, sealed as they lie in the store
_SECRET_COLUMNS = 18  # how many columns `queries._SECRET` has

Run = Callable[[str, Mapping[str, Any]], Result]


class SqlTx:
    """A transaction; `writable` False makes every write raise ReadOnlyTransaction."""

    def __init__(self, run: Run, clock: Clock, *, writable: bool, steady: Steady | None = None) -> None:
        """Join the tables' verbs to one way of running statements; `steady` None: leases go by the clock, too."""
        self.clock = clock
        self.steady: Steady = steady or (lambda: Tick("", rows.to_micros(clock.now()) or 0))
        self.writable = writable
        self.stamp: object = None
        self.opening: Callable[[], None] | None = None  # what a glance does before its first statement
        self._run = run
        self._kept: dict[tuple[object, ...], Any] = {}
        self.secrets = SqlSecrets(self)
        self.keysets = SqlKeysets(self)
        self.rotations = SqlRotations(self)
        self.access_keys = SqlAccessKeys(self)
        self.policies = SqlPolicies(self)
        self.identities = SqlIdentities(self)
        self.identity_policies = SqlIdentityPolicies(self)
        self.functions = SqlFunctions(self, clock)
        self.webhooks = SqlWebhooks(self)
        self.history = SqlHistory(self)
        self.checks = SqlChecks(self)
        self.targets = SqlTargets(self)

    def run(self, sql: str, params: Mapping[str, Any]) -> Result:
        """Run a statement."""
        if self.opening is not None:
            opening, self.opening = self.opening, None
            opening()
        return self._run(sql, params)

    def at(self, stamp: object) -> None:
        """Begin a snapshot: rows kept from an earlier one hold only when nothing was committed since."""
        if stamp != self.stamp or len(self._kept) > _MAX_KEPT:
            self._kept.clear()
            self.stamp = stamp

    def remembered(self, kind: Callable[[Any], T], sql: str, *values: object) -> T | None:
        """Give a row as `kind` makes it, from the rows kept under this stamp when it is among them.

        The values are the statement's parameters in the order in which they stand in it.
        """
        asked = (sql, values)
        if asked in self._kept:
            kept: T | None = self._kept[asked]
            return kept
        row = self.run(sql, dict(zip(queries.parameters(sql), values, strict=True))).fetchone()
        found = None if row is None else kind(row)
        if not self.writable:
            self._kept[asked] = found
        return found

    def remembered_all(self, kind: Callable[[Any], T], sql: str, *values: object) -> tuple[T, ...]:
        """Give all rows as `remembered` gives one."""
        asked = (sql, values)
        if asked in self._kept:
            kept: tuple[T, ...] = self._kept[asked]
            return kept
        params = dict(zip(queries.parameters(sql), values, strict=True))
        found = tuple(kind(row) for row in self.run(sql, params).fetchall())
        if not self.writable:
            self._kept[asked] = found
        return found

    def write(self, sql: str, params: Mapping[str, Any]) -> Result:
        """Run a statement that changes something."""
        if not self.writable:
            raise ReadOnlyTransaction
        return self.run(sql, params)

    def changed(self) -> list[Secret]:
        """Give every secret that was saved, or a version of which changed, as it is now; then forget them."""
        touched, self.secrets.touched = self.secrets.touched, {}
        self.secrets.found = {}
        found = [known or self.secrets.keyed(key) for key, known in touched.items()]
        return [secret for secret in found if secret is not None]

    def fact(self, name: str) -> bytes | None:
        """Read a fact about this store itself."""
        row = self.run(queries.FACT, {"name": name}).fetchone()
        return None if row is None else row[0]

    def keep_fact(self, name: str, value: bytes) -> None:
        """Write a fact about this store itself."""
        self.write(queries.KEEP_FACT, {"name": name, "value": value})

    def drop_fact(self, name: str) -> None:
        """Remove a fact about this store itself."""
        self.write(queries.DROP_FACT, {"name": name})

    def advance_fact(self, name: str, value: bytes) -> None:
        """Write a fact about this store itself, unless the one that stands there sorts behind it, byte by byte."""
        self.write(queries.ADVANCE_FACT, {"name": name, "value": value})


def _moving(secret: Secret) -> tuple[object, ...]:
    """Give what a secret stands by in indexes, and that changes seldom."""
    return secret.accessed, secret.deletion, rows.credential(secret)


class SqlSecrets:
    """`protocol.Secrets` in SQL."""

    def __init__(self, tx: SqlTx) -> None:
        """Work within this transaction."""
        self._tx = tx
        self.touched: dict[SecretKey, Secret | None] = {}  # since `SqlTx.changed`; None: to be read again
        self.found: dict[SecretKey, Secret] = {}  # since then, and not changed meanwhile: a save needs what was there

    def named(self, account: str, region: str, name: str) -> Secret | None:
        found = self._tx.remembered(rows.secret, queries.SECRET_NAMED, account, region, name)
        if found is not None and self._tx.writable:
            self.found[found.key] = found
        return found

    def keyed(self, key: SecretKey) -> Secret | None:
        row = self._tx.run(queries.SECRET_KEYED, {"key": key}).fetchone()
        return None if row is None else rows.secret(row)

    def page(self, page: Page) -> list[Secret]:
        return search.listed(self._tx.run, page)

    def add(self, secret: Secret) -> Secret:
        row = self._tx.write(queries.ADD_SECRET, rows.secret_params(secret)).fetchone()
        self._counted(secret.account, secret.region, 1)
        added = replace(secret, key=SecretKey(row[0]))
        search.keep_terms(self._tx.write, added)
        self.touched[added.key] = added
        return added

    def save(self, secret: Secret) -> Secret:
        before = self.found.pop(secret.key, None) or self.keyed(secret.key)
        stays = before is not None and _moving(before) == _moving(secret)
        sql = queries.SAVE_SECRET if stays else queries.SAVE_SECRET_MOVED
        if self._tx.write(sql, rows.secret_params(secret)).rowcount != 1:
            raise StaleRevision(secret.arn)
        if before is not None and not found_alike(before, secret):
            search.keep_terms(self._tx.write, secret, before)
        saved = self.touched[secret.key] = replace(secret, revision=secret.revision + 1)
        return saved

    def erase(self, key: SecretKey) -> None:
        self.touched.pop(key, None)
        self.found.pop(key, None)
        for account, region in self._tx.write(queries.ERASE_SECRET, {"key": key}).fetchall():
            self._counted(account, region, -1)

    def count(self, account: str, region: str) -> int:
        row = self._tx.run(queries.COUNT_SECRETS, {"account": account, "region": region}).fetchone()
        return 0 if row is None else int(row[0])

    def _counted(self, account: str, region: str, by: int) -> None:
        self._tx.write(queries.CHANGE_COUNT, {"account": account, "region": region, "by": by})

    def due_for_erasure(self, now: datetime, limit: int) -> list[Secret]:
        params = {"now": rows.to_micros(now), "limit": limit}
        return [rows.secret(row) for row in self._tx.run(queries.DUE_FOR_ERASURE, params).fetchall()]

    def version(self, key: SecretKey, version_id: VersionId) -> Version | None:
        return self._tx.remembered(rows.version, queries.VERSION, key, version_id)

    def versions(self, key: SecretKey) -> list[Version]:
        return [rows.version(row) for row in self._tx.run(queries.VERSIONS, {"key": key}).fetchall()]

    def count_versions(self, key: SecretKey) -> int:
        return int(self._tx.run(queries.COUNT_VERSIONS, {"key": key}).fetchone()[0])

    def sealed(self, key: SecretKey, version_id: VersionId) -> SealedValue | None:
        return self._tx.remembered(rows.sealed, queries.SEALED, key, version_id)

    def put_version(self, key: SecretKey, version: Version, sealed: SealedValue | None) -> None:
        self.touched.setdefault(key)
        self._tx.write(queries.PUT_VERSION, {"key": key, **rows.version_params(version, sealed)})

    def drop_version(self, key: SecretKey, version_id: VersionId) -> None:
        self.touched.setdefault(key)
        self._tx.write(queries.DROP_VERSION, {"key": key, "id": version_id})

    def reseal(self, key: SecretKey, version_id: VersionId, sealed: SealedValue) -> None:
        params = {"key": key, "id": version_id, "keyset_id": sealed.keyset_id, "ciphertext": sealed.ciphertext}
        self._tx.write(queries.RESEAL_VERSION, params)

    def touch(self, secret: Secret, version_id: VersionId, day: date) -> None:
        params = {"key": secret.key, "id": version_id, "day": day.toordinal()}
        self.found.pop(secret.key, None)
        self._tx.write(queries.TOUCH_SECRET, params)
        self._tx.write(queries.TOUCH_VERSION, params)


def _page(key: SecretKey | None, state: State | None, due: datetime | None) -> str:
    """Give the statement that lists rotations: each kind of question has an index of its own."""
    if due is not None:
        return queries.ROTATIONS_DUE
    if key is not None:
        return queries.ROTATION_PAGE_OF_SECRET
    return queries.ROTATIONS_UNDER_WAY if state is State.IN_PROGRESS else queries.ROTATION_PAGE


class SqlRotations:
    """`protocol.Rotations` in SQL."""

    def __init__(self, tx: SqlTx) -> None:
        """Work within this transaction."""
        self._tx = tx

    def add(self, rotation: Rotation) -> Rotation:
        secret = self._tx.secrets.keyed(rotation.secret)
        current = None if secret is None else secret.labels.get(CURRENT)
        row = self._tx.write(queries.ADD_ROTATION, {**self._params(rotation), "current": current}).fetchone()
        return replace(rotation, id=row[0])

    def of_token(self, key: SecretKey, token: VersionId) -> Rotation | None:
        row = self._tx.run(queries.ROTATION_OF_TOKEN, {"key": key, "token": token}).fetchone()
        return None if row is None else rows.rotation(row)

    def current(self, id: int) -> Rotation | None:  # noqa: A002 - the field's own name
        row = self._tx.run(queries.ROTATION, {"id": id}).fetchone()
        return None if row is None else rows.rotation(row)

    def open(self, key: SecretKey) -> list[Rotation]:
        return self._all(queries.ROTATIONS_OPEN, {"key": key})

    def acted(self, key: SecretKey) -> set[VersionId]:
        return {row[0] for row in self._tx.run(queries.ROTATIONS_ACTED, {"key": key}).fetchall()}

    def page(
        self,
        account: str,
        region: str,
        key: SecretKey | None,
        before: int | None,
        limit: int,
        *,
        state: State | None = None,
        due: datetime | None = None,
    ) -> list[tuple[Secret, Rotation]]:
        params: dict[str, object] = {
            "account": account,
            "region": region,
            "key": key,
            "before": before or sys.maxsize,
            "limit": limit,
        }
        found = self._tx.run(
            _page(key, state, due), {**params, "state": state, "until": rows.to_micros(due)}
        ).fetchall()
        return [(rows.secret(row[:_SECRET_COLUMNS]), rows.rotation(row[_SECRET_COLUMNS:])) for row in found]

    def replan(self, key: SecretKey, rotation: Rotation | None) -> None:
        self._tx.write(queries.DROP_PLAN, {"key": key})
        if rotation is not None and not any(found.purpose is not Purpose.TEST for found in self.open(key)):
            self.add(rotation)

    def claim_due(self, owner: str, seconds: float, limit: int, pace: Pace = Pace()) -> list[Rotation]:  # noqa: B008 - frozen
        return Claim(self._tx, self._tx.clock.now(), owner, seconds, pace).some(limit)

    def renew(self, rotation: Rotation, seconds: float) -> bool:
        tick = self._tx.steady()
        params = {"until": tick.micros + round(seconds * 10**6), "boot": tick.boot}
        known = {"id": rotation.id, "epoch": rotation.epoch}
        return bool(self._tx.write(claim_queries.RENEW_LEASE, {**known, **params}).rowcount == 1)

    def save(self, rotation: Rotation, *, release: bool) -> None:
        sql = queries.SAVE_ROTATION_RELEASING if release else queries.SAVE_ROTATION_KEEPING
        if self._tx.write(sql, self._params(rotation)).rowcount != 1:
            raise StaleRevision(f"rotation {rotation.id}")
        if release and rotation.state in (State.IN_PROGRESS, State.FAILED, State.SUCCEEDED):
            ails = {"ails": int(rotation.reason is not None), "id": rotation.id}
            self._tx.write(claim_queries.NOTE_TARGET, ails)

    def overrule(self, rotation: Rotation) -> None:
        self._tx.write(queries.OVERRULE_ROTATION, self._params(rotation))

    def overdue(self) -> int:
        found: int = self._tx.run(claim_queries.OVERDUE, moments(self._tx.clock.now(), self._tx.steady())).fetchone()[0]
        return found

    def next_due(self) -> datetime | None:
        row = self._tx.run(claim_queries.NEXT_DUE, moments(self._tx.clock.now(), self._tx.steady())).fetchone()
        return None if row[0] is None else rows.moment(row[0])

    def record(self, rotation: Rotation, attempt: Attempt) -> None:
        params = {
            "rotation_id": rotation.id,
            "step": attempt.step,
            "started_at": rows.to_micros(attempt.started),
            "ended_at": rows.to_micros(attempt.ended),
            "reason": attempt.reason,
        }
        self._tx.write(queries.ADD_ATTEMPT, params)

    def attempts(self, rotation_id: int) -> list[Attempt]:
        return [rows.attempt(row) for row in self._tx.run(queries.ATTEMPTS, {"id": rotation_id}).fetchall()]

    def _params(self, rotation: Rotation) -> rows.Params:
        return {**rows.rotation_params(rotation), "saved_at": rows.to_micros(self._tx.clock.now())}

    def _all(self, sql: str, params: Mapping[str, Any]) -> list[Rotation]:
        return [rows.rotation(row) for row in self._tx.run(sql, params).fetchall()]
