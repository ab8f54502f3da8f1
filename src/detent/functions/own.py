"""A service of your own: a class that says how one logs in, and how a credential is changed, is an engine.

Replace the methods of what your service can do, and leave the others: which strategies there are follows from them.
Whatever goes wrong is raised as one of the errors below; any other error is taken for a service that does not answer.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from detent.functions.abilities import Issued, Key, Session
from detent.functions.contract import RotationFunction
from detent.functions.engines import Facts, Login, Remaining
from detent.functions.errors import (
    ChangeRefused,
    EngineUnavailable,
    LoginRejected,
    NoRoom,
    PasswordRefused,
)
from detent.functions.own_sessions import session_of, unknown
from detent.functions.passwords import DEFAULT_RULES, Password, PasswordRules
from detent.functions.strategies import STRATEGIES, Strategy

__all__ = [
    "ChangeRefused",
    "EngineUnavailable",
    "Issued",
    "Key",
    "Login",
    "NoRoom",
    "Password",
    "PasswordRefused",
    "PasswordRules",
    "Refused",
    "Service",
    "rotation",
]


class Refused(LoginRejected):
    """The service said no to this login."""

    def __init__(self, reason: str = "login refused") -> None:
        super().__init__(reason, "")


class Service:
    """What a credential logs into. Each method makes its own connection, and gives up after some seconds."""

    name: ClassVar[str] = "service"  # what the secret's key "engine" says
    default_port: ClassVar[int] = 443
    keys: ClassVar[Mapping[str, str]] = {}  # further keys of the secret, with their meaning
    passwords: ClassVar[PasswordRules] = DEFAULT_RULES
    settle_seconds: ClassVar[float] = 0  # for so long a new credential may be refused before it is known everywhere
    password_key: ClassVar[str] = "password"  # the key of the secret that is kept secret
    key_id: ClassVar[str | None] = None  # the key that holds an issued key's id; needed for issue_key

    def log_in(self, login: Login) -> None:
        """Do something harmless as this user. Raises Refused where the service says no."""
        raise NotImplementedError

    def change_password(self, login: Login, new: Password) -> None:
        """Change the user's own password."""
        raise NotImplementedError

    def set_password(self, admin: Login, user: str, new: Password) -> None:
        """Change another user's password, as the admin secret's user."""
        raise NotImplementedError

    def clone_user(self, admin: Login, source: str, target: str, password: Password) -> None:
        """Make the target a user that may do what the source may, with this password; it may be there already."""
        raise NotImplementedError

    def privileges(self, login: Login, user: str) -> frozenset[str]:
        """Name everything that tells what a user may do, in words that are the same for two users who are alike."""
        raise NotImplementedError

    def add_password(self, login: Login, user: str, new: Password) -> None:
        """Let the user log in by this one too."""
        raise NotImplementedError

    def retire_passwords(self, login: Login, user: str, keep: Sequence[Password]) -> None:
        """Let the user log in by none but these."""
        raise NotImplementedError

    def issue_key(self, login: Login, user: str, mark: str) -> Issued:
        """Have the service make a key, marked so that `keys` tells the mark again."""
        raise NotImplementedError

    def list_keys(self, login: Login, user: str) -> Sequence[Key]:
        """List the user's keys, the oldest first."""
        raise NotImplementedError

    def revoke_key(self, login: Login, user: str, key: str) -> None:
        """End a key; content if it is gone."""
        raise NotImplementedError

    def make_user(self, admin: Login, like: str, user: str, password: Password) -> None:
        """Make a user for a rehearsal, who may do what the other may."""
        raise NotImplementedError

    def drop_user(self, admin: Login, user: str) -> None:
        """Remove a user that a rehearsal made."""
        raise NotImplementedError

    def faults(self, value: Mapping[str, Any]) -> list[str]:
        """Say what is wrong with the secret's further keys; empty: nothing."""
        del value
        return []

    # What makes an engine of it

    @cached_property
    def FACTS(self) -> Facts:  # noqa: N802 - an engine's
        """What is known of it."""
        session = session_of(type(self), Service)
        example = {"engine": self.name, "host": "…", "username": "app", **({self.key_id: "…"} if self.key_id else {})}
        return Facts(
            names=(self.name,),
            default_port=self.default_port,
            example={**example, self.password_key: "…", **dict.fromkeys(self.keys, "…")},
            session=session,
            privileges={name: unknown(session) for name, strategy in STRATEGIES.items() if strategy.suits(session)},
            open_connections="Nothing is known of them.",
            server_log="Nothing is known of it.",
            keys=self.keys,
            passwords=self.passwords,
            password_key=self.password_key,
            key_id=self.key_id,
            settle_seconds=self.settle_seconds,
        )

    def connect(self, login: Login, remaining: Remaining) -> Session:
        """Log in."""
        del remaining
        session = self.FACTS.session(self, login)  # type: ignore[call-arg]  # one of those below
        session.ping()
        return session


def rotation(service: Service, strategy: Strategy | None = None) -> RotationFunction:
    """Make a rotation function, by the best strategy that the service can do. Raises TypeError if it can do none."""
    session = service.FACTS.session
    suitable = [one for one in STRATEGIES.values() if one.suits(session)]
    if strategy is None and not suitable:
        raise TypeError(f"{type(service).__name__} needs change_password, set_password or issue_key to be rotated")
    return RotationFunction(strategy or suitable[0], service)
