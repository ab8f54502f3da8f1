"""etcd's users and their roles, as a rotation changes them, by the token of one login."""

import shlex
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import INTERNAL_SERVER_ERROR, UNAUTHORIZED
from typing import Any, Final

from detent.functions.engines import Login
from detent.functions.errors import ChangeRefused, EngineUnavailable, ProbeFailed
from detent.functions.httpapi import HttpApi, Reply
from detent.functions.passwords import Password

MAKE_ADMINISTRATOR: Final = "etcdctl user grant-role {} root"

_CLONE: Final = "_clone"  # AWS: its templates' suffix
_DENIED: Final = 7  # gRPC: PERMISSION_DENIED
_MISSING: Final = "user name not found"


class _Missing(ChangeRefused):
    """There is no such user."""


class EtcdSession:
    """A login's token."""

    def __init__(self, api: HttpApi, login: Login, token: str) -> None:
        self._api = api
        self._login = login
        self._token = token

    def ping(self) -> None:
        """Ask for one's own roles, which everybody may."""
        self._asked("user/get", name=self._login.username)

    def set_password(self, user: str, new: Password) -> None:
        """Change it; all tokens of the user end."""
        self._asked("user/changepw", name=user, password=new.reveal())

    def clone_user(self, source: str, target: str, password: Password) -> None:
        """Give the target the source's roles, and no others."""
        if source == target + _CLONE:  # an original is told by its clone's name
            self.set_password(target, password)
            return
        wanted, there = self._roles(source), self._roles_if_there(target)
        verb = "user/add" if there is None else "user/changepw"
        self._asked(verb, name=target, password=password.reveal())
        for role in sorted(wanted - (there or frozenset())):
            self._asked("user/grant", user=target, role=role)
        for role in sorted((there or frozenset()) - wanted):
            self._asked("user/revoke", name=target, role=role)

    def make_user(self, like: str, user: str, password: Password) -> None:
        """Make a clone."""
        self.clone_user(like, user, password)

    def drop_user(self, user: str) -> None:
        """Delete it; its roles stay, which others have."""
        with suppress(_Missing):
            self._asked("user/delete", name=user)

    def privileges(self, user: str) -> frozenset[str]:
        """Name the roles."""
        return frozenset(f"role {role}" for role in self._roles(user))

    def probe(self, statement: str) -> Sequence[Any] | None:
        """Run ``get KEY`` or ``put KEY VALUE``, written as in a shell. A put is judged and not done."""
        path, members = _probe_of(statement)
        reply = self._api.ask("POST", f"/v3/kv/{path}", members, {"Authorization": self._token})
        if _is_over(reply):
            raise _over(reply)
        if not reply.is_good:
            raise ProbeFailed(reply.told("message") or f"the server answered {reply.status}")
        if path == "txn":
            return ["OK"]
        found = reply.body.get("kvs")
        return [b64decode(found[0].get("value", "")).decode(errors="replace")] if found else None

    def close(self) -> None:
        """End the connection; the token expires by itself."""
        self._api.close()

    def _roles(self, user: str) -> frozenset[str]:
        return frozenset(self._asked("user/get", name=user).body.get("roles", []))

    def _roles_if_there(self, user: str) -> frozenset[str] | None:
        try:
            return self._roles(user)
        except _Missing:
            return None

    def _asked(self, verb: str, **members: str) -> Reply:
        reply = self._api.ask("POST", f"/v3/auth/{verb}", members, {"Authorization": self._token})
        if not reply.is_good:
            raise _refusal(reply, self._login.username, members.get("name", ""))
        return reply


def _probe_of(statement: str) -> tuple[str, Mapping[str, Any]]:
    try:
        words = shlex.split(statement)
    except ValueError:  # a quotation mark is not closed
        words = []
    match words:
        case ["get", key]:
            return "range", {"key": _encoded(key)}
        case ["put", key, value]:
            # etcd asks for the rights of both branches, and without a condition takes the other one.
            return "txn", {"failure": [{"request_put": {"key": _encoded(key), "value": _encoded(value)}}]}
    raise ProbeFailed("a probe of etcd is refused that is neither get KEY nor put KEY VALUE")


def _encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def _refusal(reply: Reply, by: str, user: str) -> ChangeRefused | EngineUnavailable:
    said = reply.told("message")
    if reply.told("code") == str(_DENIED):
        return ChangeRefused(f"{by!r} may not do that (the server said: {said}): {MAKE_ADMINISTRATOR.format(by)}")
    if _MISSING in said:
        return _Missing(f"there is no user {user!r} on the server: etcdctl user add")
    if _is_over(reply):
        return _over(reply)
    return ChangeRefused(f"the server refused the change: {said}")


def _is_over(reply: Reply) -> bool:
    return reply.status == UNAUTHORIZED or reply.status >= INTERNAL_SERVER_ERROR


def _over(reply: Reply) -> EngineUnavailable:
    return EngineUnavailable(
        f"the server refuses further requests ({reply.status}): {reply.told('message')}".rstrip(": ")
    )
