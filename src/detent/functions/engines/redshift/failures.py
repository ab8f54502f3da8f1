"""Redshift's refusals, told apart by the SQLSTATE that the driver hands on (from PostgreSQL 8 and AWS's manual)."""

import ssl
from collections.abc import Mapping
from typing import Final

from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused

NO_ANSWER: Final = "no answer in time: check the address, the port and firewalls"
_REFUSED: Final = (
    "login refused: wrong password, no such user, or its VALID UNTIL has passed (Redshift does not tell which)"
)
_UNUSABLE: Final = {
    "3D000": 'the database does not exist: correct "dbname" in the secret',
    "42501": "the user may not use the database: GRANT USAGE or CONNECT on it",
    "53300": "too many connections on the server, for this user or database",
    "57P01": "the server is shutting down",
    "57P03": "the server is starting up, or paused: resume the cluster",
}
_OTHER_NAME: Final = (
    "the server's certificate is for another name: use the endpoint's own name as host, "
    'or check the CA only with "sslmode": "verify-ca"'
)
_NOT_ACCEPTED: Final = (
    "the server's certificate was not accepted: its CA must be among the system's; "
    'plaintext is allowed with "ssl": false'
)
_NAME_MISMATCH: Final = frozenset({62, 64})  # OpenSSL: X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH
_ADMIN_CURE: Final = (
    "it needs GRANT ROLE sys:secadmin TO it; superusers, and who is in a group, are changed by a superuser only"
)


def told(error: Exception) -> Mapping[str, str]:
    """Give what the server said, by the letters of its protocol; empty where the driver failed by itself."""
    first = error.args[0] if error.args else None
    return first if isinstance(first, dict) else {}


def classified(error: Exception, mode: str) -> LoginRejected | EngineUnavailable:
    """Say whether a connection that failed blames the candidate."""
    if isinstance(error, EngineUnavailable):
        return EngineUnavailable(str(error), mode)
    state, text = told(error).get("C", ""), told(error).get("M", "")
    if state == "28000" and "pg_hba" in text:
        return EngineUnavailable("the server takes no connection of this kind from here: it may require TLS", mode)
    if state in {"28000", "28P01"}:
        return LoginRejected(_REFUSED, mode)
    return EngineUnavailable(_UNUSABLE.get(state) or (text and f"not usable ({state})") or _of_the_network(error), mode)


def refusal(error: Exception, user: str, by: str) -> ChangeRefused | EngineUnavailable | PasswordRefused:
    """Say why a statement on a user was not done; ``by`` is who asked for it."""
    state, text = told(error).get("C", ""), told(error).get("M", "")
    if state == "57014":
        return EngineUnavailable("the statement was not done in time")
    if state[:2] in {"", "08", "53", "57"}:
        return EngineUnavailable(f"the connection was lost ({state or type(error).__name__})")
    match state:
        case "42501":
            whose = "its own password" if by == user else f"the user {user!r}: {_ADMIN_CURE}"
            said = f"{by!r} may not change {whose} (the server said: {text})"
        case "42704":
            said = f"there is no user {user!r} on the server"
        case "22023":
            return PasswordRefused(f"the server's rules refuse the new password: {text}")
        case _:
            said = f"the server refused the change: {text} (SQLSTATE {state})"
    return ChangeRefused(said)


def _of_the_network(error: Exception) -> str:
    """Say what kept the driver from a connection: it wraps what the socket said, and hands on what TLS said."""
    cause = next((part for part in (error, *error.args) if isinstance(part, OSError)), None)
    match cause:
        case ssl.SSLCertVerificationError():
            said = _OTHER_NAME if cause.verify_code in _NAME_MISMATCH else _NOT_ACCEPTED
        case ssl.SSLError():
            said = 'TLS failed: check the server\'s TLS settings, or allow plaintext with "ssl": false'
        case TimeoutError():
            said = NO_ANSWER
        case ConnectionRefusedError():
            said = "unreachable: nothing listens on that port"
        case OSError():
            said = f"unreachable: {cause.strerror or 'the connection was lost'}"
        case _ if "SSL" in str(error):
            said = 'the server offers no TLS: turn it on there, or allow plaintext with "ssl": false in the secret'
        case _:
            said = f"not usable; the driver failed ({type(error).__name__})"
    return said
