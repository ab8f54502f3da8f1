"""One connection to MariaDB, and what a rotation does over it."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from detent.functions.engines.mariadb import users
from detent.functions.engines.mariadb.accounts import Account, digest_of, quoted
from detent.functions.engines.mariadb.failures import refusal
from detent.functions.errors import ChangeRefused, EngineUnavailable, PasswordRefused
from detent.functions.mysql_protocol.failures import number_of
from detent.functions.mysql_protocol.session import ProtocolSession
from detent.functions.passwords import Password, PasswordPolicy

_CLONE: Final = "_clone"  # AWS: its templates' suffix
_POLICY: Final = "simple_password_check_"
_FAILED: Final = 1396  # MariaDB: ER_CANNOT_USER, which says that it failed and not why
_MAY_NOT_READ: Final = 1142


class MariadbSession(ProtocolSession):
    """One connection. MariaDB commits each statement on an account by itself."""

    def change_own_password(self, new: Password) -> None:
        """Change that of the account that the login matched, by SET PASSWORD: it needs no right.

        It changes the first of an account's passwords and no other account of the name; where there are more, as far
        as the user sees, it is refused.
        """
        user = self._login.username

        def work() -> None:
            own = users.account(self._run, users.OWN)
            if own.others or len(own.hashes) > 1 or len(self._hosts_if_seen(user)) > 1:
                raise ChangeRefused(f"{user!r} has more passwords or accounts than the one that it may change itself")
            self._run(f"SET PASSWORD = '{digest_of(new)}'")

        self._done(work, user)

    def set_password(self, user: str, new: Password) -> None:
        """Change that of all accounts of this name."""

        def work() -> None:
            accounts = self._accounts(user)
            users.require_single(accounts)
            users.change(self._run, accounts, lambda _: [digest_of(new)])

        self._done(work, user)

    def add_password(self, user: str, new: Password) -> None:
        """Put it before the others of each account."""
        digest = digest_of(new)
        self._change(user, lambda one: dict.fromkeys([digest, *one.hashes]))

    def retire_passwords(self, user: str, keep: Sequence[Password]) -> None:
        """Leave each account those of these that it has; one that has none gets them, so that it is not shut."""
        digests = [digest_of(one) for one in keep]
        self._change(user, lambda one: [kept for kept in one.hashes if kept in digests] or digests)

    def clone_user(self, source: str, target: str, password: Password) -> None:
        """Make the target's accounts like the source's, with this password."""
        # An original is told by its clone's name; the grants of a clone that is half made must not become its own.
        if source != target + _CLONE:

            def work() -> None:
                hosts = self._required_hosts(source)
                users.clone(self._run, hosts, self._hosts(target), (source, target), digest_of(password))

            self._done(work, target)
        self.set_password(target, password)

    def make_user(self, like: str, user: str, password: Password) -> None:
        """Make a clone, at all hosts that the other has."""
        self.clone_user(like, user, password)

    def drop_user(self, user: str) -> None:
        """Drop all accounts of this name."""

        def work() -> None:
            for host in self._hosts(user):
                self._run(f"DROP USER {quoted(user, host)}")

        self._done(work, user)

    def privileges(self, user: str) -> frozenset[str]:
        """Ask for grants and options; of the session's own user for those of the account that it logged in by."""

        def own() -> frozenset[str]:
            ((name,),) = self._run(f"SELECT {users.OWN}")
            return users.privileges(self._run, users.OWN, name.rpartition("@")[2])

        def of_all() -> frozenset[str]:
            each = (users.privileges(self._run, quoted(user, host), host) for host in self._hosts(user))
            return frozenset().union(*each)

        return self._done(own if user == self._login.username else of_all, user)

    def password_policy(self) -> PasswordPolicy:
        """Ask for the variables of the plug-in simple_password_check; where it is not loaded there are none."""
        rows = self._done(lambda: self._run(f"SHOW GLOBAL VARIABLES LIKE '{_POLICY}%'"))
        found = {name.removeprefix(_POLICY): int(value) for name, value in rows}
        letters = found.get("letters_same_case", 0)
        return PasswordPolicy(
            length=found.get("minimal_length", 0),
            digits=found.get("digits", 0),
            uppercase=letters,
            lowercase=letters,
            others=found.get("other_characters", 0),
        )

    def _change(self, user: str, hashes: Callable[[Account], Any]) -> None:
        self._done(lambda: users.change(self._run, self._accounts(user), hashes), user)

    def _accounts(self, user: str) -> list[Account]:
        return [users.account(self._run, quoted(user, host)) for host in self._required_hosts(user)]

    def _required_hosts(self, user: str) -> list[str]:
        hosts = self._hosts(user)
        if not hosts:
            raise ChangeRefused(f"there is no user {user!r} on the server")
        return hosts

    def _hosts(self, user: str) -> list[str]:
        return users.hosts_of(self._run, self._connection.escape(user))

    def _hosts_if_seen(self, user: str) -> list[str]:
        import pymysql  # noqa: PLC0415 - an optional driver

        try:
            return self._hosts(user)
        except pymysql.Error as error:
            if number_of(error) != _MAY_NOT_READ:
                raise
            return []

    def _refusal(self, error: Exception, user: str) -> ChangeRefused | EngineUnavailable | PasswordRefused:
        return refusal(error, user, self._login.username, self._cause(error))

    def _cause(self, error: Exception) -> tuple[int, str] | None:
        """Ask what the server warned of before it said that a statement on an account failed."""
        if number_of(error) != _FAILED:
            return None
        warned = self._done(lambda: self._run("SHOW WARNINGS"))
        return next(((number, text) for level, number, text in warned if level == "Error" and number != _FAILED), None)
