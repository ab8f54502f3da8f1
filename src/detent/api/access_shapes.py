"""The wire's shapes of CheckAccess, and of Detent's own operations on admin secrets."""

from typing import Annotated

from msgspec import Meta

from detent.api.shapes import Reply, Request, SecretId

PrincipalArn = Annotated[str, Meta(min_length=20, max_length=2048)]
Action = Annotated[str, Meta(min_length=3, max_length=128, pattern=r"\A[a-z0-9-]+:[A-Za-z0-9]+\Z")]
Resource = Annotated[str, Meta(min_length=1, max_length=2048)]


class CheckAccess(Request):
    """A question: may this principal do this to a secret, or to any other resource."""

    principal_arn: PrincipalArn
    action: Action
    secret_id: SecretId | None = None
    resource: Resource | None = None


class AttachAdminSecret(Request):
    """A secret, and the one whose login may change its password."""

    secret_id: SecretId
    admin_secret_id: SecretId


class DetachAdminSecret(Request):
    """A secret that shall have no admin secret."""

    secret_id: SecretId


class ListAdminSecrets(Request):
    """All secrets of the account and region that have an admin secret: nothing to say."""


class AccessReply(Reply):
    """A verdict, and what decided it: no policy, where root's own power did, or where no statement said a word."""

    allowed: bool
    reason: str
    policy_type: str | None = None
    policy_name: str | None = None
    statement: str | None = None


class AdminSecretReply(Reply):
    """A secret, and the admin secret that it is linked to."""

    arn: str
    name: str
    admin_secret_arn: str
    holds: bool


class AdminSecretGoneReply(Reply):
    """A secret that has no admin secret any more."""

    arn: str
    name: str


class ListAdminSecretsReply(Reply):
    """All secrets with an admin secret."""

    admin_secrets: list[AdminSecretReply]
