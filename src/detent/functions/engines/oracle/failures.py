"""Oracle's refusals, told apart by their codes: ORA-… of the server, DPY-… of the driver."""

from typing import Final

from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused

# Rejected: another candidate may do. Unusable: no candidate would.
_REJECTED: Final = {
    1017: "login refused: wrong password, or no such user (Oracle does not tell which)",
    28000: "the account is locked: ALTER USER … ACCOUNT UNLOCK",
    28001: "the password has expired: set a new one, or a profile with PASSWORD_LIFE_TIME UNLIMITED",
}
NO_ANSWER: Final = "no answer in time: check the address, the port and firewalls"
_NO_SERVICE: Final = 'the listener knows no such service: correct "dbname" (or "sid") in the secret'
_UNUSABLE: Final = {
    1045: "the user may not log in: GRANT CREATE SESSION TO …",
    18: "too many sessions on the server",
    20: "too many sessions on the server",
    2391: "too many sessions for this user: its profile's SESSIONS_PER_USER",
    12516: "too many sessions on the server",
    12519: "too many sessions on the server",
    12520: "too many sessions on the server",
    1033: "the database is starting up or shutting down",
    1034: "the database is not started",
    1109: "the database is not open",
    12505: _NO_SERVICE,
    12514: _NO_SERVICE,
}
_PHRASES: Final = {
    "DPY-6001": _NO_SERVICE,
    "DPY-6003": _NO_SERVICE,
    "DPY-6006": (
        "the server's certificate is for another name: use the name it was made for as host, "
        'or check the CA only with "sslmode": "verify-ca"'
    ),
    "CERTIFICATE_VERIFY_FAILED": (
        "the server's certificate was not accepted: give its CA (PEM text) as "
        '"sslrootcert" in the secret, or allow plaintext with "ssl": false'
    ),
    "SSL": 'TLS failed: the port must be the listener\'s for tcps, or allow plaintext with "ssl": false',
    "DPY-6000": "the listener refused the connection: its access rules, or too many connections",
    "Connection refused": "unreachable: nothing listens on that port",
    "timed out": NO_ANSWER,
    "DPY-4011": "the server closed the connection: check the port, and whether it wants TLS",
    "DPY-3010": "the server is too old for the driver's thin mode: Oracle Database 12.1 or later is needed",
    "DPY-3015": "the account has only a password verifier of Oracle 10g: set its password anew",
    "DPY-3001": "the server demands native network encryption, which the driver has not: use TLS (tcps)",
}
_LOST: Final = frozenset({28, 1012, 1033, 1034, 1089, 3113, 3114, 3135, 12170, 12537, 12547, 12571})
_LOST_BY_DRIVER: Final = frozenset({"DPY-1001", "DPY-4011", "DPY-6002"})
_OUT_OF_TIME: Final = frozenset({1013, 3136, 3156})
_CUSTOM: Final = range(20000, 21000)  # raised by a verify function
_RULES: Final = frozenset({988, 28003, 28007, 28218, 28219})
_MAY_NOT: Final = frozenset({942, 1031, 1720, 1749, 1926, 1927, 1932})
_ADMIN_CURE: Final = (
    "it needs GRANT ALTER USER, SELECT_CATALOG_ROLE, for a clone also CREATE USER and GRANT ANY ROLE, PRIVILEGE and "
    "OBJECT PRIVILEGE; SYS is changed by nobody else"
)
_REASONS: Final = {
    28221: "the server asks for the current password (REPLACE): rotate by the user itself, or GRANT ALTER USER",
    28008: "the server takes the password of this login for another than the current one: rotate by an admin secret",
    28046: "the server asks for the current password: rotate by the user itself",
    16000: "the database is open for reading only: the host must be the primary",
}
BUSY: Final = 28007


def code_of(error: Exception) -> int:
    """Return the number of the server's message; 0 where the driver failed by itself."""
    return int(getattr(error.args[0], "code", 0)) if error.args else 0


def text_of(error: Exception) -> str:
    """Return the message in one line, without the driver's advice."""
    said = str(getattr(error.args[0], "message", "")) if error.args else ""
    return " ".join(line for line in said.splitlines() if not line.startswith(("Help:", "DPY-")))


def classified(error: Exception, mode: str) -> LoginRejected | EngineUnavailable:
    """Say whether a connection that failed blames the candidate."""
    if isinstance(error, EngineUnavailable):
        return EngineUnavailable(str(error), mode)
    code, whole = code_of(error), f"{error} {error.__cause__!r}"
    if code in _REJECTED:
        return LoginRejected(_REJECTED[code], mode)
    if code in _UNUSABLE:
        return EngineUnavailable(_UNUSABLE[code], mode)
    if isinstance(error, TimeoutError):
        return EngineUnavailable(NO_ANSWER, mode)
    found = next((reason for phrase, reason in _PHRASES.items() if phrase in whole), None)
    return EngineUnavailable(found or f"not usable; the driver said: {text_of(error) or type(error).__name__}", mode)


def refusal(error: Exception, user: str, by: str) -> ChangeRefused | EngineUnavailable | PasswordRefused:
    """Say why a statement on a user was not done; ``by`` is who asked for it."""
    code, text = code_of(error), text_of(error)
    full = str(getattr(error.args[0], "full_code", "")) if error.args else ""
    if code in _OUT_OF_TIME or full == "DPY-4024":
        return EngineUnavailable("the statement was not done in time")
    if code in _LOST or full in _LOST_BY_DRIVER or not full:
        return EngineUnavailable(f"the connection was lost ({full or type(error).__name__})")
    if code in _RULES or code in _CUSTOM:
        return PasswordRefused(f"the server's rules refuse the new password: {text}")
    if code in _MAY_NOT:
        whose = "its own password" if by == user else f"the user {user!r}: {_ADMIN_CURE}"
        return ChangeRefused(f"{by!r} may not change {whose} (the server said: {text})")
    if code in {1917, 1918}:
        return ChangeRefused(f"there is no user {user!r} on the server")
    return ChangeRefused(_REASONS.get(code, f"the server refused the change: {text} ({full})"))
