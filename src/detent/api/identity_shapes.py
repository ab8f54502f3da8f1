"""The wire's shapes of Detent's own operations on users, roles, their policies and access keys."""

from typing import Annotated, Literal

from msgspec import Meta

from detent.api.shapes import Reply, Request, Tag, TagShown

IdentityName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[A-Za-z0-9_+=,.@-]+\Z")]
AccessKeyId = Annotated[str, Meta(min_length=16, max_length=128, pattern=r"\A[A-Z0-9]+\Z")]
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
