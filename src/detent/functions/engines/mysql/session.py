"""One connection to MySQL, and what a rotation does over it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from detent.functions.engines import Login, Remaining
from detent.functions.engines.mysql import accounts
from detent.functions.engines.mysql.accounts import OWN, Account, accounts_of, quoted, require_usable
from detent.functions.engines.mysql.failures import refusal
from detent.functions.errors import ChangeRefused, EngineUnavailable, PasswordRefused
from detent.functions.mysql_protocol.failures import number_of
from detent.functions.mysql_protocol.session import ProtocolSession
from detent.functions.passwords import Password, PasswordPolicy

if TYPE_CHECKING:
    from pymysql.connections import Connection

_CLONE: Final = "_clone"  # AWS: its templates' suffix
_POLICY: Final = "validate_password"
_MAY_NOT_READ: Final = 1142


class MysqlSession(ProtocolSession):
    """One connection. MySQL commits each statement on accounts by itself, of several accounts in one all or none."""

    def __init__(self, connection: "Connection[Any]", login: Login, remaining: Remaining) -> None:
        super().__init__(connection, login, remaining)
        self._own = login.password

    def change_own_password(self, new: Password) -> None:
        """Change that of the account that the login matched; the server is told the current one too, as it may ask.

        It changes no other account of the name; where there are more, as far as the user sees, it is refused. So it is
        where a second password is kept, which only an admin may end.
        """
        user = self._login.username

        def work() -> None:
            seen = self._seen(user)
            if len(seen) > 1 or any(one.second for one in seen):
                raise ChangeRefused(f"{user!r} has more passwords or accounts than the one that it may change itself")
            self._run(f"ALTER USER USER() IDENTIFIED BY {self._text(new)} REPLACE {self._text(self._own)}")

        self._done(work, user)
        self._own = new

    def set_password(self, user: str, new: Password) -> None:
        """Change that of all accounts of this name, and end their second passwords."""

        def work() -> None:
            found = self._accounts(user)
            self._alter(found, f"IDENTIFIED BY {self._text(new)}")
            self._alter(found, "DISCARD OLD PASSWORD")

        self._done(work, user)

    def add_password(self, user: str, new: Password) -> None:
        """Make it the current one and keep the one that was; a repetition would push that out, and is not done."""

        def work() -> None:
            found = [one for one in self._accounts(user) if not one.is_current(new)]
            self._alter(found, f"IDENTIFIED BY {self._text(new)} RETAIN CURRENT PASSWORD")

        self._done(work, user)

    def retire_passwords(self, user: str, keep: Sequence[Password]) -> None:
        """Put the first of these in place of a current one that is none of them; then end second ones that are none."""

        def work() -> None:
            found = self._accounts(user)
            lost = [one for one in found if not any(map(one.is_current, keep))]
            self._alter(lost, f"IDENTIFIED BY {self._text(keep[0])}")
            surplus = [one for one in found if one.second and not any(map(one.is_second, keep))]
            self._alter(surplus, "DISCARD OLD PASSWORD")

        self._done(work, user)

    def clone_user(self, source: str, target: str, password: Password) -> None:
        """Make the target's accounts like the source's, with this password."""
        # An original is told by its clone's name; the grants of a clone that is half made must not become its own.
        if source != target + _CLONE:

            def work() -> None:
                hosts = [one.host for one in require_usable(self._found(source), source)]
                others = [one.host for one in self._found(target)]
                accounts.clone(self._run, (source, target), hosts, others, self._text(password))

            self._done(work, target)
        self.set_password(target, password)

    def make_user(self, like: str, user: str, password: Password) -> None:
        """Make a clone, at all hosts that the other has."""
        self.clone_user(like, user, password)

    def drop_user(self, user: str) -> None:
        """Drop all accounts of this name."""

        def work() -> None:
            for one in self._found(user):
                self._run(f"DROP USER {one.quoted}")

        self._done(work, user)

    def privileges(self, user: str) -> frozenset[str]:
        """Ask for grants and options; of the session's own user for those of the account that it logged in by."""

        def own() -> frozenset[str]:
            ((name,),) = self._run(f"SELECT {OWN}")
            return accounts.privileges(self._run, OWN, name.rpartition("@")[2])

        def of_all() -> frozenset[str]:
            each = (accounts.privileges(self._run, quoted(user, one.host), one.host) for one in self._found(user))
            return frozenset().union(*each)

        return self._done(own if user == self._login.username else of_all, user)

    def password_policy(self) -> PasswordPolicy:
        """Ask for the variables of validate_password (component or plug-in); where it is not loaded there are none."""
        rows = self._done(lambda: self._run(f"SHOW GLOBAL VARIABLES LIKE '{_POLICY}%'"))
        found = {name.removeprefix(_POLICY)[1:]: value for name, value in rows}
        if found.get("policy", "LOW") in {"LOW", "0"}:
            return PasswordPolicy(length=int(found.get("length", 0)))
        cases = int(found.get("mixed_case_count", 0))
        return PasswordPolicy(
            length=int(found.get("length", 0)),
            digits=int(found.get("number_count", 0)),
            uppercase=cases,
            lowercase=cases,
            others=int(found.get("special_char_count", 0)),
        )

    def _alter(self, found: Sequence[Account], how: str) -> None:
        if found:
            self._run("ALTER USER " + ", ".join(f"{one.quoted} {how}" for one in found))

    def _accounts(self, user: str) -> Sequence[Account]:
        return require_usable(self._found(user), user)

    def _found(self, user: str) -> list[Account]:
        return accounts_of(self._run, user, self._connection.escape(user))

    def _seen(self, user: str) -> list[Account]:
        import pymysql  # noqa: PLC0415 - an optional driver

        try:
            return self._found(user)
        except pymysql.Error as error:
            if number_of(error) != _MAY_NOT_READ:
                raise
            return []

    def _text(self, password: Password) -> str:
        return str(self._connection.escape(password.reveal()))

    def _refusal(self, error: Exception, user: str) -> ChangeRefused | EngineUnavailable | PasswordRefused:
        return refusal(error, user, self._login.username)
