"""A directory's refusals, told apart: by the codes of RFC 4511, and by the password policy's own."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from errno import ECONNREFUSED, ECONNRESET, EHOSTUNREACH, ENETUNREACH
from typing import Final

from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused

NO_TLS: Final = 'the server offers no TLS on that port: name the other port, or allow plaintext with "ssl": false'
NO_PLAINTEXT: Final = 'the server takes no password in plaintext: take "ssl": false out of the secret'
_NO_ANSWER: Final = "no answer in time: check the address, the port and firewalls"
_CLOSED: Final = "the server closed the connection"
_ERRNO: Final = {
    ECONNREFUSED: "unreachable: nothing listens on that port",
    EHOSTUNREACH: "unreachable: no route to the host",
    ENETUNREACH: "unreachable: no route to the network",
    ECONNRESET: _CLOSED,
}
_WRONG_NAME: Final = frozenset({62, 64})  # OpenSSL's codes: host name, address

# RFC 4511's codes.
CONSTRAINT: Final = 19
NO_ENTRY: Final = 32
NO_RIGHT: Final = 50
UNWILLING: Final = 53
_NOT_OFFERED: Final = 2
_REFERRAL: Final = 10
_REJECTED: Final = frozenset({CONSTRAINT, NO_ENTRY, 48, 49})
_PLAINTEXT: Final = frozenset({8, 13})  # a stronger authentication, or confidentiality, is required
_NOT_A_NAME: Final = frozenset({21, 34})
_LATER: Final = frozenset({3, 51, 52})

# draft-behera-ldap-password-policy's numbers.
MUST_CHANGE: Final = 2
WANTS_FORMER: Final = 4
TOO_YOUNG: Final = 7
_UNTOLD: Final = "wrong password, no such user, or one that may not log in (the directory does not tell which)"
_LOGIN: Final[Mapping[int | None, str]] = {0: "the password has expired", 1: "the account is locked"}
_POLICY: Final = {
    3: "the password policy lets no user change the own password (pwdAllowUserChange)",
    WANTS_FORMER: "the password policy wants the former password too (pwdSafeModify)",
    TOO_YOUNG: "the password was changed too recently for the password policy (pwdMinAge)",
}

Entry = Mapping[str, list[bytes]]  # an entry's attributes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: a code of RFC 4511, a text, and the password policy's own number where it gave one."""

    code: int
    said: str
    policy: int | None = None
    entries: Mapping[str, Entry] = field(default_factory=dict, repr=False)  # by DN


def not_reached(error: OSError, mode: str) -> EngineUnavailable:
    """Say why there is no connection, or no TLS."""
    if isinstance(error, ssl.SSLError):
        return EngineUnavailable(_tls_failed(error), mode)
    if isinstance(error, TimeoutError):
        return EngineUnavailable(_NO_ANSWER, mode)
    known = _ERRNO.get(error.errno or 0)
    return EngineUnavailable(known or f"not usable; the driver said: {error}", mode)


def lost(error: Exception, mode: str, *, fresh: bool) -> EngineUnavailable:
    """Say what an error means that ended the connection; ``fresh``: it came before there was a login."""
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return EngineUnavailable(_NO_ANSWER if fresh else f"the connection was lost ({_NO_ANSWER})", mode)
    where = "what answers there speaks no LDAP in this way: check the port, and whether it is one of LDAPS; " * fresh
    return EngineUnavailable(f"{where}the connection was lost ({type(error).__name__})", mode)


def rejection(said: Answer, mode: str) -> LoginRejected | EngineUnavailable:
    """Say whether a bind that failed blames the candidate."""
    if said.code in _REJECTED:
        return LoginRejected(f"login refused: {_LOGIN.get(said.policy, _UNTOLD)}", mode)
    return EngineUnavailable(_unusable(said), mode)


def refusal(said: Answer, by: str, user: str, cure: str) -> Exception:
    """Say why a password was not changed; ``cure`` is what gives the right to."""
    if said.policy in _POLICY:
        return ChangeRefused(f"{by!r} was refused: {_POLICY[said.policy]}; an admin secret's user may be free of that")
    if said.code == NO_RIGHT:
        return ChangeRefused(f"{by!r} may not change the password of {user!r}: {cure}")
    if said.code == CONSTRAINT:
        return PasswordRefused(f"the directory's rules turned the new password of {user!r} down: {said.said}")
    if said.code == NO_ENTRY or said.code in _NOT_A_NAME:
        return ChangeRefused(f"there is no entry {user!r} in the directory")
    if said.code in _LATER:
        return EngineUnavailable(_unusable(said))
    return ChangeRefused(f"the change of {user!r} was refused: {_unusable(said)}")


def _unusable(said: Answer) -> str:
    if said.code in _PLAINTEXT:
        return NO_PLAINTEXT
    if said.code == _REFERRAL:
        return "the server refers to another one, such as a replica to its primary: name that one as host"
    if said.code == _NOT_OFFERED:
        return f"the server does not offer what is needed (the server said: {said.said})"
    if said.code in _NOT_A_NAME:
        return f'"username" is no name that the server reads: correct it in the secret (the server said: {said.said})'
    return f"not usable now; the server said: {said.said or 'nothing'} (code {said.code})"


def _tls_failed(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _WRONG_NAME:
        return (
            "the server's certificate is for another name: use the name it was made for as host, "
            'or check the CA only with "sslmode": "verify-ca"'
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            "the server's certificate was not accepted: give its CA (PEM text) as "
            '"sslrootcert" in the secret, or allow plaintext with "ssl": false'
        )
    if error.reason == "WRONG_VERSION_NUMBER":
        return f'{NO_TLS}; on a port for StartTLS say "ldaps": false'
    return f"TLS failed ({error.reason}): check the server's TLS settings"
