"""Engines: what a credential logs into. One module each; the loader finds them by their name.

An engine is a module (or any object) with the attributes of ``Engine``. It knows no strategy and no secrets manager.
It imports its driver inside ``connect``, so that a missing driver is one clear reason and not a failed import.
"""

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Final, Protocol, cast

from detent.functions.abilities import Session
from detent.functions.errors import EngineUnavailable, StepFailed
from detent.functions.passwords import DEFAULT_RULES, Password, PasswordRules

ENTRY_POINTS: Final = "detent.engines"

_LONGEST_WAIT: Final = 10.0  # seconds for one connect or statement
_RESERVE: Final = 0.5  # seconds in which the reason must still be reported

Remaining = Callable[[], float]  # seconds left until the step's deadline


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in where. ``settings`` is the secret's JSON, for the keys that only the engine knows."""

    host: str
    port: int
    username: str
    password: Password
    settings: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return f"user {self.username!r} at {self.host}:{self.port}"

    def same_target(self, other: "Login") -> bool:
        """Say whether both name one user on one server."""
        return self.same_server(other) and self.username == other.username

    def same_server(self, other: "Login") -> bool:
        """Say whether both name one server."""
        return (self.host.lower(), self.port) == (other.host.lower(), other.port)


@dataclass(frozen=True, slots=True)
class Privileges:
    """The least that a strategy needs, as statements in which ``{user}`` and ``{admin}`` stand for names (str.format).

    ``own``: for the user itself, where no admin secret is used; None: it cannot do without one. ``admin``: for the
    admin secret's user, from making it on.
    """

    own: tuple[str, ...] | None
    admin: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an engine before anything is connected to."""

    names: tuple[str, ...]  # what the secret's key "engine" may say; the first is the module's own name
    default_port: int
    example: Mapping[str, Any]  # a complete secret value, for errors
    session: type[Session]  # its abilities say which strategies there are
    privileges: Mapping[str, Privileges]  # by strategy
    open_connections: str  # what happens to those that are open when a password changes
    server_log: str  # what the server may write down of a new credential
    keys: Mapping[str, str] = field(default_factory=dict)  # of the secret, known to this engine only: their meaning
    passwords: PasswordRules = DEFAULT_RULES
    password_key: str = "password"  # the key of the secret that is kept secret
    key_id: str | None = None  # the key of the secret that names an issued key
    default_host: str = ""  # for services that have one
    longest_name: int = 0  # of a user, in bytes of UTF-8; 0: no limit is known
    settle_seconds: float = 0  # for so long a new credential may be refused before it is known everywhere
    extra: str = ""  # of Detent's package, which brings the driver; empty: the one of the engine's own name
    run_against: tuple[str, ...] = ()  # live servers that the contract suites ran it against: product and version


class Engine(Protocol):
    """What a module in this folder offers."""

    @property
    def FACTS(self) -> Facts:  # noqa: N802 - a module's constant
        """What is known of it."""

    def faults(self, value: Mapping[str, Any]) -> list[str]:
        """Return what is wrong with the keys that only this engine knows; empty if nothing."""

    def connect(self, login: Login, remaining: Remaining) -> Session:
        """Log in, one attempt, within the remaining time.

        Raises LoginRejected when the server says no to this login, EngineUnavailable for whatever is no fault of the
        password: unreachable, TLS, missing database, too many connections, missing driver.
        """


def time_limit(remaining: Remaining) -> float:
    """Return the seconds for one connect or statement. Raises EngineUnavailable when no time is left."""
    left = remaining() - _RESERVE
    if left <= 0:
        raise EngineUnavailable("no time is left before the step's deadline")
    return min(left, _LONGEST_WAIT)


def engine_named(name: str) -> Engine:
    """Return the engine: of this folder, else of another package's entry point. Raises StepFailed if there is none.

    A secret's JSON never chooses an import: the name comes from the rotation function, and only names that are
    listed here or declared by an installed package are imported.
    """
    if name in of_this_folder():
        return cast("Engine", import_module(f"{__name__}.{name}"))
    for declared in entry_points(group=ENTRY_POINTS, name=name):
        return cast("Engine", declared.load())
    raise StepFailed(f"there is no engine {name!r}; installed are: {', '.join(known_engines())}")


def known_engines() -> list[str]:
    """Name every engine that is installed."""
    return sorted(of_this_folder() | {declared.name for declared in entry_points(group=ENTRY_POINTS)})


@cache
def of_this_folder() -> frozenset[str]:
    """Name the engines that come with Detent. The folder is listed once: each step of a rotation asks."""
    return frozenset(module.name for module in pkgutil.iter_modules(__path__))
