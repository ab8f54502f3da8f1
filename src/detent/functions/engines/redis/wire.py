"""Commands and replies over one connection to one server."""

from dataclasses import dataclass
from typing import Any

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.engines.redis.failures import Refusal, lost, refusal
from detent.functions.errors import EngineUnavailable

Words = tuple[str, ...]  # a command; blanks part the first text into words too


@dataclass(frozen=True, slots=True)
class User:
    """What a server keeps of a user; ``hashes`` are of its passwords."""

    flags: frozenset[str]
    hashes: frozenset[str]


class Wire:
    """A connection of redis-py's. A reply is what the protocol gives: bytes, a number, None, or a list of such."""

    def __init__(self, connection: Any, address: str, login: Login, mode: str, remaining: Remaining) -> None:  # noqa: ANN401 - redis-py's class is half typed
        self.address = address
        self.login = login
        self.mode = mode
        self.is_proven = False
        self._connection = connection
        self._remaining = remaining
        self._ended = False

    @property
    def place(self) -> str:
        """Name the server as the secret does."""
        return f"{self.login.host}:{self.login.port}"

    def ask(self, *words: str) -> Any:  # noqa: ANN401 - whatever the server says
        """Run a command. Raises Refusal for an error reply, EngineUnavailable where the connection is lost."""
        return self.ask_at_once(words)[0]

    def ask_at_once(self, *commands: Words) -> list[Any]:
        """Send several in one piece, so that the server runs all of them even if this process ends right after."""
        import redis  # noqa: PLC0415 - an optional driver

        if self._ended:  # redis-py would connect anew, and not log in
            raise EngineUnavailable(f"the connection was lost ({self.place})", self.mode)
        limit = time_limit(self._remaining)
        try:
            self._connection._sock.settimeout(limit)  # noqa: SLF001 - redis-py has one limit for all commands
            self._connection.send_packed_command(self._connection.pack_commands(commands))
            replies = [self._reply() for _ in commands]
        except (redis.RedisError, OSError) as error:
            failure = lost(error, self.place, self.mode, fresh=not self.is_proven)
        else:
            return _without_refusal(replies)
        self.close()
        raise failure

    def user(self, name: str) -> User | None:
        """Return a user's state, None if there is no such user."""
        found = self.ask("ACL GETUSER", name)
        if found is None:
            return None
        state = dict(zip(found[::2], found[1::2], strict=True))
        return User(*(frozenset(one.decode() for one in state[key]) for key in (b"flags", b"passwords")))

    def close(self) -> None:
        """End the connection; never raises."""
        self._ended = True
        self._connection.disconnect()

    def _reply(self) -> Any:  # noqa: ANN401 - whatever the server says
        import redis  # noqa: PLC0415 - an optional driver

        try:
            return self._connection.read_response()
        except redis.ResponseError as error:
            return refusal(error, self.place)  # the next reply can be read


def _without_refusal(replies: list[Any]) -> list[Any]:
    for reply in replies:
        if isinstance(reply, Refusal):
            raise reply
    return replies
