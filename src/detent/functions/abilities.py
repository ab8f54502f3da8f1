"""What a session can do, as small protocols. A strategy finds out by asking; an engine offers what its server has.

Every verb may run twice. Each raises EngineUnavailable when the server goes away; after that it may have been done.
Those that change something raise ChangeRefused when the session may not, with the cure, and PasswordRefused when the
server's own rules turn this very password down.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from detent.functions.passwords import Password, PasswordPolicy


class Session(Protocol):
    """One login that worked."""

    def ping(self) -> None:
        """Run one trivial statement as the user."""

    def close(self) -> None:
        """End the session; never raises."""


@runtime_checkable
class OwnPassword(Protocol):
    """A session whose user can change its own password."""

    def change_own_password(self, new: Password) -> None:
        """Change it; the former one is dead."""


@runtime_checkable
class TellsFormer(Protocol):
    """A session of a server that takes a former password for a while after a change."""

    def is_former(self) -> bool:
        """Say whether the password that logged in is not the one that is set any more."""


@runtime_checkable
class Administration(Protocol):
    """A session that can change another user's password."""

    def set_password(self, user: str, new: Password) -> None:
        """Change it; the former one is dead. A user that is not there is ChangeRefused."""


@runtime_checkable
class Pairs(Protocol):
    """A session that can keep two users alike, and say what a user may do."""

    def clone_user(self, source: str, target: str, password: Password) -> None:
        """Make the target, or what is left of it, into a user that may do what the source may, with this password.

        Cut off anywhere and repeated it comes to the same. A target that is the source's original stays as it is,
        but for the password.
        """

    def privileges(self, user: str) -> frozenset[str]:
        """Name everything that tells what a user may do, in words that are the same for two users who are alike.

        ChangeRefused where the server does not tell this session: then an administrator is asked.
        """


@runtime_checkable
class ThrowAwayUsers(Protocol):
    """A session that can make a user for a rehearsal, and be rid of it."""

    def make_user(self, like: str, user: str, password: Password) -> None:
        """Make a user that may do what the other may."""

    def drop_user(self, user: str) -> None:
        """Remove a user, and nothing that others use; content if there is none."""


@runtime_checkable
class SeveralPasswords(Protocol):
    """A session that can let a user, its own or another, have more than one password at once."""

    def add_password(self, user: str, new: Password) -> None:
        """Let the user log in by this one too."""

    def retire_passwords(self, user: str, keep: Sequence[Password]) -> None:
        """Let the user log in by none but these."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key that a service has for a user. ``mark`` is the one it was issued with; None: not by a rotation of ours."""

    id: str
    mark: str | None


@dataclass(frozen=True, slots=True)
class Issued:
    """A key just made, with the one copy of its secret part."""

    id: str
    secret: Password = field(repr=False)


@runtime_checkable
class KeyIssuer(Protocol):
    """A session with a service that makes the keys itself."""

    def keys(self, user: str) -> Sequence[Key]:
        """Give the user's keys, the oldest first."""

    def issue_key(self, user: str, mark: str) -> Issued:
        """Make a key, marked so that it is found even if its answer is lost. NoRoom where there are enough."""

    def revoke_key(self, user: str, key: str) -> None:
        """End a key; content if there is none of that id."""


@runtime_checkable
class Probes(Protocol):
    """A session that can do what the application does, to see whether it may."""

    def probe(self, statement: str) -> Sequence[Any] | None:
        """Run it; give its first row, None if it has none. What it wrote is taken back where the server can.

        Raises ProbeFailed with what the server said.
        """


@runtime_checkable
class ReadsPolicy(Protocol):
    """A session that can ask for the server's rules about passwords."""

    def password_policy(self) -> PasswordPolicy:
        """Give what a new password must have."""
