"""Redis's refusals, told apart: by redis-py's classes, which stand for the server's error codes, and by texts."""

import re
from typing import TYPE_CHECKING, Final

from detent.functions.errors import EngineUnavailable, LoginRejected
from detent.functions.network import NO_ANSWER, NO_PLAINTEXT_THERE, NO_TLS_THERE, PLAIN, network_reason

if TYPE_CHECKING:
    import redis

OPEN_DOOR: Final = (
    "the server takes any password for this user (nopass), so none can be proven: give it one (ACL SETUSER … >…)"
)
_REJECTED: Final = (
    "login refused: wrong password, no such user, or the user is off and may not log in (Redis does not tell which)"
)
_UNUSABLE: Final = {
    "max number of clients": "too many connections on the server",
    "loading the dataset": "the server is starting up",
    "protected mode": "the server takes connections from its own machine only: it has no password (protected-mode)",
    "wrong number of arguments for 'auth'": "the server is older than Redis 6 and knows no users: upgrade it",
    "DB index": 'the database does not exist: correct "dbname" in the secret',
    "value is not an integer": 'the database does not exist: correct "dbname" in the secret',
    "'select'": 'the user may not choose a database: take "dbname" out of the secret, or ACL SETUSER … +select',
}
_HASH: Final = re.compile(r"[0-9a-f]{64}")  # the server quotes the rule that it refuses


class Refusal(Exception):
    """The server at ``place`` answered a command with an error. ``forbidden``: the user may not run it."""

    def __init__(self, said: str, place: str, *, forbidden: bool) -> None:
        super().__init__(_HASH.sub("…", said))
        self.place = place
        self.forbidden = forbidden


def refusal(error: "redis.ResponseError", place: str) -> Refusal:
    """Keep what the server said."""
    import redis  # noqa: PLC0415 - an optional driver

    kind = type(error).__name__.removesuffix("Error").removesuffix("Response")  # the code that redis-py cuts off
    said = f"{kind}: {error}" if kind else str(error)
    return Refusal(said, place, forbidden=isinstance(error, redis.exceptions.NoPermissionError))


def lost(error: Exception, place: str, mode: str, *, fresh: bool) -> LoginRejected | EngineUnavailable:
    """Say what an error means that ended the connection; ``fresh``: it came in answer to the login."""
    import redis  # noqa: PLC0415 - an optional driver

    if isinstance(error, redis.AuthenticationError) and fresh:
        return LoginRejected(_REJECTED, mode)
    if isinstance(error, TimeoutError | redis.TimeoutError):
        return EngineUnavailable(f"the connection was lost ({place}: {NO_ANSWER})", mode)
    known = _known(error)
    if known is None and fresh and mode == PLAIN:
        return EngineUnavailable(NO_PLAINTEXT_THERE, mode)
    return EngineUnavailable(known or f"the connection was lost ({place}: {error})", mode)


def not_usable(said: Refusal, mode: str) -> EngineUnavailable:
    """Say why a login came to nothing though its password is not to blame."""
    return EngineUnavailable(_known(said) or f"not usable; the server said: {said}", mode)


def not_reached(error: Exception, mode: str) -> EngineUnavailable:
    """Say why there is no connection; redis-py hides the system's error behind its own, but for those of TLS."""
    if isinstance(error, TimeoutError):  # a Redis without TLS waits for the end of what it takes for a command
        return EngineUnavailable(f"no answer to TLS in time: {NO_TLS_THERE}", mode)
    cause = error if isinstance(error, OSError) else error.__context__
    if isinstance(cause, OSError):
        return EngineUnavailable(network_reason(cause), mode)
    return EngineUnavailable(f"not usable; the driver said: {cause or error}", mode)


def _known(said: Exception) -> str | None:
    return next((reason for phrase, reason in _UNUSABLE.items() if phrase in str(said)), None)
