"""MariaDB's refusals, told apart by their numbers."""

from typing import Final

from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused
from detent.functions.mysql_protocol.failures import HASH, NO_TLS, number_of, of_the_network

# MariaDB: error numbers of 10.11. Rejected: another candidate may do. Unusable: no candidate would.
_REJECTED: Final = {
    1045: (
        "login refused: wrong password, no such user, none for this client's address, or one that plaintext is not "
        "taken from (MariaDB does not tell which)"
    ),
    1698: "login refused: no such user, or the account lets nobody in by a password",
    1820: "login refused: the password has expired: set a new one, or ALTER USER … PASSWORD EXPIRE NEVER",
    1862: "login refused: the password has expired: set a new one, or ALTER USER … PASSWORD EXPIRE NEVER",
    4151: "the account may not log in, it is locked: ALTER USER … ACCOUNT UNLOCK",
}
_NO_DATABASE: Final = (
    'the database does not exist, or the user has no right in it: correct "dbname" in the secret, or GRANT one'
)
_CROWDED: Final = "too many connections on the server"
WRONG_SERVER: Final = "the server is no MariaDB of 10.4 or later: correct host and port in the secret, or upgrade it"
UNPROVEN: Final = (
    "the server let the login in by an account of another name, so nothing is proven: drop the anonymous account, "
    "take back PROXY, or end --skip-grant-tables"
)
_BLOCKED: Final = "the server blocks this client's address after too many errors: FLUSH HOSTS there"
_UNUSABLE: Final = {
    1040: _CROWDED,
    1203: "too many connections for this user",
    1226: "too many connections for this user: the account's limit is reached",
    1044: _NO_DATABASE,
    1049: _NO_DATABASE,
    1129: _BLOCKED,
    1130: "the server has no account for this client's address",
    1193: WRONG_SERVER,
    1053: "the server is shutting down",
    1927: "the server closed the connection",
    NO_TLS: 'the server offers no TLS: turn it on there, or allow plaintext with "ssl": false in the secret',
    4150: "the user is blocked after too many wrong passwords: FLUSH PRIVILEGES there",
}
_LOST: Final = frozenset({0, 1053, 1317, 1927, 2006, 2013, 2014})
_OUT_OF_TIME: Final = frozenset({1205, 1969})
_MAY_NOT: Final = frozenset({1044, 1045, 1131, 1142, 1143, 1227, 1370, 1698})
_NO_USER: Final = 1133
_ADMIN_CURE: Final = (
    "it needs GRANT CREATE USER ON *.* and GRANT SELECT ON mysql.*; to pass a grant on it needs that WITH GRANT "
    "OPTION, a role WITH ADMIN OPTION, and for a default role GRANT UPDATE ON mysql.*"
)
# what a server's option that prevents a statement means here
_OPTIONS: Final = {
    "--strict-password-validation": (
        "the server takes no password as a hash: SET GLOBAL strict_password_validation = OFF (the rotation itself "
        "reads the server's rules about passwords and keeps them)"
    ),
    "--read-only": "the server is a read-only replica: the host must be the primary",
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


def refusal(
    error: Exception, user: str, by: str, said: tuple[int, str] | None = None
) -> ChangeRefused | EngineUnavailable | PasswordRefused:
    """Say why a statement on a user was not done. ``by`` is who asked, ``said`` what the server warned of first."""
    number, text = said or (number_of(error), str(error.args[-1]) if error.args else type(error).__name__)
    text = HASH.sub("[hash]", text)
    if number is None or number in _LOST:
        return EngineUnavailable(f"the connection was lost ({number or type(error).__name__})")
    if number in _OUT_OF_TIME:
        return EngineUnavailable("the statement was not done in time")
    if number == 1819:  # noqa: PLR2004 - MariaDB: ER_NOT_VALID_PASSWORD
        return PasswordRefused(f"the server's rules refuse the new password: {text}")
    return ChangeRefused(_refused(number, text, user, by))


def _refused(number: int, text: str, user: str, by: str) -> str:
    if number in _MAY_NOT:
        whose = "its own password" if by == user else f"the user {user!r}: {_ADMIN_CURE}"
        return f"{by!r} may not change {whose} (the server said: {text})"
    if number == _NO_USER:
        return f"there is no user {user!r} on the server"
    known = (reason for option, reason in _OPTIONS.items() if option in text)
    return next(known, f"the server refused the change: {text} (error {number})")
