"""A user's login at the cache, or an access key's at the API: one session, as a strategy knows no difference."""

from collections.abc import Sequence
from typing import Any, Final, NoReturn

from detent.functions.engines import Login
from detent.functions.engines.elasticache.api import Api
from detent.functions.engines.redis.session import RedisSession
from detent.functions.errors import ChangeRefused, NoRoom, ProbeFailed
from detent.functions.passwords import Password

_MOST: Final = 2  # AWS: the passwords that a user may have


class ElasticacheSession:
    """Has either a cache or an API."""

    def __init__(self, login: Login, cache: RedisSession | None, api: Api | None) -> None:
        self._login = login
        self._cache = cache
        self._api = api
        self._kept: dict[str, list[Password]] = {}

    def ping(self) -> None:
        """PING the cache, or ask the API for users."""
        if self._cache:
            self._cache.ping()
        elif self._api:
            self._api.prove()

    def add_password(self, user: str, new: Password) -> None:
        """Set those that were said to stay, and this one. Raises ChangeRefused where none was."""
        kept = self._kept.get(user)
        if kept is None:
            raise ChangeRefused("ElastiCache tells no passwords: which are to stay must be said before one is added")
        if new in kept:
            return
        if len(kept) >= _MOST:
            raise NoRoom(f"ElastiCache allows {user!r} no third password")
        self._required().set_passwords(user, [*kept, new])
        self._kept[user] = [*kept, new]

    def retire_passwords(self, user: str, keep: Sequence[Password]) -> None:
        """Set those that stay, unless the user has no more than so many: the ones that stay are known to be its own."""
        api = self._required()
        if _count(api.active(user)) > len(keep):
            api.set_passwords(user, keep)
        self._kept[user] = list(keep)

    def probe(self, statement: str) -> Sequence[Any] | None:
        """Run a command at the cache, written as in a shell. What it writes stays."""
        if self._cache is None:
            raise ProbeFailed("an access key runs no commands")
        return self._cache.probe(statement)

    def close(self) -> None:
        """End the connections."""
        if self._cache:
            self._cache.close()
        if self._api:
            self._api.close()

    def _required(self) -> Api:
        return self._api or self._refuse()

    def _refuse(self) -> NoReturn:
        raise ChangeRefused(f"{self._login.username!r} cannot change its own passwords: users of ElastiCache never can")


def _count(user: Any) -> int:  # noqa: ANN401 - a reply of AWS's
    return int(user.get("Authentication", {}).get("PasswordCount") or 0)
