"""Without bwrap: a user of its own, which needs root, or nothing at all."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from detent.runtime.cells import Job, Parts, Started, World, launching
from detent.runtime.mounts import CERTIFICATES
from detent.runtime.peers import Peer, holds
from detent.runtime.processes import end_all
from detent.runtime.unpacking import remove
from detent.runtime.users import Users

# The kernel ends all of a user's processes at once, so that none can start more; none left: it is done.
_END = "for round in 1 2 3 4 5 6 7 8 9 10; do kill -KILL -1 2>/dev/null || exit 0; sleep 0.02; done"


class OwnUserCell(Started):
    """`cells.Cell` by an own user: it can read what everybody can, and write into a temporary folder of its own."""

    def __init__(self, parts: Parts, users: Users) -> None:
        """Copy the parts to where the user can read them: the data folder is shut."""
        super().__init__()
        self._user, self._lent = users.lend(parts.owner)
        self._end_user()  # what is left since a server that had this user was killed
        self._folder = Path(tempfile.mkdtemp(prefix="function-"))
        try:
            self.world = self._furnished(parts)
        except OSError:
            self.end()
            raise

    def _furnished(self, parts: Parts) -> World:
        os.chown(self._folder, 0, self._user)
        self._folder.chmod(0o750)
        opt = _copied(parts.opt, self._folder / "opt") if parts.opt else str(self._folder / "opt")
        task = _copied(parts.code, self._folder / "task")
        return World(task, opt, _temporary(self._folder, self._user), _copied_file(parts.certificates, self._folder))

    def start(self, job: Job) -> int:
        """Run a command as the user."""
        return self.launch(launching(), job, {"folder": self.world.task, "user": self._user, "parent": os.getpid()})

    def process(self) -> int | None:
        """Give the command's process."""
        return self.popen.pid

    def holds(self, peer: Peer) -> bool:
        """Say whether a connection comes from the user."""
        return peer.user == self._user

    def end(self) -> None:
        """End all that the user runs, at once: nothing can start more meanwhile."""
        if self.was_started:
            self.popen.kill()
            self.popen.wait()
            self._end_user()
        remove(self._folder)
        os.close(self._lent)

    def _end_user(self) -> None:
        subprocess.run(  # noqa: S603 - a command of ours
            ["/bin/sh", "-c", _END],
            user=self._user,
            group=self._user,
            extra_groups=[],
            env={},
            check=False,
        )


class OpenCell(Started):
    """`cells.Cell` that confines nothing: the function may do what the server may."""

    def __init__(self, parts: Parts) -> None:
        """Use the parts where they are."""
        super().__init__()
        self._folder = Path(tempfile.mkdtemp(prefix="function-"))
        certificates = str(parts.certificates) if parts.certificates else CERTIFICATES
        self.world = World(str(parts.code), str(parts.opt or self._folder / "opt"), str(self._folder), certificates)
        self._mark = ""

    def start(self, job: Job) -> int:
        """Run a command."""
        self._mark = job.mark
        shared = {name: limit for name, limit in job.limits.items() if name != "RLIMIT_NPROC"}  # counts a user's, all
        how = {"folder": self.world.task, "user": None, "parent": os.getpid()}
        return self.launch(launching(), replace(job, limits=shared), how)

    def process(self) -> int | None:
        """Give the command's process."""
        return self.popen.pid

    def holds(self, peer: Peer) -> bool:
        """Say whether a connection comes from the process or one that it has started."""
        return holds(self.popen.pid, peer)

    def end(self) -> None:
        """End all that can be told to belong to it."""
        if self.was_started:
            end_all(self.popen.pid, self._mark)
            self.popen.wait()
        remove(self._folder)


def _copied(source: Path, target: Path) -> str:
    shutil.copytree(source, target, symlinks=True, copy_function=_link)
    return str(target)


def _link(source: str, target: str) -> None:
    """Have the same file twice where one disk holds both, else a copy."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _copied_file(source: Path | None, folder: Path) -> str:
    if source is None:
        return CERTIFICATES
    target = folder / "cert.pem"
    shutil.copyfile(source, target)
    return str(target)


def _temporary(folder: Path, user: int) -> str:
    temporary = folder / "tmp"
    temporary.mkdir(mode=0o700)
    os.chown(temporary, user, user)
    return str(temporary)
