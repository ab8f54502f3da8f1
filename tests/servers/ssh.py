"""An sshd with users of its own: it runs where /etc/passwd is a file of the test's, so the machine's is not touched."""

import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

from paramiko import AuthenticationException, Ed25519Key, SFTPClient, Transport

from detent.cli.ending import end
from servers.certificates import Certificates
from servers.detent import free_port
from servers.missing import apt_install, report_missing
from servers.target import Target

_FIRST_UID = 61001
_START_SECONDS = 20
_OPTIONS = "no-agent-forwarding,no-X11-forwarding"  # of the lines that a person wrote
_PLACE = "mount --bind {passwd} /etc/passwd && mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec "


class SshTarget(Target):
    """A running sshd. A user's first key stands for the password that it was made with."""

    engine = "ssh"
    says: ClassVar = {"wrong password": "no private key that can be read", "unknown user": "has no such user"}
    writes_log: ClassVar = "Starting session: "
    sends: ClassVar = [(SFTPClient, "_request")]
    drivers: ClassVar = ("paramiko",)
    guards_lists: ClassVar = False  # sshd reads the file as the user, so the user may too

    def __init__(self, folder: Path, port: int, host_key: str, pid: int) -> None:
        self.folder, self.port, self.host_key, self.pid = folder, port, host_key, pid
        self._next_uid = _FIRST_UID
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        self._admins: set[str] = set()
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")

    def product(self) -> str:
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            banner = connection.recv(100).decode()
        name, _, version = banner.split("-")[2].partition("_")
        return f"{name} {version.partition('p')[0]}"

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        private, public = self._pair(user, password)
        place = {"engine": self.engine, "host": "127.0.0.1", "port": self.port, "host_key": self.host_key}
        if user in self._admins:
            place["authorized_keys"] = f"{self.folder}/home/%u/.ssh/authorized_keys"
        key = {"fingerprint": fingerprint(public), "private_key": private}
        return {**place, "username": user, **key, **settings}

    def create_user(self, user: str, password: str) -> None:
        """A user who may log in, and not write its own authorized_keys."""
        self._next_uid += 1
        self._add_user(user, self._next_uid)
        self.file(user).write_text(f"{_OPTIONS} {self._pair(user, password)[1]} by hand\n")

    def create_administrator(self, user: str, password: str, over: str) -> None:
        for statement in self.statements(self.module.FACTS.privileges["issued-keys"].admin, "", admin=user, user=over):
            words = shlex.split(statement)
            assert (words[0], words[-1]) == ("useradd", user)
            self._add_user(user, int(words[words.index("--uid") + 1]))
        self._admins.add(user)
        self.file(user).write_text(f'restrict,command="internal-sftp" {self._pair(user, password)[1]}\n')

    def let_rotate_itself(self, user: str) -> None:
        for statement in self.statements(self.module.FACTS.privileges["issued-keys"].own or (), "", user=user):
            command, owner, *paths = shlex.split(statement)
            assert (command, owner) == ("chown", f"{user}:")
            for path in paths:
                at_home = path.replace(f"~{user}", f"{self.folder}/home/{user}")
                os.chown(at_home, self.uid(user), self.uid(user))

    def keys_of(self, user: str) -> set[str]:
        said = subprocess.run(["ssh-keygen", "-lf", self.file(user)], capture_output=True, text=True, check=True)
        return {line.split()[1] for line in said.stdout.splitlines()}

    def traces_of(self, user: str) -> dict[str, str]:
        """What rotations left: the lines that name one, and files beside."""
        file = self.file(user)
        lines = [line.partition(" detent ") for line in file.read_text().splitlines() if " detent " in line]
        left = {path.name: "" for path in file.parent.iterdir() if path != file}
        return {fingerprint(" ".join(line.split()[-2:])): mark for line, _, mark in lines} | left

    def alive(self, value: Mapping[str, Any]) -> bool:
        """Ask the server whether it lets this key in."""
        transport = Transport(("127.0.0.1", self.port))
        try:
            transport.start_client(timeout=30)
            transport.auth_publickey(value["username"], Ed25519Key.from_private_key(StringIO(value["private_key"])))
        except AuthenticationException:
            return False
        finally:
            transport.close()
        return True

    def runs(self, value: Mapping[str, Any]) -> bool:
        """Ask by OpenSSH's own client, with this key and no other; six times as slow."""
        with tempfile.NamedTemporaryFile("w", dir=self.folder) as file:
            file.write(value["private_key"])
            file.flush()
            given = {
                "IdentitiesOnly": "yes", "IdentityAgent": "none", "BatchMode": "yes", "StrictHostKeyChecking": "yes",
                "UserKnownHostsFile": str(self.folder / "known_hosts"), "PreferredAuthentications": "publickey",
            }  # fmt: skip
            options = [word for name, text in given.items() for word in ("-o", f"{name}={text}")]
            place = ["-i", file.name, "-p", str(self.port), f"{value['username']}@127.0.0.1", "true"]
            done = subprocess.run(
                ["ssh", "-F", "/dev/null", *options, *place], capture_output=True, text=True, check=False, timeout=60
            )
        assert done.returncode == 0 or "Permission denied" in done.stderr, done.stderr
        return done.returncode == 0

    def logs_in(self, user: str, password: str) -> bool:
        return self.alive(self.value(user, password))

    def set_password(self, user: str, password: str) -> None:
        raise NotImplementedError("it has keys")

    def end_sessions(self, user: str) -> None:
        raise NotImplementedError("nothing of what asks for it applies")

    def log_text(self) -> str:
        return (self.folder / "log").read_text()

    def file(self, user: str) -> Path:
        return self.folder / "home" / user / ".ssh" / "authorized_keys"

    def uid(self, user: str) -> int:
        lines = (line.split(":") for line in (self.folder / "passwd").read_text().splitlines())
        return next(int(words[2]) for words in lines if words[0] == user)

    def connections(self) -> list[int]:
        """The process ids of what serves each connection."""
        children = _children(self.pid)
        return children + [grandchild for child in children for grandchild in _children(child)]

    def _pair(self, user: str, password: str) -> tuple[str, str]:
        if (user, password) not in self._pairs:
            self._pairs[user, password] = new_pair(self.folder)
        return self._pairs[user, password]

    def _add_user(self, user: str, uid: int) -> None:
        self.file(user).parent.mkdir(parents=True)
        self.file(user).touch()
        with (self.folder / "passwd").open("a") as passwd:
            passwd.write(f"{user}:*:{uid}:{uid}::{self.folder}/home/{user}:/bin/sh\n")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def new_pair(folder: Path, *options: str) -> tuple[str, str]:
    """A pair by ssh-keygen: the private half's text, and the public half's kind and key."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place, "key")
        kind = options or ("-t", "ed25519", "-N", "")
        subprocess.run(["ssh-keygen", "-q", *kind, "-C", "", "-f", path], check=True, stdin=subprocess.DEVNULL)
        return path.read_text(), " ".join(path.with_suffix(".pub").read_text().split()[:2])


def fingerprint(public: str) -> str:
    said = subprocess.run(["ssh-keygen", "-lf", "-"], input=public, capture_output=True, text=True, check=True)
    return said.stdout.split()[1]


def start_sshd(running: ExitStack, _certificates: Certificates, *more: str) -> SshTarget:
    """Start a server whose users are the target's; ``more`` are options of sshd."""
    require_sshd()
    folder = Path(tempfile.mkdtemp(prefix="detent-sshd-"))
    running.callback(shutil.rmtree, folder)
    folder.chmod(0o755)
    shutil.copy("/etc/passwd", folder / "passwd")
    host_private, host_public = new_pair(folder)
    (folder / "host_key").write_text(host_private)
    (folder / "host_key").chmod(0o600)
    port = free_port()
    process = _started(folder, port, more)
    running.callback(end, process, seconds=10)
    deadline = time.monotonic() + _START_SECONDS
    while "Server listening" not in (folder / "log").read_text():
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, "sshd did not start"
        time.sleep(0.01)
    return SshTarget(folder, port, host_public, process.pid)


def _started(folder: Path, port: int, more: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    settings = (
        *more, "ListenAddress=127.0.0.1", "UsePAM=no", "LogLevel=DEBUG1", "MaxStartups=100",
        "PasswordAuthentication=no", "KbdInteractiveAuthentication=no", "Subsystem=sftp internal-sftp",
    )  # fmt: skip
    sshd = ["/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-p", str(port), "-h", str(folder / "host_key")]
    command = shlex.join([*sshd, *(word for setting in settings for word in ("-o", setting))])
    place = _PLACE.format(passwd=shlex.quote(str(folder / "passwd")))
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", place + command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def _is_installed() -> bool:
    """While another worker installs it, its programs are there before its user, without whom it lets nobody in."""
    has_user = any(line.startswith("sshd:") for line in Path("/etc/passwd").read_text().splitlines())
    return has_user and all(shutil.which(program, path="/usr/sbin:/usr/bin") for program in ("sshd", "ssh"))


def require_sshd() -> None:
    if os.geteuid() != 0:
        report_missing("An sshd that lets other users in", "run the tests as root")
    if not _is_installed():
        apt_install("openssh-server", "openssh-client")
    if not _is_installed():
        report_missing("OpenSSH", "apt-get install openssh-server openssh-client")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        report_missing("A mount namespace for sshd", "run the tests where unshare --mount is allowed")
