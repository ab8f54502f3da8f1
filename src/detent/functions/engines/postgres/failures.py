"""PostgreSQL's refusals, told apart.

psycopg gives no SQLSTATE for a connection that failed (3.3), so its causes are told apart by the server's English
texts; a server that speaks another language is classified by whether it had asked for the password.
"""

from typing import TYPE_CHECKING, Final

from detent.functions.engines import Login
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused
from detent.functions.network import CLOSED, NO_ANSWER, NOT_ACCEPTED, OTHER_NAME, TLS_FAILED, TLS_IS_OFF, UNREACHABLE

if TYPE_CHECKING:
    import psycopg

# PostgreSQL: texts of 15 and 18, libpq's of 18. Rejected: another candidate may do. Unusable: no candidate would.
_REJECTED: Final = {
    "password authentication failed": (
        "login refused: wrong password, no such role, or the role's VALID UNTIL has passed "
        "(PostgreSQL does not tell which)"
    ),
    "is not permitted to log in": "the role may not log in: ALTER ROLE … LOGIN",
    "role … does not exist": "login refused: there is no such role",
    "authentication failed for user": "login refused by the server's authentication method",
}
_UNUSABLE: Final = {
    "no pg_hba.conf entry": "the server's pg_hba.conf does not admit this user, database and address",
    "pg_hba.conf rejects": "the server's pg_hba.conf rejects this user, database and address",
    "database … does not exist": 'the database does not exist: correct "dbname" in the secret',
    "permission denied for database": "the role may not connect to the database: GRANT CONNECT ON DATABASE …",
    "not currently accepting connections": 'the database accepts no connections: correct "dbname" in the secret',
    "too many clients": "too many connections on the server",
    "too many connections": "too many connections for this role or database",
    "connection slots are reserved": "too many connections on the server",
    "starting up": "the server is starting up",
    "shutting down": "the server is shutting down",
    "server does not support SSL": TLS_IS_OFF,
    "does not match host name": OTHER_NAME,
    "certificate": NOT_ACCEPTED,
    "authentication method requirement": (
        "the server asks for the password in clear over a connection that is not verified: "
        'let TLS verify it ("ssl": true) or use SCRAM on the server'
    ),
    "SSL error": TLS_FAILED,
    **UNREACHABLE,
    "timeout expired": NO_ANSWER,
    "timed out": NO_ANSWER,
    "server closed the connection": CLOSED,
}

_NO_PLAINTEXT: Final = 'the server takes no plaintext connection from here: remove "ssl": false (pg_hba.conf)'
# Such a login proves nothing: whoever may write a secret could have any role of that server changed.
NO_PASSWORD_ASKED: Final = (
    "the server lets this user in without asking for the password (trust in pg_hba.conf), so none can be proven: "
    "use scram-sha-256 there"
)
_ADMIN_CURE: Final = (
    "it needs CREATEROLE, from PostgreSQL 16 on also GRANT <that role> TO <this one> WITH ADMIN OPTION; "
    "only a superuser changes a superuser's"
)


def classified(error: "psycopg.Error", login: Login, mode: str) -> LoginRejected | EngineUnavailable:
    """Say whether a connection that failed blames the candidate."""
    said = str(error).replace(f'"{login.username}"', "…").replace(f'"{login.settings.get("dbname")}"', "…")
    for phrase, reason in _REJECTED.items():
        if phrase in said:
            return LoginRejected(reason, mode)
    if mode == "disable" and "no encryption" in said:
        return EngineUnavailable(_NO_PLAINTEXT, mode)
    for phrase, reason in _UNUSABLE.items():
        if phrase in said:
            return EngineUnavailable(reason, mode)
    if error.pgconn and error.pgconn.used_password:
        return LoginRejected(f"login refused; the server said: {said}", mode)
    return EngineUnavailable(f"not usable; the driver said: {said}", mode)


def refusal(error: "psycopg.Error", user: str, by: str) -> ChangeRefused | EngineUnavailable | PasswordRefused:
    """Say why a statement on a role was not done; ``by`` is who asked for it."""
    state = error.sqlstate or ""
    if state == "57014":
        return EngineUnavailable("the statement was not done in time")
    if state[:2] in {"", "08", "53", "57"}:
        return EngineUnavailable(f"the connection was lost ({state or type(error).__name__})")
    match state:
        case "42501":
            detail = error.diag.message_detail or error.diag.message_primary or ""
            whose = "its own password" if by == user else f"the password of {user!r}: {_ADMIN_CURE}"
            said = f"{by!r} may not change {whose} (the server said: {detail})"
        case "42704":
            said = f"there is no role {user!r} on the server"
        case "25006":
            said = "the server is a read-only replica: the host must be the primary"
        case "22023":  # what passwordcheck and its kin raise
            return PasswordRefused(f"the server's rules refuse the new password: {error.diag.message_primary}")
        case _:
            said = f"the server refused the change: {error.diag.message_primary} (SQLSTATE {state})"
    return ChangeRefused(said)
