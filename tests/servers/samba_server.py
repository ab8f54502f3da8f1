"""A Samba domain controller in a temp folder. Its ports are fixed, so it has a loopback address of its own."""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import ldap3

from detent.cli.ending import end
from servers.certificates import Certificates
from servers.relay import Relay

PROGRAM = "/usr/sbin/samba"
PASSWORD = "Throwaway-Administrator-1"
DOMAIN, REALM, BASE = "DETENT", "detent.test", "DC=detent,DC=test"
_PORTS = (389, 636, 3268, 3269)
_TRIES = 20
_NO_SYNC = "ldb:nosync"  # nothing here outlives the machine
_SETTINGS = {
    "bind interfaces only": "yes",
    "server services": "ldap",
    "server role": "active directory domain controller",
    "netbios name": "DC",
    "workgroup": DOMAIN,
    "realm": REALM.upper(),
    _NO_SYNC: "true",
    "log level": "1 auth_audit:5 dsdb_password_audit:5",
}
_FOLDERS = {
    "private dir": "private",
    "state directory": "state",
    "cache directory": "cache",
    "binddns dir": "bind-dns",
    "lock directory": "",
    "pid directory": "",
    "ncalrpc dir": "ncalrpc",
}


class SambaServer:
    """A context manager: the domain is made and the server runs inside. ``relay`` leads to its LDAP, ``ldaps_relay``
    to its LDAPS, from 127.0.0.1.
    """

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates
        self._processes: list[subprocess.Popen[Any]] = []

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="detent-samba-"))
        self._address = _free_address()
        try:
            self._make_domain()
            self.start()
            self.relay = Relay(self._address, 389).__enter__()
            self.ldaps_relay = Relay(self._address, 636).__enter__()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for relay in (getattr(self, "relay", None), getattr(self, "ldaps_relay", None)):
            if relay:
                relay.__exit__()
        for process in self._processes:
            _ended(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, old_password_minutes: int = 0) -> None:
        """Start it, again if it runs."""
        self._configure(old_password_minutes)
        for process in self._processes:
            _ended(process)
        deadline = time.monotonic() + 60
        while self._answers():  # children of the former one
            assert time.monotonic() < deadline
            time.sleep(0.02)
        command = [PROGRAM, "-F", "--debug-stdout", "-s", str(self._conf)]
        with (self.folder / "log").open("ab") as log:
            samba = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
            )
        tool = ["/usr/bin/python3", str(Path(__file__).with_name("samba_commands.py"))]
        self._tool = subprocess.Popen(
            tool,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=_clean(),
            start_new_session=True,
        )
        self._processes = [samba, self._tool]
        while not self._answers():
            assert time.monotonic() < deadline, self.log_text()[-2000:]
            assert samba.poll() is None, self.log_text()[-2000:]
            time.sleep(0.1)

    def command(self, *words: str) -> None:
        """Run a command of samba-tool's on the server's own database."""
        where = ["-H", str(self.folder / "private" / "sam.ldb"), "-s", str(self._conf)]
        assert self._tool.stdin
        assert self._tool.stdout
        self._tool.stdin.write(json.dumps([*words, *where]) + "\n")
        self._tool.stdin.flush()
        failed = json.loads(self._tool.stdout.readline())
        assert not failed, failed

    @contextlib.contextmanager
    def session(self, user: str = f"{DOMAIN}\\Administrator", password: str = PASSWORD) -> Iterator[Any]:
        """Bind over LDAPS; the connection says by ``bound`` whether it worked."""
        server = ldap3.Server(self._address, 636, use_ssl=True, get_info=ldap3.NONE)
        connection = ldap3.Connection(server, user, password.encode(), check_names=False)
        connection.bind()
        try:
            yield connection
        finally:
            connection.unbind()

    def log_text(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def _make_domain(self) -> None:
        how = [
            "--server-role=dc",
            "--dns-backend=NONE",
            "--host-name=dc",
            f"--host-ip={self._address}",
            f"--option={_NO_SYNC}=true",
        ]
        what = [f"--realm={REALM.upper()}", f"--domain={DOMAIN}", f"--adminpass={PASSWORD}"]
        command = ["/usr/bin/samba-tool", "domain", "provision", f"--targetdir={self.folder}", *how, *what]
        made = subprocess.run(command, capture_output=True, text=True, check=False, env=_clean())
        assert made.returncode == 0, made.stderr[-2000:]
        key = self.folder / "server.key"
        key.write_bytes(self._certificates.server_key.read_bytes())
        key.chmod(0o600)

    def _configure(self, old_password_minutes: int) -> None:
        tls = {"tls certfile": self._certificates.server, "tls keyfile": self.folder / "server.key", "tls cafile": ""}
        own = {"interfaces": f"{self._address}/8", "old password allowed period": old_password_minutes}
        folders = {name: self.folder / part for name, part in _FOLDERS.items()}
        lines = [f"{name} = {text}" for name, text in {**_SETTINGS, **tls, **own, **folders}.items()]
        self._conf = self.folder / "smb.conf"
        self._conf.write_text("[global]\n" + "\n".join(lines) + "\n")

    def _answers(self) -> bool:
        try:
            for port in _PORTS[:2]:
                socket.create_connection((self._address, port), 1).close()
        except OSError:
            return False
        return True


def _free_address() -> str:
    """Find a loopback address on which the ports are free; the place to look first is this process's own."""
    place = random.Random(os.getpid())
    for _ in range(_TRIES):
        address = f"127.{place.randint(64, 250)}.{place.randint(0, 255)}.{place.randint(2, 250)}"
        try:
            for port in _PORTS:
                with contextlib.closing(socket.socket()) as one:
                    one.bind((address, port))
        except OSError:
            continue
        return address
    raise AssertionError("no loopback address has these ports free")


def _clean() -> dict[str, str]:
    """The system's Python must not see ours."""
    return {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


def _ended(process: "subprocess.Popen[Any]") -> None:
    """End a process with its children, which would go on to serve for a moment."""
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
    end(process, signal.SIGTERM, seconds=20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
