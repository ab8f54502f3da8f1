"""RabbitMQ: what tests of engines and strategies do on it."""

import contextlib
import shlex
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from detent.functions.engines import Login
from detent.functions.httpapi import HttpApi
from servers.amqp import AmqpConnection
from servers.certificates import Certificates
from servers.missing import apt_install, report_missing
from servers.rabbitmq_server import RabbitmqServer
from servers.target import Target

_ANY = {"configure": "^app", "write": "^app", "read": ".*"}


class RabbitmqTarget(Target):
    """A running RabbitMQ. Logins are seen by AMQP, as applications log in."""

    engine = "rabbitmq"
    says: ClassVar = {
        "wrong password": "wrong password",
        "unknown user": "no such user",
        "no administrator": r"rabbitmqctl set_user_tags \w+ administrator",
    }
    sends: ClassVar = [(HttpApi, "ask")]
    writes_log: ClassVar = "PUT /api/users/app"
    offers_tls = True

    def __init__(self, server: RabbitmqServer) -> None:
        self.server = server

    def product(self) -> str:
        version: str = self.server.asked("GET", "overview")[1]["rabbitmq_version"]
        return f"RabbitMQ {'.'.join(version.split('.')[:2])}"

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        place = {"engine": self.engine, "host": self.server.host, "port": self.server.port}
        return {**place, "username": user, "password": password, **settings}

    def create_user(self, user: str, password: str) -> None:
        self.put(f"users/{_part(user)}", password=password, tags="")
        self.put(f"permissions/%2F/{_part(user)}", **_ANY)

    def create_administrator(self, user: str, password: str, over: str) -> None:
        for statement in self.module.FACTS.privileges["alternating-users"].admin:
            self._control(statement, password, admin=user, user=over)

    def let_change_itself(self, user: str) -> None:
        for statement in self.module.FACTS.privileges["single-user"].own or ():
            self._control(statement, "", user=user)

    def grant_something(self, user: str) -> None:
        self.put("vhosts/app")
        self.put(f"permissions/app/{_part(user)}", configure="", write="", read="^app")
        self.put(f"topic-permissions/app/{_part(user)}", exchange="amq.topic", write="^a", read="")
        self.put(f"topic-permissions/app/{_part(user)}", exchange="other", write="", read="^b")
        self.put(f"user-limits/{_part(user)}/max-channels", value=7)
        self._tag(user, "monitoring")

    def grant_more(self, user: str) -> None:
        self.put("vhosts/more")
        self.put(f"permissions/more/{_part(user)}", **_ANY)

    def revoke_more(self, user: str) -> None:
        self.server.asked("DELETE", f"permissions/more/{_part(user)}")

    def set_password(self, user: str, password: str) -> None:
        tags = self.server.asked("GET", f"users/{_part(user)}")[1]["tags"]
        self.put(f"users/{_part(user)}", password=password, tags=",".join(tags))

    def end_sessions(self, user: str) -> None:
        """Those of everybody: the management API knows no sessions."""
        ended = "[exit(P, kill) || {R, _} <- maps:to_list(ranch:info()), P <- ranch:procs(R, connections)]."
        assert "true" in self.server.control("eval", ended), user

    def takes_name(self, name: str) -> bool:
        return ":" not in name

    def logs_in(self, user: str, password: str) -> bool:
        with AmqpConnection(self.server.amqp_port, user, password) as connection:
            return connection.logged_in

    def reader(self, user: str, password: str) -> Login:
        """Only an administrator is told what a user may do."""
        del user, password
        return self.login(*self.server.operator)

    def tls_settings(self) -> dict[str, Any]:
        return {"port": self.server.tls_port}

    def require_tls(self) -> dict[str, Any]:
        return self.new_value(port=self.server.tls_port)

    def log_text(self) -> str:
        return self.server.written()

    def put(self, path: str, **members: Any) -> None:
        status, told = self.server.asked("PUT", path, members)
        assert status in {201, 204}, (path, told)

    def _control(self, statement: str, password: str, **names: str) -> None:
        """Do what a command of rabbitmqctl does. It is run itself in tests/functions/test_rabbitmq.py."""
        match [word.format(**names) for word in shlex.split(statement)]:
            case ["rabbitmqctl", "add_user", user]:
                self.put(f"users/{_part(user)}", password=password, tags="")
            case ["rabbitmqctl", "set_user_tags", user, tag]:
                self._tag(user, tag)
            case other:
                raise AssertionError(other)

    def _tag(self, user: str, tag: str) -> None:
        state = self.server.asked("GET", f"users/{_part(user)}")[1]
        self.put(f"users/{_part(user)}", password_hash=state["password_hash"], tags=tag)


def _part(name: str) -> str:
    return quote(name, safe="")


def start_rabbitmq(stack: contextlib.ExitStack, certificates: Certificates) -> RabbitmqTarget:
    if not Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists():
        apt_install("rabbitmq-server")
    if not Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists():
        report_missing("RabbitMQ", "apt-get install rabbitmq-server")
    return RabbitmqTarget(stack.enter_context(RabbitmqServer(certificates)))
