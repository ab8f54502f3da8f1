"""The condition keys of a call: Secrets Manager's (G.2) and IAM's global ones, each worked out when a statement asks.

A key of the request is there only if the caller sent the parameter; defaults are not filled in (G.2). What is not in
the tables here no request has: this server knows no VPC, no organization and no federation.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from detent.model.pattern import folded
from detent.model.policy import Principal
from detent.model.secret import Secret
from detent.service.env import Env

Values = tuple[str, ...]
Sent = Mapping[str, Any]  # by a key in lower case: a text, number, truth, list of texts, or a callable that gives one

NOTHING_SENT: Sent = {}


class Conditions:
    """`model.policy.Context` of one call."""

    __slots__ = ("account", "caller", "env", "secret", "sent", "tags")

    def __init__(
        self,
        env: Env,
        caller: Principal,
        account: str,
        sent: Sent = NOTHING_SENT,
        *,
        secret: Secret | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Take what was sent, whose the resource is, and the secret; `tags` are those of another resource."""
        self.env, self.caller, self.account, self.sent, self.secret = env, caller, account, sent, secret
        self.tags = secret.tags if secret is not None else tags

    def __call__(self, key: str) -> Values | None:
        """Give the values of a key, asked for in lower case; None: this request has no such key."""
        if key in self.sent:
            return _texts(self.sent[key])
        if key in _KEYS:
            return _texts(_KEYS[key](self))
        kind, _, tag = key.partition("/")
        return _tagged(_TAGGED[kind](self), tag) if kind in _TAGGED else None


def _texts(value: Any) -> Values | None:  # noqa: ANN401 - whatever was sent
    if type(value) is str:  # nearly always
        return (value,)
    if callable(value):
        value = value()
    if value is None:
        return None
    if isinstance(value, bool):
        return (str(value).lower(),)
    if isinstance(value, list | tuple):
        return tuple(str(one) for one in value)
    return (str(value),)


def _tagged(tags: Mapping[str, str] | None, tag: str) -> Values | None:
    """Give a tag's value. Of tags that differ in case only, all: a condition cannot tell them apart (AWS neither)."""
    found = tuple(value for key, value in (tags or {}).items() if folded(key) == tag)
    return found or None


def tags_sent(tags: Mapping[str, str] | None) -> Sent:
    """Give the keys of a call that brings tags."""
    if not tags:
        return NOTHING_SENT
    return {"aws:tagkeys": list(tags), **{f"aws:requesttag/{folded(key)}": value for key, value in tags.items()}}


def tag_keys_sent(keys: Iterable[str]) -> Sent:
    """Give the keys of a call that names tags to take away."""
    return {"aws:tagkeys": list(keys)}


def _principal_arn(call: Conditions) -> str:
    """AWS: for a role's session it is the role's ARN (IAM, global condition keys)."""
    return call.caller.role or call.caller.arn


def _principal_type(call: Conditions) -> str:
    if call.caller.role is not None or call.caller.grant is not None:
        return "AssumedRole"
    return "User" if call.caller.user is not None else "Account"


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _address(call: Conditions) -> str | None:
    peer = call.env.origin.peer
    return peer if peer[:1].isdigit() or ":" in peer else None  # what calls within the server has none


def _function(call: Conditions) -> str | None:
    rotation = None if call.secret is None else call.secret.rotation
    return rotation.function if rotation is not None and rotation.enabled else None


_KEYS: Mapping[str, Callable[[Conditions], object]] = {
    "aws:currenttime": lambda call: _stamp(call.env.now),
    "aws:epochtime": lambda call: int(call.env.now.timestamp()),
    "aws:multifactorauthpresent": lambda call: None if call.caller.session is None else False,
    "aws:principalaccount": lambda call: call.caller.account,
    "aws:principalarn": _principal_arn,
    "aws:principalisawsservice": lambda _: False,
    "aws:principaltype": _principal_type,
    "aws:requestedregion": lambda call: call.env.region,
    "aws:resourceaccount": lambda call: call.account,
    "aws:securetransport": lambda call: call.env.origin.over_tls,
    "aws:sourceidentity": lambda call: call.caller.session and call.caller.session.source_identity,
    "aws:sourceip": _address,
    "aws:tokenissuetime": lambda call: call.caller.session and _stamp(call.caller.session.issued),
    "aws:useragent": lambda call: call.env.origin.user_agent or None,
    "aws:userid": lambda call: call.caller.id or None,
    "aws:username": lambda call: call.caller.user,
    "aws:viaawsservice": lambda _: False,
    "secretsmanager:resource/allowrotationlambdaarn": _function,
    "secretsmanager:resource/type": lambda call: call.secret and call.secret.type,
    "secretsmanager:secretid": lambda call: call.secret and call.secret.arn,
    "secretsmanager:secretprimaryregion": lambda call: call.secret and call.secret.primary_region,
}
_TAGGED: Mapping[str, Callable[[Conditions], Mapping[str, str] | None]] = {
    "aws:principaltag": lambda call: call.caller.tags,
    "aws:resourcetag": lambda call: call.tags,
    "secretsmanager:resourcetag": lambda call: call.tags,
}
