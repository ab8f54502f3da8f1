"""Redshift, played: users with one password each, roles and groups.

From AWS's manual, and unconfirmed: the statements, the catalogs' columns, what sys:secadmin and sys:monitor may do, and
the digest of ``sha256|digest|salt``. The SQLSTATEs are PostgreSQL's.
"""

import hashlib
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, ClassVar

import redshift_connector

from scripted.server import Account, Connection, Rows, ScriptedServer, Session, patched, said
from scripted.target import ScriptedTarget

NAME = r'"(?P<user>(?:[^"]|"")*)"'
HASH = r"'sha256\|(?P<digest>[0-9a-f]{64})\|(?P<salt>[0-9a-f]{64})'"


def error(state: str, text: str = "as the server says it") -> Exception:
    kind = redshift_connector.InterfaceError if state == "28000" else redshift_connector.ProgrammingError
    return kind({"S": "ERROR", "C": state, "M": text})


class RedshiftServer(ScriptedServer):
    """``keeps`` is the digest and the salt. Rights are "role …", "group …" and those given directly."""

    def lost(self) -> Exception:
        return redshift_connector.InterfaceError("connection is closed")

    def rejected(self, user: str) -> Exception:
        return error("28000", f'password authentication failed for user "{user}"')

    def keeps_of(self, account: Account, password: str) -> Any:  # noqa: ARG002
        return hashlib.sha256(password.encode() + b"salt").hexdigest(), b"salt"

    def admits(self, account: Account, password: str) -> bool:
        return any(hashlib.sha256(password.encode() + salt).hexdigest() == digest for digest, salt in account.keeps)

    def admitted(self, account: Account, given: dict[str, Any]) -> None:  # noqa: ARG002
        if given.get("database") == "no such database":
            raise error("3D000", 'database "no such database" does not exist')

    def require(self, session: Session, *roles: str) -> None:
        if session.user != "root" and not set(roles) <= self.accounts[session.user].rights:
            raise error("42501", "permission denied")

    def named(self, quoted: str) -> Account:
        name = quoted.replace('""', '"')
        if name not in self.accounts:
            raise error("42704", f'user "{name}" does not exist')
        return self.accounts[name]

    def asked_of(self, session: Session) -> Account | None:
        (name,) = session.parameters
        return self.accounts.get(name)

    @said(r"SELECT 1|SELECT 40 \+ 2, 'x' \|\| '%'")
    def constant(self, _: Session) -> Rows:
        return [(42, "x%")]

    @said("BEGIN|ROLLBACK")
    def around_a_probe(self, _: Session) -> None:
        pass

    @said("SELECT passwd FROM pg_shadow")
    def refused(self, _: Session) -> None:
        raise error("42501", "permission denied for relation pg_shadow")

    @said(r"SELECT usesuper, coalesce\(valuntil < now\(\)::abstime, false\) FROM pg_user WHERE usename = \?")
    def user_row(self, session: Session) -> Rows:
        account = self.asked_of(session)
        return [(account.settings.get("super", False), account.settings.get("expired", False))] if account else []

    @said(r"SELECT role_name, admin_option FROM svv_user_grants WHERE user_name = \?")
    def roles(self, session: Session) -> Rows:
        account = self.asked_of(session)
        if account is None or account.name != session.user:
            self.require(session, "role sys:monitor")
        return [(right[5:], False) for right in sorted(account.rights if account else ()) if right.startswith("role ")]

    @said(r"SELECT g.groname FROM pg_group g, pg_user u WHERE u.usesysid = ANY\(g.grolist\) AND u.usename = \?")
    def groups(self, session: Session) -> Rows:
        account = self.asked_of(session)
        return [(right[6:],) for right in sorted(account.rights if account else ()) if right.startswith("group ")]

    @said(r"SELECT usecreatedb, array_to_string\(useconfig, ', '\) FROM pg_user WHERE usename = \?")
    def settings(self, session: Session) -> Rows:
        account = self.asked_of(session)
        return [(False, account.settings.get("config"))] if account else []

    @said(
        r"SELECT privilege_type, .*, admin_option FROM svv_(?P<kind>relation|schema|database)_privileges"
        r" WHERE identity_type = 'user' AND identity_name = \?"
    )
    def direct(self, session: Session, kind: str) -> Rows:
        account = self.asked_of(session)
        rights = [right.split(" on ") for right in sorted(account.rights if account else ()) if " on " in right]
        return [(right, on, False) for right, on in rights if kind == "relation"]

    @said(rf"CREATE USER {NAME} PASSWORD (?:{HASH}|'(?P<clear>[^']*)')")
    def create_user(self, session: Session, user: str, clear: str | None, **given: str) -> None:
        self.require(session, "role sys:secadmin")
        name = user.replace('""', '"')
        if name in self.accounts:
            raise error("42710", f'user "{name}" already exists')
        assert clear is None or session.user == "root", "an engine sends hashes"
        account = self.create(name, clear or "")
        if clear is None:
            account.keeps = [(given["digest"], bytes.fromhex(given["salt"]))]

    @said(rf"DROP USER IF EXISTS {NAME}")
    def drop_user(self, session: Session, user: str) -> None:
        self.require(session, "role sys:secadmin")
        self.accounts.pop(user, None)

    @said(rf"ALTER USER {NAME} PASSWORD {HASH}")
    def alter_user(self, session: Session, user: str, digest: str, salt: str) -> None:
        account = self.named(user)
        if account.name != session.user:
            self.require(session, "role sys:secadmin")
        account.keeps = [(digest, bytes.fromhex(salt))]

    @said(rf'GRANT ROLE "?(?P<role>[\w:]+)"? TO {NAME}')
    def grant_role(self, session: Session, role: str, user: str) -> None:
        self.require(session, "role sys:secadmin")
        self.named(user).rights.add(f"role {role}")

    @said(rf'REVOKE ROLE "(?P<role>[\w:]+)" FROM {NAME}')
    def revoke_role(self, session: Session, role: str, user: str) -> None:
        self.require(session, "role sys:secadmin")
        self.named(user).rights.remove(f"role {role}")

    @said(rf'ALTER GROUP "(?P<group>\w+)" (?P<how>ADD|DROP) USER {NAME}')
    def alter_group(self, session: Session, group: str, how: str, user: str) -> None:
        if not self.accounts[session.user].settings.get("super"):
            raise error("42501", "must be superuser to alter groups")
        rights = self.named(user).rights
        (rights.add if how == "ADD" else rights.remove)(f"group {group}")


class RedshiftTarget(ScriptedTarget):
    engine = "redshift"
    says: ClassVar = {
        "wrong password": "wrong password",
        "unknown user": "no such user",
        "no administrator": "GRANT ROLE sys:secadmin",
        "missing database": "database does not exist",
    }
    missing_database: ClassVar = {"dbname": "no such database"}
    granted_probe: ClassVar = {"statement": "SELECT 40 + 2, 'x' || '%'", "expect": [42, "x%"]}
    refused_probe: ClassVar = "SELECT passwd FROM pg_shadow"
    writes_log: ClassVar = "PASSWORD 'sha256|"
    drivers: ClassVar = ("redshift_connector",)

    def grant_something(self, user: str) -> None:
        self.server.accounts[user].rights |= {"role readers", "role writers"}

    def grant_more(self, user: str) -> None:
        self.server.accounts[user].rights.add("role menders")

    def revoke_more(self, user: str) -> None:
        self.server.accounts[user].rights.remove("role menders")

    def quoted(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'


def start_redshift(running: ExitStack) -> RedshiftTarget:
    server = RedshiftServer()
    running.callback(server.close)

    def connect(*, user: str, password: str, **given: Any) -> Any:
        connection: Any = Connection(server, server.login(user, password, given))
        connection._usock = SimpleNamespace(settimeout=lambda _: None)
        return connection

    running.enter_context(patched(redshift_connector, "connect", server, connect))
    return RedshiftTarget(server)
