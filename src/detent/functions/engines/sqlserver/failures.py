"""SQL Server's refusals, told apart by the numbers of its messages, and FreeTDS's by theirs (20000 and more)."""

import re
from typing import Final

from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused

# Rejected: another candidate may do. Unusable: no candidate would.
_REJECTED: Final = {
    18456: "login refused: wrong password, or no such login (SQL Server does not tell which)",
    18470: "the login is disabled: ALTER LOGIN … ENABLE",
    18486: "the login is locked out: ALTER LOGIN … WITH PASSWORD = '…' UNLOCK, or wait",
    18487: "the password has expired: set a new one, or ALTER LOGIN … WITH CHECK_EXPIRATION = OFF",
    18488: "the login must change its password first: set one without MUST_CHANGE",
}
_UNUSABLE: Final = {
    4060: 'the database does not exist, or the login has no user in it: correct "dbname" in the secret, or CREATE USER',
    916: "the login has no user in the database: CREATE USER … FOR LOGIN …",
    17809: "too many connections on the server",
    10928: "too many connections to the database",
    10929: "too many connections to the database",
    40613: "the database is not available at present",
    976: "the server is a replica that cannot be read: the host must be the primary",
    20003: "no answer in time: check the address, the port and firewalls",
}
_LOST: Final = frozenset({233, 596, 6005, 10053, 10054})
_DRIVERS_OWN: Final = 20000
_OUT_OF_TIME: Final = frozenset({1222, 20003})
_RULES: Final = frozenset({15115, 15116, 15117, 15118, 15119})
_MAY_NOT: Final = frozenset({229, 297, 300, 15151, 15247})
_ADMIN_CURE: Final = (
    "it needs GRANT ALTER ANY LOGIN, for a user of a contained database GRANT ALTER ANY USER in it, for roles GRANT "
    "ALTER ANY SERVER ROLE and ALTER ANY ROLE; a sysadmin's login is changed by a sysadmin only"
)
_NOT_UNDERSTOOD: Final = "the server did not understand the statement: SQL Server 2012 or later is needed"
_REASONS: Final = {
    102: _NOT_UNDERSTOOD,  # its texts would quote ours
    105: _NOT_UNDERSTOOD,
    15114: "the password is too recent to be changed (the server's minimum age): wait, or set CHECK_POLICY = OFF",
    3906: "the database is read-only: the host must be the primary",
    15025: "a login of that name was made meanwhile: rotate again",
}


def number_of(error: Exception) -> int | None:
    """Return the number of the server's or the driver's message; None if it has none."""
    first = error.args[0] if error.args else None
    first = first[0] if isinstance(first, tuple) and first else first
    return first if isinstance(first, int) else None


def text_of(error: Exception) -> str:
    """Return the server's own words of a message, without what FreeTDS adds."""
    first = error.args[-1] if error.args else ""
    last = first[-1] if isinstance(first, tuple) and first else first
    said = last.decode(errors="replace") if isinstance(last, bytes) else str(last)
    return re.split(r"DB-Lib error|Net-Lib error", said)[0].strip().replace("\n", " ")


def classified(error: Exception, mode: str) -> LoginRejected | EngineUnavailable:
    """Say whether a connection that failed blames the candidate."""
    if isinstance(error, EngineUnavailable):
        return EngineUnavailable(str(error), mode)
    number, whole = number_of(error), str(error.args)
    if number in _REJECTED:
        return LoginRejected(_REJECTED[number], mode)
    if number in _UNUSABLE:
        return EngineUnavailable(_UNUSABLE[number], mode)
    return EngineUnavailable(_of_the_network(whole, number), mode)


def refusal(error: Exception, user: str, by: str) -> ChangeRefused | EngineUnavailable | PasswordRefused:
    """Say why a statement on a login or user was not done; ``by`` is who asked for it."""
    number, text = number_of(error), text_of(error)
    if number in _OUT_OF_TIME:
        return EngineUnavailable("the statement was not done in time")
    if number is None or number in _LOST or number >= _DRIVERS_OWN:
        return EngineUnavailable(f"the connection was lost ({number or type(error).__name__})")
    if number in _RULES:
        return PasswordRefused(f"the server's rules refuse the new password: {text}")
    if number in _MAY_NOT:
        whose = "its own password" if by == user else f"the login {user!r}: {_ADMIN_CURE}"
        return ChangeRefused(f"{by!r} may not change {whose} (the server said: {text})")
    return ChangeRefused(_REASONS.get(number, f"the server refused the change: {text} (error {number})"))


def _of_the_network(whole: str, number: int | None) -> str:
    if "Connection refused" in whole:
        return "unreachable: nothing listens on that port"
    if "timed out" in whole:
        return _UNUSABLE[20003]
    if "certificate" in whole.lower() or "SSL" in whole or "TLS" in whole:
        return (
            'TLS failed, or the server\'s certificate was not accepted: give its CA (PEM text) as "sslrootcert" in the '
            'secret, use the name it was made for as host, or allow plaintext with "ssl": false'
        )
    return f"unreachable: the connection was lost ({number})"
