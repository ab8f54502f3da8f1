"""A scripted server as the contract suites ask for it. Those write past the engine into the model itself."""

from typing import Any, ClassVar

from scripted.server import ScriptedServer
from servers.target import Target


class ScriptedTarget(Target):
    """``strategy`` is the one whose privileges an administrator of the tests gets."""

    strategy: ClassVar[str] = "alternating-users"
    sends: ClassVar = [(ScriptedServer, "run")]

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server

    def product(self) -> str:
        raise AssertionError("it is no live server")

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        place = {"engine": self.engine, "host": "127.0.0.1", "port": self.server.port}
        return {**place, "username": user, "password": password, **settings}

    def create_user(self, user: str, password: str) -> None:
        self.server.create(user, password)

    def create_administrator(self, user: str, password: str, over: str) -> None:
        templates = self.module.FACTS.privileges[self.strategy].admin
        self.server.as_root(*self.statements(templates, password, user=over, admin=user))

    def logs_in(self, user: str, password: str) -> bool:
        return self.server.logs_in(user, password)

    def set_password(self, user: str, password: str) -> None:
        account = self.server.accounts[user]
        account.keeps = [self.server.keeps_of(account, password)]

    def end_sessions(self, user: str) -> None:
        self.server.end_sessions(user)

    def log_text(self) -> str:
        return "\n".join(self.server.log)

    def literal(self, password: str) -> str:
        return f"'{password}'"
