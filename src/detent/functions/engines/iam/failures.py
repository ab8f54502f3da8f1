"""IAM's refusals, told apart by their codes, and the driver's by their classes."""

import re
from typing import Any, Final

from detent.functions.engines import Login
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, NoRoom

REJECTED: Final = {
    "InvalidClientTokenId": "login refused: there is no such access key, or it is inactive",
    "SignatureDoesNotMatch": "login refused: wrong secret access key",
}
DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException"})
_OWNER: Final = re.compile(r":user/(?:\S*/)?([^\s/]+) is not authorized")
# AWS: the code is that of a wrong signature, and the text tells that the secret part is not to blame.
_SCOPE: Final = {
    "Signature expired": "this machine's clock is wrong: set it by NTP",
    "Signature not yet current": "this machine's clock is wrong: set it by NTP",
    "should be scoped to a valid region": 'requests were signed for another region: correct "region" in the secret',
}
_TRANSIENT: Final = frozenset(
    {
        "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "ServiceFailure",
        "ServiceUnavailable", "InternalFailure", "ConcurrentModification", "EntityTemporarilyUnmodifiable",
    }
)  # fmt: skip
_TRANSPORT: Final = {
    "EndpointConnectionError": "unreachable: nothing listens on that port, or there is no route to it",
    "ConnectTimeoutError": "no answer in time: check the address, the port and firewalls",
    "ReadTimeoutError": "no answer in time: check the address, the port and firewalls",
    "SSLError": (
        "TLS failed: the server's certificate must be for this host, by a CA that this machine or AWS_CA_BUNDLE names"
    ),
    "ConnectionClosedError": "the connection was lost",
    **dict.fromkeys(
        ("ResponseParserError", "KeyError", "ClientError"), "what answers there is not IAM: check host and port"
    ),
}
_LEAST: Final = "iam:{ListAccessKeys,CreateAccessKey,DeleteAccessKey,ListUserTags,TagUser,UntagUser}"


class Missing(ChangeRefused):
    """What should be changed is not there."""


def rejection(error: Exception, login: Login, mode: str) -> LoginRejected | EngineUnavailable:
    """Say whether a login that failed blames the candidate."""
    code, said = told(error)
    unusable = unusable_reason(error, code, said)
    if unusable:
        return EngineUnavailable(unusable, mode)
    if code in REJECTED:
        return LoginRejected(REJECTED[code], mode)
    if code == "NoSuchEntity":
        return LoginRejected(f"the key is good, but there is no user {login.username!r} in its account", mode)
    if code in DENIED:
        return _denied(said, login, mode)
    return EngineUnavailable(f"not usable; the server said: {code}: {said}", mode)


def refusal(error: Exception, login: Login, user: str) -> ChangeRefused | EngineUnavailable:
    """Say why something about a user's keys was not done."""
    code, said = told(error)
    unusable = unusable_reason(error, code, said)
    if unusable or code in REJECTED:
        return EngineUnavailable(unusable or REJECTED[code])
    if code == "NoSuchEntity":
        return Missing(f"the server said: {said}")
    if code in DENIED:
        return ChangeRefused(
            f"{login.username!r} may not do this ({said}): it needs {_LEAST} on arn:aws:iam::*:user/{user}"
        )
    if code == "LimitExceeded":
        return NoRoom(f"IAM allows {user!r} no more: {said}")
    return ChangeRefused(f"the server refused the change: {code}: {said}")


def told(error: Exception) -> tuple[str, str]:
    """Give AWS's code and text of an error; empty where it is the driver's."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    told = response.get("Error", {})
    return str(told.get("Code", "")), str(told.get("Message", ""))


def unusable_reason(error: Exception, code: str, said: str) -> str:
    """Say why no key would do; empty where one might."""
    if not code:  # a ClientError has one, unless something else answers
        return _TRANSPORT.get(type(error).__name__, f"not usable; the driver said: {error}")
    if code in _TRANSIENT or code.isdigit():  # a bare status: a reply without IAM's XML
        return f"the server does not serve this now ({code}: {said}): it is done again later"
    return next((cure for phrase, cure in _SCOPE.items() if phrase in said), "")


def _denied(said: str, login: Login, mode: str) -> LoginRejected | EngineUnavailable:
    owner = _OWNER.search(said)
    if owner and owner[1] != login.username:
        return LoginRejected(f"the key is good, but it is of user {owner[1]!r}", mode)
    return EngineUnavailable(
        f"the key is good, but may not list its own user's keys, by which a login is proven: allow "
        f"iam:ListAccessKeys on arn:aws:iam::*:user/{login.username}",
        mode,
    )
