"""A file system of a function's own, as bwrap's arguments."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from detent.runtime import pythons

TASK, OPT, CERTIFICATES = "/var/task", "/opt", "/etc/pki/tls/cert.pem"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
# of /etc what programs need to find hosts, certificates and libraries; other programs' settings stay unseen
_ETC = """alternatives ca-certificates ca-certificates.conf crypto-policies gai.conf host.conf hosts java krb5.conf
    krb5.conf.d ld.so.cache ld.so.conf ld.so.conf.d ldap localtime mime.types nsswitch.conf odbc.ini odbcinst.ini
    openldap oracle protocols resolv.conf rpc services ssl timezone tnsnames.ora""".split()  # noqa: SIM905 - names read better than quotes
_SHARED_MEMORY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class View:
    """What a function sees of this machine besides the system's programs."""

    code: Path
    opt: Path | None
    certificates: Path | None
    hidden: tuple[Path, ...]  # what must not be seen, should it lie in what is
    temporary_bytes: int
    user: int


def arguments(view: View, files: dict[str, int]) -> list[str]:
    """Give bwrap's arguments; `files` are texts that a function finds at a path, each in a descriptor."""
    given = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--new-session", "--die-with-parent"]
    given += ["--hostname", "function"]
    if os.geteuid() != 0:
        given += ["--unshare-user", "--uid", str(view.user), "--gid", str(view.user)]
    for path in _SYSTEM:
        given += _system(path)
    given += ["--proc", "/proc", "--dev", "/dev"]
    given += ["--perms", "1777", "--size", str(_SHARED_MEMORY), "--tmpfs", "/dev/shm"]  # noqa: S108 - the function's own
    given += ["--perms", "1777", "--size", str(view.temporary_bytes), "--tmpfs", "/tmp"]  # noqa: S108 - the same
    given += ["--dir", "/var/tmp", "--dir", "/var/runtime", "--dir", "/etc"]  # noqa: S108 - the same
    given += [word for name in _ETC for word in ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")]
    for path, descriptor in files.items():
        given += ["--perms", "0644", "--ro-bind-data", str(descriptor), path]
    given += _function(view)
    return [*given, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", TASK]


def _system(path: str) -> list[str]:
    if Path(path).is_symlink():
        return ["--symlink", str(Path(path).readlink()), path]
    return ["--ro-bind-try", path, path]


def _function(view: View) -> list[str]:
    given = ["--dir", OPT]
    for entry in sorted(view.opt.iterdir()) if view.opt else ():  # one by one: Python may live in /opt, too
        given += ["--ro-bind", str(entry), f"{OPT}/{entry.name}"]
    seen = pythons.folders()
    for path in seen:  # a folder that only leads to another would be root's alone, so each is named
        given += ["--dir", str(path.parent), "--ro-bind", str(path), str(path)]
    for path in _hidden(view.hidden, (*seen, Path("/usr"), *(Path("/etc") / name for name in _ETC))):
        emptied = ["--tmpfs", str(path), "--remount-ro", str(path)]
        given += emptied if path.is_dir() else ["--ro-bind", "/dev/null", str(path)]
    given += ["--ro-bind", str(view.code), TASK]
    if view.certificates:
        given += ["--dir", str(Path(CERTIFICATES).parent), "--ro-bind", str(view.certificates), CERTIFICATES]
    return given


def _hidden(paths: Iterable[Path], folders: Iterable[Path]) -> Iterator[Path]:
    """Give where paths would be seen, if they lie in folders that are."""
    for folder in folders:
        for path in paths:
            if path.resolve().is_relative_to(folder.resolve()):
                yield folder / path.resolve().relative_to(folder.resolve())
