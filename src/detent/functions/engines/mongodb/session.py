"""What a rotation does as a user of MongoDB. Every change is one command, so none can be half done."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.engines.mongodb.driver import ask, auth_source, logged_in
from detent.functions.engines.mongodb.failures import code_of, refusal, said
from detent.functions.engines.redis.nodes import other_logins
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, ProbeFailed
from detent.functions.passwords import Password

if TYPE_CHECKING:
    from pymongo import MongoClient

_CLONE: Final = "_clone"  # AWS: its templates' suffix
_CACHED: Final = 30.0  # seconds for which a mongos may know the former password, and a secondary lag
_LOOK_AGAIN: Final = 0.5
_COPIED: Final = ("roles", "customData", "authenticationRestrictions", "mechanisms")
_OWN_CURE: Final = "it needs a role with the action changeOwnPassword, or an admin secret"
_ADMIN_CURE: Final = (
    "it needs a role with the actions viewUser, changePassword, createUser, grantRole, revokeRole, changeCustomData "
    "and setAuthenticationRestriction on the databases of the user and of its roles"
)


class MongodbSession:
    """One login; the secret's further servers are logged in at when they are needed."""

    def __init__(self, client: "MongoClient[dict[str, Any]]", login: Login, remaining: Remaining) -> None:
        self._client = client
        self._login = login
        self._remaining = remaining
        self._source = auth_source(login)
        self._others: dict[str, MongoClient[dict[str, Any]]] = {}
        self._lost = False

    def ping(self) -> None:
        """Ask every server that the secret names who we are, until each knows this login."""
        self._run({"connectionStatus": 1})
        until = time.monotonic() + _CACHED
        for login in other_logins(self._login):
            self._run({"connectionStatus": 1}, at=self._awaited(login, until))

    def change_own_password(self, new: Password) -> None:
        """Change it at the primary, which may know it already where this server lags behind it."""
        self._set(self._login.username, new, self._primary(new))

    def set_password(self, user: str, new: Password) -> None:
        """Change a user's at the primary; the server derives its credentials, and its log shows none of the password.

        It gets the password itself: a digest is taken for SCRAM-SHA-1 only, and would take SCRAM-SHA-256 away.
        """
        self._set(user, new, self._primary())

    def clone_user(self, source: str, target: str, password: Password) -> None:
        """Make the target, or make it anew, with all that the source has; the original gets the password only."""
        if source == target + _CLONE:
            self.set_password(target, password)
            return
        primary = self._primary()
        found = self._user(source, primary)
        if found is None:
            raise ChangeRefused(f"there is no user {source!r} in {self._source!r}")
        verb = "createUser" if self._user(target, primary) is None else "updateUser"
        self._run({verb: target, "pwd": password.reveal(), **self._copied(found)}, target, at=primary)

    def privileges(self, user: str) -> frozenset[str]:
        """Name roles, restrictions, mechanisms and, by its digest, what is kept with the user."""
        found = self._user(user, self._client) or {}
        return frozenset(
            f"{key} {_word(one)}" for key, part in self._copied(found).items() for one in _parts(key, part) if one
        )

    def probe(self, statement: str) -> Sequence[Any] | None:
        """Run a command, written as JSON, in ``dbname``; give the first document's values. What it writes stays."""
        try:
            command = json.loads(statement)
        except ValueError:
            command = None
        if not isinstance(command, dict) or not command:
            raise ProbeFailed('it is no command as JSON, such as {"find": "orders", "limit": 1}')
        reply = self._probed(command)
        if "cursor" not in reply:
            return [value for key, value in reply.items() if key not in {"$clusterTime", "operationTime"}]
        first = reply["cursor"].get("firstBatch", [])[:1]
        return list(first[0].values()) if first else None

    def close(self) -> None:
        """End the connections."""
        for client in (self._client, *self._others.values()):
            client.close()

    def _set(self, user: str, new: Password, at: "MongoClient[dict[str, Any]]") -> None:
        self._run({"updateUser": user, "pwd": new.reveal()}, user, at=at)

    def _joined(self, login: Login, spare: Password | None = None) -> "MongoClient[dict[str, Any]]":
        """Log in at a further server, once; by the spare password where that is the only one it knows."""
        place = f"{login.host}:{login.port}"
        if place not in self._others:
            try:
                self._others[place] = logged_in(login, self._remaining)
            except EngineUnavailable as error:
                raise EngineUnavailable(f"{place}: {error}", error.mode) from None
            except LoginRejected:
                if spare is None:
                    raise
                return self._joined(replace(login, password=spare))
        return self._others[place]

    def _awaited(self, login: Login, until: float) -> "MongoClient[dict[str, Any]]":
        while True:
            try:
                return self._joined(login)
            except LoginRejected as error:
                failure = EngineUnavailable(
                    f"{login.host}:{login.port} refuses the login that the host takes: {error}", error.mode
                )
            if time.monotonic() > until or self._remaining() < 2 * _LOOK_AGAIN:
                raise failure
            time.sleep(_LOOK_AGAIN)

    def _primary(self, spare: Password | None = None) -> "MongoClient[dict[str, Any]]":
        """Give what writes: the host, else the one of ``nodes`` that does."""
        if _writes(self._run({"hello": 1})):
            return self._client
        for login in other_logins(self._login):
            try:
                other = self._joined(login, spare)
            except LoginRejected as error:
                raise ChangeRefused(f"{login.host}:{login.port}: {error}") from None
            if _writes(self._run({"hello": 1}, at=other)):
                return other
        raise ChangeRefused(
            f'{self._login.host}:{self._login.port} is no primary, and none of "nodes" is: name the primary as host, '
            'or add it to "nodes"'
        )

    def _user(self, user: str, at: "MongoClient[dict[str, Any]]") -> Mapping[str, Any] | None:
        asked: dict[str, Any] = {"usersInfo": {"user": user, "db": self._source}}
        if not self._is_documentdb:
            asked["showAuthenticationRestrictions"] = True
        found = self._run(asked, user, at=at)["users"]
        return found[0] if found else None

    def _copied(self, user: Mapping[str, Any]) -> dict[str, Any]:
        """Give what makes two users alike; DocumentDB knows roles only."""
        if self._is_documentdb:
            return {"roles": _plain_roles(user)}
        rest = {"customData": user.get("customData", {}), "authenticationRestrictions": _restrictions(user)}
        mechanisms = {"mechanisms": user["mechanisms"]} if user.get("mechanisms") else {}
        return {"roles": _plain_roles(user), **rest, **mechanisms}

    @property
    def _is_documentdb(self) -> bool:
        return self._login.settings.get("engine") == "documentdb"

    def _run(self, command: Mapping[str, Any], user: str = "", at: "MongoClient[dict[str, Any]] | None" = None) -> Any:  # noqa: ANN401 - whatever the server says
        """Run one in the users' database, or raise what its refusal means, without the driver's error hanging on it."""
        cure = _OWN_CURE if user == self._login.username else _ADMIN_CURE
        return self._done(
            lambda: ask(at or self._client, self._source, command, time_limit(self._remaining)),
            lambda error: refusal(error, user, self._login.username, cure),
        )

    def _probed(self, command: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as above
        database = str(self._login.settings.get("dbname") or "admin")
        return self._done(
            lambda: ask(self._client, database, command, time_limit(self._remaining)),
            lambda error: (
                EngineUnavailable(f"the connection was lost ({type(error).__name__})")
                if code_of(error) is None
                else ProbeFailed(said(error))
            ),
        )

    def _done(self, work: Callable[[], Any], meaning: Callable[[Exception], Exception]) -> Any:  # noqa: ANN401 - as above
        from pymongo.errors import PyMongoError  # noqa: PLC0415 - an optional driver

        if self._lost:  # PyMongo would connect anew
            raise EngineUnavailable("the connection was lost")
        try:
            return work()
        except (PyMongoError, ValueError, TypeError) as error:
            failure = meaning(error)
        self._lost = isinstance(failure, EngineUnavailable)
        raise failure


def _writes(hello: Mapping[str, Any]) -> bool:
    """Say whether it takes a change; a mongos, which is no primary of anything, passes it on."""
    return bool(hello.get("isWritablePrimary") or hello.get("ismaster") or hello.get("msg") == "isdbgrid")


def _plain_roles(user: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"role": one["role"], "db": one["db"]} for one in user.get("roles", [])]


def _restrictions(user: Mapping[str, Any]) -> list[Any]:
    """Give them as they are told to createUser; a server may tell them as lists in a list."""
    found = user.get("authenticationRestrictions", [])
    return [one for each in found for one in (each if isinstance(each, list) else [each])]


def _parts(key: str, part: Any) -> Sequence[Any]:  # noqa: ANN401 - a user's document
    return [part] if key == "customData" else part


def _word(one: Any) -> str:  # noqa: ANN401 - as above
    """Write a part so that two that are the same read the same; what people keep with a user is not for logs."""
    if isinstance(one, str):
        return one
    if set(one) == {"role", "db"}:
        return f"{one['role']}@{one['db']}"
    written = json.dumps(one, sort_keys=True, default=str)
    return written if set(one) <= {"clientSource", "serverAddress"} else sha256(written.encode()).hexdigest()[:16]
