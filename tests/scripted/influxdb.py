"""InfluxDB 2's users and API tokens, as its API reference says."""

import json
import re
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any, ClassVar
from urllib.parse import unquote

from scripted.spoken_target import SpokenTarget
from scripted.web import Answer, Script, at, served
from servers.certificates import Certificates

ORG = "00000000000000aa"
_NOBODY = {"token_id": "ffffffffffffffff", "token": "no-such-token"}


def refused(status: int, code: str, message: str) -> Answer:
    return status, json.dumps({"code": code, "message": message})


class InfluxScript(Script):
    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, str] = {}  # name -> id
        self.tokens: dict[str, dict[str, Any]] = {}

    def add_user(self, name: str) -> str:
        self.users[name] = secrets.token_hex(8)
        return self.users[name]

    def add_token(self, user: str, permissions: list[Any], description: str = "") -> dict[str, Any]:
        made = {"id": secrets.token_hex(8), "token": secrets.token_urlsafe(60), "status": "active", "orgID": ORG}
        moment = f"2026-01-01T00:00:{len(self.tokens):06}Z"
        made |= {"userID": user, "description": description, "permissions": permissions, "createdAt": moment}
        self.tokens[made["id"]] = made
        return made

    def by(self, headers: Any) -> dict[str, Any] | None:
        given = headers["Authorization"].removeprefix("Token ")
        live = (one for one in self.tokens.values() if one["token"] == given and one["status"] == "active")
        return next(live, None)

    def lacks(self, headers: Any, action: str, kind: str, named: str = "") -> Answer | None:
        """The answer to one who may not; None to one who may."""
        token = self.by(headers)
        if token is None:
            return refused(401, "unauthorized", "unauthorized access")
        for one in token["permissions"]:
            resource = one["resource"]
            if one["action"] == action and resource["type"] == kind and resource.get("id", named) == named:
                return None
        return refused(401, "unauthorized", f"{action}:{kind}/{named} is unauthorized")

    @at("GET", "/api/v2/me")
    def me(self, headers: Any, _: str) -> Answer:
        token = self.by(headers)
        user = token["userID"] if token else ""
        name = next((name for name, id_ in self.users.items() if id_ == user), "")
        told = json.dumps({"id": user, "name": name, "status": "active"})
        return self.lacks(headers, "read", "users", user) or (200, told)

    @at("GET", r"/api/v2/users\?name=(.+)")
    def find_user(self, headers: Any, _: str, quoted: str) -> Answer:
        name = unquote(quoted)
        missing = self.lacks(headers, "read", "users")
        if missing:
            return missing
        if name not in self.users:
            return refused(404, "not found", "user not found")
        return 200, json.dumps({"users": [{"id": self.users[name], "name": name, "status": "active"}]})

    @at("GET", r"/api/v2/authorizations\?userID=([0-9a-f]{16})")
    def list_tokens(self, headers: Any, _: str, user: str) -> Answer:
        found = [one for one in self.tokens.values() if one["userID"] == user]
        told = json.dumps({"authorizations": [{**one, "user": "…", "org": "…"} for one in reversed(found)]})
        return self.lacks(headers, "read", "authorizations") or (200, told)

    @at("POST", "/api/v2/users")
    def create_user(self, headers: Any, body: str) -> Answer:
        asked = json.loads(body)
        assert set(asked) == {"name"}
        missing = self.lacks(headers, "write", "users")
        return missing or (201, json.dumps({"id": self.add_user(asked["name"]), "name": asked["name"]}))

    @at("POST", "/api/v2/authorizations")
    def create_token(self, headers: Any, body: str) -> Answer:
        asked = json.loads(body)
        assert set(asked) <= {"orgID", "userID", "description", "permissions"}
        assert asked["orgID"] == ORG
        needed = [("write", "authorizations", ""), ("write", "users", asked["userID"])]
        for one in asked["permissions"]:
            assert set(one["resource"]) <= {"type", "id", "orgID"}
            needed.append((one["action"], one["resource"]["type"], one["resource"].get("id", "")))
        for right in needed:
            missing = self.lacks(headers, *right)
            if missing:
                return missing
        made = self.add_token(asked["userID"], asked["permissions"], asked.get("description", ""))
        return 201, json.dumps(made)

    @at("DELETE", "/api/v2/authorizations/([0-9a-f]{16})")
    def delete_token(self, headers: Any, _: str, named: str) -> Answer:
        missing = self.lacks(headers, "write", "authorizations", named)
        if missing:
            return missing
        if self.tokens.pop(named, None) is None:
            return refused(404, "not found", "authorization not found")
        return 204, ""


class InfluxdbTarget(SpokenTarget):
    """A user's first token stands for the password that it was made with."""

    engine = "influxdb"
    says: ClassVar = {"wrong password": "no such token", "unknown user": "no such token"}
    sends: ClassVar = [(HTTPConnection, "request"), (HTTPConnection, "getresponse")]
    writes_log: ClassVar = "POST /api/v2/authorizations"
    offers_tls = True

    def __init__(self, script: InfluxScript, port: int, tls_port: int) -> None:
        self.script, self.port, self._tls_port = script, port, tls_port
        self._issued: dict[tuple[str, str], dict[str, str]] = {}
        kinds = ("authorizations", "users", "buckets")
        everything = [{"action": verb, "resource": {"type": kind}} for verb in ("read", "write") for kind in kinds]
        self._operator = script.add_token(script.add_user("operator"), everything)["token"]

    @property
    def surprises(self) -> list[str]:
        return self.script.unknown

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        place = {"engine": self.engine, "host": "127.0.0.1", "port": self.port, "username": user}
        return {**place, **self._issued.get((user, password), _NOBODY), **settings}

    def create_user(self, user: str, password: str) -> None:
        self.script.add_user(user)
        self._issued[user, password] = self.run(self.module.FACTS.privileges["issued-keys"].admin[-1:], user=user)[0]

    def create_administrator(self, user: str, password: str, over: str) -> None:
        made = self.run(self.module.FACTS.privileges["issued-keys"].admin[:-1], user=over, admin=user)
        self._issued[user, password] = made[-1]

    def run(self, templates: tuple[str, ...], **names: str) -> list[dict[str, str]]:
        """Send requests of FACTS as the operator; give what they made."""
        made = []
        for request in self.statements(templates, "", **names):
            method, path, body = request.split(" ", 2)
            body = re.sub(r"<id of (.*?)>", lambda found: self.script.users.get(found[1], ORG), body)
            status, text = self.script.answer(method, path, {"Authorization": f"Token {self._operator}"}, body)
            assert status == 201, text
            reply = json.loads(text)
            made.append({"token_id": reply["id"], "token": reply.get("token", "")})
        return made

    def alive(self, value: Mapping[str, Any]) -> bool:
        found = self.script.tokens.get(value["token_id"])
        of_user = found is not None and found["userID"] == self.script.users.get(value["username"])
        return of_user and found is not None and found["token"] == value["token"] and found["status"] == "active"

    def logs_in(self, user: str, password: str) -> bool:
        return self.alive(self.value(user, password))

    def set_password(self, user: str, password: str) -> None:
        raise NotImplementedError("InfluxDB makes the tokens itself")

    def end_sessions(self, user: str) -> None:
        """There are none: every request carries the token."""

    def tls_settings(self) -> dict[str, Any]:
        return {"port": self._tls_port}

    def require_tls(self) -> dict[str, Any]:
        return self.new_value(port=self._tls_port)

    def log_text(self) -> str:
        return "\n".join(self.script.written)


def start_influxdb(running: ExitStack, certificates: Certificates) -> InfluxdbTarget:
    script = InfluxScript()
    ports = [running.enter_context(served(script, tls)) for tls in (None, certificates)]
    return InfluxdbTarget(script, *ports)
