"""One login at a directory, and what a rotation does over it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from detent.functions.engines import Login, Remaining
from detent.functions.engines.ldap.directory import POLICY, Directory, bound
from detent.functions.engines.ldap.failures import (
    CONSTRAINT,
    MUST_CHANGE,
    NO_RIGHT,
    TOO_YOUNG,
    UNWILLING,
    WANTS_FORMER,
    Answer,
    refusal,
    rejection,
)
from detent.functions.engines.ldap.hashes import is_of, stored_form
from detent.functions.engines.ldap.replicas import require_known
from detent.functions.errors import ChangeRefused, EngineUnavailable, NoRoom, PasswordRefused
from detent.functions.passwords import Password

_ATTRIBUTE: Final = "userPassword"


class LdapSession:
    """One connection. The directory does each change as a whole."""

    def __init__(self, directory: Directory, login: Login, remaining: Remaining, *, must_change: bool) -> None:
        self._directory = directory
        self._login = login
        self._remaining = remaining
        self._must_change = must_change

    def ping(self) -> None:
        """Ask who we are, and see that the replicas know us."""
        said = self._directory.ask(lambda one: one.extend.standard.who_am_i())
        if self._must_change:
            raise EngineUnavailable(
                "the password is good, but its password policy lets the user do nothing before it has changed it "
                "itself (pwdMustChange): rotate without an admin secret, or take the user out of that policy"
            )
        if said.code:
            raise EngineUnavailable(f"the directory does not say who is logged in: {said.said} (code {said.code})")
        require_known(self._login, self._remaining)

    def change_own_password(self, new: Password) -> None:
        """Change it by the operation for that (RFC 3062), which the directory's rules and its hashes apply to."""
        if new == self._login.password:
            return  # the login proved it, and the rules would refuse the same one
        self._replace(self._login.username, self._login.password, new)
        self._login = replace(self._login, password=new)
        self._must_change = False

    def set_password(self, user: str, new: Password) -> None:
        """Replace whatever the user has; a change that was refused because it is made already is none."""
        try:
            self._replace(user, None, new)
        except PasswordRefused:
            if not self._logs_in(user, new):
                raise

    def add_password(self, user: str, new: Password) -> None:
        """Add its hash to the values of ``userPassword``."""
        if not any(is_of(stored, new) for stored in self._stored(user)):
            self._change(user, [], [stored_form(new)])

    def retire_passwords(self, user: str, keep: Sequence[Password]) -> None:
        """Delete all other values; a password to be kept whose value cannot be told gets one that can."""
        there = self._stored(user)
        gone = [stored for stored in there if not any(is_of(stored, one) for one in keep)]
        if gone:
            missing = [one for one in keep if not any(is_of(stored, one) for stored in there)]
            self._change(user, gone, [stored_form(one) for one in missing])

    def close(self) -> None:
        """End the connection."""
        self._directory.close()

    def _replace(self, user: str, old: Password | None, new: Password) -> None:
        former = old.reveal().encode() if old else None
        wanted = new.reveal().encode()  # bytes, or it would be changed by SASLprep
        said = self._directory.ask(
            lambda one: one.extend.standard.modify_password(user, former, wanted, controls=[(POLICY, False, None)])
        )
        cure = _cure(user, self._login.username, "=xw" if old else "=w")
        if said.code == UNWILLING and old:
            raise ChangeRefused(f"the directory does not verify the former password of {user!r}: {cure}")
        if said.code:
            raise refusal(said, self._login.username, user, cure)

    def _stored(self, user: str) -> list[bytes]:
        said = self._directory.read(user, _ATTRIBUTE)
        found = [stored for entry in said.entries.values() for stored in entry[_ATTRIBUTE]]
        if found:
            return found
        by = self._login.username
        denied = Answer(said.code or NO_RIGHT, said.said)  # an attribute that may not be read is left out
        raise refusal(denied, by, user, _cure(user, by, "write"))

    def _change(self, user: str, gone: list[bytes], added: list[bytes]) -> None:
        changes = [(how, values) for how, values in (("MODIFY_DELETE", gone), ("MODIFY_ADD", added)) if values]
        said = self._directory.modify(user, _ATTRIBUTE, *changes)
        if (said.code == CONSTRAINT and said.policy != TOO_YOUNG) or said.policy == WANTS_FORMER:
            raise NoRoom(_one_only(user, said))
        if said.code:
            by = self._login.username
            raise refusal(said, by, user, _cure(user, by, "write"))

    def _logs_in(self, user: str, password: Password) -> bool:
        directory, said = bound(replace(self._login, username=user, password=password), self._remaining)
        directory.close()
        return said.code == 0


def logged_in(login: Login, remaining: Remaining) -> LdapSession:
    """Bind, one attempt. Raises LoginRejected, EngineUnavailable."""
    directory, said = bound(login, remaining)
    if said.code == 0:
        return LdapSession(directory, login, remaining, must_change=said.policy == MUST_CHANGE)
    directory.close()
    raise rejection(said, directory.mode)


def _cure(user: str, by: str, access: str) -> str:
    who = "self" if user == by else f'dn.base="{by}"'
    return f'olcAccess: to dn.base="{user}" attrs=userPassword by {who} {access} by anonymous auth'


def _one_only(user: str, said: Answer) -> str:
    """Choice: to replace the password here would end the current one in a strategy that promises not to."""
    return (
        f"the directory's password policy lets {user!r} have no second password as a hash ({said.said}), so the "
        "current one was left as it is: rotate by detent-ldap-single-user, which replaces it and has a window, in "
        "which the current one is dead; or take the user out of that policy"
    )
