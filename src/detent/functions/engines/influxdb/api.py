"""Requests of InfluxDB's HTTP API, each over a connection of its own, and what its refusals mean."""

import http.client
import json
from collections.abc import Mapping
from contextlib import closing
from http import HTTPStatus
from typing import Any, Final

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected
from detent.functions.handshake import network_reason, secured

_LARGEST: Final = 10_000_000  # bytes of an answer
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

    def __init__(self, login: Login, address: str, mode: str, remaining: Remaining) -> None:
        self.login = login
        self.mode = mode
        self._address = address
        self._remaining = remaining

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Give the answer's object. Raises Refused, EngineUnavailable."""
        limit = time_limit(self._remaining)
        try:
            status, text = self._exchanged(method, path, None if body is None else json.dumps(body), limit)
        except (OSError, http.client.HTTPException) as error:
            failure = self._lost(error)
        else:
            return self._read(status, text)
        raise failure

    def _exchanged(self, method: str, path: str, body: str | None, limit: float) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.login.host, self.login.port)
        with closing(connection):
            connection.sock = secured(self.login, self._address, self.mode, limit)
            token = f"Token {self.login.password.reveal()}".encode()
            headers: dict[str, bytes | str] = {
                "Authorization": token,
                "Connection": "close",
                "Content-Type": "application/json",
            }
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(_LARGEST)

    def _lost(self, error: Exception) -> EngineUnavailable:
        if isinstance(error, http.client.HTTPException | ConnectionResetError):
            return not_influxdb(self.mode)
        return EngineUnavailable(network_reason(error), self.mode)

    def _read(self, status: int, text: bytes) -> Mapping[str, Any]:
        found = _object(text)
        if status in {HTTPStatus.OK, HTTPStatus.CREATED} and found is not None:
            return found
        if status == HTTPStatus.NO_CONTENT:
            return {}
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise EngineUnavailable(f"the server does not serve this now ({status}): it is done again later", self.mode)
        if found is None or "code" not in found:
            raise not_influxdb(self.mode)
        raise Refused(status, str(found.get("message", found["code"])))


def not_influxdb(mode: str) -> EngineUnavailable:
    """Say that something else answers."""
    how = "in plaintext" if mode == "disable" else "over TLS"
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


def _object(text: bytes) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
