"""MySQL 8.4, played: accounts with two passwords, grants, default roles; PyMySQL's cursors and quoting are real.

From the manual, and unconfirmed: what the statements do to a second password, the texts of SHOW CREATE USER and SHOW
GRANTS, that passwords are hidden in the server's logs, and all error numbers.
"""

import re
import socket
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest import mock

from pymysql.connections import Connection
from pymysql.converters import escape_string
from pymysql.err import DatabaseError, OperationalError, error_map

from detent.functions.engines.mysql.passwords import sha256_crypt
from scripted.server import Account, Rows, ScriptedServer, Session, said
from scripted.target import ScriptedTarget

NAME = r"`(?P<user>(?:[^`]|``)*)`(?:@`(?P<host>[^`]*)`)?"
WHO = rf"(?:{NAME}|(?P<own>CURRENT_USER\(\)))"
TEXT = r"'(?:[^'\\]|\\.)*'"
OPTIONS = {
    "REQUIRE": "NONE",
    "WITH": "",
    "PASSWORD EXPIRE": "DEFAULT",
    "PASSWORD HISTORY": "DEFAULT",
    "PASSWORD REUSE INTERVAL": "DEFAULT",
    "PASSWORD REQUIRE CURRENT": "DEFAULT",
    "FAILED_LOGIN_ATTEMPTS": "0",
    "PASSWORD_LOCK_TIME": "0",
}
NO_LIMITS = " ".join(
    f"MAX_{what} 0" for what in ("QUERIES_PER_HOUR", "UPDATES_PER_HOUR", "CONNECTIONS_PER_HOUR", "USER_CONNECTIONS")
)


def error(number: int, text: str = "as the server says it") -> DatabaseError:
    kind = error_map.get(number, OperationalError)
    return kind(number, text)


def clear(literal: str) -> str:
    letters = {"n": "\n", "r": "\r", "0": "\0", "Z": "\x1a"}
    return re.sub(r"\\(.)", lambda found: letters.get(found[1], found[1]), literal[1:-1], flags=re.DOTALL)


class MysqlServer(ScriptedServer):
    """``keeps`` is the current password's hash, and then that of the second one."""

    def lost(self) -> Exception:
        return error(2013, "Lost connection to MySQL server during query")

    def rejected(self, user: str) -> Exception:
        return error(1045, f"Access denied for user '{user}'@'localhost' (using password: YES)")

    def keeps_of(self, account: Account, password: str) -> bytes:
        salt = f"{account.name:_<20.20}".encode("ascii", "replace")
        return b"$A$001$" + salt + sha256_crypt(password.encode(), salt, 1000)

    def admitted(self, account: Account, given: dict[str, Any]) -> None:
        if account.settings.get("locked"):
            raise error(3118, "Access denied for user. Account is locked.")
        if given.get("database") == "no such database":
            raise error(1049, "Unknown database 'no such database'")

    def written_down(self, statement: str) -> str:
        return re.sub(rf"(BY|REPLACE) {TEXT}", r"\1 <secret>", statement)

    def may(self, session: Session, right: str, number: int = 1227) -> None:
        if session.user != "root" and right not in self.accounts[session.user].rights:
            raise error(number, f"Access denied; you need (at least one of) the {right} privilege(s)")

    def account(self, session: Session, user: str | None) -> Account:
        name = session.user if user is None else user.replace("``", "`")
        if name not in self.accounts:
            raise error(1396, f"Operation ALTER USER failed for '{name}'@'%'")
        return self.accounts[name]

    def hosts(self, account: Account) -> list[str]:
        return list(account.settings.get("hosts", ["%"]))

    # How a session begins

    @said(r"SET SESSION max_execution_time = \d+, sql_quote_show_create = 1, sql_mode = 'STRICT_TRANS_TABLES'")
    def begin(self, _: Session) -> None:
        if self.version.endswith("MariaDB"):
            raise error(1193, "Unknown system variable 'max_execution_time'")

    version = "8.4.3"

    @said(r"SELECT CURRENT_USER\(\), VERSION\(\)")
    def who(self, session: Session) -> Rows:
        return [(f"{self.let_in_as or session.user}@%", self.version)]

    let_in_as = ""

    @said(r"SELECT CURRENT_USER\(\)")
    def own(self, session: Session) -> Rows:
        return [(f"{session.user}@%",)]

    @said("SELECT 1|SELECT 40 \\+ 2, 'x'")
    def constant(self, _: Session) -> Rows:
        return [(42, "x")]

    @said("SET @detent = .*|START TRANSACTION|ROLLBACK|SET SESSION sql_mode = @detent")
    def around_a_probe(self, _: Session) -> None:
        pass

    @said("SELECT authentication_string FROM mysql.user")
    def refused(self, session: Session) -> None:
        raise error(1142, f"SELECT command denied to user '{session.user}'@'%' for table 'user'")

    policy: ClassVar[dict[str, str]] = {}

    @said("SHOW GLOBAL VARIABLES LIKE 'validate_password%'")
    def variables(self, _: Session) -> Rows:
        return list(self.policy.items())

    # Accounts

    @said(
        r"SELECT Host, plugin, HEX\(authentication_string\), HEX\(User_attributes->>'\$.additional_password'\), "
        rf"account_locked = 'Y' FROM mysql.user WHERE User = (?P<name>{TEXT}) ORDER BY Host"
    )
    def user_rows(self, session: Session, name: str) -> Rows:
        self.may(session, "SELECT ON mysql.*", 1142)
        account = self.accounts.get(clear(name))
        if account is None:
            return []
        kept = [*(each.hex() for each in account.keeps), None][:2]
        locked = int(bool(account.settings.get("locked")))
        return [(host, "caching_sha2_password", *kept, locked) for host in self.hosts(account)]

    @said(rf"CREATE USER {NAME} IDENTIFIED BY (?P<password>{TEXT})")
    def create_user(self, session: Session, user: str, host: str | None, password: str) -> None:
        self.may(session, "CREATE USER ON *.*")
        name = user.replace("``", "`")
        if name in self.accounts and (host or "%") in self.hosts(self.accounts[name]):
            raise error(1396, f"Operation CREATE USER failed for '{name}'@'%'")
        self.create(name, clear(password), hosts=[*self.accounts[name].settings["hosts"], host]) if (
            name in self.accounts
        ) else self.create(name, clear(password), hosts=[host or "%"])

    @said(rf"DROP USER {NAME}")
    def drop_user(self, session: Session, user: str, host: str) -> None:
        self.may(session, "CREATE USER ON *.*")
        hosts = self.hosts(self.account(session, user))
        hosts.remove(host)
        self.accounts[user].settings["hosts"] = hosts
        if not hosts:
            del self.accounts[user]

    @said(rf"ALTER USER USER\(\) IDENTIFIED BY (?P<password>{TEXT}) REPLACE (?P<former>{TEXT})")
    def alter_own(self, session: Session, password: str, former: str) -> None:
        account = self.accounts[session.user]
        if account.keeps[0] != self.keeps_of(account, clear(former)):
            raise error(3891, "Incorrect current password. Specify the correct password which has to be replaced.")
        account.keeps[0] = self.keeps_of(account, clear(password))

    @said(
        rf"ALTER USER {NAME} (?P<how>IDENTIFIED BY (?P<password>{TEXT})(?P<retain> RETAIN CURRENT PASSWORD)?"
        r"|DISCARD OLD PASSWORD)(?P<more>(?:, `[^`]*`@`[^`]*` .*)?)"
    )
    def alter_password(self, session: Session, **found: Any) -> None:
        self.may(session, "CREATE USER ON *.*")
        account = self.account(session, found["user"])
        named = [found["host"], *re.findall(r", `[^`]*`@`([^`]*)` ", found["more"])]
        assert named == self.hosts(account), "of one user, all accounts are changed in one statement"
        assert found["more"].count(found["how"]) == len(named) - 1
        if found["password"] is None:
            account.keeps = account.keeps[:1]
            return
        if found["retain"] and not account.keeps[0]:
            raise error(3878, "Empty password can not be retained as second password for user")
        kept = account.keeps[:1] if found["retain"] else account.keeps[1:]
        account.keeps = [self.keeps_of(account, clear(found["password"])), *kept]

    # Options and default roles

    @said(rf"SHOW CREATE USER {WHO}")
    def show_create_user(self, session: Session, user: str | None, host: str | None, own: str | None) -> Rows:
        if own is None:
            self.may(session, "SELECT ON mysql.*", 1142)
        account = self.account(session, user)
        options = {**OPTIONS, **account.settings.get("options", {})}
        quoted = f"`{account.name.replace('`', '``')}`@`{host or '%'}`"
        role = f" DEFAULT ROLE {account.settings['role']}" if account.settings.get("role", "NONE") != "NONE" else ""
        limits = f" WITH {options['WITH']}" if options["WITH"] not in {"", NO_LIMITS} else ""
        current = options["PASSWORD REQUIRE CURRENT"]
        expire = f" {options['PASSWORD EXPIRE']}".rstrip()
        row = (
            f"CREATE USER {quoted} IDENTIFIED WITH 'caching_sha2_password' AS '<secret>'{role} "
            f"REQUIRE {options['REQUIRE']}{limits} PASSWORD EXPIRE{expire} ACCOUNT UNLOCK "
            f"PASSWORD HISTORY {options['PASSWORD HISTORY']} "
            f"PASSWORD REUSE INTERVAL {options['PASSWORD REUSE INTERVAL']} PASSWORD REQUIRE CURRENT {current}"
        )
        return [(row,)]

    @said(
        rf"ALTER USER {NAME} REQUIRE (?P<require>\w+) WITH (?P<limits>MAX_[A-Z_0-9 ]+) PASSWORD EXPIRE(?P<expire>.*?) "
        r"PASSWORD HISTORY (?P<history>\w+) PASSWORD REUSE INTERVAL (?P<reuse>[\w ]+?) PASSWORD REQUIRE CURRENT "
        r"(?P<current>\w+) FAILED_LOGIN_ATTEMPTS (?P<attempts>\d+) PASSWORD_LOCK_TIME (?P<lock>\w+)"
    )
    def alter_options(self, session: Session, user: str, host: str, **given: str) -> None:  # noqa: ARG002
        self.may(session, "CREATE USER ON *.*")
        values = {key: value.strip() for key, value in zip(OPTIONS, given.values(), strict=True)}
        self.account(session, user).settings["options"] = values

    @said(rf"ALTER USER {NAME} DEFAULT ROLE (?P<roles>NONE|[`@%\w,]+)")
    def alter_role(self, session: Session, user: str, host: str, roles: str) -> None:  # noqa: ARG002
        self.may(session, "CREATE USER ON *.*")
        account = self.account(session, user)
        if roles != "NONE" and f"ROLE {roles}" not in account.rights:
            raise error(3530, f"{roles} is not granted to {account.name}@%")
        account.settings["role"] = roles

    # Grants

    @said(rf"SHOW GRANTS FOR {WHO}")
    def show_grants(self, session: Session, user: str | None, host: str | None, own: str | None) -> Rows:  # noqa: ARG002
        if own is None:
            self.may(session, "SELECT ON mysql.*", 1044)
        account = self.account(session, user)
        to = f"`{account.name.replace('`', '``')}`@`%`"
        rows = [f"GRANT USAGE ON *.* TO {to}"]
        for right in sorted(account.rights):
            if right.startswith("ROLE "):
                rows.append(f"GRANT {right[5:]} TO {to}")
            elif right.startswith("GRANT OPTION ON "):
                on = re.sub(r"(\w+)(?=\.|$)", r"`\1`", right[16:])
                rows.append(f"GRANT USAGE ON {on} TO {to} WITH GRANT OPTION")
            else:
                what, _, on = right.partition(" ON ")
                on = re.sub(r"(\w+)(?=\.|$)", r"`\1`", on)
                what = re.sub(r"\((\w+)\)", r"(`\1`)", what)
                rows.append(f"GRANT {what} ON {on} TO {to}")
        return [(row,) for row in rows]

    @said(
        rf"GRANT (?P<what>[A-Z_ ,()`a-z]+) ON (?P<on>[`*.\w]+) TO {NAME}(?P<option> WITH GRANT OPTION)?"
        r"(?: /\* all that .* has \*/)?"
    )
    def grant(self, session: Session, **found: str) -> None:
        account, on = self.account(session, found["user"]), found["on"].replace("`", "")
        for one in found["what"].replace("`", "").split(", "):
            if session.user != "root" and f"GRANT OPTION ON {on.split('.')[0]}.*" not in self.rights(session):
                raise error(1142, f"GRANT command denied to user '{session.user}'@'%' for table 't'")
            if one != "USAGE":
                account.rights.add(f"{one} ON {on}")
        if found["option"]:
            account.rights.add(f"GRANT OPTION ON {on}")

    @said(rf"REVOKE (?P<what>[A-Z_ ()`a-z]+) ON (?P<on>[`*.\w]+) FROM {NAME}")
    def revoke(self, session: Session, what: str, on: str, user: str, host: str) -> None:  # noqa: ARG002
        self.account(session, user).rights.remove(f"{what} ON {on}".replace("`", ""))

    @said(rf"GRANT (?P<role>`\w+`@`%`) TO {NAME}")
    def grant_role(self, session: Session, role: str, user: str, host: str) -> None:  # noqa: ARG002
        self.may(session, "ROLE_ADMIN ON *.*")
        self.account(session, user).rights.add(f"ROLE {role}")

    @said(rf"REVOKE (?P<role>`\w+`@`%`) FROM {NAME}")
    def revoke_role(self, session: Session, role: str, user: str, host: str) -> None:  # noqa: ARG002
        self.may(session, "ROLE_ADMIN ON *.*")
        self.account(session, user).rights.remove(f"ROLE {role}")

    def rights(self, session: Session) -> set[str]:
        return self.accounts[session.user].rights


class MysqlTarget(ScriptedTarget):
    engine = "mysql"
    says: ClassVar = {
        "wrong password": "wrong password",
        "unknown user": "no such user",
        "no administrator": r"GRANT CREATE USER ON \*\.\*",
        "missing database": "database does not exist",
    }
    missing_database: ClassVar = {"dbname": "no such database"}
    granted_probe: ClassVar = {"statement": "SELECT 40 + 2, 'x'", "expect": [42, "x"]}
    refused_probe: ClassVar = "SELECT authentication_string FROM mysql.user"
    writes_log: ClassVar = "<secret>"
    drivers: ClassVar = ("pymysql",)
    server: MysqlServer

    def grant_something(self, user: str) -> None:
        account = self.server.accounts[user]
        account.rights |= {"SELECT ON app.*", "INSERT ON app.t", "UPDATE (a) ON app.t", "GRANT OPTION ON app.t"}
        account.settings["options"] = {"WITH": NO_LIMITS.replace("USER_CONNECTIONS 0", "USER_CONNECTIONS 50")}

    def grant_more(self, user: str) -> None:
        self.server.accounts[user].rights.add("DELETE ON app.t")

    def revoke_more(self, user: str) -> None:
        self.server.accounts[user].rights.remove("DELETE ON app.t")

    def quoted(self, name: str) -> str:
        return f"`{name.replace('`', '``')}`"

    def literal(self, password: str) -> str:
        return f"'{escape_string(password)}'"


def start_mysql(running: ExitStack) -> MysqlTarget:
    server = MysqlServer()
    running.callback(server.close)
    real_connect, real_query = Connection.connect, Connection.query

    def connect(self: Any, sock: socket.socket | None = None) -> None:
        if self.port != server.port:
            return real_connect(self, sock)
        if sock:
            sock.close()
        given = {"database": self.db, "ssl": self.ssl}
        self.played = server.login(self.user, self.password.decode(), given)
        self.server_status = 0
        return None

    def query(self: Any, sql: str | bytes, unbuffered: bool = False) -> int:
        if not hasattr(self, "played"):
            return real_query(self, sql, unbuffered)
        rows = server.run(self.played, sql.decode() if isinstance(sql, bytes) else sql)
        left = list(rows or [])
        self._result = SimpleNamespace(
            affected_rows=len(left), insert_id=0, warning_count=0, has_next=False, rows=rows, fields=[],
            description=None if rows is None else (("column", 0, 0, 0, 0, 0, True),), unbuffered_active=unbuffered,
            _read_rowdata_packet_unbuffered=lambda: left.pop(0) if left else None,
            _finish_unbuffered_query=left.clear,
        )  # fmt: skip
        return len(left)

    real_close = Connection.close

    def close(self: Any) -> None:
        if hasattr(self, "played"):
            self.played.close()
        real_close(self)

    running.enter_context(mock.patch.object(Connection, "close", close))
    running.enter_context(mock.patch.object(Connection, "connect", connect))
    running.enter_context(mock.patch.object(Connection, "query", query))
    return MysqlTarget(server)
