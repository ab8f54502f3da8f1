"""`protocol.Functions` in SQL."""

from datetime import datetime, timedelta

from detent.model.function import FunctionKey, UserFunction
from detent.model.ports import Clock
from detent.model.value import SealedValue
from detent.store import queries, rows
from detent.store.protocol import FunctionEvent, FunctionLog, StaleFunctionPart
from detent.store.statements import Statements


class SqlFunctions:
    """What is sealed is so under the root keyset."""

    def __init__(self, tx: Statements, clock: Clock) -> None:
        """Work within this transaction."""
        self._tx, self._clock = tx, clock

    def find(self, key: FunctionKey) -> UserFunction | None:
        return self._tx.remembered(rows.function, queries.FUNCTION, *key)

    def page(self, account: str, region: str, after: str, limit: int) -> list[UserFunction]:
        params = {"account": account, "region": region, "after": after, "limit": limit}
        return [rows.function(row) for row in self._tx.run(queries.FUNCTIONS, params).fetchall()]

    def environment(self, key: FunctionKey) -> SealedValue | None:
        return self._tx.remembered(rows.sealed, queries.FUNCTION_ENVIRONMENT, *key)

    def put(self, function: UserFunction, environment: SealedValue) -> None:
        self._tx.write(queries.PUT_FUNCTION, {**rows.function_params(function), **_seal(environment)})
        self._tx.write(queries.DROP_UNUSED_CODE, {})

    def drop(self, key: FunctionKey) -> None:
        self._tx.write(queries.DROP_FUNCTION, key._asdict())
        self._tx.write(queries.DROP_UNUSED_CODE, {})

    def code(self, sha256: str) -> bytes | None:
        row = self._tx.run(queries.FUNCTION_CODE, {"sha256": sha256}).fetchone()
        return None if row is None else row[0]

    def keep_code(self, sha256: str, code: bytes) -> None:
        self._tx.write(queries.KEEP_FUNCTION_CODE, {"sha256": sha256, "zip": code})

    def log(self, key: FunctionKey, log: FunctionLog, oldest: datetime, most: int) -> None:
        logged = {"request_id": log.request_id, "logged_at": rows.to_micros(log.moment)}
        self._tx.write(queries.ADD_FUNCTION_LOG, {**key._asdict(), **logged, **_seal(log.sealed)})
        params = {**key._asdict(), "oldest": rows.to_micros(oldest), "most": most}
        self._tx.write(queries.TRIM_FUNCTION_LOGS, params)

    def logs(self, key: FunctionKey, since: datetime, limit: int) -> list[FunctionLog]:
        params = {**key._asdict(), "since": rows.to_micros(since), "limit": limit}
        newest = self._tx.run(queries.FUNCTION_LOGS, params).fetchall()
        return [rows.function_log(row) for row in reversed(newest)]

    def add_event(self, key: FunctionKey, request_id: str, sealed: SealedValue, now: datetime) -> None:
        params = {**key._asdict(), "request_id": request_id, "now": rows.to_micros(now), **_seal(sealed)}
        self._tx.write(queries.ADD_FUNCTION_EVENT, params)

    def count_events(self, key: FunctionKey) -> int:
        return int(self._tx.run(queries.COUNT_FUNCTION_EVENTS, key._asdict()).fetchone()[0])

    def has_due_event(self) -> bool:
        params = {"now": rows.to_micros(self._clock.now())}
        return self._tx.run(queries.FUNCTION_EVENTS_DUE, params).fetchone() is not None

    def claim_event(self, margin: timedelta) -> FunctionEvent | None:
        params = {"now": rows.to_micros(self._clock.now()), "margin": margin // rows.MICROSECOND}
        row = self._tx.write(queries.CLAIM_FUNCTION_EVENT, params).fetchone()
        if row is None:
            return None
        number, function_key, request_id, accepted, attempts, *sealed = row
        function = rows.function(self._tx.run(queries.FUNCTION_KEYED, {"key": function_key}).fetchone())
        return FunctionEvent(number, function, request_id, rows.moment(accepted), attempts, SealedValue(*sealed))

    def postpone_event(self, event: FunctionEvent, due: datetime) -> None:
        params = {"id": event.id, "attempts": event.attempts, "due": rows.to_micros(due)}
        self._tx.write(queries.POSTPONE_FUNCTION_EVENT, params)

    def drop_event(self, event: FunctionEvent) -> None:
        self._tx.write(queries.DROP_FUNCTION_EVENT, {"id": event.id, "attempts": event.attempts})

    def stale(self, keyset_id: str, prefix: bytes, limit: int) -> list[StaleFunctionPart]:
        params = {"id": keyset_id, "prefix": prefix, "limit": limit}
        found = self._tx.run(queries.STALE_FUNCTION_PARTS, params).fetchall()
        return [rows.stale_function_part(row) for row in found]

    def reseal(self, part: StaleFunctionPart, sealed: SealedValue) -> None:
        self._tx.write(queries.RESEAL_FUNCTION_PART[part.kind], {"number": part.number, **_seal(sealed)})


def _seal(sealed: SealedValue) -> dict[str, object]:
    return {"keyset_id": sealed.keyset_id, "ciphertext": sealed.ciphertext}
