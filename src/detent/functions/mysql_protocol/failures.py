"""What the driver says of connections that fail before or beside the server's own refusals."""

import re
import ssl
from collections.abc import Mapping
from typing import Final

from detent.functions.errors import EngineUnavailable, LoginRejected
from detent.functions.network import NO_ANSWER, network_reason, tls_reason

NO_TLS: Final = 2026  # the driver's
HASH: Final = re.compile(r"\*[0-9A-Fa-f]{8,40}")  # of mysql_native_password, whole or cut off


def number_of(error: Exception) -> int | None:
    """Return the server's or the driver's number of an error; None if it has none."""
    return error.args[0] if error.args and isinstance(error.args[0], int) else None


def offers_no_tls(outcome: object) -> bool:
    """Say whether a connection ended before the login, because the server speaks no TLS."""
    return isinstance(outcome, Exception) and number_of(outcome) == NO_TLS


def classified(
    error: Exception, mode: str, rejected: Mapping[int, str], unusable: Mapping[int, str]
) -> LoginRejected | EngineUnavailable:
    """Say whether a connection that failed blames the candidate, by a server's numbers for either."""
    if isinstance(error, EngineUnavailable):
        return EngineUnavailable(str(error), mode)
    number = number_of(error) or 0
    if number in rejected:
        return LoginRejected(rejected[number], mode)
    if number in unusable:
        return EngineUnavailable(unusable[number], mode)
    return EngineUnavailable(_of_the_network(error), mode)


def _of_the_network(error: Exception) -> str:
    """Say what kept the driver from a connection."""
    error = getattr(error, "original_exception", error)
    text = str(error)
    match error:
        case ssl.SSLCertVerificationError():
            said = tls_reason(error)
        case _ if isinstance(error, TimeoutError) or "timed out" in text:
            said = NO_ANSWER
        case ssl.SSLError():
            said = tls_reason(error)
        case OSError():
            said = network_reason(error)
        case _ if "pynacl" in text:
            said = "the account logs in by ed25519, for which the driver needs one more package: pip install pynacl"
        case _:
            said = f"not usable; the driver said: {HASH.sub('[hash]', text)}"
    return said
