"""What a rotation does on RDS for Db2: procedures in the database RDSADMIN, grants in the secret's own."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from detent.functions.engines import Login, Remaining
from detent.functions.engines.db2.driver import logged_in, run, unwritable, with_password
from detent.functions.engines.db2.failures import exists_already, refusal, said
from detent.functions.engines.db2.members import Members, members_of, quoted
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused, ProbeFailed
from detent.functions.passwords import Password

T = TypeVar("T")

_CLONE: Final = "_clone"  # AWS: its templates' suffix
_ADMIN_DATABASE: Final = "RDSADMIN"
_FIRST_LOOK: Final = 0.5  # seconds
_LONGEST: Final = 20.0  # for a change to be applied


class Db2Session:
    """One connection to the secret's database; that to RDSADMIN is made when it is needed."""

    def __init__(self, connection: Any, login: Login, remaining: Remaining) -> None:  # noqa: ANN401 - an untyped driver
        self._connection = connection
        self._admin: Any = None
        self._login = login
        self._remaining = remaining

    def ping(self) -> None:
        """Ask for a constant."""
        self._run("SELECT 1 FROM SYSIBM.SYSDUMMY1")

    def set_password(self, user: str, new: Password) -> None:
        """Ask for the change, and wait until the user logs in by it."""
        if unwritable(new.reveal()):
            raise PasswordRefused("the new password holds characters that Db2's driver cannot be given")
        self._procedure("CALL rdsadmin.change_password(?, ?)", user, new.reveal())
        self._await(user, new)

    def clone_user(self, source: str, target: str, password: Password) -> None:
        """Make the target, give it what the source is a member of, and take the rest; the original keeps its own."""
        if source != target + _CLONE:
            wanted = self._members(source)
            if wanted.objects:
                raise ChangeRefused(_to_a_role(source, wanted))
            self._add(target, password)
            self._converge(target, wanted)
        self.set_password(target, password)

    def privileges(self, user: str) -> frozenset[str]:
        """Name roles, authorities, groups, and rights on single objects."""
        return self._members(user).words()

    def probe(self, statement: str) -> Sequence[Any] | None:
        """Run it, and take back what it wrote."""
        import ibm_db_dbi  # noqa: PLC0415 - an optional driver

        try:
            self._connection.set_autocommit(is_on=False)
            rows = run(self._connection, statement)
        except ibm_db_dbi.Error as error:
            lost = isinstance(refusal(error, "", ""), EngineUnavailable)
            failure = (
                EngineUnavailable("the connection was lost")
                if lost
                else ProbeFailed(f"the server refused it: {said(error)}")
            )
        else:
            return rows[0] if rows else None
        finally:
            self._done(self._rolled_back)
        raise failure

    def close(self) -> None:
        """End the connections."""
        for connection in (self._connection, self._admin):
            if connection is not None:
                _closed(connection)

    def _add(self, user: str, password: Password) -> None:
        import ibm_db_dbi  # noqa: PLC0415 - an optional driver

        try:
            run(self._at_admin(), "CALL rdsadmin.add_user(?, ?, ?)", user, password.reveal(), "")
        except ibm_db_dbi.Error as error:
            if exists_already(error):
                return
            failure = refusal(error, user, self._login.username)
        else:
            return
        raise failure

    def _converge(self, user: str, wanted: Members) -> None:
        there = self._members(user)
        for statement in wanted.statements(there, quoted(user.upper())):
            self._run(statement, user=user)
        for verb, groups in (("add", wanted.groups - there.groups), ("remove", there.groups - wanted.groups)):
            if groups:
                self._procedure(f"CALL rdsadmin.{verb}_groups(?, ?)", user, ",".join(sorted(groups)))

    def _members(self, user: str) -> Members:
        return self._done(lambda: members_of(lambda *words: run(self._connection, *words), user), user)

    def _await(self, user: str, new: Password) -> None:
        """Log in until it works; a user that may not connect to this database has logged in too."""
        until, pause = time.monotonic() + _LONGEST, _FIRST_LOOK
        while True:
            try:
                _closed(logged_in(with_password(self._login, user, new), self._remaining))
            except LoginRejected:
                if time.monotonic() > until or self._remaining() < 2 * pause:
                    break
            except EngineUnavailable as error:
                if "may not connect" not in str(error):
                    raise
                return
            else:
                return
            time.sleep(pause)
            pause *= 2
        raise EngineUnavailable(f"the server has not applied the new password of {user!r} yet")

    def _procedure(self, statement: str, user: str, *parameters: str) -> None:
        self._done(lambda: run(self._at_admin(), statement, user, *parameters), user)

    def _at_admin(self) -> Any:  # noqa: ANN401 - as above
        if str(self._login.settings["dbname"]).upper() == _ADMIN_DATABASE:
            return self._connection
        if self._admin is None:
            try:
                self._admin = logged_in(self._login, self._remaining, _ADMIN_DATABASE)
            except (LoginRejected, EngineUnavailable) as error:
                failure = ChangeRefused(
                    f"{self._login.username!r} gets not into the database {_ADMIN_DATABASE}: {error}"
                )
            else:
                return self._admin
            raise failure
        return self._admin

    def _rolled_back(self) -> None:
        self._connection.rollback()
        self._connection.set_autocommit(is_on=True)

    def _run(self, statement: str, *parameters: object, user: str = "") -> list[Sequence[Any]]:
        return self._done(lambda: run(self._connection, statement, *parameters), user)

    def _done(self, work: Callable[[], T], user: str = "") -> T:
        """Do it, or raise what its refusal means, without the driver's error hanging on it."""
        import ibm_db_dbi  # noqa: PLC0415 - an optional driver

        try:
            return work()
        except ibm_db_dbi.Error as error:
            failure = refusal(error, user, self._login.username)
        raise failure


def _to_a_role(user: str, found: Members) -> str:
    some = sorted(found.objects)
    return (
        f"{user!r} has rights of its own on single objects, which are not copied ({', '.join(some[:5])}"
        f"{' and more' if len(some) > 5 else ''}): CREATE ROLE …, grant them to the role, "  # noqa: PLR2004 - enough to tell
        f"GRANT ROLE … TO USER {quoted(user.upper())}, then REVOKE them from the user"
    )


def _closed(connection: Any) -> None:  # noqa: ANN401 - as above
    import ibm_db_dbi  # noqa: PLC0415 - an optional driver

    try:
        connection.close()
    except ibm_db_dbi.Error:
        return
