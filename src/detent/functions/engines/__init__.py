"""Engines: what a credential logs into. One file each; the loader finds them by their file's name.

An engine is a module (or any object) with the attributes of ``Engine``. It knows no strategy and no secrets manager.
It imports its driver inside ``connect``, so that a missing driver is one clear reason and not a failed import.
"""

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Final, Protocol, cast, runtime_checkable

from detent.functions.errors import EngineUnavailable, StepFailed
from detent.functions.passwords import Password

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


class Session(Protocol):
    """One login that worked. Raises EngineUnavailable when the server goes away."""

    def ping(self) -> None:
        """Run one trivial statement as the user."""

    def close(self) -> None:
        """End the session; never raises."""


@runtime_checkable
class OwnPassword(Protocol):
    """A session whose user can change its own password."""

    def change_own_password(self, new: Password) -> None:
        """Change it, repeatably. Raises ChangeRefused or EngineUnavailable; after the latter it may be changed."""


@runtime_checkable
class Administration(Protocol):
    """A session that can change another user's password."""

    def set_password(self, user: str, new: Password) -> None:
        """Change it, repeatably. Raises ChangeRefused (not allowed, no such user) or EngineUnavailable."""


class Engine(Protocol):
    """What a module in this folder offers."""

    @property
    def NAMES(self) -> tuple[str, ...]:  # noqa: N802 - a module's constant
        """What the secret's key ``engine`` may say; the first is the module's own name."""

    @property
    def DEFAULT_PORT(self) -> int:  # noqa: N802 - a module's constant
        """The port where the secret names none."""

    @property
    def EXAMPLE(self) -> Mapping[str, Any]:  # noqa: N802 - a module's constant
        """A complete secret value, for errors."""

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
    if name in _of_this_folder():
        return cast("Engine", import_module(f"{__name__}.{name}"))
    for declared in entry_points(group=ENTRY_POINTS, name=name):
        return cast("Engine", declared.load())
    known = sorted(_of_this_folder() | {declared.name for declared in entry_points(group=ENTRY_POINTS)})
    raise StepFailed(f"there is no engine {name!r}; installed are: {', '.join(known)}")


def _of_this_folder() -> set[str]:
    return {module.name for module in pkgutil.iter_modules(__path__)}
