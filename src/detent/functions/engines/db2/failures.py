"""Db2's refusals, told apart by SQLCODE and reason: the driver gives them as text. The codes are the manual's."""

import re
from typing import Final

from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused
from detent.functions.handshake import NO_ANSWER

NO_CONNECT: Final = -1060
_CODE: Final = re.compile(r"SQLCODE=(-?\d+)")
_NAMES: Final = re.compile(r"^.*?(?:\[[^\]]*\])+")
_NUMBER: Final = re.compile(r"SQL(\d{4,5})N")
_REASON: Final = re.compile(r'SQL30082N .*?reason "(\d+)"', re.DOTALL)
_SECURITY: Final = -30082
_NETWORK: Final = -30081
_REJECTED: Final = {
    "1": "login refused: the password has expired: set a new one",
    "3": "login refused: no password was given",
    "19": "login refused: the user is disabled or restricted",
    "20": "login refused: the user is disabled or restricted",
    "24": "login refused: wrong password, or no such user (Db2 does not tell which)",
}
_LOGIN_CODES: Final = {-1403: "login refused: wrong password, or no such user"}
_NO_DATABASE: Final = 'the database does not exist: correct "dbname" in the secret'
_UNUSABLE: Final = {
    NO_CONNECT: "the user may not connect to the database: GRANT CONNECT ON DATABASE TO USER …",
    -1013: _NO_DATABASE,
    -1031: _NO_DATABASE,
    -30061: _NO_DATABASE,
    -1040: "too many connections on the server",
    -1226: "too many connections on the server",
    -1224: "the server is not running, or ended the connection",
    -20157: "the database is quiesced: it is done again later",
    -952: "the statement was not done in time",
}
_MAY_NOT: Final = frozenset({-551, -552, -567, -1092})
_LOST: Final = frozenset({_NETWORK, -1224, -1036, -1655, -99999})
_RAISED: Final = frozenset({-438, -443})  # by a procedure, with words of its own
_CURE: Final = (
    "it needs EXECUTE on the procedures RDSADMIN.CHANGE_PASSWORD and, for two users, ADD_USER, ADD_GROUPS and "
    "REMOVE_GROUPS, and SECADM on the database; the instance's master user has all of it"
)


def code_of(error: Exception) -> int | None:
    """Give the SQLCODE; None for what is the driver's own."""
    text = str(error)
    found = _CODE.search(text)
    if found:
        return int(found[1])
    number = _NUMBER.search(text)
    return -int(number[1]) if number else None


def said(error: Exception) -> str:
    """Give the server's words, on one line and without the driver's names before them."""
    return " ".join(_NAMES.sub("", str(error)).split()) or type(error).__name__


def rejection(error: Exception, mode: str) -> LoginRejected | EngineUnavailable:
    """Say whether a login that failed blames the candidate."""
    code, reason = code_of(error), _REASON.search(str(error))
    if code == _SECURITY and reason and reason[1] in _REJECTED:
        return LoginRejected(_REJECTED[reason[1]], mode)
    if code in _LOGIN_CODES:
        return LoginRejected(_LOGIN_CODES[code], mode)
    if code == _NETWORK:
        return EngineUnavailable(_of_the_network(str(error)), mode)
    return EngineUnavailable(_UNUSABLE.get(code or 0) or f"not usable; the server said: {said(error)}", mode)


def refusal(error: Exception, user: str, by: str) -> ChangeRefused | EngineUnavailable | PasswordRefused:
    """Say why a statement on a user was not done. ``by`` is who asked."""
    code, text = code_of(error), said(error)
    if code is None or code in _LOST:
        return EngineUnavailable(f"the connection was lost ({code or type(error).__name__})")
    if code in _UNUSABLE:
        return EngineUnavailable(_UNUSABLE[code])
    if code in _MAY_NOT:
        return ChangeRefused(f"{by!r} may not change the user {user!r} (the server said: {text}): {_CURE}")
    if code in _RAISED and "does not exist" in text:
        return ChangeRefused(f"there is no user {user!r} on the server")
    if code in _RAISED and "password" in text.lower():
        return PasswordRefused(f"the server's rules refuse the new password: {text}")
    return ChangeRefused(f"the server refused the change: {text}")


def exists_already(error: Exception) -> bool:
    """Say whether a user was not made because there is one."""
    return code_of(error) in _RAISED and "already exists" in str(error)


def _of_the_network(text: str) -> str:
    if "imeout" in text or '"115"' in text or '"110"' in text:  # errno, of Linux
        return NO_ANSWER
    return 'the server closed the connection: check host and port, and whether it wants TLS ("ssl": true)'
