"""Requests of InfluxDB's HTTP API, and what its refusals mean."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from detent.functions.engines import Login
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected
from detent.functions.httpapi import HttpApi, Reply
from detent.functions.network import PLAIN

_DENIED: Final = "is unauthorized"  # InfluxDB: "read:users/0a… is unauthorized", by the status of a wrong token
_CURE: Final = (
    "the admin secret's token needs read and write on authorizations and on users, and everything that the "
    "application's token may"
)


class Missing(ChangeRefused):
    """What should be changed is not there."""


class Refused(Exception):
    """The server answered with an error."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{said} ({status})")
        self.status = status
        self.denied = _DENIED in said or (status == HTTPStatus.FORBIDDEN and "inactive" not in said)

    @property
    def blames_the_token(self) -> bool:
        """Whether the token is not known, or its user is shut out."""
        return self.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} and not self.denied


class Api:
    """What asks by a login's token."""

    def __init__(self, http: HttpApi, login: Login) -> None:
        self.login = login
        self.mode = http.mode
        self._http = http

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Give the answer's object. Raises Refused, EngineUnavailable."""
        token = f"Token {self.login.password.reveal()}".encode()
        return self._read(self._http.ask(method, path, body, {"Authorization": token}))

    def close(self) -> None:
        """End the connection."""
        self._http.close()

    def _read(self, reply: Reply) -> Mapping[str, Any]:
        status, told = reply.status, reply.body if isinstance(reply.body, dict) else None
        if status in {HTTPStatus.OK, HTTPStatus.CREATED} and told is not None:
            return told
        if status == HTTPStatus.NO_CONTENT:
            return {}
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise EngineUnavailable(f"the server does not serve this now ({status}): it is done again later", self.mode)
        if told is None or "code" not in told:
            raise not_influxdb(self.mode)
        raise Refused(status, str(told.get("message", told["code"])))


def not_influxdb(mode: str) -> EngineUnavailable:
    """Say that something else answers."""
    how = "in plaintext" if mode == PLAIN else "over TLS"
    return EngineUnavailable(f'what answers there {how} is no InfluxDB 2: check host, port and "ssl"', mode)


def rejection(said: Refused, login: Login, mode: str) -> LoginRejected | EngineUnavailable:
    """Say whether a login that failed blames the token."""
    if said.blames_the_token:
        return LoginRejected("login refused: no such token, or it or its user is inactive", mode)
    if said.denied:
        return EngineUnavailable(
            "the token is good, but may not read its own user, by which a login is proven: give it read on "
            f"users/<id of {login.username}>",
            mode,
        )
    return EngineUnavailable(f"not usable; the server said: {said}", mode)


def refusal(said: Refused, login: Login) -> ChangeRefused | EngineUnavailable:
    """Say why something about tokens was not done."""
    if said.blames_the_token:
        return EngineUnavailable("the server does not know this token any more")
    if said.denied:
        return ChangeRefused(f"the token of {login.username!r} may not do this ({said}): {_CURE}")
    if said.status == HTTPStatus.NOT_FOUND:
        return Missing(f"the server said: {said}")
    return ChangeRefused(f"the server refused the change: {said}")
