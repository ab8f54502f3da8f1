"""The wire's shapes of webhooks and of checks between the steps."""

from typing import Annotated, Literal

from msgspec import Meta

from detent.api.shapes import Reply, Request, SecretId, VersionId

WebhookName = Annotated[str, Meta(min_length=1, max_length=64)]
Url = Annotated[str, Meta(min_length=1, max_length=2048)]
SigningSecret = Annotated[str, Meta(min_length=16, max_length=256)]
Event = Literal["started", "succeeded", "failed", "abandoned", "rolled-back", "overdue", "waiting"]
CheckType = Literal["wait", "approve", "probe"]


class PutWebhook(Request):
    """Where the news of an account's rotations are posted to."""

    name: WebhookName
    url: Url
    events: list[Event] | None = None
    signing_secret: SigningSecret | None = None


class ListWebhooks(Request):
    """All webhooks of the account in the region: nothing to say."""


class WebhookNamed(Request):
    """A request with nothing but the webhook."""

    name: WebhookName


class CheckAsked(Request):
    """One check."""

    type: CheckType
    seconds: Annotated[int, Meta(ge=1, le=604800)] | None = None
    url: Url | None = None
    statement: Annotated[str, Meta(min_length=1, max_length=4096)] | None = None


class PutRotationChecks(Request):
    """The checks of one secret, or of all secrets with a tag."""

    checks: list[CheckAsked]
    secret_id: SecretId | None = None
    tag_key: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    tag_value: Annotated[str, Meta(max_length=256)] | None = None


class ListRotationChecks(Request):
    """All checks of the account in the region: nothing to say."""


class ApproveRotation(Request):
    """A rotation that waits for a person."""

    secret_id: SecretId
    version_id: VersionId | None = None


class DenyRotation(Request):
    """A rotation that waits for a person, and why it must not go on."""

    secret_id: SecretId
    version_id: VersionId | None = None
    reason: Annotated[str, Meta(max_length=500)] | None = None


class WebhookReply(Reply):
    """A webhook, and how it goes."""

    name: str
    url: str
    events: list[str]
    waiting: int
    failures: int
    created_date: float
    reason: str | None = None
    next_attempt_date: float | None = None


class PutWebhookReply(Reply):
    """A webhook as it was put; its signing secret this once, if it was made here."""

    name: str
    url: str
    events: list[str]
    signing_secret: str | None = None


class ListWebhooksReply(Reply):
    """All webhooks."""

    webhooks: list[WebhookReply]


class WebhookGoneReply(Reply):
    """A webhook that is no more."""

    name: str


class CheckReply(Reply):
    """One check."""

    type: str
    seconds: int | None = None
    url: str | None = None
    statement: str | None = None


class RotationChecksReply(Reply):
    """The checks of one secret, or of all secrets with a tag."""

    checks: list[CheckReply]
    name: str | None = None
    tag_key: str | None = None
    tag_value: str | None = None


class ListRotationChecksReply(Reply):
    """All checks."""

    rotation_checks: list[RotationChecksReply]
