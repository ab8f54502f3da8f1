"""What is answered about webhooks and checks."""

from detent.api import news_shapes as shapes
from detent.api.replies import seconds
from detent.model.checks import Check, Checks
from detent.model.news import Webhook
from detent.service.webhooks import Made, Standing


def put_webhook(made: Made) -> shapes.PutWebhookReply:
    """Answer PutWebhook."""
    webhook, secret = made
    told = None if secret is None else str(secret.reveal())
    return shapes.PutWebhookReply(name=webhook.name, url=webhook.url, events=[*webhook.kinds], signing_secret=told)


def webhooks(found: list[Standing]) -> shapes.ListWebhooksReply:
    """Answer ListWebhooks."""
    return shapes.ListWebhooksReply(webhooks=[_webhook(*standing) for standing in found])


def _webhook(webhook: Webhook, waiting: int) -> shapes.WebhookReply:
    return shapes.WebhookReply(
        name=webhook.name,
        url=webhook.url,
        events=[*webhook.kinds],
        waiting=waiting,
        failures=webhook.failures,
        created_date=seconds(webhook.created),
        reason=webhook.reason,
        next_attempt_date=None if webhook.due is None else seconds(webhook.due),
    )


def webhook_gone(webhook: Webhook) -> shapes.WebhookGoneReply:
    """Answer DeleteWebhook."""
    return shapes.WebhookGoneReply(name=webhook.name)


def checks(placed: Checks) -> shapes.RotationChecksReply:
    """Answer PutRotationChecks."""
    key, value = placed.tag or (None, None)
    return shapes.RotationChecksReply(
        checks=[_check(check) for check in placed.checks], name=placed.secret_name, tag_key=key, tag_value=value
    )


def all_checks(found: list[Checks]) -> shapes.ListRotationChecksReply:
    """Answer ListRotationChecks."""
    return shapes.ListRotationChecksReply(rotation_checks=[checks(placed) for placed in found])


def _check(check: Check) -> shapes.CheckReply:
    return shapes.CheckReply(
        type=check.kind,
        seconds=check.seconds or None,
        url=check.url or None,
        statement=check.statement or None,
    )
