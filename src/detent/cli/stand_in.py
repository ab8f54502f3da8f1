"""What is rotated in a rehearsal in the place of the secret: a user, or a key, that is thrown away afterwards."""

import secrets as randomness
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, Self

from detent.cli.failure import CommandFailed
from detent.functions.abilities import KeyIssuer, Session, ThrowAwayUsers
from detent.functions.engines import Engine
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused
from detent.functions.passwords import Password
from detent.functions.values import login_of

Value = dict[str, Any]

_SECONDS: Final = 30.0  # for one session
_TELLING: Final = (ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused)
_OF_THE_PAIR: Final = ("masterarn", "usernames")


class StandIn:
    """A context manager: the user is there inside. Raises CommandFailed on entry where nothing can stand in."""

    def __init__(self, engine: Engine, value: Value, admin: Value | None) -> None:
        """Make nothing yet."""
        self._engine, self._current, self._admin = engine, value, admin
        self._key_id = engine.FACTS.key_id
        self._made: set[str] = set()  # users, or keys
        self.value = {key: one for key, one in value.items() if key not in _OF_THE_PAIR}
        self.told = ""

    def __enter__(self) -> Self:
        """See that the current credential logs in, and make the user."""
        with self._session(self._current, "AWSCURRENT"):
            pass
        if self._key_id is not None:
            self.told = "A key is issued, and revoked afterwards."
        else:
            self._make_or_clear()
            self.told = f"The user {self.value['username']!r} stands in for it."
        return self

    def __exit__(self, *_: object) -> None:
        """Throw away what was made."""
        try:
            self._throw_away()
        except CommandFailed as failure:
            left = ", ".join(sorted(self._made))
            raise CommandFailed(f"the rehearsal is over, but {left} could not be removed: {failure}") from None

    def learn(self, values: list[Value]) -> None:
        """Hear of the versions that the rotation made: whatever is new in them was made by it."""
        name = self._key_id or "username"
        self._made |= {str(value[name]) for value in values if value[name] != self._current[name]}

    def current_logs_in(self) -> bool:
        """Ask the target once more."""
        try:
            with self._session(self._current, "AWSCURRENT"):
                return True
        except CommandFailed:
            return False

    def _make_or_clear(self) -> None:
        """Make the user; what is left of one where that fails is removed, if it can be."""
        try:
            self._make()
        except BaseException:
            with suppress(CommandFailed):
                self._throw_away()
            raise

    def _make(self) -> None:
        name, password = f"detent_try_{randomness.token_hex(4)}", randomness.token_urlsafe(24)
        with self._maker() as (session, who):
            if not isinstance(session, ThrowAwayUsers):
                raise CommandFailed(self._nobody())
            self._made = {name}
            _try(
                lambda: session.make_user(self._current["username"], name, Password(password)),
                f"{who} cannot make a throw-away user",
            )
        self.value |= {"username": name, self._engine.FACTS.password_key: password}

    def _nobody(self) -> str:
        engine = self._engine.FACTS.names[0]
        if issubclass(self._engine.FACTS.session, ThrowAwayUsers):
            return f"nothing was rehearsed: give --admin SECRET, whose user can make a throw-away user of {engine}"
        return (
            f"AWSCURRENT logs in, but a rotation was not rehearsed: Detent cannot make a throw-away user of {engine};"
            " make one yourself, store its login as a secret, and rotate that"
        )

    def _throw_away(self) -> None:
        if not self._made:
            return
        with self._maker() as (session, who):
            for name in sorted(self._made, key=len, reverse=True):  # a clone before what it was made of
                _try(partial(self._remove, session, name), f"{who} cannot remove {name}")

    def _remove(self, session: Session, name: str) -> None:
        if isinstance(session, KeyIssuer) and self._key_id is not None:
            session.revoke_key(self._current["username"], name)
        elif isinstance(session, ThrowAwayUsers):
            session.drop_user(name)

    @contextmanager
    def _maker(self) -> Iterator[tuple[Session, str]]:
        """Log in as who can make and remove users: the admin secret's user, else the secret's own."""
        value, who = (self._current, "AWSCURRENT") if self._admin is None else (self._admin, "the admin secret")
        with self._session(value, who) as session:
            yield session, who

    @contextmanager
    def _session(self, value: Mapping[str, Any], who: str) -> Iterator[Session]:
        until = time.monotonic() + _SECONDS
        login = login_of(value, self._engine)
        session = _try(lambda: self._engine.connect(login, lambda: until - time.monotonic()), f"{who}, {login}")
        try:
            yield session
        finally:
            session.close()


def _try(work: Callable[[], Any], what: str) -> Any:  # noqa: ANN401 - what the work gives
    try:
        return work()
    except _TELLING as error:
        raise CommandFailed(f"{what}: {error}") from None
