"""MongoDB as a target of the contract suites, by the scripted server."""

import json
import socket
import ssl
from contextlib import ExitStack, suppress
from threading import Thread
from typing import Any, ClassVar

import pymongo
from pymongo.database import Database
from pymongo.errors import OperationFailure
from pymongo.saslprep import saslprep

from scripted.mongod import Deployment, Member, User
from scripted.spoken_target import SpokenTarget
from servers.certificates import Certificates

_ROLES = [{"role": "readWrite", "db": "shop"}, {"role": "read", "db": "stock"}]
_MORE = {"role": "dbAdmin", "db": "shop"}


class MongodbTarget(SpokenTarget):
    """One primary and its TLS port, or a set of which the secret's host is a secondary."""

    engine = "mongodb"
    says: ClassVar = {
        "wrong password": "wrong password",
        "unknown user": "no such user",
        "no administrator": "actions viewUser, changePassword",
    }
    sends: ClassVar = [(Database, "command")]
    granted_probe: ClassVar = {"statement": '{"count": "orders"}', "expect": [42, 1.0]}
    refused_probe: ClassVar = '{"serverStatus": 1}'
    writes_log: ClassVar = "updateUser"
    drivers: ClassVar = ("pymongo.errors",)
    offers_tls = True

    def __init__(self, deployment: Deployment, host: Member, secure: Member, *others: Member) -> None:
        self.deployment, self.host, self.secure, self.others = deployment, host, secure, others
        operator = User(roles=[{"role": "root", "db": "admin"}])
        operator.set_password("operator-password")
        deployment.users["admin", "operator"] = operator

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        place = {"engine": self.engine, "host": "127.0.0.1", "port": self.host.port}
        nodes = {"nodes": [f"127.0.0.1:{other.port}" for other in self.others]} if self.others else {}
        return {**place, **nodes, "username": user, "password": password, **settings}

    def create_user(self, user: str, password: str) -> None:
        made = User(roles=[{"role": "read", "db": "shop"}])
        made.set_password(password)
        self.deployment.users["admin", user] = made

    def create_administrator(self, user: str, password: str, over: str) -> None:
        self.run(self.module.FACTS.privileges["alternating-users"].admin, admin=user, user=over, password=password)

    def let_change_itself(self, user: str) -> None:
        self.run(self.module.FACTS.privileges["single-user"].own or (), user=user)

    def run(self, templates: tuple[str, ...], password: str = "", **names: str) -> None:
        """Run commands of FACTS as the operator, by PyMongo."""
        primary = next(one for one in (self.host, *self.others) if one.primary)
        quoted = {part: json.dumps(name)[1:-1] for part, name in names.items()}
        with pymongo.MongoClient(
            "127.0.0.1", primary.port, username="operator", password="operator-password", directConnection=True
        ) as client:
            for template in templates:
                command = json.loads(template.format(**quoted))
                if "pwd" in command:
                    command["pwd"] = password
                client.admin.command(command)

    def logs_in(self, user: str, password: str) -> bool:
        return all(self._logs_in(member, user, password) for member in (self.host, *self.others))

    def _logs_in(self, member: Member, user: str, password: str) -> bool:
        with pymongo.MongoClient(
            "127.0.0.1", member.port, username=user, password=password, directConnection=True
        ) as client:
            try:
                client.admin.command("connectionStatus")
            except OperationFailure:
                return False
        return True

    def set_password(self, user: str, password: str) -> None:
        self.deployment.users["admin", user].set_password(password)

    def end_sessions(self, user: str) -> None:
        for name, wire in self.deployment.open:
            if name == user:
                with suppress(OSError):
                    wire.shutdown(socket.SHUT_RDWR)

    def takes_password(self, password: str) -> bool:
        """SASLprep refuses control characters, and what Unicode 3.2 did not know."""
        try:
            saslprep(password)
        except ValueError:
            return False
        return True

    def grant_something(self, user: str) -> None:
        found = self.deployment.users["admin", user]
        found.roles, found.custom = list(_ROLES), {"team": "orders", "seats": 4}
        found.restrictions = [{"clientSource": ["127.0.0.0/8"], "serverAddress": ["127.0.0.1/32"]}]

    def grant_more(self, user: str) -> None:
        found = self.deployment.users["admin", user]
        found.roles = [*found.roles, _MORE]

    def revoke_more(self, user: str) -> None:
        found = self.deployment.users["admin", user]
        found.roles = [role for role in found.roles if role != _MORE]

    def tls_settings(self) -> dict[str, Any]:
        return {"port": self.secure.port}

    def require_tls(self) -> dict[str, Any]:
        return self.new_value(port=self.secure.port)

    @property
    def surprises(self) -> list[str]:
        return self.deployment.unknown

    def log_text(self) -> str:
        return "\n".join(self.deployment.written)


def start_mongodb(running: ExitStack, certificates: Certificates, kind: str) -> MongodbTarget:
    deployment = Deployment()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    members = [Member(deployment, primary=kind == "alone"), Member(deployment, tls=context)]
    members += [Member(deployment)] if kind == "set" else []
    for member in members:
        Thread(target=member.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        running.callback(member.server_close)
        running.callback(member.shutdown)
    return MongodbTarget(deployment, *members)
