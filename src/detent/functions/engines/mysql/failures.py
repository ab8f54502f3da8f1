"""MySQL's refusals, told apart by their numbers (from the manual of 8.4)."""

from typing import Final

from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused
from detent.functions.mysql_protocol.failures import HASH, NO_TLS, number_of, of_the_network

# Rejected: another candidate may do. Unusable: no candidate would.
_REJECTED: Final = {
    1045: "login refused: wrong password, no such user, or none for this client's address (MySQL does not tell which)",
    1698: "login refused: no such user, or the account lets nobody in by a password",
    1820: "login refused: the password has expired: set a new one, or ALTER USER … PASSWORD EXPIRE NEVER",
    1862: "login refused: the password has expired: set a new one, or ALTER USER … PASSWORD EXPIRE NEVER",
    3118: "the account may not log in, it is locked: ALTER USER … ACCOUNT UNLOCK",
}
_NO_DATABASE: Final = (
    'the database does not exist, or the user has no right in it: correct "dbname" in the secret, or GRANT one'
)
WRONG_SERVER: Final = "the server is no MySQL of 8.0.14 or later: correct host and port in the secret, or upgrade it"
UNPROVEN: Final = (
    "the server let the login in by an account of another name, so nothing is proven: drop the anonymous account, "
    "take back PROXY, or end --skip-grant-tables"
)
_UNUSABLE: Final = {
    1040: "too many connections on the server",
    1203: "too many connections for this user",
    1226: "too many connections for this user: the account's limit is reached",
    1044: _NO_DATABASE,
    1049: _NO_DATABASE,
    1129: "the server blocks this client's address after too many errors: TRUNCATE performance_schema.host_cache there",
    1130: "the server has no account for this client's address",
    1193: WRONG_SERVER,
    1053: "the server is shutting down",
    1524: "the plug-in that the account logs in by is not loaded on the server",
    NO_TLS: 'the server offers no TLS: turn it on there, or allow plaintext with "ssl": false in the secret',
    3159: 'the server takes no plaintext connection: remove "ssl": false (require_secure_transport)',
    3955: "the user is blocked after too many wrong passwords: ALTER USER … ACCOUNT UNLOCK",
}
_LOST: Final = frozenset({0, 1053, 1317, 2006, 2013, 2014, 4031})
_OUT_OF_TIME: Final = frozenset({1205, 3024})
_MAY_NOT: Final = frozenset({1044, 1045, 1131, 1142, 1143, 1227, 1370, 1410})
_NO_USER: Final = frozenset({1133, 1396})
_RULES: Final = frozenset({1819, 3638, 3628})  # its strength; its history; its likeness to the current one
_ADMIN_CURE: Final = (
    "it needs GRANT CREATE USER ON *.* and GRANT SELECT ON mysql.*; to pass a grant on it needs that WITH GRANT "
    "OPTION, for roles GRANT ROLE_ADMIN ON *.*, and for an account with SYSTEM_USER that right too"
)
_REASONS: Final = {
    1064: "the server did not understand the statement: is it MySQL 8.0.14 or later?",  # its text would quote ours
    1290: "the server is a read-only replica: the host must be the primary",
    3878: "the account's current password is empty, and none can be kept beside that: give it one",
    3891: "the server takes the password of this login for another than the current one: rotate by an admin secret",
    3892: "the server wants the current password: ALTER USER … PASSWORD REQUIRE CURRENT OPTIONAL",
    3895: "the account logs in by another plug-in than the server's own: two passwords are not kept across plug-ins",
}


def unreachable(error: Exception, mode: str) -> LoginRejected | EngineUnavailable:
    """Say whether a connection that failed blames the candidate."""
    if isinstance(error, EngineUnavailable):
        return EngineUnavailable(str(error), mode)
    number = number_of(error)
    if number in _REJECTED:
        return LoginRejected(_REJECTED[number], mode)
    if number in _UNUSABLE:
        return EngineUnavailable(_UNUSABLE[number], mode)
    return EngineUnavailable(of_the_network(error), mode)


def refusal(error: Exception, user: str, by: str) -> ChangeRefused | EngineUnavailable | PasswordRefused:
    """Say why a statement on a user was not done; ``by`` is who asked for it."""
    number, text = number_of(error), HASH.sub("[hash]", str(error.args[-1]) if error.args else "")
    if number is None or number in _LOST:
        return EngineUnavailable(f"the connection was lost ({number or type(error).__name__})")
    if number in _OUT_OF_TIME:
        return EngineUnavailable("the statement was not done in time")
    if number in _RULES:
        return PasswordRefused(f"the server's rules refuse the new password: {text}")
    if number in _MAY_NOT:
        whose = "its own password" if by == user else f"the user {user!r}: {_ADMIN_CURE}"
        return ChangeRefused(f"{by!r} may not change {whose} (the server said: {text})")
    if number in _NO_USER:
        return ChangeRefused(f"there is no user {user!r} on the server, or {by!r} may not change it: {_ADMIN_CURE}")
    return ChangeRefused(_REASONS.get(number, f"the server refused the change: {text} (error {number})"))
