"""SQL Server, played: logins, their users in one database, roles of both; and a database that keeps passwords itself.

From the manual, and unconfirmed: the statements, what each right allows, that messages 15151 and 18456 are given for
what they are given here, and that nothing is written down of a statement that holds a password.
"""

from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, ClassVar

import pymssql

from scripted.server import Account, Connection, Rows, ScriptedServer, Session, patched, said
from scripted.target import ScriptedTarget

NAME = r"\[(?P<name>(?:[^\]]|\]\])*)\]"
OR_NOT = " or you do not have permission."
TEXT = r"N?'(?P<password>(?:[^']|'')*)'"
OPTIONS = r"DEFAULT_DATABASE = \[(?P<db>\w+)\], DEFAULT_LANGUAGE = \[(?P<language>\w+)\], CHECK_POLICY = (?P<policy>ON|OFF), CHECK_EXPIRATION = (?P<expiration>ON|OFF)"  # noqa: E501


def error(number: int, text: str = "as the server says it") -> Exception:
    """Make what the driver does of a message: number and text in a tuple of bytes."""
    return pymssql.OperationalError((number, f"{text}DB-Lib error message 20018, severity 16:\n".encode()))


class SqlserverServer(ScriptedServer):
    """Settings: "user" of the login in the database (None: none), "schema", "options"; "contained" for a user alone."""

    def lost(self) -> Exception:
        return error(20047, "DBPROCESS is dead or not enabled")

    def rejected(self, user: str) -> Exception:
        return error(18456, f"Login failed for user '{user}'.")

    def admitted(self, account: Account, given: dict[str, Any]) -> None:
        if account.settings.get("disabled"):
            raise error(18470, "Login failed: the account is disabled.")
        if given.get("database") == "no such database":
            raise error(4060, 'Cannot open database "no such database" requested by the login. The login failed.')

    def written_down(self, statement: str) -> str:
        return "-- 'password' was found in the text of this event" if "PASSWORD" in statement else statement

    def create(self, name: str, password: str, *rights: str, **settings: Any) -> Account:
        options = {"options": ("master", "us_english", True, False), "user": None, "schema": "dbo"}
        return super().create(name, password, *rights, **{**options, **settings})

    def require(self, session: Session, right: str, number: int = 15247) -> None:
        if session.user != "root" and right not in self.accounts[session.user].rights:
            raise error(number, "User does not have permission to perform this action.")

    def named(self, quoted: str, kind: str = "login") -> Account:
        name = quoted.replace("]]", "]")
        if name not in self.accounts:
            raise error(
                15151, f"Cannot alter the {kind} '{name}', because it does not exist or you do not have permission."
            )
        return self.accounts[name]

    def asked_of(self, session: Session, right: str) -> Account | None:
        """Metadata are seen by whom they are about, and by who may."""
        name = session.parameters[0]
        seen = name == session.user or right in self.accounts[session.user].rights
        return self.accounts.get(name) if seen else None

    # Sessions and probes

    @said("SELECT 1|SELECT 40 \\+ 2, 'x%'")
    def constant(self, _: Session) -> Rows:
        return [(42, "x%")]

    @said("BEGIN TRANSACTION|IF @@TRANCOUNT > 0 ROLLBACK")
    def around_a_probe(self, _: Session) -> None:
        pass

    @said("SELECT a FROM secret.t")
    def refused(self, _: Session) -> None:
        raise error(229, "The SELECT permission was denied on the object 't'.")

    # Catalogs

    @said("SELECT is_disabled FROM sys.sql_logins WHERE name = %s")
    def login_row(self, session: Session) -> Rows:
        account = self.asked_of(session, "ALTER ANY LOGIN")
        return [(account.settings.get("disabled", False),)] if account else []

    @said(r"SELECT default_database_name, .* FROM sys.sql_logins WHERE name = %s")
    def options(self, session: Session) -> Rows:
        account = self.asked_of(session, "ALTER ANY LOGIN")
        return [account.settings["options"]] if account and not account.settings.get("contained") else []

    @said(
        r"SELECT name, default_schema_name, authentication_type FROM sys.database_principals WHERE "
        r"\(authentication_type = 2 AND name = %s\) OR \(authentication_type = 1 AND sid = SUSER_SID\(%s\)\)"
    )
    def user_row(self, session: Session) -> Rows:
        account = self.asked_of(session, "VIEW DEFINITION")
        if account is None or not account.settings["user"]:
            return []
        return [(account.settings["user"], account.settings["schema"], 2 if account.settings.get("contained") else 1)]

    @said(r"SELECT r.name FROM sys.server_role_members m .* WHERE u.name = %s")
    def server_roles(self, session: Session) -> Rows:
        return self.of_kind(self.asked_of(session, "ALTER ANY LOGIN"), "server role ")

    @said(r"SELECT r.name FROM sys.database_role_members m .* WHERE u.name = %s")
    def roles(self, session: Session) -> Rows:
        user = session.parameters[0]
        account = next((one for one in self.accounts.values() if one.settings["user"] == user), None)
        return self.of_kind(account, "role ")

    @said(r"SELECT p.state_desc .* FROM sys.(?:server|database)_permissions p .* WHERE u.name = %s")
    def direct(self, _: Session) -> Rows:
        return [("GRANT CONNECT on DATABASE",)]

    def of_kind(self, account: Account | None, kind: str) -> Rows:
        rights = sorted(account.rights) if account else []
        return [(right.removeprefix(kind),) for right in rights if right.startswith(kind)]

    # Logins

    @said(rf"CREATE LOGIN {NAME} WITH PASSWORD = {TEXT}(?:, {OPTIONS})?")
    def create_login(self, session: Session, name: str, password: str, db: str | None, **options: str) -> None:
        self.require(session, "ALTER ANY LOGIN")
        name = name.replace("]]", "]")
        if name in self.accounts:
            raise error(15025, f"The server principal '{name}' already exists.")
        account = self.create(name, password.replace("''", "'"))
        if db:
            self.set_options(account, db, **options)

    def set_options(self, account: Account, db: str, language: str, policy: str, expiration: str) -> None:
        account.settings["options"] = (db, language, policy == "ON", expiration == "ON")

    @said(rf"DROP (?P<kind>LOGIN|USER) {NAME}")
    def drop(self, session: Session, kind: str, name: str) -> None:
        self.require(session, f"ALTER ANY {kind}")
        account = self.named(name)
        account.settings["user"] = None
        if kind == "LOGIN" or account.settings.get("contained"):
            del self.accounts[name]

    @said(rf"ALTER LOGIN {NAME} WITH {OPTIONS}")
    def alter_options(self, session: Session, name: str, **options: str) -> None:
        self.require(session, "ALTER ANY LOGIN")
        self.set_options(self.named(name), **options)

    @said(rf"ALTER (?P<kind>LOGIN|USER) {NAME} WITH PASSWORD = {TEXT}(?: OLD_PASSWORD = N'(?P<former>(?:[^']|'')*)')?")
    def alter_password(self, session: Session, kind: str, name: str, password: str, former: str | None) -> None:
        account = self.named(name)
        assert (kind == "USER") == bool(account.settings.get("contained"))
        if former is None:
            self.require(session, f"ALTER ANY {kind}", 15151)
        elif account.keeps != [former.replace("''", "'")] or account.name != session.user:
            raise error(
                15151, f"Cannot alter the login '{name}', because it does not exist or you do not have permission."
            )
        if self.minimum and len(password) < self.minimum:
            raise error(15116, "Password validation failed. The password does not meet policy: it is too short.")
        account.keeps = [password.replace("''", "'")]

    minimum = 0

    @said(rf"ALTER SERVER ROLE \[(?P<role>\w+)\] (?P<how>ADD|DROP) MEMBER {NAME}")
    def alter_server_role(self, session: Session, role: str, how: str, name: str) -> None:
        self.require(session, "ALTER ANY SERVER ROLE", 15151)
        rights = self.named(name).rights
        (rights.add if how == "ADD" else rights.remove)(f"server role {role}")

    # Users of the database

    @said(rf"CREATE USER {NAME} FOR LOGIN \[(?P<login>.*?)\](?: WITH DEFAULT_SCHEMA = \[(?P<schema>\w+)\])?")
    def create_user(self, session: Session, name: str, login: str, schema: str | None) -> None:
        self.require(session, "ALTER ANY USER")
        self.named(login).settings.update(user=name.replace("]]", "]"), schema=schema or "dbo")

    @said(rf"CREATE USER {NAME} WITH PASSWORD = {TEXT}, DEFAULT_SCHEMA = \[(?P<schema>\w+)\]")
    def create_contained(self, session: Session, name: str, password: str, schema: str) -> None:
        self.require(session, "ALTER ANY USER")
        name = name.replace("]]", "]")
        self.create(name, password.replace("''", "'"), user=name, schema=schema, contained=True)

    @said(rf"ALTER USER {NAME} WITH DEFAULT_SCHEMA = \[(?P<schema>\w+)\]")
    def alter_schema(self, session: Session, name: str, schema: str) -> None:
        self.require(session, "ALTER ANY USER")
        self.named(name, "user").settings["schema"] = schema

    @said(rf"ALTER ROLE \[(?P<role>\w+)\] (?P<how>ADD|DROP) MEMBER {NAME}")
    def alter_role(self, session: Session, role: str, how: str, name: str) -> None:
        self.require(session, "ALTER ANY ROLE", 15151)
        rights = self.named(name, "user").rights
        (rights.add if how == "ADD" else rights.remove)(f"role {role}")

    @said(rf"GRANT (?P<right>[A-Z ]+) TO {NAME}(?: /\* .* \*/)?")
    def grant(self, session: Session, right: str, name: str) -> None:
        assert session.user == "root"
        self.named(name).rights.add(right)


class SqlserverTarget(ScriptedTarget):
    engine = "sqlserver"
    says: ClassVar = {
        "wrong password": "wrong password",
        "unknown user": "no such login",
        "no administrator": "GRANT ALTER ANY LOGIN",
        "missing database": "database does not exist",
    }
    missing_database: ClassVar = {"dbname": "no such database"}
    granted_probe: ClassVar = {"statement": "SELECT 40 + 2, 'x%'", "expect": [42, "x%"]}
    refused_probe: ClassVar = "SELECT a FROM secret.t"
    writes_log: ClassVar = "-- 'password' was found"
    drivers: ClassVar = ("pymssql",)

    def grant_something(self, user: str) -> None:
        account = self.server.accounts[user]
        account.rights |= {"server role watchers", "role readers", "role writers"}
        account.settings.update(user=user, schema="app", options=("app", "us_english", False, False))

    def grant_more(self, user: str) -> None:
        self.server.accounts[user].rights.add("role menders")

    def revoke_more(self, user: str) -> None:
        self.server.accounts[user].rights.remove("role menders")

    def quoted(self, name: str) -> str:
        return f"[{name.replace(']', ']]')}]"


def start_sqlserver(running: ExitStack) -> SqlserverTarget:
    server = SqlserverServer()
    running.callback(server.close)

    def connect(*, user: str, password: str, **given: Any) -> Any:
        connection: Any = Connection(server, server.login(user, password, given))
        connection._conn = SimpleNamespace(query_timeout=0)
        return connection

    running.enter_context(patched(pymssql, "connect", server, connect))
    return SqlserverTarget(server)
