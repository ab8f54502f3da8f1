"""Samba as a domain controller: what tests of engines and strategies do on it."""

import contextlib
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any, ClassVar

from ldap3.protocol.formatters.formatters import format_sid

from servers.certificates import Certificates
from servers.ldap import escaped
from servers.missing import apt_install, report_missing
from servers.samba_server import BASE, DOMAIN, PROGRAM, SambaServer
from servers.target import Target

# what Debian only recommends to samba is needed by a domain controller
PACKAGES = (
    *("samba", "samba-ad-provision", "samba-dsdb-modules", "samba-vfs-modules"),
    *("winbind", "python3-markdown", "attr"),
)
_FORBIDDEN = set('"/\\[]:;|=,+*?<>')  # in a sAMAccountName
NORMAL = "512"  # userAccountControl: an account that may log in


class ActiveDirectoryTarget(Target):
    engine = "active_directory"
    says: ClassVar = {
        "wrong password": "wrong password",
        "unknown user": "no such user",
        "no administrator": 'dsacls .* /G ".*:CA;Reset Password"',
    }
    writes_log: ClassVar = "[Reset]"
    drivers: ClassVar = ("ldap3",)
    offers_tls = True

    def __init__(self, server: SambaServer) -> None:
        self.server = server

    def product(self) -> str:
        told = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
        return f"Samba {'.'.join(told.split()[1].split('.')[:2])}"

    def username(self, name: str) -> str:
        return f"{DOMAIN}\\{name}"

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        place = {"engine": self.engine, "host": "127.0.0.1", "port": self.server.relay.port}
        return {**place, "username": user, "password": password, **settings}

    def takes_name(self, name: str) -> bool:
        return not any(mark in _FORBIDDEN or mark < " " for mark in name)

    def create_user(self, user: str, password: str) -> None:
        attributes = {"sAMAccountName": short(user), "unicodePwd": written(password), "userAccountControl": NORMAL}
        with self.server.session() as root:
            assert root.add(entry(user), ["user"], attributes), root.result

    def create_administrator(self, user: str, password: str, over: str) -> None:
        for statement in self.module.FACTS.privileges["single-user"].admin:
            words = shlex.split(statement.replace("…", password))
            assert words.pop(0) == "samba-tool"
            for name, meant in (("<DN of {user}>", entry(over)), ("{admin}", short(user))):
                words = [word.replace(name, meant) for word in words]
            if any("<SID of" in word for word in words):
                words = [word.replace(f"<SID of {short(user)}>", self._sid(user)) for word in words]
            self.server.command(*words)

    def set_password(self, user: str, password: str) -> None:
        self.change(user, unicodePwd=written(password))

    def end_sessions(self, user: str) -> None:
        assert self.logs_in(user, "wrong-password") is False  # the server is there, and stays
        self.server.relay.cut()

    def logs_in(self, user: str, password: str) -> bool:
        with self.server.session(user, password) as connection:
            found: bool = connection.bound
        return found

    def require_tls(self) -> dict[str, Any]:
        return self.new_value()

    def change(self, user: str, **attributes: Any) -> None:
        with self.server.session() as root:
            changes = {name: [("MODIFY_REPLACE", [text])] for name, text in attributes.items()}
            assert root.modify(entry(user), changes), root.result

    def log_text(self) -> str:
        return self.server.log_text()

    def _sid(self, user: str) -> str:
        with self.server.session() as root:
            root.search(entry(user), "(objectClass=*)", "BASE", attributes=["objectSid"])
            found: str = format_sid(root.response[0]["raw_attributes"]["objectSid"][0])
        return found


def short(user: str) -> str:
    return user.partition("\\")[2]


def entry(user: str) -> str:
    return f"CN={escaped(short(user))},CN=Users,{BASE}"


def written(password: str) -> bytes:
    return f'"{password}"'.encode("utf-16-le")


def start_active_directory(stack: contextlib.ExitStack, certificates: Certificates) -> ActiveDirectoryTarget:
    if not Path(PROGRAM).exists():
        apt_install(*PACKAGES)
    if not Path(PROGRAM).exists() or os.geteuid() != 0:
        report_missing("Samba's domain controller", f"apt-get install {' '.join(PACKAGES)}, and be root")
    server = stack.enter_context(SambaServer(certificates))
    server.command("domain", "passwordsettings", "set", "--complexity=off", "--min-pwd-length=0", "--min-pwd-age=0")
    server.command("domain", "passwordsettings", "set", "--history-length=0", "--account-lockout-threshold=0")
    return ActiveDirectoryTarget(server)
