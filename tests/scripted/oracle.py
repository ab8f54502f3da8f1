"""Oracle, played: users with gradual password rollover, roles, privileges and quotas.

From the manual, and unconfirmed: the statements, what a second change does within a rollover (the first and the latest
password stay), that passwords are hidden in the audit trail, and the codes.
"""

import re
from contextlib import ExitStack
from importlib import import_module
from typing import Any, ClassVar

import oracledb

from detent.functions.engines.oracle.accounts import folded
from scripted.server import Account, Connection, Rows, ScriptedServer, Session, patched, said
from scripted.target import ScriptedTarget

NAME = r'(?:"(?P<name>[^"]+)"|(?P<plain>\w+))'
PASSWORD = r'IDENTIFIED BY "(?P<password>[^"]+)"'
PLACES = r'PROFILE "(?P<profile>\w+)" DEFAULT TABLESPACE "(?P<default>\w+)" TEMPORARY TABLESPACE "(?P<temporary>\w+)"'


def error(code: int | str, text: str = "as the server says it") -> Exception:
    """Make the driver's own exception of a server's code, or of one of its own ("DPY-6001")."""
    kind = import_module("oracledb.errors")._Error
    own = isinstance(code, str)
    told = kind(message=f"{code}: {text}") if own else kind(message=f"ORA-{code:05}: {text}", code=code)
    made: Exception = told.exc_type(told)
    return made


class Names(dict[str, Account]):
    """Users by their names as Oracle reads them."""

    def __getitem__(self, name: str) -> Account:
        return super().__getitem__(folded(name))

    def __setitem__(self, name: str, account: Account) -> None:
        super().__setitem__(folded(name), account)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(folded(str(name)))

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(folded(name), default)


class OracleServer(ScriptedServer):
    """``keeps`` is the first password and, within a rollover, the latest. Rights: "role …", "system …", "object …"."""

    def __init__(self) -> None:
        super().__init__()
        self.accounts = Names()
        self.profiles = {"DEFAULT": "0"}
        self.verify = lambda _: None

    def lost(self) -> Exception:
        return error("DPY-1001", "not connected to database")

    def rejected(self, user: str) -> Exception:  # noqa: ARG002
        return error(1017, "invalid username/password; logon denied")

    def admitted(self, account: Account, given: dict[str, Any]) -> None:
        if account.settings["status"] == "LOCKED":
            raise error(28000, "The account is locked.")
        if given.get("service_name") == "no such database":
            raise error("DPY-6001", 'Service "no such database" is not registered with the listener')

    def written_down(self, statement: str) -> str:
        return re.sub(r'(IDENTIFIED BY|REPLACE) "[^"]*"', r"\1 *", statement)

    def create(self, name: str, password: str, *rights: str, **settings: Any) -> Account:
        places = {"profile": "DEFAULT", "default": "USERS", "temporary": "TEMP", "quotas": {}, "defaults": set()}
        return super().create(name, password, *rights, **{"status": "OPEN", **places, **settings})

    def login(self, name: str, password: str, given: dict[str, Any]) -> Session:
        session = super().login(f'"{folded(name)}"', password, given)
        session.user = folded(name)
        return session

    def end_sessions(self, user: str) -> None:
        super().end_sessions(folded(user))

    def require(self, session: Session, right: str, code: int = 1031) -> None:
        if session.user != "root" and right not in self.accounts[session.user].rights:
            raise error(code, "insufficient privileges" if code == 1031 else "table or view does not exist")

    def named(self, name: str | None, plain: str | None) -> Account:
        found = name or (plain or "").upper()
        if found not in self.accounts:
            raise error(1918, f"user '{found}' does not exist")
        return self.accounts[f'"{found}"']

    def asked_of(self, session: Session) -> Account | None:
        self.require(session, "role SELECT_CATALOG_ROLE", 942)
        return self.accounts.get(f'"{session.parameters[0]}"')

    def rollover(self, account: Account) -> bool:
        return self.profiles[account.settings["profile"]] != "0"

    # Sessions and probes

    @said("SELECT 1 FROM DUAL|SELECT 40 \\+ 2, 'x' FROM DUAL")
    def constant(self, _: Session) -> Rows:
        return [(42, "x")]

    @said("SELECT a FROM secret.t")
    def refused(self, _: Session) -> None:
        raise error(1031, "insufficient privileges")

    # Catalogs

    @said("SELECT account_status FROM dba_users WHERE username = :1")
    def status(self, session: Session) -> Rows:
        account = self.asked_of(session)
        if account is None:
            return []
        return [("OPEN & IN ROLLOVER" if len(account.keeps) > 1 else account.settings["status"],)]

    @said("SELECT limit FROM user_password_limits WHERE resource_name = 'PASSWORD_ROLLOVER_TIME'")
    def own_limit(self, session: Session) -> Rows:
        return [(self.profiles[self.accounts[f'"{session.user}"'].settings["profile"]],)]

    @said(r"SELECT DECODE\(p.limit, 'DEFAULT', d.limit, p.limit\) FROM dba_users u JOIN dba_profiles .* = :1")
    def limit(self, session: Session) -> Rows:
        account = self.asked_of(session)
        return [(self.profiles[account.settings["profile"]],)] if account else []

    @said("SELECT profile, default_tablespace, temporary_tablespace FROM dba_users WHERE username = :1")
    def places(self, session: Session) -> Rows:
        account = self.asked_of(session)
        return [tuple(account.settings[one] for one in ("profile", "default", "temporary"))] if account else []

    @said("SELECT default_tablespace, temporary_tablespace FROM user_users")
    def own_places(self, session: Session) -> Rows:
        settings = self.accounts[f'"{session.user}"'].settings
        return [(settings["default"], settings["temporary"])]

    @said(
        "SELECT [a-z_, ]+ FROM (?P<view>(?:dba|user)_(?:role_privs|sys_privs|tab_privs|tab_privs_recd|ts_quotas))"
        "(?P<named> WHERE (?:grantee|username) = :1)?"
    )
    def grants(self, session: Session, view: str, named: str | None) -> Rows:
        account = self.asked_of(session) if named else self.accounts[f'"{session.user}"']
        if account is None:
            return []
        if view.endswith("quotas"):
            return sorted(account.settings["quotas"].items())
        kind = {"role": "role", "sys_": "system", "tab_": "object"}[view.split("_", 1)[1][:4]]
        return [
            self.row(kind, right.split(" ", 1)[1], account) for right in sorted(account.rights) if right[:4] == kind[:4]
        ]

    def row(self, kind: str, right: str, account: Account) -> tuple[str, ...]:
        if kind == "role":
            return right, "NO", "YES" if right in account.settings["defaults"] else "NO"
        if kind == "system":
            return right, "NO"
        what, _, on = right.partition(" on ")
        return what, *on.split("."), "NO"

    @said("SELECT privilege, owner, table_name, column_name FROM user_col_privs_recd|SELECT client FROM user_proxies")
    def nothing(self, _: Session) -> Rows:
        return []

    # Users

    @said(rf"CREATE USER {NAME} {PASSWORD}(?: {PLACES})?")
    def create_user(self, session: Session, name: str, plain: str, password: str, **places: str | None) -> None:
        self.require(session, "system CREATE USER")
        user = name or plain.upper()
        if user in self.accounts:
            raise error(1920, f"user name '{user}' conflicts with another user or role name")
        self.create(f'"{user}"', password, **{key: value for key, value in places.items() if value})

    @said(rf'ALTER USER {NAME} {PASSWORD}(?: REPLACE "(?P<former>[^"]+)")?')
    def alter_password(self, session: Session, name: str, plain: str, password: str, former: str | None) -> None:
        account = self.named(name, plain)
        if folded(account.name) != session.user:
            self.require(session, "system ALTER USER")
        elif former is None:
            raise error(28221, "REPLACE not specified")
        elif former not in account.keeps:
            raise error(28008, "invalid old password")
        if refused := self.verify(password):
            raise refused
        account.keeps = [account.keeps[0], password] if self.rollover(account) else [password]

    @said(rf"ALTER USER {NAME} EXPIRE PASSWORD ROLLOVER PERIOD")
    def end_rollover(self, session: Session, name: str, plain: str) -> None:
        self.require(session, "system ALTER USER")
        account = self.named(name, plain)
        account.keeps = account.keeps[-1:]

    @said(rf"ALTER USER {NAME} {PLACES}")
    def alter_places(self, session: Session, name: str, plain: str, **places: str) -> None:
        self.require(session, "system ALTER USER")
        self.named(name, plain).settings.update(places)

    @said(rf'ALTER USER {NAME} QUOTA (?P<size>\d+|UNLIMITED) ON "(?P<tablespace>\w+)"')
    def alter_quota(self, session: Session, name: str, plain: str, size: str, tablespace: str) -> None:
        self.require(session, "system ALTER USER")
        quotas = self.named(name, plain).settings["quotas"]
        quotas[tablespace] = -1 if size == "UNLIMITED" else int(size)
        if size == "0":
            del quotas[tablespace]

    @said(rf'ALTER USER {NAME} DEFAULT ROLE (?P<roles>NONE|(?:"\w+"(?:, )?)+)')
    def alter_defaults(self, session: Session, name: str, plain: str, roles: str) -> None:
        self.require(session, "system ALTER USER")
        account, wanted = self.named(name, plain), set(re.findall(r'"(\w+)"', roles))
        if not {f"role {one}" for one in wanted} <= account.rights:
            raise error(1955, "DEFAULT ROLE not granted to user")
        account.settings["defaults"] = wanted

    @said(r"CREATE PROFILE (?P<profile>\w+) LIMIT PASSWORD_ROLLOVER_TIME (?P<days>\d+)")
    def create_profile(self, session: Session, profile: str, days: str) -> None:
        assert session.user == "root"
        self.profiles[profile.upper()] = days

    @said(rf"ALTER USER {NAME} PROFILE (?P<profile>\w+)")
    def alter_profile(self, session: Session, name: str, plain: str, profile: str) -> None:
        self.require(session, "system ALTER USER")
        self.named(name, plain).settings["profile"] = profile.upper()

    # Grants

    @said(rf'(?P<verb>GRANT|REVOKE) (?P<what>"\w+"|[A-Z_ ,]+?)(?P<on> ON "\w+"."\w+")? (?:TO|FROM) {NAME}')
    def grant(self, session: Session, **found: str) -> None:
        rights = self.named(found["name"], found["plain"]).rights
        for what in found["what"].split(", "):
            role = what.strip('"')
            kind = "object" if found["on"] else "role" if what != role or role == "SELECT_CATALOG_ROLE" else "system"
            needed = {"object": "OBJECT PRIVILEGE", "role": "ROLE", "system": "PRIVILEGE"}[kind]
            self.require(session, f"system GRANT ANY {needed}")
            on = " on " + found["on"][4:].replace('"', "") if found["on"] else ""
            (rights.add if found["verb"] == "GRANT" else rights.remove)(f"{kind} {role}{on}")
            if kind == "role" and found["verb"] == "GRANT":  # as the server does by itself
                self.named(found["name"], found["plain"]).settings["defaults"].add(role)


class OracleTarget(ScriptedTarget):
    engine = "oracle"
    says: ClassVar = {
        "wrong password": "wrong password",
        "unknown user": "no such user",
        "no administrator": "GRANT ALTER USER",
        "missing database": "knows no such service",
    }
    missing_database: ClassVar = {"dbname": "no such database"}
    granted_probe: ClassVar = {"statement": "SELECT 40 + 2, 'x' FROM DUAL", "expect": [42, "x"]}
    refused_probe: ClassVar = "SELECT a FROM secret.t"
    writes_log: ClassVar = "IDENTIFIED BY *"
    drivers: ClassVar = ("oracledb",)

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        return super().value(user, password, **{"dbname": "service", **settings})

    def create_administrator(self, user: str, password: str, over: str) -> None:
        every = [self.module.FACTS.privileges[name].admin for name in ("alternating-users", "dual-password")]
        for statement in dict.fromkeys(one for templates in every for one in templates):
            self.server.as_root(statement.format(user=over, admin=user).replace('"…"', f'"{password}"'))

    def takes_name(self, name: str) -> bool:
        return re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) is not None

    def takes_password(self, password: str) -> bool:
        return '"' not in password

    def grant_something(self, user: str) -> None:
        account = self.server.accounts[user]
        account.rights |= {"role READERS", "role WRITERS", "system CREATE SESSION", "object SELECT on APP.T"}
        account.settings.update(default="APP", quotas={"APP": -1, "USERS": 1000}, defaults={"READERS"})

    def grant_more(self, user: str) -> None:
        self.server.accounts[user].rights.add("object DELETE on APP.T")

    def revoke_more(self, user: str) -> None:
        self.server.accounts[user].rights.remove("object DELETE on APP.T")


def start_oracle(running: ExitStack) -> OracleTarget:
    server = OracleServer()
    running.callback(server.close)

    def connect(*, user: str, password: str, **given: Any) -> Any:
        connection: Any = Connection(server, server.login(user, password, given))
        connection.rollback = lambda: None
        return connection

    running.enter_context(patched(oracledb, "connect", server, connect))
    return OracleTarget(server)
