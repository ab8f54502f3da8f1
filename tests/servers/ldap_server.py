"""An OpenLDAP server in a temp folder, writing down everything that it can."""

import base64
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import ldap3

from detent.cli.ending import end
from servers.certificates import Certificates

PROGRAM = "/usr/sbin/slapd"
POLICED, SECURED = "dc=policy,dc=test", "dc=secure,dc=test"
POLICY = f"cn=policy,{POLICED}"
ROOT, PASSWORD = "cn=throwaway-root", "throwaway-root-password"
_SCHEMES = ("core", "cosine", "inetorgperson")
_MODULES = ("back_mdb", "ppolicy", "auditlog", "pw-sha2")
_TRIES = 3  # another process may take the free port first

_AUDIT = "overlay auditlog\nauditlog {folder}/audit.log\n"
# The database for everything else comes last: its suffix is empty, so that users are named by their RDN alone.
_DATABASES = {
    SECURED: "security simple_bind=128\n",
    POLICED: f"overlay ppolicy\nppolicy_default {POLICY}\nppolicy_use_lockout\n{_AUDIT}",
    "": _AUDIT,
}
_ACCESS = "access to attrs=userPassword by anonymous auth\naccess to * by * read\n"


class LdapServer:
    """A context manager: the server runs inside, on two free loopback ports; with certificates it speaks TLS."""

    def __init__(self, certificates: Certificates | None = None) -> None:
        self._certificates = certificates
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="detent-slapd-"))
        try:
            self._make_data()
            assert any(self._serves() for _ in range(_TRIES)), self.written()[-2000:]
            for suffix in (SECURED, POLICED):
                self.add(suffix, "dcObject", "organization", o="test")
            self.add(POLICY, "device", "pwdPolicy", pwdAttribute="userPassword")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def restart(self) -> None:
        self._stop()
        assert self._starts()

    @contextmanager
    def session(self, user: str = ROOT, password: str = PASSWORD) -> Iterator[Any]:
        """Bind in plaintext over the port that is not of LDAPS; the connection says by ``bound`` whether it worked."""
        server = ldap3.Server("127.0.0.1", self.port, get_info=ldap3.NONE)
        connection = ldap3.Connection(server, user, password.encode(), check_names=False)
        connection.bind()
        try:
            yield connection
        finally:
            connection.unbind()

    def add(self, entry: str, *classes: str, **attributes: str) -> None:
        with self.session() as root:
            assert root.add(entry, classes, attributes), root.result

    def change(self, entry: str, user: str = ROOT, **attributes: list[str]) -> None:
        """Replace these attributes."""
        with self.session(user) as root:
            changes = {name: [("MODIFY_REPLACE", values)] for name, values in attributes.items()}
            assert root.modify(entry, changes), root.result

    def values(self, entry: str, attribute: str = "userPassword") -> list[bytes]:
        with self.session() as root:
            root.search(entry, "(objectClass=*)", "BASE", attributes=[attribute])
            found: list[bytes] = root.response[0]["raw_attributes"][attribute]
        return found

    def allow(self, statement: str) -> None:
        """Put an access rule before all others of the database whose entries it is about."""
        rule = statement.removeprefix("olcAccess: ")
        number = next(number for number, suffix in enumerate(_DATABASES, 1) if suffix in rule)
        with self.session("cn=config") as config:
            entry = f"olcDatabase={{{number}}}mdb,cn=config"
            assert config.modify(entry, {"olcAccess": [("MODIFY_ADD", [f"{{0}}{rule}"])]}), config.result

    def written(self) -> str:
        """The log, and what the audit overlay kept, whose base64 is opened."""
        audit = self.folder / "audit.log"
        lines = audit.read_text().replace("\n ", "").splitlines() if audit.exists() else []
        opened = [base64.b64decode(line.partition(":: ")[2]).decode() for line in lines if ":: " in line]
        return "\n".join([(self.folder / "log").read_text(errors="replace"), *lines, *opened])

    def _make_data(self) -> None:
        text = "".join(f"include /etc/ldap/schema/{name}.schema\n" for name in _SCHEMES)
        text += "modulepath /usr/lib/ldap\n" + "".join(f"moduleload {name}\n" for name in _MODULES)
        if self._certificates:
            text += f"TLSCertificateFile {self._certificates.server}\n"
            text += f"TLSCertificateKeyFile {self._certificates.server_key}\n"
        text += f"database config\nrootdn cn=config\nrootpw {PASSWORD}\n"
        for number, (suffix, more) in enumerate(_DATABASES.items()):
            data = self.folder / f"data{number}"
            data.mkdir()
            text += f'database mdb\nsuffix "{suffix}"\ndirectory {data}\nrootdn {ROOT}\n'
            text += f"rootpw {PASSWORD}\n" * (not suffix) + _ACCESS + more.format(folder=self.folder)
        (self.folder / "slapd.conf").write_text(text)
        (self.folder / "config").mkdir()
        made = ["-f", str(self.folder / "slapd.conf"), "-F", str(self.folder / "config"), "-n0"]
        subprocess.run(["/usr/sbin/slaptest", *made], capture_output=True, check=False)

    def _serves(self) -> bool:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            other.bind(("127.0.0.1", 0))
            self.port, self.ldaps_port = one.getsockname()[1], other.getsockname()[1]
        return self._starts()

    def _starts(self) -> bool:
        urls = f"ldap://127.0.0.1:{self.port}" + f" ldaps://127.0.0.1:{self.ldaps_port}" * bool(self._certificates)
        with (self.folder / "log").open("ab") as log:
            command = [PROGRAM, "-d", "stats", "-F", str(self.folder / "config"), "-h", urls]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return True
        return False

    def _stop(self) -> None:
        if self._process is not None:
            end(self._process, signal.SIGTERM, seconds=10)
            self._process = None


def version() -> str:
    """Say the version as the program itself does: 2.5."""
    told = subprocess.run([PROGRAM, "-VV"], capture_output=True, text=True, check=False).stderr
    found = re.search(r"slapd (\d+\.\d+)", told)
    assert found, told
    return found[1]
