"""What the driver says of connections that fail before or beside the server's own refusals."""

import re
import ssl
from typing import Final

NO_ANSWER: Final = "no answer in time: check the address, the port and firewalls"
NO_TLS: Final = 2026  # the driver's
HASH: Final = re.compile(r"\*[0-9A-Fa-f]{8,40}")  # of mysql_native_password, whole or cut off
_OTHER_NAME: Final = (
    "the server's certificate is for another name: use the name it was made for as host, "
    'or check the CA only with "sslmode": "verify-ca"'
)
_NOT_ACCEPTED: Final = (
    "the server's certificate was not accepted: give its CA (PEM text) as "
    '"sslrootcert" in the secret, or allow plaintext with "ssl": false'
)
_TLS_FAILED: Final = 'TLS failed: check the server\'s TLS settings, or allow plaintext with "ssl": false'
_NAME_MISMATCH: Final = frozenset({62, 64})  # OpenSSL: X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH


def number_of(error: Exception) -> int | None:
    """Return the server's or the driver's number of an error; None if it has none."""
    return error.args[0] if error.args and isinstance(error.args[0], int) else None


def offers_no_tls(outcome: object) -> bool:
    """Say whether a connection ended before the login, because the server speaks no TLS."""
    return isinstance(outcome, Exception) and number_of(outcome) == NO_TLS


def of_the_network(error: Exception) -> str:
    """Say what kept the driver from a connection."""
    error = getattr(error, "original_exception", error)
    text = str(error)
    match error:
        case ssl.SSLCertVerificationError():
            said = _OTHER_NAME if error.verify_code in _NAME_MISMATCH else _NOT_ACCEPTED
        case _ if isinstance(error, TimeoutError) or "timed out" in text:
            said = NO_ANSWER
        case ssl.SSLError():
            said = _TLS_FAILED
        case ConnectionRefusedError():
            said = "unreachable: nothing listens on that port"
        case OSError():
            said = f"unreachable: {error.strerror or 'the connection was lost'}"
        case _ if "pynacl" in text:
            said = "the account logs in by ed25519, for which the driver needs one more package: pip install pynacl"
        case _:
            said = f"not usable; the driver said: {HASH.sub('[hash]', text)}"
    return said
