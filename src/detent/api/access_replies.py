"""What the service answers about access and admin secrets, as the wire's replies."""

from detent.api import access_shapes as shapes
from detent.model.judgement import PolicyKind
from detent.model.secret import Secret
from detent.service.admin_secrets import Attachment
from detent.service.checking import Checked


def access(checked: Checked) -> shapes.AccessReply:
    """Answer CheckAccess."""
    verdict = checked.verdict
    return shapes.AccessReply(
        allowed=verdict.allowed,
        reason=_reason(checked),
        policy_type=verdict.kind,
        policy_name=verdict.policy,
        statement=verdict.statement,
    )


def _reason(checked: Checked) -> str:
    """Say why in a line; the words of an allow, which AWS has none for, are a Choice after those of its refusals."""
    verdict = checked.verdict
    if not verdict.allowed:
        return verdict.because(checked.action)
    if verdict.kind is None:
        return "because the account's root may do all that no policy denies"
    return f"with an explicit allow in {'an' if verdict.kind is PolicyKind.IDENTITY else 'a'} {verdict.kind}"


def admin_secret(found: Attachment) -> shapes.AdminSecretReply:
    """Answer AttachAdminSecret."""
    secret = found.secret
    return shapes.AdminSecretReply(arn=secret.arn, name=secret.name, admin_secret_arn=found.admin, holds=found.holds)


def admin_secret_gone(secret: Secret) -> shapes.AdminSecretGoneReply:
    """Answer DetachAdminSecret."""
    return shapes.AdminSecretGoneReply(arn=secret.arn, name=secret.name)


def admin_secrets(found: list[Attachment]) -> shapes.ListAdminSecretsReply:
    """Answer ListAdminSecrets."""
    return shapes.ListAdminSecretsReply(admin_secrets=[admin_secret(one) for one in found])
