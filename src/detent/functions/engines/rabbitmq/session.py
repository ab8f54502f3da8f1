"""RabbitMQ's users, as a rotation changes them, and what its management API refuses."""

import base64
import hashlib
import os
from http.client import INTERNAL_SERVER_ERROR, NOT_FOUND, UNAUTHORIZED
from typing import Any, Final
from urllib.parse import quote

from detent.functions.engines import Login
from detent.functions.engines.rabbitmq.rights import Rights, requests_between, rights_of, tags_of
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected
from detent.functions.httpapi import HttpApi, Reply
from detent.functions.passwords import Password

MAKE_ADMINISTRATOR: Final = "rabbitmqctl set_user_tags {} administrator"

_CLONE: Final = "_clone"  # AWS: its templates' suffix
_HASHING: Final = "rabbit_password_hashing_sha256"
# Why the API answers 401. The password was right but in the first case.
_WRONG: Final = "Login failed"
_UNTAGGED: Final = "Not management user"
_NO_ADMINISTRATOR: Final = frozenset({_UNTAGGED, "Not administrator user"})
_LOCAL: Final = "User can only log in via localhost"


class RabbitmqSession:
    """A login that each request proves anew."""

    def __init__(self, api: HttpApi, login: Login) -> None:
        self._api = api
        self._user = login.username
        self._password = login.password

    def prove(self) -> None:
        """Ask who we are. Raises LoginRejected, EngineUnavailable."""
        reply = self._ask("GET", "whoami")
        if not _is_known(reply):
            raise _rejection(reply, self._api.mode)

    def ping(self) -> None:
        """Ask once more who we are."""
        reply = self._ask("GET", "whoami")
        if not _is_known(reply):
            raise _lost(reply)

    def change_own_password(self, new: Password) -> None:
        """Change it, which an administrator may; the new one proves the requests that follow."""
        self.set_password(self._user, new)
        self._password = new

    def set_password(self, user: str, new: Password) -> None:
        """Change it; the API changes a user's tags along with it, so they are read and sent back."""
        self._put(user, new, tags_of(self._found(user)))

    def clone_user(self, source: str, target: str, password: Password) -> None:
        """Make the target like the source: tags, limits, permissions on virtual hosts and of topics."""
        if source == target + _CLONE:  # an original is told by its clone's name
            self.set_password(target, password)
            return
        wanted, there = self._rights(source), self._rights_if_there(target)
        self._put(target, password, sorted(wanted.tags))
        for method, path, body in requests_between(there, wanted, target):
            self._done(self._ask(method, path, body))

    def make_user(self, like: str, user: str, password: Password) -> None:
        """Make a clone."""
        self.clone_user(like, user, password)

    def drop_user(self, user: str) -> None:
        """Delete it, and its permissions with it."""
        reply = self._ask("DELETE", _of(user))
        if reply.status != NOT_FOUND:
            self._done(reply)

    def privileges(self, user: str) -> frozenset[str]:
        """Name tags, limits and permissions. ChangeRefused to whom the server does not tell even its own."""
        return self._rights(user).names()

    def close(self) -> None:
        """End the connection."""
        self._api.close()

    def _rights_if_there(self, user: str) -> Rights:
        return Rights() if self._ask("GET", _of(user)).status == NOT_FOUND else self._rights(user)

    def _rights(self, user: str) -> Rights:
        permissions, topics = (f"{_of(user)}/{kind}" for kind in ("permissions", "topic-permissions"))
        return rights_of(self._found(user), self._got(permissions), self._got(topics))

    def _found(self, user: str) -> dict[str, Any]:
        reply = self._ask("GET", _of(user))
        if reply.status == NOT_FOUND:
            raise ChangeRefused(f"there is no user {user!r} among the server's own: rabbitmqctl add_user")
        found: dict[str, Any] = self._done(reply)
        return found

    def _got(self, path: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self._done(self._ask("GET", path))
        return found

    def _put(self, user: str, password: Password, tags: list[str]) -> None:
        state = {"password_hash": _hash(password), "hashing_algorithm": _HASHING, "tags": ",".join(tags)}
        self._done(self._ask("PUT", _of(user), state))

    def _done(self, reply: Reply) -> Any:  # noqa: ANN401 - whatever the server tells
        """Give what was told. Raises what a refusal means."""
        if reply.is_good:
            return reply.body
        reason = reply.told("reason")
        if reply.status == UNAUTHORIZED and reason in _NO_ADMINISTRATOR:
            raise ChangeRefused(
                f"{self._user!r} may neither see nor change users: {MAKE_ADMINISTRATOR.format(self._user)}"
            )
        if reply.status == UNAUTHORIZED or reply.status >= INTERNAL_SERVER_ERROR:
            raise _lost(reply)
        raise ChangeRefused(f"the server refused the change ({reply.status}): {reason}")

    def _ask(self, method: str, path: str, body: object = None) -> Reply:
        pair = base64.b64encode(f"{self._user}:{self._password.reveal()}".encode()).decode()
        return self._api.ask(method, f"/api/{path}", body, {"Authorization": f"Basic {pair}"})


def _of(user: str) -> str:
    return f"users/{quote(user, safe='')}"


def _is_known(reply: Reply) -> bool:
    return bool(reply.is_good and reply.told("name")) or (
        reply.status == UNAUTHORIZED and reply.told("reason") == _UNTAGGED
    )


def _rejection(reply: Reply, mode: str) -> LoginRejected | EngineUnavailable:
    reason = reply.told("reason")
    if reply.status == UNAUTHORIZED and reason == _WRONG:
        return LoginRejected("login refused: wrong password, or no such user (RabbitMQ does not tell which)", mode)
    if reason == _LOCAL:
        return EngineUnavailable("this user may log in from the server's own machine only: see loopback_users", mode)
    if reply.status >= INTERNAL_SERVER_ERROR or reason:
        return EngineUnavailable(f"not usable; the server said: {reply.status} {reason}".rstrip(), mode)
    return EngineUnavailable(
        "what answers there is not RabbitMQ's management API: check host and port (rabbitmq-plugins enable "
        "rabbitmq_management; 15671 with TLS, 15672 without)",
        mode,
    )


def _lost(reply: Reply) -> EngineUnavailable:
    reason = "the password is not taken any more" if reply.told("reason") == _WRONG else reply.told("reason")
    return EngineUnavailable(f"the server refuses further requests ({reply.status}): {reason}".rstrip(": "))


def _hash(password: Password) -> str:
    """RabbitMQ's own: four bytes of salt, then SHA-256 of them and the password."""
    salt = os.urandom(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.reveal().encode()).digest()).decode()
