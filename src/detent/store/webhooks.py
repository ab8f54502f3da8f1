"""`protocol.Webhooks` in SQL."""

from datetime import datetime

from detent.model.news import Webhook
from detent.model.value import SealedValue
from detent.store import queries, rows
from detent.store.protocol import News, StaleWebhook
from detent.store.statements import Statements


class SqlWebhooks:
    """A webhook's signing secret is sealed under the root keyset."""

    def __init__(self, tx: Statements) -> None:
        """Work within this transaction."""
        self._tx = tx

    def find(self, account: str, region: str, name: str) -> Webhook | None:
        row = self._tx.run(queries.WEBHOOK, {"account": account, "region": region, "name": name}).fetchone()
        return None if row is None else rows.webhook(row)

    def of(self, account: str, region: str) -> list[Webhook]:
        found = self._tx.run(queries.WEBHOOKS, {"account": account, "region": region})
        return [rows.webhook(row) for row in found.fetchall()]

    def sealed(self, webhook: Webhook) -> SealedValue | None:
        row = self._tx.run(queries.WEBHOOK_SEALED, {"key": webhook.key}).fetchone()
        return None if row is None else rows.sealed(row)

    def put(self, webhook: Webhook, sealed: SealedValue) -> None:
        self._tx.write(queries.PUT_WEBHOOK, {**rows.webhook_params(webhook), **_seal(sealed)})

    def drop(self, webhook: Webhook) -> None:
        params = {"account": webhook.account, "region": webhook.region, "name": webhook.name}
        self._tx.write(queries.DROP_WEBHOOK, params)

    def add_news(self, webhook: Webhook, event_id: str, body: str, now: datetime) -> None:
        told = rows.to_micros(now)
        self._tx.write(queries.ADD_NEWS, {"webhook_key": webhook.key, "event_id": event_id, "now": told, "body": body})
        self._tx.write(queries.WEBHOOK_DUE, {"key": webhook.key, "now": told})

    def count_news(self, webhook: Webhook) -> int:
        return int(self._tx.run(queries.COUNT_NEWS, {"key": webhook.key}).fetchone()[0])

    def count_failing(self) -> int:
        return int(self._tx.run(queries.COUNT_FAILING_WEBHOOKS, {}).fetchone()[0])

    def has_due(self, now: datetime) -> bool:
        return self._tx.run(queries.WEBHOOKS_DUE, {"now": rows.to_micros(now)}).fetchone() is not None

    def claim(self, now: datetime, until: datetime) -> Webhook | None:
        params = {"now": rows.to_micros(now), "until": rows.to_micros(until)}
        row = self._tx.write(queries.CLAIM_WEBHOOK, params).fetchone()
        return None if row is None else rows.webhook(row)

    def news(self, webhook: Webhook, limit: int) -> list[News]:
        found = self._tx.run(queries.NEWS_OF, {"key": webhook.key, "limit": limit}).fetchall()
        return [News(number, event_id, rows.moment(told), body) for number, event_id, told, body in found]

    def drop_news(self, webhook: Webhook, last: int) -> None:
        self._tx.write(queries.DROP_NEWS, {"key": webhook.key, "id": last})

    def drop_old_news(self, webhook: Webhook, oldest: datetime) -> int:
        params = {"key": webhook.key, "oldest": rows.to_micros(oldest)}
        return int(self._tx.write(queries.DROP_OLD_NEWS, params).rowcount)

    def settle(self, webhook: Webhook, failures: int, reason: str | None, due: datetime) -> None:
        told = {"failures": failures, "reason": reason, "due": rows.to_micros(due)}
        self._tx.write(queries.SETTLE_WEBHOOK, {"key": webhook.key, "epoch": webhook.epoch, **told})

    def stale(self, keyset_id: str, prefix: bytes, limit: int) -> list[StaleWebhook]:
        found = self._tx.run(queries.STALE_WEBHOOKS, {"id": keyset_id, "prefix": prefix, "limit": limit}).fetchall()
        return [
            StaleWebhook(account, region, name, number, SealedValue(*sealed))
            for account, region, name, number, *sealed in found
        ]

    def reseal(self, key: int, sealed: SealedValue) -> None:
        self._tx.write(queries.RESEAL_WEBHOOK, {"key": key, **_seal(sealed)})


def _seal(sealed: SealedValue) -> dict[str, object]:
    return {"keyset_id": sealed.keyset_id, "ciphertext": sealed.ciphertext}
