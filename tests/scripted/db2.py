"""RDS for Db2, played: users of the operating system, roles, authorities, groups, and a change that takes a while.

From the manuals of Db2 11.5 and of RDS, and unconfirmed: the procedures' rights and words, and the driver's texts.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar
from unittest import mock

import ibm_db_dbi

from detent.functions.engines.db2 import session as engine_session
from detent.functions.engines.db2.driver import unwritable
from detent.functions.engines.db2.members import _AUTHORITIES
from scripted.server import Account, Connection, Rows, ScriptedServer, Session, said
from scripted.target import ScriptedTarget

NAME = r'"(?P<user>(?:[^"]|"")*)"'
_COLUMNS = ", ".join(_AUTHORITIES)
_WHERE = r"WHERE GRANTEE = \? AND GRANTEETYPE = 'U'"


def error(code: int, text: str, kind: Any = ibm_db_dbi.ProgrammingError, state: str = "42501") -> Exception:
    said = f"[IBM][CLI Driver][DB2/LINUXX8664] SQL{-code:04}N  {text}  SQLSTATE={state} SQLCODE={code}"
    made: Exception = kind(said)
    return made


def security(reason: int, words: str) -> Exception:
    text = f'Security processing failed with reason "{reason}" ("{words}").'
    return error(-30082, text, ibm_db_dbi.OperationalError, "08001")


class Db2Server(ScriptedServer):
    """Rights are "role …", "authority …", "group …", "object …", "execute …"; ``busy`` is a change not yet applied."""

    waits = 2  # logins until a change is applied

    def lost(self) -> Exception:
        return error(-30081, "A communication error has been detected.", ibm_db_dbi.OperationalError, "08001")

    def rejected(self, user: str) -> Exception:  # noqa: ARG002
        return security(24, "USERNAME AND/OR PASSWORD INVALID")

    def admitted(self, account: Account, given: dict[str, Any]) -> None:
        database = str(given.get("DATABASE", "SHOP")).upper()
        if database not in {"SHOP", "RDSADMIN"}:
            raise error(-1013, f'The database alias name or database name "{database}" could not be found.')
        if database == "SHOP" and "authority CONNECT" not in account.rights:
            raise error(-1060, f'User "{account.name}" does not have the CONNECT privilege.', state="08004")

    def login(self, name: str, password: str, given: dict[str, Any]) -> Session:
        account = self.accounts.get(name)
        if account and "busy" in account.settings:
            new, left = account.settings.pop("busy")
            if left > 1:
                account.settings["busy"] = (new, left - 1)
            else:
                account.keeps = [new]
        return super().login(name, password, given)

    def of(self, session: Session) -> Account:
        """The account that a statement's parameter names as catalogs do."""
        return next((one for one in self.accounts.values() if one.name.upper() == session.parameters[0]), Account(""))

    def kinds(self, account: Account, kind: str) -> list[str]:
        return sorted(one.removeprefix(f"{kind} ") for one in account.rights if one.startswith(f"{kind} "))

    def require(self, session: Session, right: str) -> None:
        if session.user != "root" and right not in self.accounts[session.user].rights:
            raise error(-551, f'The statement failed because the authorization ID does not have the "{right}".')

    def named(self, quoted: str) -> Account:
        name = quoted.replace('""', '"')
        return next(one for one in self.accounts.values() if one.name.upper() == name.upper())

    @said(r"SELECT 1 FROM SYSIBM\.SYSDUMMY1|SELECT 42 FROM SYSIBM\.SYSDUMMY1")
    def constant(self, _: Session) -> Rows:
        return [(42,)]

    @said("SELECT 1 FROM SHOP.PAYROLL")
    def payroll(self, session: Session) -> Rows:
        self.require(session, "object SELECT on TABLE SHOP.PAYROLL")
        return []

    @said(rf"SELECT {_COLUMNS} FROM SYSCAT\.DBAUTH {_WHERE}")
    def authorities(self, session: Session) -> Rows:
        had = self.kinds(self.of(session), "authority")
        return [["Y" if name in had else "N" for name in _AUTHORITIES.values()]] if had else []

    @said(rf"SELECT ROLENAME, ADMIN FROM SYSCAT\.ROLEAUTH {_WHERE}")
    def roles(self, session: Session) -> Rows:
        found = [one.partition(" WITH ") for one in self.kinds(self.of(session), "role")]
        return [(f"{name}  ", "Y" if option else "N") for name, option, _ in found]

    @said(r"SELECT T\.GROUP FROM TABLE\(SYSPROC\.AUTH_LIST_GROUPS_FOR_AUTHID\(\?\)\) AS T")
    def groups(self, session: Session) -> Rows:
        return [(group,) for group in self.kinds(self.of(session), "group")]

    @said(
        r"SELECT PRIVILEGE, OBJECTTYPE, OBJECTSCHEMA, OBJECTNAME FROM SYSIBMADM\.PRIVILEGES"
        r" WHERE AUTHID = \? AND AUTHIDTYPE = 'U'"
    )
    def objects(self, session: Session) -> Rows:
        found = [one.split() for one in self.kinds(self.of(session), "object")]
        return [(verb, kind, *name.split(".")) for verb, _, kind, name in found]

    @said(rf'(?P<verb>GRANT|REVOKE) ROLE "(?P<role>\w+)" (?:TO|FROM) USER {NAME}(?P<admin> WITH ADMIN OPTION)?')
    def role(self, session: Session, verb: str, role: str, user: str, admin: str | None) -> None:
        self.require(session, "authority SECADM")
        held = self.named(user).rights
        held -= {f"role {role}", f"role {role} WITH ADMIN OPTION"}
        held |= {f"role {role}{admin or ''}"} if verb == "GRANT" else set()

    @said(rf"(?P<verb>GRANT|REVOKE) (?P<what>[A-Z_]+) ON DATABASE (?:TO|FROM) USER {NAME}")
    def authority(self, session: Session, verb: str, what: str, user: str) -> None:
        self.require(session, "authority SECADM")
        held = self.named(user).rights
        held -= {f"authority {what}"}
        held |= {f"authority {what}"} if verb == "GRANT" else set()

    @said(rf"GRANT EXECUTE ON PROCEDURE RDSADMIN\.(?P<procedure>[A-Z_]+) TO USER {NAME}")
    def execute(self, session: Session, procedure: str, user: str) -> None:
        assert session.user == "root"
        self.named(user).rights.add(f"execute {procedure}")

    @said(r"CALL rdsadmin\.add_user\('(?P<user>.*)', '(?P<password>.*)', ''\)")
    def add_as_root(self, session: Session, user: str, password: str) -> None:
        assert session.user == "root"
        self.create(user, password)

    @said(r"CALL rdsadmin\.add_user\(\?, \?, \?\)")
    def add_user(self, session: Session) -> None:
        self.require(session, "execute ADD_USER")
        name, password, _ = session.parameters
        if name in self.accounts:
            raise error(-438, f"Application raised error with diagnostic text: User {name} already exists.")
        self.create(name, password)

    @said(r"CALL rdsadmin\.change_password\(\?, \?\)")
    def change_password(self, session: Session) -> None:
        self.require(session, "execute CHANGE_PASSWORD")
        name, password = session.parameters
        if name not in self.accounts:
            raise error(-438, f"Application raised error with diagnostic text: User {name} does not exist.")
        self.accounts[name].settings["busy"] = (password, self.waits)

    @said(r"CALL rdsadmin\.(?P<verb>add|remove)_groups\(\?, \?\)")
    def change_groups(self, session: Session, verb: str) -> None:
        self.require(session, f"execute {verb.upper()}_GROUPS")
        name, groups = session.parameters
        named = {f"group {group}" for group in groups.split(",")}
        held = self.accounts[name].rights
        held.symmetric_difference_update(named)
        assert (named <= held) is (verb == "add")


class Db2Connection(Connection):
    is_on = True

    def set_autocommit(self, is_on: bool) -> None:
        self.is_on = is_on

    def rollback(self) -> None:
        assert not self.is_on
        if not self.session.open:
            raise self.server.lost()


@contextmanager
def patched(server: Db2Server) -> Iterator[None]:
    """Put a stand-in in the driver's place for the server's port; it reads the connection string as the manual says."""
    real = ibm_db_dbi.connect

    def connect(text: str, **options: Any) -> Any:
        given = dict(part.split("=", 1) for part in text.rstrip(";").split(";"))
        if int(given["PORT"]) != server.port:
            return real(text, **options)
        assert options["conn_options"] == {ibm_db_dbi.SQL_ATTR_AUTOCOMMIT: ibm_db_dbi.SQL_AUTOCOMMIT_ON}
        assert set(given) >= {"DATABASE", "HOSTNAME", "PROTOCOL", "ConnectTimeout", "ReceiveTimeout"}
        return Db2Connection(server, server.login(given.pop("UID"), given.pop("PWD"), given))

    with mock.patch.object(ibm_db_dbi, "connect", connect):
        yield


class Db2Target(ScriptedTarget):
    engine = "db2"
    says: ClassVar = {
        "wrong password": "wrong password",
        "unknown user": "no such user",
        "no administrator": "EXECUTE on the procedures",
        "missing database": "database does not exist",
    }
    missing_database: ClassVar = {"dbname": "NOWHERE"}
    granted_probe: ClassVar = {"statement": "SELECT 42 FROM SYSIBM.SYSDUMMY1", "expect": [42]}
    refused_probe: ClassVar = "SELECT 1 FROM SHOP.PAYROLL"
    writes_log: ClassVar = "change_password"
    drivers: ClassVar = ("ibm_db_dbi",)

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        return {**super().value(user, password), "dbname": "SHOP", **settings}

    def create_user(self, user: str, password: str) -> None:
        self.server.create(user, password, "authority CONNECT")

    def set_password(self, user: str, password: str) -> None:
        self.server.accounts[user].settings.pop("busy", None)
        super().set_password(user, password)

    def let_change_itself(self, user: str) -> None:
        """Nothing makes it able to."""

    def takes_name(self, name: str) -> bool:
        return not unwritable(name)

    def grant_something(self, user: str) -> None:
        self.server.accounts[user].rights |= {
            "role SHOP_APP", "role SHOP_REPORTS WITH ADMIN OPTION", "authority EXPLAIN", "authority BINDADD",
            "group clerks", "group readers",
        }  # fmt: skip

    def grant_more(self, user: str) -> None:
        self.server.accounts[user].rights |= {"role SHOP_MORE", "group more", "authority LOAD"}

    def revoke_more(self, user: str) -> None:
        self.server.accounts[user].rights -= {"role SHOP_MORE", "group more", "authority LOAD"}


def start_db2(running: ExitStack) -> ScriptedTarget:
    server = Db2Server()
    running.callback(server._listener.close)
    running.enter_context(mock.patch.object(engine_session, "_FIRST_LOOK", 0.001))
    running.enter_context(patched(server))
    return Db2Target(server)
