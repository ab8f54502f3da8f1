"""What the service answers STS's calls, as replies that are then told in XML."""

from detent.api import sts_shapes as shapes
from detent.service.assuming import Issued
from detent.service.identity import Identity


def identity(found: Identity) -> shapes.IdentityReply:
    """Answer GetCallerIdentity."""
    return shapes.IdentityReply(arn=found.arn, user_id=found.user_id, account=found.account)


def assumed(issued: Issued) -> shapes.AssumeRoleReply:
    """Answer AssumeRole."""
    session = issued.principal.session
    return shapes.AssumeRoleReply(
        credentials=_credentials(issued),
        assumed_role_user=shapes.AssumedRoleUser(assumed_role_id=issued.principal.id, arn=issued.principal.arn),
        packed_policy_size=issued.packed_percent,
        source_identity=None if session is None else session.source_identity,
    )


def session_token(issued: Issued) -> shapes.SessionTokenReply:
    """Answer GetSessionToken."""
    return shapes.SessionTokenReply(credentials=_credentials(issued))


def _credentials(issued: Issued) -> shapes.Credentials:
    return shapes.Credentials(
        access_key_id=issued.access_key_id,
        secret_access_key=str(issued.secret_access_key.reveal()),
        session_token=str(issued.session_token.reveal()),
        expiration=issued.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
