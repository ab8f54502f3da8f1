"""MongoDB's refusals, told apart by their codes, and PyMongo's by their classes. The codes are the manual's."""

from typing import Any, Final

from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused
from detent.functions.network import NO_ANSWER, NO_PLAINTEXT_THERE, PLAIN

_NOT_WRITABLE: Final = frozenset({10107, 13435})
_BAD_VALUE: Final = 2
_UNAUTHORIZED: Final = 13
_REFUSED_LOGINS: Final = {
    18: "login refused: wrong password, no such user in that authSource, or one that may not log in from here "
    "(MongoDB does not tell which)",
    8000: "login refused: wrong password, or no such user",  # Atlas
    # PyMongo's ValueError: no server keeps a password that it could not have prepared either
    0: "login refused: the password holds characters that SCRAM-SHA-256 does not allow",
}
_UNUSABLE: Final = {
    50: "the statement was not done in time",
    59: "the server does not know this command: it is too old, or no MongoDB",
    91: "the server is shutting down",
    334: "the server and the user share no way to log in: let the user have SCRAM-SHA-256 (updateUser, mechanisms)",
    11600: "the server is shutting down",
    11602: "the server is changing its role; it is done again later",
}
_NO_USER: Final = 11
_NO_ROLE: Final = 31


def rejection(error: Exception, mode: str) -> LoginRejected | EngineUnavailable:
    """Say whether a login that failed blames the candidate."""
    code = code_of(error)
    if code in _REFUSED_LOGINS:
        return LoginRejected(_REFUSED_LOGINS[code], mode)
    return EngineUnavailable(_UNUSABLE.get(code or -1) or _of_the_driver(error, mode), mode)


def refusal(error: Exception, user: str, by: str, cure: str) -> ChangeRefused | EngineUnavailable | PasswordRefused:
    """Say why a command on a user was not done. ``by`` is who asked, ``cure`` what grants it."""
    code = code_of(error)
    if code is None:
        return EngineUnavailable(f"the connection was lost ({type(error).__name__})")
    if code in _REFUSED_LOGINS:  # the driver connected anew, by a password that is not the user's any more
        return EngineUnavailable("the connection was lost, and the login is refused now")
    if code in _UNUSABLE:
        return EngineUnavailable(_UNUSABLE[code])
    if code == _BAD_VALUE and "password" in said(error):
        return PasswordRefused(f"the server refuses the new password: {said(error)}")
    whose = "its own password" if user == by else f"the user {user!r}"
    known = {
        _UNAUTHORIZED: f"{by!r} may not change {whose}: {cure}",
        _NO_USER: f"there is no user {user!r} in that authSource",
        _NO_ROLE: f"a role of {user!r} is not there any more: {said(error)}",
        **dict.fromkeys(_NOT_WRITABLE, 'the host is no primary: name the primary as host, or add it to "nodes"'),
    }
    return ChangeRefused(known.get(code, f"the server refused the change: {said(error)} (code {code})"))


def code_of(error: Exception) -> int | None:
    """Give the server's code; 0 for a password that the driver refuses, None for what is of the connection."""
    if isinstance(error, ValueError | TypeError):
        return 0
    details: Any = getattr(error, "details", None)  # PyMongo's error for a member that steps down has no other
    found = getattr(error, "code", None) or (details.get("code") if isinstance(details, dict) else None)
    return found if isinstance(found, int) else None


def said(error: Exception) -> str:
    """Give the server's own words, without the whole reply that PyMongo adds to them."""
    details: Any = getattr(error, "details", None)
    return str(details.get("errmsg", error)) if isinstance(details, dict) else str(error)


def _of_the_driver(error: Exception, mode: str) -> str:
    text = str(error)
    if "timed out" in text or "No servers found yet" in text:
        return NO_ANSWER
    if code_of(error) is not None:
        return f"not usable; the server said: {said(error)} (code {code_of(error)})"
    if mode == PLAIN:
        return NO_PLAINTEXT_THERE
    return "the connection was lost before the login: what answers there may be no MongoDB"
