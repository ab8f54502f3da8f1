"""A small MongoDB: OP_MSG, SCRAM-SHA-256, users and custom roles, as the manual says; any other command is noted.

PyMongo itself speaks to it. It knows exactly the commands, and the members of each, that an engine may send.
"""

import base64
import hashlib
import hmac
import os
import re
import socket
import ssl
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import bson
from pymongo.saslprep import saslprep

_ROUNDS = 4096
_OP_MSG, _OP_QUERY = 2013, 2004
_DRIVERS = {"lsid", "$db", "maxTimeMS", "$readPreference"}  # members that PyMongo adds to any command
_METHOD = re.compile("([A-Z])")
# command -> the members that it may have, and the action that it needs (of oneself; of others)
MEMBERS: Mapping[str, set[str]] = {
    "updateUser": {"pwd", "roles", "customData", "authenticationRestrictions", "mechanisms"},
    "createUser": {"pwd", "roles", "customData", "authenticationRestrictions", "mechanisms"},
    "usersInfo": {"showAuthenticationRestrictions"},
    "createRole": {"privileges", "roles"},
    "grantRolesToUser": {"roles"},
    "connectionStatus": set(),
    "hello": set(),
    "count": set(),
    "serverStatus": set(),
    "endSessions": set(),
    "saslStart": {"mechanism", "payload", "options", "autoAuthorize"},
    "saslContinue": {"conversationId", "payload"},
}


class Refused(Exception):
    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.reply = {"ok": 0.0, "code": code, "errmsg": said}


@dataclass
class User:
    salt: bytes = b""
    stored: bytes = b""
    server: bytes = b""
    roles: list[dict[str, str]] = field(default_factory=list)
    custom: dict[str, Any] = field(default_factory=dict)
    restrictions: list[Any] = field(default_factory=list)
    mechanisms: list[str] = field(default_factory=lambda: ["SCRAM-SHA-256"])

    def set_password(self, password: str) -> None:
        try:
            prepared = saslprep(password)
        except ValueError:
            raise Refused(2, "Error preflighting UTF-8 password: prohibited characters") from None
        self.salt = os.urandom(28)
        salted = hashlib.pbkdf2_hmac("sha256", prepared.encode(), self.salt, _ROUNDS)
        self.stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
        self.server = hmac.digest(salted, b"Server Key", "sha256")


class Deployment:
    """What all members share. ``actions`` are those of the custom roles."""

    def __init__(self) -> None:
        self.users: dict[tuple[str, str], User] = {}
        self.actions: dict[str, set[str]] = {"root": {"*"}}
        self.written: list[str] = []
        self.unknown: list[str] = []
        self.open: list[tuple[str, socket.socket]] = []
        self.refusing: dict[int, int] = {}  # port -> how many logins more it refuses, as one that lags
        self.fails: dict[str, Refused] = {}  # command -> what it is refused with

    def may(self, user: tuple[str, str], action: str) -> bool:
        found = self.users.get(user)
        had: set[str] = set().union(*(self.actions.get(one["role"], set()) for one in found.roles)) if found else set()
        return bool({action, "*"} & had)


class Member(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, deployment: Deployment, *, primary: bool = True, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.deployment, self.primary, self.tls = deployment, primary, tls

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that is cut is what tests do."""


class Connection(BaseRequestHandler):
    server: Member

    def handle(self) -> None:
        self.user: tuple[str, str] | None = None
        self.scram: dict[str, Any] = {}
        with suppress(OSError, struct.error):
            self.wire = self.server.tls.wrap_socket(self.request, server_side=True) if self.server.tls else self.request
            with self.wire:
                while self.serve():
                    pass

    def serve(self) -> bool:
        head = self.read(16)
        if not head:
            return False
        length, number, _, operation = struct.unpack("<iiii", head)
        body = self.read(length - 16)
        if operation == _OP_QUERY:
            name_end = body.index(b"\0", 4)
            reply = bson.encode(self.answer({**bson.decode(body[name_end + 9 :]), "$db": "admin"}))
            data = struct.pack("<iqii", 8, 0, 0, 1) + reply
            self.wire.sendall(struct.pack("<iiii", 16 + len(data), 0, number, 1) + data)
        else:
            assert operation == _OP_MSG
            data = struct.pack("<IB", 0, 0) + bson.encode(self.answer(bson.decode(body[5:])))
            self.wire.sendall(struct.pack("<iiii", 16 + len(data), 0, number, _OP_MSG) + data)
        return True

    def read(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            more = self.wire.recv(count - len(found))
            if not more:
                return b""
            found += more
        return found

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        name = next(iter(command))
        if name in {"ismaster", "isMaster"}:
            name = "hello"
        try:
            self.check(name, command)
            return {**getattr(self, _METHOD.sub(r"_\1", name).lower())(command), "ok": 1.0}
        except Refused as refused:
            return refused.reply

    def check(self, name: str, command: dict[str, Any]) -> None:
        shown = {**command, "pwd": "xxx"} if "pwd" in command else command  # as the manual says of its log
        self.server.deployment.written.append(f"COMMAND {shown}")
        members = MEMBERS.get(name)
        if members is None or (name != "hello" and set(list(command)[1:]) - members - _DRIVERS):
            self.server.deployment.unknown.append(str(shown))
            raise Refused(59, f"no such command: '{name}'")
        if name in self.server.deployment.fails:
            raise self.server.deployment.fails[name]
        if name not in {"hello", "saslStart", "saslContinue", "endSessions", "connectionStatus"} and not self.user:
            raise Refused(13, f"Command {name} requires authentication")

    def hello(self, command: dict[str, Any]) -> dict[str, Any]:
        database, _, name = command.get("saslSupportedMechs", ".").partition(".")
        user = self.server.deployment.users.get((database, name))
        limits = {"maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000}
        role = {"helloOk": True, "isWritablePrimary": self.server.primary, "secondary": not self.server.primary}
        wire = {"minWireVersion": 0, "maxWireVersion": 21, "readOnly": False, "setName": "rs0"}
        # a name that leads nowhere: an engine must not follow what a server tells of others
        known = {"hosts": ["elsewhere.invalid:1"], **({"saslSupportedMechs": user.mechanisms} if user else {})}
        return {**role, **limits, **wire, **known}

    def sasl_start(self, command: dict[str, Any]) -> dict[str, Any]:
        first = bytes(command["payload"]).decode()
        bare = first.removeprefix("n,,")
        name, nonce = (part.partition("=")[2] for part in bare.split(",", 1))
        self.scram["user"] = (command["$db"], name.replace("=2C", ",").replace("=3D", "="))
        user = self.server.deployment.users.get(self.scram["user"])
        if user is None or command["mechanism"] not in user.mechanisms:
            raise Refused(18, "Authentication failed.")
        self.scram["nonce"] = nonce + base64.b64encode(os.urandom(18)).decode()
        said = f"r={self.scram['nonce']},s={base64.b64encode(user.salt).decode()},i={_ROUNDS}"
        self.scram["said"] = f"{bare},{said}"
        return {"conversationId": 1, "payload": said.encode(), "done": False}

    def sasl_continue(self, command: dict[str, Any]) -> dict[str, Any]:
        final = bytes(command["payload"]).decode()
        if not final:
            return {"conversationId": 1, "payload": b"", "done": True}
        without, _, proof = final.rpartition(",p=")
        user, said = self.server.deployment.users[self.scram["user"]], f"{self.scram['said']},{without}".encode()
        signature = hmac.digest(user.stored, said, "sha256")
        key = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=True))
        lags = self.server.deployment.refusing.get(self.server.port, 0)
        if lags:
            self.server.deployment.refusing[self.server.port] = lags - 1
        if lags or hashlib.sha256(key).digest() != user.stored or f"r={self.scram['nonce']}" not in without:
            raise Refused(18, "Authentication failed.")
        self.user = self.scram["user"]
        self.server.deployment.open.append((self.user[1], self.wire))
        verified = base64.b64encode(hmac.digest(user.server, said, "sha256"))
        return {"conversationId": 1, "payload": b"v=" + verified, "done": True}

    def connection_status(self, _: dict[str, Any]) -> dict[str, Any]:
        known = [{"user": self.user[1], "db": self.user[0]}] if self.user else []
        return {"authInfo": {"authenticatedUsers": known, "authenticatedUserRoles": []}}

    def users_info(self, command: dict[str, Any]) -> dict[str, Any]:
        asked = (command["usersInfo"]["db"], command["usersInfo"]["user"])
        if asked != self.user:
            self.require("viewUser")
        user = self.server.deployment.users.get(asked)
        if user is None:
            return {"users": []}
        told: dict[str, Any] = {"_id": ".".join(asked), "user": asked[1], "db": asked[0], "roles": user.roles}
        if command.get("showAuthenticationRestrictions"):
            told["authenticationRestrictions"] = user.restrictions
        if user.custom:
            told["customData"] = user.custom
        return {"users": [{**told, "mechanisms": user.mechanisms}]}

    def create_user(self, command: dict[str, Any]) -> dict[str, Any]:
        self.writing("createUser", "grantRole", *self.besides(command))
        key = (command["$db"], command["createUser"])
        if key in self.server.deployment.users:
            raise Refused(51003, f'User "{key[1]}@{key[0]}" already exists')
        made = User()
        self.put(made, command)
        self.server.deployment.users[key] = made
        return {}

    def update_user(self, command: dict[str, Any]) -> dict[str, Any]:
        key = (command["$db"], command["updateUser"])
        only_password = set(command) - _DRIVERS == {"updateUser", "pwd"}
        if only_password and key == self.user and self.server.deployment.may(key, "changeOwnPassword"):
            self.writing()
        else:
            roles = ("grantRole", "revokeRole") if "roles" in command else ()
            self.writing("changePassword", *roles, *self.besides(command))
        if key not in self.server.deployment.users:
            raise Refused(11, f"Could not find user {key[1]!r} for db {key[0]!r}")
        self.put(self.server.deployment.users[key], command)
        return {}

    def besides(self, command: dict[str, Any]) -> list[str]:
        needed = {"customData": "changeCustomData", "authenticationRestrictions": "setAuthenticationRestriction"}
        return [action for member, action in needed.items() if command.get(member)]

    def put(self, user: User, command: dict[str, Any]) -> None:
        if "pwd" in command:
            user.set_password(command["pwd"])
        user.roles = [self.role(one, command) for one in command.get("roles", user.roles)]
        user.custom = command.get("customData", user.custom)
        user.restrictions = command.get("authenticationRestrictions", user.restrictions)
        user.mechanisms = command.get("mechanisms", user.mechanisms)

    def role(self, one: Any, command: dict[str, Any]) -> dict[str, str]:
        return one if isinstance(one, dict) else {"role": one, "db": command["$db"]}

    def create_role(self, command: dict[str, Any]) -> dict[str, Any]:
        self.writing("createRole")
        self.server.deployment.actions[command["createRole"]] = set(command["privileges"][0]["actions"])
        return {}

    def grant_roles_to_user(self, command: dict[str, Any]) -> dict[str, Any]:
        self.writing("grantRole")
        user = self.server.deployment.users[command["$db"], command["grantRolesToUser"]]
        user.roles = user.roles + [self.role(one, command) for one in command["roles"]]
        return {}

    def count(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"n": 42}

    def server_status(self, _: dict[str, Any]) -> dict[str, Any]:
        self.require("serverStatus")
        return {}

    def end_sessions(self, _: dict[str, Any]) -> dict[str, Any]:
        return {}

    def writing(self, *actions: str) -> None:
        if not self.server.primary:
            raise Refused(10107, "not primary")
        for action in actions:
            self.require(action)

    def require(self, action: str) -> None:
        assert self.user
        if not self.server.deployment.may(self.user, action):
            raise Refused(13, f"not authorized on {self.user[0]} to execute this command; permission denied: {action}")
