"""What a test of engines and strategies does on a server of any kind: the base of every target."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from detent.functions.engines import Engine, Login, engine_named
from detent.functions.errors import EngineUnavailable
from detent.functions.values import login_of

OLD = "canary-current-password"


class Target(ABC):
    """A running server. What is asked of it here goes past the engine under test."""

    engine: ClassVar[str]
    # what the engine must say, as a pattern, when …
    says: ClassVar[Mapping[str, str]] = {}
    # what the driver sends statements by, to be cut off after each: (owner, method)
    sends: ClassVar[list[tuple[Any, str]]] = []
    missing_database: ClassVar[Mapping[str, Any]] = {}  # keys that name a database which is not there
    refused_probe: ClassVar[Any] = None  # a probe that a fresh user may not run
    granted_probe: ClassVar[Any] = None  # one that it may
    offers_tls: bool = False
    # LoginRejected where the server does not tell it from a wrong password
    refuses_plaintext: ClassVar[type[Exception]] = EngineUnavailable
    writes_log: ClassVar[str] = ""  # stands in log_text() after a change, as a sign that the log is on
    drivers: ClassVar[tuple[str, ...]] = ()  # modules without which the engine cannot connect
    guards_lists: ClassVar[bool] = True  # where keys are issued: who may make none may not list them either

    @property
    def module(self) -> Engine:
        return engine_named(self.engine)

    @property
    def extra(self) -> str:
        """The extra of the package that brings the drivers."""
        return self.module.FACTS.extra or self.engine

    @abstractmethod
    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        """A secret's value."""

    @abstractmethod
    def create_user(self, user: str, password: str) -> None: ...

    @abstractmethod
    def create_administrator(self, user: str, password: str, over: str) -> None:
        """Make an admin by the statements that the engine's FACTS name, and no others."""

    @abstractmethod
    def logs_in(self, user: str, password: str) -> bool: ...

    @abstractmethod
    def log_text(self) -> str:
        """Everything that the server wrote down."""

    @abstractmethod
    def set_password(self, user: str, password: str) -> None: ...

    @abstractmethod
    def end_sessions(self, user: str) -> None: ...

    @abstractmethod
    def product(self) -> str:
        """Name the server and the version that tells its kind, as it says itself: ``PostgreSQL 15``."""

    def let_change_itself(self, user: str) -> None:
        """Give a user what the engine's FACTS say that it needs to change its own credential."""
        assert not self.module.FACTS.privileges["single-user"].own, f"{user} needs something: override this"

    def username(self, name: str) -> str:
        """Give the user of this name as a secret names it."""
        return name

    def takes_name(self, name: str) -> bool:
        """Whether the server itself has such user names."""
        return bool(name)

    def takes_password(self, password: str) -> bool:
        """Whether the server itself can have it as a password."""
        return bool(password)

    def grant_something(self, user: str) -> None:
        """For engines that keep two users alike: rights of several kinds."""
        raise NotImplementedError

    def grant_more(self, user: str) -> None:
        """One right besides."""
        raise NotImplementedError

    def revoke_more(self, user: str) -> None:
        """Take that right away again."""
        raise NotImplementedError

    def tls_settings(self) -> dict[str, Any]:
        """Keys that lead to where TLS is spoken, such as another port."""
        return {}

    def require_tls(self) -> dict[str, Any]:
        """The value of a new user whom the server lets in over TLS only."""
        raise NotImplementedError

    def unknown_login(self) -> Login:
        return self.login(self.username("nobody_knows_me"), OLD)

    def login(self, user: str, password: str, **settings: Any) -> Login:
        return login_of(self.value(user, password, **settings), self.module)

    def reader(self, user: str, password: str) -> Login:
        """For engines that keep two users alike: who is told what a user may do. Mostly that is the user itself."""
        return self.login(user, password)

    def new_value(self, **settings: Any) -> dict[str, Any]:
        """The value of a user just made, which logs in."""
        name = self.username(f"app_{uuid.uuid4().hex[:12]}")
        self.create_user(name, OLD)
        return self.value(name, OLD, **settings)

    def alive(self, value: Mapping[str, Any]) -> bool:
        """Ask the server itself whether a value logs in."""
        return self.logs_in(value["username"], value["password"])

    def statements(self, templates: tuple[str, ...], password: str, **names: str) -> list[str]:
        """The statements of FACTS, with quoted names and the password in them."""
        quoted = {part: self.quoted(name) for part, name in names.items()}
        return [template.format(**quoted).replace("'…'", self.literal(password)) for template in templates]

    def quoted(self, name: str) -> str:
        return name

    def literal(self, password: str) -> str:
        return password
