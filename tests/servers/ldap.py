"""OpenLDAP as the system has it: what tests of engines and strategies do on it."""

import contextlib
import hashlib
import os
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any, ClassVar

from servers.certificates import Certificates
from servers.ldap_server import PASSWORD, PROGRAM, ROOT, SECURED, LdapServer, version
from servers.missing import apt_install, report_missing
from servers.target import OLD, Target

STRATEGY = "dual-password"  # whose privileges are those of the other one, and more


class LdapTarget(Target):
    engine = "ldap"
    says: ClassVar = {
        "wrong password": "wrong password",
        "unknown user": "no such user",
        "no administrator": 'olcAccess: to dn.base="cn=.*" attrs=userPassword by dn.base',
    }
    writes_log: ClassVar = "MOD"
    drivers: ClassVar = ("ldap3",)

    def __init__(self, server: LdapServer, *, tls: bool) -> None:
        self.server = server
        self.offers_tls = tls

    def product(self) -> str:
        return f"OpenLDAP {version()}"

    def username(self, name: str) -> str:
        return f"cn={escaped(name)}"

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        place = {"engine": self.engine, "host": "127.0.0.1", "port": self.server.port}
        return {**place, "username": user, "password": password, **settings}

    def create_user(self, user: str, password: str) -> None:
        self.server.add(user, "organizationalRole", "simpleSecurityObject", userPassword=hashed(password))

    def create_administrator(self, user: str, password: str, over: str, strategy: str = STRATEGY) -> None:
        made, allowed = self.module.FACTS.privileges[strategy].admin
        entry = made.format(admin=user).replace("…", hashed(password)).encode()
        place = ["-H", f"ldap://127.0.0.1:{self.server.port}", "-D", ROOT, "-w", PASSWORD]
        subprocess.run(["/usr/bin/ldapadd", "-x", *place], input=entry, capture_output=True, check=True)
        self.server.allow(allowed.format(user=over, admin=user))

    def let_change_itself(self, user: str, strategy: str = STRATEGY) -> None:
        for statement in self.module.FACTS.privileges[strategy].own or ():
            self.server.allow(statement.format(user=user))

    def set_password(self, user: str, password: str) -> None:
        self.server.change(user, userPassword=[hashed(password)])

    def end_sessions(self, user: str) -> None:  # noqa: ARG002 - all of them
        self.server.restart()

    def logs_in(self, user: str, password: str) -> bool:
        with self.server.session(user, password) as connection:
            found: bool = connection.bound
        return found

    def require_tls(self) -> dict[str, Any]:
        """A user of a database that asks for TLS."""
        value = self.new_value()
        entry = f"{value['username']},{SECURED}"
        self.create_user(entry, OLD)
        return {**value, "username": entry}

    def log_text(self) -> str:
        return self.server.written()


def escaped(name: str) -> str:
    """Write a name as part of a DN: every mark by its number."""
    return "".join(
        one if one.isalnum() or one in "-_" else "".join(f"\\{byte:02x}" for byte in one.encode()) for one in name
    )


def hashed(password: str, scheme: str = "SSHA", digest: str = "sha1") -> str:
    salt = os.urandom(8)
    return f"{{{scheme}}}" + b64encode(hashlib.new(digest, password.encode() + salt).digest() + salt).decode()


def start_ldap(stack: contextlib.ExitStack, certificates: Certificates, kind: str) -> LdapTarget:
    """``kind``: "tls", or "plain" for one that offers none."""
    require_slapd()
    server = LdapServer(certificates if kind == "tls" else None)
    return LdapTarget(stack.enter_context(server), tls=kind == "tls")


def require_slapd() -> None:
    if not Path(PROGRAM).exists():
        apt_install("slapd", "ldap-utils")
    if not Path(PROGRAM).exists():
        report_missing("OpenLDAP", "apt-get install slapd ldap-utils")
