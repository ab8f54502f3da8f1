"""STS's shapes: requests as they are once their query is read, and replies before they are told in XML."""

from typing import Annotated

from msgspec import Meta

from detent.api.shapes import Reply, Request, Tag

RoleArn = Annotated[str, Meta(min_length=20, max_length=2048)]
SessionName = Annotated[str, Meta(min_length=2, max_length=64, pattern=r"\A[A-Za-z0-9_+=,.@-]*\Z")]
PolicyText = Annotated[str, Meta(min_length=1, max_length=2048)]
ExternalId = Annotated[str, Meta(min_length=2, max_length=1224, pattern=r"\A[A-Za-z0-9_+=,.@:/\\-]*\Z")]
Duration = Annotated[int, Meta(ge=900, le=43200)]
LongDuration = Annotated[int, Meta(ge=900, le=129600)]
Device = Annotated[str, Meta(min_length=1, max_length=256)]


class PolicyDescriptor(Request):
    """Names an identity policy."""

    arn: RoleArn | None = None


class AssumeRole(Request):
    """STS's AssumeRole."""

    role_arn: RoleArn
    role_session_name: SessionName
    duration_seconds: Duration | None = None
    policy: PolicyText | None = None
    policy_arns: Annotated[list[PolicyDescriptor], Meta(max_length=10)] | None = None
    tags: Annotated[list[Tag], Meta(max_length=50)] | None = None
    transitive_tag_keys: Annotated[list[str], Meta(max_length=50)] | None = None
    external_id: ExternalId | None = None
    source_identity: SessionName | None = None
    serial_number: Device | None = None
    token_code: Device | None = None


class GetSessionToken(Request):
    """STS's GetSessionToken."""

    duration_seconds: LongDuration | None = None
    serial_number: Device | None = None
    token_code: Device | None = None


class Credentials(Reply):
    """Temporary credentials."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: str


class AssumedRoleUser(Reply):
    """A role's session."""

    assumed_role_id: str
    arn: str


class AssumeRoleReply(Reply, tag_field="Operation", tag="AssumeRole"):
    """STS's AssumeRole."""

    credentials: Credentials
    assumed_role_user: AssumedRoleUser
    packed_policy_size: int
    source_identity: str | None = None


class SessionTokenReply(Reply, tag_field="Operation", tag="GetSessionToken"):
    """STS's GetSessionToken."""

    credentials: Credentials


class IdentityReply(Reply, tag_field="Operation", tag="GetCallerIdentity"):
    """STS's GetCallerIdentity."""

    arn: str
    user_id: str
    account: str
