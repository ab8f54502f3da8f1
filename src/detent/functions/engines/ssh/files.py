"""The one file that a rotation changes, by SFTP: read, and put in the place of what was read."""

import posixpath
import re
import secrets
import stat
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, Final

from detent.functions.engines.ssh.wire import Refused, Wire
from detent.functions.errors import ChangeRefused, EngineUnavailable

_DEFAULT: Final = ".ssh/authorized_keys"
_LARGEST: Final = 1 << 20
_NAME: Final = re.compile(r"(?!\.{1,2}$)[^\s/:\x00-\x1f]{1,256}")
_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def is_name(user: object) -> bool:
    """Say whether it may stand for %u in a path."""
    return isinstance(user, str) and bool(_NAME.fullmatch(user))


def path_faults(path: object) -> list[str]:
    """Return what is wrong with the key ``authorized_keys``."""
    if path is None or (isinstance(path, str) and path and not re.search(r"%[^u%]|%$|[\x00-\x1f]", path)):
        return []
    return ['"authorized_keys" must be a path, in which %u stands for the user\'s name']


class AuthorizedKeys:
    """The file of one user, which the session's user owns; root may own that of another user."""

    def __init__(self, wire: Wire, user: str) -> None:
        self._wire = wire
        self._user = user
        named = wire.login.settings.get("authorized_keys") or _DEFAULT
        self._path = re.sub("%(.)", lambda found: user if found[1] == "u" else "%", named)
        self._is_anothers = user != wire.login.username
        self._resolve()

    def read(self) -> str:
        """Give its text. Raises ChangeRefused where it is not there or may not be read."""
        read: str = self._do(self._text)
        return read

    def replace(self, read: str, text: str) -> bool:
        """Put the text in its place at once, with its owner and mode; False if it is not what was read any more."""
        beside = f"{self._path}{_BESIDE}{secrets.token_hex(8)}"
        try:
            self._do(lambda files: self._write(files, beside, text))
            replaced = self.read() == read
            if replaced:
                self._do(lambda files: files.posix_rename(beside, self._path))
        except ChangeRefused:
            self._clear()
            raise
        self._clear()
        return replaced

    def _resolve(self) -> None:
        """Follow links to the file that is meant; none in another user's path, whom it could lead anywhere."""
        if not self._is_anothers:
            self._path = self._do(lambda files: files.normalize(self._path))
            return
        if not self._path.startswith("/"):
            raise ChangeRefused(
                f'to write the keys of {self._user!r} it needs "authorized_keys" as a whole path in the admin secret, '
                "such as /etc/ssh/authorized_keys/%u"
            )
        self._path = posixpath.normpath(self._path)
        places = [str(place) for place in (PurePosixPath(self._path), *PurePosixPath(self._path).parents)]
        for place, found in zip(places, self._do(lambda files: [files.lstat(one) for one in places]), strict=True):
            if not _is_roots(found):
                raise ChangeRefused(
                    f"{place} is a link or can be changed by others than root, who could lead {self._path} elsewhere: "
                    "it needs AuthorizedKeysFile in a place of root's alone, such as /etc/ssh/authorized_keys/%u"
                )

    def _text(self, files: Any) -> str:  # noqa: ANN401 - the driver is untyped
        with files.open(self._path, "rb") as file:
            content: bytes = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ChangeRefused(f"{self._path} has more than {_LARGEST} bytes: it needs to be smaller")
        return content.decode(errors="surrogateescape")

    def _write(self, files: Any, beside: str, text: str) -> None:  # noqa: ANN401 - as above
        was = files.stat(self._path)
        with files.open(beside, "wbx") as file:
            file.write(text.encode(errors="surrogateescape"))
        made = files.stat(beside)
        if (made.st_uid, made.st_gid) != (was.st_uid, was.st_gid):
            files.chown(beside, was.st_uid, was.st_gid)
        files.chmod(beside, stat.S_IMODE(was.st_mode))

    def _clear(self) -> None:
        """Take away what this one, or a process that ended, has left beside the file."""
        folder, name = posixpath.split(self._path)

        def clear(files: Any) -> None:  # noqa: ANN401 - as above
            for left in files.listdir(folder):
                if left.startswith(name + _BESIDE):
                    files.remove(posixpath.join(folder, left))

        try:
            self._wire.files(clear)
        except (Refused, EngineUnavailable):  # the next change does it
            return

    def _do(self, work: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - as above
        try:
            return self._wire.files(work)
        except Refused as error:
            said, is_missing = str(error), error.is_missing
        raise ChangeRefused(self._cure(said, is_missing=is_missing))

    def _cure(self, said: str, *, is_missing: bool) -> str:
        who, path = repr(self._wire.login.username), self._path
        if is_missing:
            return (
                f"there is no {path}: it needs \"authorized_keys\" in {who}'s secret to be what sshd's "
                f"AuthorizedKeysFile is for {self._user!r}"
            )
        return f"{who} may not change {path} (SFTP said: {said}): it needs SFTP, and to own that file and its folder"


_BESIDE: Final = ".detent-"


def _is_roots(found: Any) -> bool:  # noqa: ANN401 - as above
    """Say whether nobody but root may put something else there: in a sticky folder only what is its own."""
    mode = found.st_mode
    open_folder = mode & _BY_OTHERS and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX)
    return found.st_uid == 0 and not stat.S_ISLNK(mode) and not open_folder
