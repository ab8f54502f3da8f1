"""Snowflake's refusals, told apart by their numbers, and the driver's."""

import re
from typing import Final

from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected
from detent.functions.handshake import NO_ANSWER

# Snowflake: numbers of its manual and of its drivers' sources
_REJECTED: Final = {
    390100: "login refused: no such user, or it may not log in by a key",
    390101: "the user may not log in: it is disabled",
    390144: "login refused: the key is none of the user's, or there is no such user (Snowflake does not tell which)",
    394300: "login refused: no such user in that account",
    394304: "login refused: the key is none of the user's",
}
_UNUSABLE: Final = {
    390102: "the user is locked for some minutes after too many refused logins",
    390189: 'the role may not be taken: correct "role" in the secret, or GRANT ROLE … TO USER …',
    390201: 'the database does not exist, or the user has no right in it: correct "dbname" in the secret',
    390422: "the account's network policy does not let this machine in",
    394305: "this machine's clock is wrong: set it by NTP",
}
_MAY_NOT: Final = 3001
_NO_USER: Final = 2003
_LOST: Final = frozenset({250001, 250002, 250003, 251011, 390104, 390111, 390112, 390114})
_BLOCK: Final = re.compile(r"MII[A-Za-z0-9+/=]{20,}")  # a public key, which statements are quoted with
_CURE: Final = (
    "its role needs to own the user: GRANT OWNERSHIP ON USER {user} TO ROLE … COPY CURRENT GRANTS, and the secret's "
    '"role" to name that role'
)


def number_of(error: Exception) -> int:
    """Give the server's number, or the driver's; 0 if there is none."""
    found = getattr(error, "errno", None)
    return found if isinstance(found, int) and found > 0 else 0


def said(error: Exception) -> str:
    """Give the server's words on one line."""
    return " ".join(_BLOCK.sub("…", str(getattr(error, "raw_msg", None) or error)).split())


def rejection(error: Exception) -> LoginRejected | EngineUnavailable:
    """Say whether a login that failed blames the candidate."""
    number, text = number_of(error), said(error)
    if number in _REJECTED:
        return LoginRejected(_REJECTED[number], "verify-full")
    if number in _UNUSABLE:
        return EngineUnavailable(_UNUSABLE[number], "verify-full")
    return EngineUnavailable(_of_the_network(text, number), "verify-full")


def refusal(error: Exception, user: str, by: str) -> ChangeRefused | EngineUnavailable:
    """Say why a statement on a user was not done. ``by`` is who asked."""
    number, text = number_of(error), said(error)
    if number in _LOST or number == 0:
        return EngineUnavailable(f"the connection was lost ({number or type(error).__name__})")
    if number in {_MAY_NOT, _NO_USER}:
        return ChangeRefused(f"{by!r} may not change the user {user!r} ({text}): {_CURE.format(user=user)}")
    return ChangeRefused(f"the server refused the change: {text} (error {number})")


def _of_the_network(text: str, number: int) -> str:
    if "certificate" in text.lower():
        return "the server's certificate was not accepted: the host must be Snowflake's own, not a proxy's"
    if "timed out" in text.lower() or "timeout" in text.lower():
        return NO_ANSWER
    if "403" in text or "404" in text:
        return 'there is no such account: correct "host" or "account" in the secret'
    return f"not usable; the driver said: {text} (error {number})"
