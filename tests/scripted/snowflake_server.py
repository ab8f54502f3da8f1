"""Snowflake, played: users with two public keys each, a comment, and roles that own them.

From its manual, and unconfirmed: what DESCRIBE USER shows to whom, and the numbers of errors.
"""

import base64
import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, ClassVar
from unittest import mock

import snowflake.connector
from cryptography.hazmat.primitives import serialization as forms
from snowflake.connector.errors import DatabaseError, OperationalError, ProgrammingError

from detent.functions.engines.snowflake import pairs
from detent.functions.engines.snowflake import session as engine_session
from detent.functions.engines.snowflake.pairs import Pair, new_pair
from scripted.server import Account, Connection, Rows, ScriptedServer, Session, patched, said
from scripted.target import ScriptedTarget

NAME = r'(?P<user>[A-Za-z_][A-Za-z0-9_$]*|"(?:[^"]|"")*")'
SLOT = "(?P<slot>RSA_PUBLIC_KEY(?:_2)?)"
_NOBODY = new_pair()


def fingerprint(public: str) -> str:
    return f"SHA256:{base64.b64encode(hashlib.sha256(base64.b64decode(public)).digest()).decode()}"


class SnowflakeServer(ScriptedServer):
    """``settings`` are the properties; rights are the roles that a user has, and "owner …" the role that owns it."""

    def lost(self) -> Exception:
        return OperationalError(msg="250002: Connection is closed", errno=250002)

    def rejected(self, user: str) -> Exception:  # noqa: ARG002
        return DatabaseError(
            msg="Failed to connect to DB: x:443. JWT token is invalid.", errno=390144, sqlstate="08001"
        )

    def admits(self, account: Account, password: str) -> bool:
        return password in {account.settings.get("RSA_PUBLIC_KEY"), account.settings.get("RSA_PUBLIC_KEY_2")}

    def admitted(self, account: Account, given: dict[str, Any]) -> None:
        if given.get("role") and given["role"] not in account.rights:
            raise DatabaseError(msg="Role specified in the connect string is not granted.", errno=390189)

    def named(self, name: str) -> Account:
        plain = name[1:-1].replace('""', '"') if name.startswith('"') else name
        if plain not in self.accounts:
            raise ProgrammingError(
                msg=f"User '{plain}' does not exist or not authorized.", errno=2003, sqlstate="02000"
            )
        return self.accounts[plain]

    def owned(self, session: Session, name: str) -> Account:
        account = self.named(name)
        if session.user != "root" and account.settings.get("owner") not in self.accounts[session.user].rights:
            words = f"Insufficient privileges to operate on user '{account.name}'"
            raise ProgrammingError(msg=f"SQL access control error: {words}", errno=3001, sqlstate="42501")
        return account

    @said("SELECT 1|SELECT 42|BEGIN|ROLLBACK")
    def constant(self, _: Session) -> Rows:
        return [(42,)]

    @said("SELECT 1 FROM PAYROLL")
    def payroll(self, _: Session) -> Rows:
        raise ProgrammingError(msg="Object 'PAYROLL' does not exist or not authorized.", errno=2003, sqlstate="02000")

    @said(f"DESCRIBE USER {NAME}")
    def describe(self, session: Session, user: str) -> Rows:
        account = self.named(user) if self.named(user).name == session.user else self.owned(session, user)
        told = {"NAME": account.name, "COMMENT": account.settings.get("COMMENT")}
        for slot in ("RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2"):
            public = account.settings.get(slot)
            told |= {slot: public or "null", f"{slot}_FP": fingerprint(public) if public else "null"}
        return [(name, value or "null", "null", "as the manual describes it") for name, value in told.items()]

    @said(rf"ALTER USER {NAME} SET {SLOT} = '(?P<public>[A-Za-z0-9+/=]+)' COMMENT = '(?P<comment>(?:[^']|'')*)'")
    def set_key(self, session: Session, user: str, slot: str, public: str, comment: str) -> Rows:
        account = self.owned(session, user)
        assert not account.settings.get(slot), "a slot that is taken must not be overwritten"
        text = comment.replace("''", "'").replace("\\\\", "\\")
        account.settings |= {slot: public, "COMMENT": text}
        return [("Statement executed successfully.",)]

    @said(f"ALTER USER {NAME} UNSET {SLOT}")
    def unset_key(self, session: Session, user: str, slot: str) -> Rows:
        self.owned(session, user).settings.pop(slot, None)
        return [("Statement executed successfully.",)]

    @said("CREATE ROLE IF NOT EXISTS DETENT_ROTATION")
    def create_role(self, session: Session) -> None:
        assert session.user == "root"

    @said(f"GRANT OWNERSHIP ON USER {NAME} TO ROLE (?P<role>[A-Z_]+) COPY CURRENT GRANTS")
    def grant_ownership(self, session: Session, user: str, role: str) -> None:
        assert session.user == "root"
        self.named(user).settings["owner"] = role

    @said(f"GRANT ROLE (?P<role>[A-Z_]+) TO USER {NAME}")
    def grant_role(self, session: Session, role: str, user: str) -> None:
        assert session.user == "root"
        self.named(user).rights.add(role)

    @said(f"CREATE USER {NAME} TYPE = SERVICE DEFAULT_ROLE = DETENT_ROTATION RSA_PUBLIC_KEY = '(?P<public>.+)'")
    def create_user(self, session: Session, user: str, public: str) -> None:
        assert session.user == "root"
        self.create(user, "", RSA_PUBLIC_KEY=public)


class SnowflakeTarget(ScriptedTarget):
    """A user's first key stands for the password that it was made with."""

    engine = "snowflake"
    says: ClassVar = {"wrong password": "no RSA key", "unknown user": "no such user"}
    granted_probe: ClassVar = {"statement": "SELECT 42", "expect": [42]}
    refused_probe: ClassVar = "SELECT 1 FROM PAYROLL"
    writes_log: ClassVar = "ALTER USER"
    drivers: ClassVar = ("snowflake.connector",)

    def __init__(self, server: SnowflakeServer) -> None:
        super().__init__(server)
        self._issued: dict[tuple[str, str], Pair] = {}

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        pair = self._issued.get((user, password), _NOBODY)
        place = super().value(user, "")
        del place["password"]
        return {**place, "public_key_fp": pair.fingerprint, "private_key": pair.private.reveal(), **settings}

    def create_user(self, user: str, password: str) -> None:
        pair = self._issued[user, password] = new_pair()
        self.server.create(user, "", RSA_PUBLIC_KEY=pair.public, COMMENT="the shop's own")

    def create_administrator(self, user: str, password: str, over: str) -> None:
        pair = self._issued[user, password] = new_pair()
        templates = self.module.FACTS.privileges["issued-keys"].admin
        self.server.as_root(*self.statements(templates, pair.public, user=over, admin=user))

    def let_rotate_itself(self, user: str) -> None:
        self.server.as_root(*self.statements(self.module.FACTS.privileges["issued-keys"].own or (), "", user=user))

    def alive(self, value: Mapping[str, Any]) -> bool:
        return value["public_key_fp"] in self.fingerprints(value["username"])

    def fingerprints(self, user: str) -> list[str]:
        settings = self.server.accounts[user].settings
        return [fingerprint(settings[slot]) for slot in ("RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2") if settings.get(slot)]

    def logs_in(self, user: str, password: str) -> bool:
        return self.alive(self.value(user, password))


def _small_pair() -> Pair:
    """Make one in a tenth of the time."""
    with mock.patch.object(pairs, "_BITS", 1024):
        return new_pair()


def start_snowflake(running: ExitStack) -> ScriptedTarget:
    server = SnowflakeServer()
    running.callback(server._listener.close)
    running.enter_context(mock.patch.object(engine_session, "new_pair", _small_pair))

    def connect(**given: Any) -> Connection:
        key = forms.load_der_private_key(given.pop("private_key"), None, unsafe_skip_rsa_key_validation=True)
        public = key.public_key().public_bytes(forms.Encoding.DER, forms.PublicFormat.SubjectPublicKeyInfo)
        assert given["authenticator"] == "SNOWFLAKE_JWT"
        return Connection(server, server.login(given["user"], base64.b64encode(public).decode(), given))

    running.enter_context(patched(snowflake.connector, "connect", server, connect))
    return SnowflakeTarget(server)
