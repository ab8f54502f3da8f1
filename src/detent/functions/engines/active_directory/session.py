"""One login at a domain controller, and what a rotation does over it."""

import re
from dataclasses import replace
from typing import Final

from detent.functions.engines import Login, Remaining
from detent.functions.engines.active_directory.accounts import domain_of, entry_of
from detent.functions.engines.ldap.directory import Directory, bound
from detent.functions.engines.ldap.failures import CONSTRAINT, Answer, refusal, rejection
from detent.functions.engines.ldap.replicas import require_known
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected
from detent.functions.passwords import Password, PasswordPolicy

# AD: the number in a refused bind's text, which is Windows' own error number.
_DATA: Final = re.compile(r"\bdata ([0-9a-f]+)")
_REJECTED: Final = {
    "52e": "wrong password, or no such user",
    "525": "no such user",
    "530": "the user may not log in at this time",
    "531": "the user may not log in from this machine",
    "532": "the password has expired",
    "533": "the account is disabled",
    "701": "the account has expired",
    "773": "the user must change its password at the next logon: take that off the account",
    "775": "the account is locked",
}
_FORMER: Final = "00000056"  # ERROR_INVALID_PASSWORD
_COMPLEX: Final = 1  # pwdProperties: DOMAIN_PASSWORD_COMPLEX


class ActiveDirectorySession:
    """One connection."""

    def __init__(self, directory: Directory, login: Login, remaining: Remaining) -> None:
        self._directory = directory
        self._login = login
        self._remaining = remaining

    def ping(self) -> None:
        """Ask for the groups by which the server knows us, which only a login has, and see that replicas know us."""
        if not any(one["tokenGroups"] for one in self._directory.read("", "tokenGroups").entries.values()):
            raise EngineUnavailable("the server does not know this login any more")
        require_known(self._login, self._remaining)

    def is_former(self) -> bool:
        """Change the password to itself: of a former one that is refused as such, before age and history are."""
        said = self._change(self._login.password)
        return said.code == CONSTRAINT and _FORMER in said.said

    def change_own_password(self, new: Password) -> None:
        """Change it by naming the former one; a former one that only still binds has been changed already."""
        user = self._login.username
        said = self._change(new)
        if said.code == CONSTRAINT and _FORMER in said.said:
            if not self._logs_in(new):
                raise ChangeRefused(f"{user!r} logged in by a former password, which is not taken for a change")
        elif said.code == CONSTRAINT and self.password_policy().admits(new):
            raise ChangeRefused(
                f"the domain lets {user!r} not change its password to this one now: it changed it too recently "
                f"(minimum age), or has had it before (history); an admin secret's user may ({said.said})"
            )
        elif said.code:
            raise self._refusal(said, user)
        self._login = replace(self._login, password=new)

    def set_password(self, user: str, new: Password) -> None:
        """Reset it."""
        said = self._write(user, ("MODIFY_REPLACE", [_written(new)]))
        if said.code:
            raise self._refusal(said, user)

    def password_policy(self) -> PasswordPolicy:
        """Ask for the domain's; where a complex one is demanded, of three kinds of characters."""
        said = self._directory.read(domain_of(self._directory), "minPwdLength", "pwdProperties")
        read = {name: int(values[0]) for entry in said.entries.values() for name, values in entry.items() if values}
        each = int(bool(read.get("pwdProperties", 0) & _COMPLEX))
        return PasswordPolicy(length=read.get("minPwdLength", 0), digits=each, uppercase=each, lowercase=each)

    def close(self) -> None:
        """End the connection."""
        self._directory.close()

    def _change(self, new: Password) -> Answer:
        changes = (("MODIFY_DELETE", [_written(self._login.password)]), ("MODIFY_ADD", [_written(new)]))
        return self._write(self._login.username, *changes)

    def _write(self, user: str, *changes: tuple[str, list[bytes]]) -> Answer:
        return self._directory.modify(entry_of(self._directory, user), "unicodePwd", *changes)

    def _logs_in(self, password: Password) -> bool:
        directory, said = bound(replace(self._login, password=password), self._remaining)
        directory.close()
        return said.code == 0

    def _refusal(self, said: Answer, user: str) -> Exception:
        cure = f'dsacls "<DN of {user}>" /G "{self._login.username}:CA;Reset Password" (samba-tool dsacl set)'
        return refusal(said, self._login.username, user, cure)


def logged_in(login: Login, remaining: Remaining) -> ActiveDirectorySession:
    """Bind, one attempt. Raises LoginRejected, EngineUnavailable."""
    directory, said = bound(login, remaining)
    if said.code == 0:
        return ActiveDirectorySession(directory, login, remaining)
    directory.close()
    number = _DATA.search(said.said)
    if number and number[1] in _REJECTED:
        raise LoginRejected(f"login refused: {_REJECTED[number[1]]}", directory.mode)
    raise rejection(said, directory.mode)


def _written(password: Password) -> bytes:
    return f'"{password.reveal()}"'.encode("utf-16-le")
