"""News of rotations: told in the transaction that made them, and then durable until their webhook has taken them.

Each is a CloudEvent 1.0. What the audit trail calls an event is one here, for the webhooks that want to hear of it.
"""

import json
import logging
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

from detent.model.errors import CannotOpen
from detent.model.news import KINDS, OLDEST, OVERDUE, Kind, Webhook
from detent.model.rotation import Rotation
from detent.model.secret import Secret, VersionId
from detent.model.value import SecretValue
from detent.service.env import Env
from detent.service.webhooks import signing_secret_of
from detent.store.protocol import News

AT_ONCE = 50  # sent under one claim
TYPE = "detent.rotation."


class Event(NamedTuple):
    """An event as the audit trail was told it."""

    name: str
    secret: Secret
    version: VersionId | None
    moment: datetime


class Claimed(NamedTuple):
    """A webhook in hand, what to post to it, in order, and what to sign that with."""

    webhook: Webhook
    news: list[News]
    signing_secret: SecretValue


def tell(env: Env, event: Event) -> None:
    """Keep an event for each webhook that wants to hear of it."""
    kind = KINDS.get(event.name)
    if kind is None:
        return
    secret = event.secret
    wanting = [found for found in env.tx.webhooks.of(secret.account, secret.region) if kind in found.kinds]
    if wanting:
        event_id, rotation = str(uuid4()), _rotation(env, event)
        body = json.dumps(_cloud_event(event_id, kind, event, rotation), separators=(",", ":"))
        for webhook in wanting:
            env.tx.webhooks.add_news(webhook, event_id, body, env.now)


def _rotation(env: Env, event: Event) -> Rotation | None:
    return None if event.version is None else env.tx.rotations.of_token(event.secret.key, event.version)


def _cloud_event(event_id: str, kind: Kind, event: Event, rotation: Rotation | None) -> dict[str, object]:
    secret = event.secret
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": f"urn:detent:{secret.account}:{secret.region}",
        "type": f"{TYPE}{kind}",
        "subject": secret.arn,
        "time": event.moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {"ARN": secret.arn, "Name": secret.name, **_told(event, rotation)},
    }


def _told(event: Event, rotation: Rotation | None) -> dict[str, object]:
    """Say where the rotation stands, in DescribeRotation's words."""
    if rotation is None:
        return {} if event.version is None else {"VersionId": event.version}
    told = {
        "VersionId": rotation.token,
        "State": rotation.state,
        "Step": rotation.step,
        "StartedDate": _seconds(rotation.started),
        "EndedDate": _seconds(rotation.ended),
        "NextAttemptDate": _seconds(rotation.due),
        "Reason": rotation.reason,
    }
    return {name: value for name, value in told.items() if value is not None}


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def finds_overdue(env: Env) -> bool:
    """Say whether a rotation was not done when its window closed, and nobody was told."""
    return env.tx.history.has_missed(env.now)


def tell_overdue(env: Env, limit: int) -> int:
    """Tell of rotations that were not done when their window closed, each once."""
    found = env.tx.history.mark_overdue(env.now, limit)
    for rotation in found:
        secret = env.tx.secrets.keyed(rotation.secret)
        if secret is not None:
            env.server.audit.event(OVERDUE, secret, rotation.token, env.now)
    return len(found)


def claim(env: Env, lease: timedelta) -> Claimed | None:
    """Take the longest due webhook for so long; None: there is none. News that are too old are let go."""
    webhook = env.tx.webhooks.claim(env.now, env.now + lease)
    if webhook is None:
        return None
    lost = env.tx.webhooks.drop_old_news(webhook, env.now - OLDEST)
    if lost:
        logging.getLogger(__name__).warning(
            "webhook %s took no news for %s: %s were let go", webhook.name, OLDEST, lost
        )
    try:
        signing_secret = signing_secret_of(env, webhook)
    except CannotOpen:
        env.tx.webhooks.settle(webhook, webhook.failures + 1, "its signing secret does not open", env.now + OLDEST)
        return None
    news = env.tx.webhooks.news(webhook, AT_ONCE)
    if signing_secret is None or not news:
        env.tx.webhooks.settle(webhook, webhook.failures, webhook.reason, env.now)
        return None
    return Claimed(webhook, news, signing_secret)


def settle(env: Env, claimed: Claimed, sent: int, reason: str | None, share: float) -> None:
    """Let go of what was sent; what was not is sent again later, after a pause if the webhook failed."""
    webhook = claimed.webhook
    if sent:
        env.tx.webhooks.drop_news(webhook, claimed.news[sent - 1].id)
    if reason is None:
        env.tx.webhooks.settle(webhook, 0, None, env.now)
        return
    failures = (0 if sent else webhook.failures) + 1
    env.tx.webhooks.settle(webhook, failures, reason, env.now + webhook.pause(share))
