"""Servers that cannot be had here, played by a stand-in at the driver's ``connect``: a script of one server's accounts.

What is played and what is not. The engine, the strategies and the driver's own exceptions are the real ones; the
server is a small model of accounts, passwords and rights, written from its manual. So a script shows that the engine
sends the statements that it is meant to, and what it makes of every answer; it cannot show that a server answers so.

To play a server, derive from ``ScriptedServer``:

* mark a method by ``@said(PATTERN)`` for each statement that the engine may send. The pattern must match the whole
  text, its named groups are the method's arguments, ``session.parameters`` are what was bound. The method changes the
  model and returns the rows (None: none), or raises the driver's real exception. A statement that no pattern matches,
  or more than one, fails the test, whatever the engine catches.
* give ``lost()``, the driver's exception for a connection that is gone, and ``rejected()``, that for a wrong login.
* ``account.keeps`` is what the server holds of each password. Where that is no clear text, override ``keeps_of`` (what
  it makes of a clear password) and ``admits`` (whether a password fits what it holds).
* ``admitted`` raises what else keeps a login out: a locked account, a database that is not there.
* ``written_down`` is what the server writes into its log of a statement; the default is the statement itself.

To stand in for a driver, replace its ``connect`` for the server's own port only, and leave every other port to the
real driver: so a dead port, a silent one and a missing driver are the driver's own errors (``patched``). ``Cursor``
and ``Connection`` are what PEP 249 asks; for a driver of another kind write its few methods and call ``server.run``
with any text that tells the request, such as a command as JSON.

End a server by ``close()``. ``tests/scripted/target.py`` makes a ``Target`` of it, on which the contract suites run;
``table.py`` lists them.
"""

import re
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, Self
from unittest import mock

import pytest

Rows = Sequence[Sequence[Any]]


def said(pattern: str) -> Callable[[Any], Any]:
    """Mark a method as the answer to what matches the whole pattern."""

    def mark(method: Any) -> Any:
        method.pattern = re.compile(pattern, re.DOTALL)
        return method

    return mark


@dataclass
class Account:
    """A user. ``rights`` and ``settings`` mean what the script makes of them."""

    name: str
    keeps: list[Any] = field(default_factory=list)
    rights: set[str] = field(default_factory=set)
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Session:
    """One login. ``parameters`` are those of the statement that is being answered."""

    user: str
    open: bool = True
    parameters: Any = None

    def close(self) -> None:
        self.open = False


class ScriptedServer:
    """The model. ``root`` may do everything; what it asks is answered by the same script."""

    def __init__(self) -> None:
        # A real port is held, so that what is checked before the driver is asked finds an address that answers.
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._door = Thread(target=self._turn_away)
        self._door.start()
        self.accounts: dict[str, Account] = {}
        self.sessions: list[Session] = []
        self.log: list[str] = []
        self.asked: list[str] = []  # every statement, as it was sent
        self.logins: list[dict[str, Any]] = []  # what the driver was given for each, but for the password
        self.surprises: list[str] = []
        self._troubles: list[tuple[re.Pattern[str], Exception]] = []
        self._closed_to: Exception | None = None

    # What a script gives

    def lost(self) -> Exception:
        raise NotImplementedError

    def rejected(self, user: str) -> Exception:
        raise NotImplementedError

    def keeps_of(self, account: Account, password: str) -> Any:  # noqa: ARG002 - of others, a name is part of it
        return password

    def admits(self, account: Account, password: str) -> bool:
        return any(kept == self.keeps_of(account, password) for kept in account.keeps)

    def admitted(self, account: Account, given: dict[str, Any]) -> None:
        """Raise what the server says to one whose password is right: locked, expired, no such database."""

    def written_down(self, statement: str) -> str:
        return statement

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._door.join()
        self._listener.close()

    def _turn_away(self) -> None:
        with suppress(OSError):  # closed
            while True:
                self._listener.accept()[0].close()

    # What a test does

    def create(self, name: str, password: str, *rights: str, **settings: Any) -> Account:
        account = self.accounts[name] = Account(name, [], set(rights), settings)
        account.keeps = [self.keeps_of(account, password)]
        return account

    def trouble(self, pattern: str, error: Exception) -> None:
        """Answer the next statement that matches, anywhere in its text, by this error, undone."""
        self._troubles.append((re.compile(pattern, re.DOTALL), error))

    @contextmanager
    def closed_to_logins(self, error: Exception) -> Iterator[None]:
        """Answer every login by this error meanwhile."""
        self._closed_to = error
        try:
            yield
        finally:
            self._closed_to = None

    def end_sessions(self, user: str) -> None:
        for session in self.sessions:
            session.open = session.open and session.user != user

    def logs_in(self, name: str, password: str) -> bool:
        try:
            self.login(name, password, {}).close()
        except Exception:  # noqa: BLE001 - a driver's own, whichever
            return False
        return True

    def as_root(self, *statements: str) -> None:
        for statement in statements:
            self.run(Session("root"), statement)

    # What the stand-in does

    def login(self, name: str, password: str, given: dict[str, Any]) -> Session:
        self.logins.append({"user": name, **given})
        if self._closed_to:
            raise self._closed_to
        account = self.accounts.get(name)
        if account is None or not self.admits(account, password):
            raise self.rejected(name)
        self.admitted(account, given)
        self.sessions.append(Session(name))
        return self.sessions[-1]

    def run(self, session: Session, statement: str, parameters: Any = None) -> Rows | None:
        if not session.open:
            raise self.lost()
        self.asked.append(statement)
        if session.user != "root":  # whose statements are the test's own
            self.log.append(self.written_down(statement))
        for planned in self._troubles:
            if planned[0].search(statement):
                self._troubles.remove(planned)
                raise planned[1]
        session.parameters = parameters
        answer, found = self._answer(statement)
        return answer(self, session, **found.groupdict())

    def _answer(self, statement: str) -> tuple[Any, re.Match[str]]:
        methods = (getattr(type(self), name) for name in dir(type(self)))
        patterns = [(method, method.pattern.fullmatch(statement)) for method in methods if hasattr(method, "pattern")]
        found = [(method, match) for method, match in patterns if match]
        if len(found) != 1:
            self.surprises.append(f"{len(found)} patterns of the script match: {statement}")
            pytest.fail(self.surprises[-1])
        return found[0]


class Cursor:
    """PEP 249's, as far as engines use it."""

    def __init__(self, server: ScriptedServer, session: Session) -> None:
        self._server = server
        self._session = session
        self._rows: list[Sequence[Any]] = []
        self.description: list[Any] | None = None

    def execute(self, statement: str, parameters: Any = None) -> "Cursor":
        found = self._server.run(self._session, statement, parameters)
        self._rows = list(found or [])
        self.description = None if found is None else [("column",)] * (len(self._rows[0]) if self._rows else 1)
        return self

    def fetchone(self) -> Sequence[Any] | None:
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[Sequence[Any]]:
        found, self._rows = self._rows, []
        return found

    def close(self) -> None:
        self._rows = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Connection:
    """PEP 249's, as far as engines use it."""

    def __init__(self, server: ScriptedServer, session: Session) -> None:
        self.server = server
        self.session = session

    def cursor(self, *_: object, **__: object) -> Cursor:
        return Cursor(self.server, self.session)

    def close(self) -> None:
        self.session.close()


@contextmanager
def patched(owner: Any, name: str, server: ScriptedServer, stand_in: Callable[..., Any]) -> Iterator[None]:
    """Put the stand-in in the place of a driver's ``connect`` for the server's port; the driver keeps the others.

    ``name`` is a function of ``owner`` that takes ``port`` by keyword.
    """
    real = getattr(owner, name)

    def connect(*args: Any, **given: Any) -> Any:
        return (stand_in if int(given.get("port") or 0) == server.port else real)(*args, **given)

    with mock.patch.object(owner, name, connect):
        yield
