"""The wire's shapes of Detent's own operations on users, roles, their policies and access keys."""

from typing import Annotated, Literal

from msgspec import Meta

from detent.api.shapes import Reply, Request, Tag, TagShown

IdentityName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[A-Za-z0-9_+=,.@-]+\Z")]
AccessKeyId = Annotated[str, Meta(min_length=16, max_length=128, pattern=r"\A[A-Z0-9]+\Z")]
IdentityPolicyName = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"\A[A-Za-z0-9_+=,.@-]+\Z")]
Document = Annotated[str, Meta(min_length=1, max_length=20480)]
SessionSeconds = Annotated[int, Meta(ge=3600, le=43200)]
Tags = Annotated[list[Tag], Meta(max_length=50)]


class CreateUser(Request):
    """Make a user."""

    user_name: IdentityName
    tags: Tags | None = None


class UpdateUser(Request):
    """Change a user's tags."""

    user_name: IdentityName
    tags: Tags


class UserNamed(Request):
    """One user."""

    user_name: IdentityName


class ListUsers(Request):
    """All users of the account: nothing to say."""


class CreateRole(Request):
    """Make a role."""

    role_name: IdentityName
    trust_policy: Document
    max_session_seconds: SessionSeconds | None = None
    tags: Tags | None = None


class UpdateRole(Request):
    """Change a role; what is left out stays."""

    role_name: IdentityName
    trust_policy: Document | None = None
    max_session_seconds: SessionSeconds | None = None
    tags: Tags | None = None


class RoleNamed(Request):
    """One role."""

    role_name: IdentityName


class ListRoles(Request):
    """All roles of the account: nothing to say."""


class RevokeSessions(Request):
    """End the sessions of a role or of a user."""

    role_name: IdentityName | None = None
    user_name: IdentityName | None = None


class PolicyWritten(Request):
    """A policy with its document."""

    policy_name: IdentityPolicyName
    policy_document: Document


class PolicyNamed(Request):
    """One policy."""

    policy_name: IdentityPolicyName


class ListPolicies(Request):
    """All policies of the account: nothing to say."""


class Attachment(Request):
    """A policy, and the user or role that has it or shall have it."""

    policy_name: IdentityPolicyName
    user_name: IdentityName | None = None
    role_name: IdentityName | None = None


class CreateAccessKey(Request):
    """Make a key, of a user or of the caller."""

    user_name: IdentityName | None = None


class ListAccessKeys(Request):
    """List the keys of a user or of the caller."""

    user_name: IdentityName | None = None


class UpdateAccessKey(Request):
    """Let a key sign, or not."""

    access_key_id: AccessKeyId
    state: Literal["active", "inactive"]


class AccessKeyNamed(Request):
    """One key."""

    access_key_id: AccessKeyId


class UserReply(Reply):
    """A user."""

    user_name: str
    arn: str
    user_id: str
    created_date: float
    tags: list[TagShown]
    policy_names: list[str]


class ListUsersReply(Reply):
    """All users of an account."""

    users: list[UserReply]


class UserGoneReply(Reply):
    """A user that was removed."""

    user_name: str
    arn: str


class RoleReply(Reply):
    """A role."""

    role_name: str
    arn: str
    role_id: str
    created_date: float
    tags: list[TagShown]
    policy_names: list[str]
    trust_policy: str
    max_session_seconds: int


class ListRolesReply(Reply):
    """All roles of an account."""

    roles: list[RoleReply]


class RoleGoneReply(Reply):
    """A role that was removed."""

    role_name: str
    arn: str


class IdentityArnReply(Reply):
    """A user or role."""

    arn: str


class AttachedReply(IdentityArnReply):
    """A user or role, and the policies that it has."""

    policy_names: list[str]


class PolicyReply(Reply):
    """A policy; its document is not in lists, and to whom it is attached only where it is described."""

    policy_name: str
    arn: str
    created_date: float
    changed_date: float
    policy_document: str | None = None
    attached_to: list[str] | None = None


class ListPoliciesReply(Reply):
    """All policies of an account."""

    policies: list[PolicyReply]


class PolicyGoneReply(Reply):
    """A policy that was removed."""

    policy_name: str
    arn: str


class LastUsedShown(Reply):
    """The last use of a key that was noted."""

    date: float
    service: str
    region: str


class AccessKeyReply(Reply):
    """A key, without its secret."""

    access_key_id: str
    state: str
    created_date: float
    user_name: str | None = None
    last_used: LastUsedShown | None = None


class MadeAccessKeyReply(AccessKeyReply, kw_only=True):
    """A new key with its secret, which no other reply ever holds."""

    secret_access_key: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.access_key_id})"


class ListAccessKeysReply(Reply):
    """The keys of one holder."""

    access_keys: list[AccessKeyReply]


class AccessKeyGoneReply(Reply):
    """A key that was removed."""

    access_key_id: str
