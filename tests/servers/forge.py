"""A service with users whose API keys it makes: two for each, on pages of one, the youngest first."""

import http.client
import json
import os
import secrets
import ssl
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import RLock, Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from detent.functions.engines.http.exchange import Exchange
from servers.certificates import Certificates
from servers.target import Target

# Set for good, so that a server which a test starts has it too.
os.environ["HTTP_SERVICES"] = str(Path(__file__).parent / "services")
_MOST = 2


@dataclass
class ForgeKey:
    id: int
    user: str
    label: str
    token: str


@dataclass
class Forge:
    """What the service knows; ``over`` says who may manage whose keys."""

    users: set[str] = field(default_factory=set)
    keys: dict[int, ForgeKey] = field(default_factory=dict)
    over: set[tuple[str, str]] = field(default_factory=set)
    tls_only: set[str] = field(default_factory=set)
    log: list[str] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock)
    ids: Any = field(default_factory=lambda: count(1))

    def issue(self, user: str, label: str) -> ForgeKey:
        with self.lock:
            key = ForgeKey(next(self.ids), user, label, f"forge-{secrets.token_hex(16)}")
            self.keys[key.id] = key
        return key

    def of(self, user: str) -> list[ForgeKey]:
        with self.lock:
            return [key for key in self.keys.values() if key.user == user]

    def by_token(self, token: str) -> ForgeKey | None:
        with self.lock:
            return next((key for key in self.keys.values() if key.token == token), None)


class Door(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, forge: Forge, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.forge, self.tls = forge, tls

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Speak TLS in the connection's own thread: a client that breaks it off stops nobody else."""
        if self.tls is None:
            return super().finish_request(request, client_address)
        request.settimeout(10)
        with self.tls.wrap_socket(request, server_side=True) as secured:
            return super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a client broke off."""


class Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Door

    def do_GET(self) -> None:
        if self.forced_to_tls() or not (key := self.caller()):
            return
        if self.words == ["me"]:
            self.answer(200, {"login": key.user, "key": {"id": key.id}})
        elif user := self.managed(key):
            listed = sorted(self.server.forge.of(user), key=lambda one: -one.id)
            after = parse_qs(urlsplit(self.path).query).get("after")
            rest = [one for one in listed if not after or one.id < int(after[0])]
            page = [{"id": one.id, "label": one.label, "made": one.id} for one in rest[:1]]
            self.answer(200, {"keys": page, **({"more": rest[0].id} if len(rest) > 1 else {})})

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not (key := self.caller()) or not (user := self.managed(key)):
            return None
        with self.server.forge.lock:
            if len(self.server.forge.of(user)) >= _MOST:
                return self.answer(409, {"message": f"{user} has {_MOST} keys"})
            made = self.server.forge.issue(user, said["label"])
        return self.answer(201, {"key": {"id": made.id, "label": made.label}, "token": made.token})

    def do_DELETE(self) -> None:
        if not (key := self.caller()) or not (user := self.managed(key)):
            return
        named = self.words[3]
        with self.server.forge.lock:
            is_there = named.isdigit() and int(named) in {one.id for one in self.server.forge.of(user)}
            if is_there:
                del self.server.forge.keys[int(named)]
        self.answer(204 if is_there else 404)

    @property
    def words(self) -> list[str]:
        return [unquote(word) for word in urlsplit(self.path).path.split("/")[2:]]

    def caller(self) -> ForgeKey | None:
        key = self.server.forge.by_token(self.headers["Authorization"].removeprefix("Bearer "))
        if key is None:
            self.answer(401, {"message": "no such key"})
        return key

    def managed(self, key: ForgeKey) -> str | None:
        """The user whose keys are meant, if the caller may manage them."""
        kind, user, what, *_ = self.words
        if (kind, what) != ("users", "keys") or user not in self.server.forge.users:
            self.answer(404, {"message": "nothing here"})
        elif (key.user, user) not in self.server.forge.over:
            self.answer(403, {"message": f"{key.user} may not manage {user}"})
        else:
            return user
        return None

    def forced_to_tls(self) -> bool:
        key = self.server.forge.by_token(self.headers["Authorization"].removeprefix("Bearer "))
        if self.server.tls or key is None or key.user not in self.server.forge.tls_only:
            return False
        self.answer(308, location=f"https://forge.example{self.path}")
        return True

    def answer(self, status: int, said: Any = None, location: str = "") -> None:
        content = b"" if said is None else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, _format: str, *words: Any) -> None:
        self.server.forge.log.append(" ".join(map(str, words)))


class ForgeTarget(Target):
    """The running service. A user's first key stands for the password that it was made with."""

    engine = "http"
    says: ClassVar = {
        "wrong password": "takes no such key",
        "unknown user": "takes no such key",
        "revoked key": "does not take this key any more",
    }
    writes_log: ClassVar = "POST /api/users/"
    sends: ClassVar = [(Exchange, "ask")]
    offers_tls = True

    def __init__(self, forge: Forge, port: int, tls_port: int) -> None:
        self.forge, self.port, self._tls_port = forge, port, tls_port
        self._issued: dict[tuple[str, str], ForgeKey] = {}

    def product(self) -> str:
        return "forge 1, a service of the tests"

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        place = {"engine": "http", "service": "forge", "host": "127.0.0.1", "port": self.port}
        secured = {} if "sslmode" in settings else {"ssl": False}
        key = self._issued.get((user, password))
        named = {"key_id": str(key.id) if key else "0", "api_key": key.token if key else "no-such-key"}
        return {**place, **secured, "username": user, **named, **settings}

    def create_user(self, user: str, password: str) -> None:
        """A user that may do no more than prove its login."""
        self.forge.users.add(user)
        self._issued[user, password] = self.forge.issue(user, "by hand")

    def create_administrator(self, user: str, password: str, over: str) -> None:
        self.create_user(user, password)
        self._let(self.module.FACTS.privileges["issued-keys"].admin, admin=user, user=over)

    def let_rotate_itself(self, user: str) -> None:
        self._let(self.module.FACTS.privileges["issued-keys"].own or (), user=user)

    def _let(self, statements: tuple[str, ...], **names: str) -> None:
        for statement in self.statements(statements, "", **names):
            _, who, *what = statement.split(" ")
            assert what[:4] == ["list,", "issue", "and", "revoke"]
            self.forge.over.add((who, who if "its" in what else what[-1]))

    def keys_of(self, user: str) -> set[str]:
        return {str(key.id) for key in self.forge.of(user)}

    def traces_of(self, user: str) -> dict[str, str]:
        return {str(key.id): key.label for key in self.forge.of(user) if key.label != "by hand"}

    def alive(self, value: Mapping[str, Any]) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/api/me", headers={"Authorization": f"Bearer {value['api_key']}"})
        found = connection.getresponse().status == 200
        connection.close()
        return found

    def logs_in(self, user: str, password: str) -> bool:
        return self.alive(self.value(user, password))

    def set_password(self, user: str, password: str) -> None:
        raise NotImplementedError("the service makes the keys itself")

    def end_sessions(self, user: str) -> None:
        """There are none: each request carries the key."""

    def tls_settings(self) -> dict[str, Any]:
        return {"port": self._tls_port}

    def require_tls(self) -> dict[str, Any]:
        value = self.new_value()
        self.forge.tls_only.add(value["username"])
        return value

    def log_text(self) -> str:
        return "\n".join(self.forge.log)


def start_forge(running: ExitStack, certificates: Certificates) -> ForgeTarget:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    forge = Forge()
    doors = Door(forge), Door(forge, context)
    for door in doors:
        Thread(target=door.serve_forever, args=(0.02,), daemon=True).start()
        running.callback(door.server_close)
        running.callback(door.shutdown)
    return ForgeTarget(forge, *(door.server_port for door in doors))
