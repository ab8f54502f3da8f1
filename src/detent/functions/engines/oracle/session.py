"""One connection to Oracle, and what a rotation does over it."""

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.engines.oracle import accounts
from detent.functions.engines.oracle.accounts import OWN_ROLLOVER, ROLLOVER, folded, in_rollover, quoted, require_usable
from detent.functions.engines.oracle.failures import BUSY, code_of, refusal, text_of
from detent.functions.errors import ChangeRefused, EngineUnavailable, PasswordRefused, ProbeFailed
from detent.functions.passwords import Password

if TYPE_CHECKING:
    from oracledb import Connection

T = TypeVar("T")

_CLONE: Final = "_clone"  # AWS: its template's suffix, in capitals there; by it an original is told
_LASTING: Final = (
    "so the former password would live on: rotate by the strategy dual-password, by an admin secret, "
    "or ALTER PROFILE … LIMIT PASSWORD_ROLLOVER_TIME 0"
)


class OracleSession:
    """One connection. Each statement on a user commits by itself."""

    def __init__(self, connection: "Connection", login: Login, remaining: Remaining) -> None:
        self._connection = connection
        self._login = login
        self._remaining = remaining
        self._own = login.password

    def ping(self) -> None:
        """Run SELECT 1 FROM DUAL."""
        self._done(lambda: self._rows("SELECT 1 FROM DUAL"))

    def change_own_password(self, new: Password) -> None:
        """Change it, telling the server the one that this connection was made with, as a verify function wants it."""
        user = self._login.username

        def work() -> None:
            if any(limit not in {"0", "DEFAULT"} for (limit,) in self._rows(OWN_ROLLOVER)):
                raise ChangeRefused(f"the profile of {user!r} has a PASSWORD_ROLLOVER_TIME, {_LASTING}")
            self._rows(f"ALTER USER {quoted(user)} {_identified(new)} REPLACE {_text(self._own)}")

        self._done(work, user)
        self._own = new

    def set_password(self, user: str, new: Password) -> None:
        """Change another user's, and end a rollover, in which the former one would live on."""

        def work() -> None:
            require_usable(self._rows, user)
            self._rows(f"ALTER USER {quoted(user)} {_identified(new)}")
            self._end_rollover(user)

        self._done(work, user)

    def add_password(self, user: str, new: Password) -> None:
        """Let the server roll over to it: the former one works for as long as the profile says."""

        def work() -> None:
            require_usable(self._rows, user)
            limits = self._rows(ROLLOVER, folded(user))
            if not limits or limits[0][0] in {None, "0", "DEFAULT"}:
                raise ChangeRefused(
                    f"the profile of {user!r} lets no second password live: ALTER PROFILE … LIMIT "
                    "PASSWORD_ROLLOVER_TIME and days, more than from one rotation to the next (19.12 and 21c on)"
                )
            self._rows(f"ALTER USER {quoted(user)} {_identified(new)}")

        self._done(work, user)

    def retire_passwords(self, user: str, keep: Sequence[Password]) -> None:
        """End a rollover, after the one to be kept was made the latest, for that is the one that is left.

        Of two to be kept both are taken to be those that the rollover has: which they are, the server does not tell.
        """

        def work() -> None:
            if len(keep) == 1 and in_rollover(require_usable(self._rows, user)):
                self._make_latest(user, keep[0])
                self._end_rollover(user)

        self._done(work, user)

    def clone_user(self, source: str, target: str, password: Password) -> None:
        """Make the target like the source, with this password."""
        # An original is told by its clone's name; the grants of a clone that is half made must not become its own.
        if folded(source) != folded(target + _CLONE):
            self._done(lambda: accounts.clone(self._rows, source, target, _identified(password)), target)
        self.set_password(target, password)

    def privileges(self, user: str) -> frozenset[str]:
        """Ask the catalogs of the session's own user; those of another are not compared."""
        if folded(user) != folded(self._login.username):
            raise ChangeRefused(f"{self._login.username!r} sees its own rights only, not those of {user!r}")
        return self._done(lambda: accounts.privileges(self._rows), user)

    def probe(self, statement: str) -> Sequence[Any] | None:
        """Run it and roll back; DDL commits by itself."""
        import oracledb  # noqa: PLC0415 - an optional driver

        try:
            try:
                rows = self._rows(statement)
            finally:
                self._connection.rollback()
        except (oracledb.Error, OSError) as error:
            lost = isinstance(refusal(error, "", ""), EngineUnavailable)
            said = text_of(error) or type(error).__name__
        else:
            return rows[0] if rows else None
        raise EngineUnavailable(f"the connection was lost: {said}") if lost else ProbeFailed(f"refused: {said}")

    def close(self) -> None:
        """End the connection, whatever state it is in."""
        with contextlib.suppress(Exception):
            self._connection.close()

    def _make_latest(self, user: str, password: Password) -> None:
        import oracledb  # noqa: PLC0415 - an optional driver

        try:
            self._rows(f"ALTER USER {quoted(user)} {_identified(password)}")
        except oracledb.Error as error:
            if code_of(error) != BUSY:
                raise
        else:
            return
        raise ChangeRefused(
            f"the profile of {user!r} lets no password be set again (PASSWORD_REUSE_TIME or _MAX), so which of two "
            "would be left is not known: ALTER USER … EXPIRE PASSWORD ROLLOVER PERIOD if the current one is the latest"
        )

    def _end_rollover(self, user: str) -> None:
        if in_rollover(require_usable(self._rows, user)):
            self._rows(f"ALTER USER {quoted(user)} EXPIRE PASSWORD ROLLOVER PERIOD")

    def _rows(self, statement: str, *values: str) -> Sequence[Sequence[Any]]:
        self._connection.call_timeout = int(time_limit(self._remaining) * 1000)
        with self._connection.cursor() as cursor:
            cursor.execute(statement, list(values) or None)
            return tuple(cursor.fetchall()) if cursor.description else ()

    def _done(self, work: Callable[[], T], user: str = "") -> T:
        """Do it, or raise what its refusal means, without the driver's error hanging on it."""
        import oracledb  # noqa: PLC0415 - an optional driver

        try:
            return work()
        except (oracledb.Error, OSError) as error:
            failed = error
        raise refusal(failed, user, self._login.username)


def _text(password: Password) -> str:
    """Write it in double quotes, which a password of Oracle cannot hold, nor a NUL."""
    if {'"', "\0"} & set(password.reveal()):
        raise PasswordRefused("Oracle takes no double quote and no NUL in a password: leave '\"' out of the alphabet")
    return f'"{password.reveal()}"'


def _identified(password: Password) -> str:
    return f"IDENTIFIED BY {_text(password)}"
