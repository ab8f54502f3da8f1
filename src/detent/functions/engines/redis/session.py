"""What a rotation does on a Redis server and on every further one that the secret names.

First everything is looked at on every server: the login, the user, the rights, whether the change can be kept. Only
then is anything changed, on the secret's own host last, so that a credential that logs in there is known everywhere.
"""

import hashlib
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from detent.functions.engines import Login, Remaining
from detent.functions.engines.redis.failures import Refusal
from detent.functions.engines.redis.login import logged_in
from detent.functions.engines.redis.nodes import other_logins, refuse_unnamed
from detent.functions.engines.redis.users import hashes_of, saving_at
from detent.functions.engines.redis.wire import Wire
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, ProbeFailed
from detent.functions.passwords import Password

Rules = Callable[[frozenset[str]], list[str]]  # given the hashes that are there, what ACL SETUSER is told

RIGHTS: Final = "+acl|setuser +acl|getuser +acl|save +role"


class RedisSession:
    """One login; the further servers are logged in at when they are needed."""

    def __init__(self, wire: Wire, login: Login, remaining: Remaining) -> None:
        self._wire = wire
        self._others: dict[str, Wire] = {}
        self._login = login
        self._remaining = remaining

    def ping(self) -> None:
        """PING every server; to be forbidden that is an answer too."""
        try:
            for wire in self._everywhere():
                _pinged(wire)
        except (LoginRejected, Refusal) as error:
            failure = EngineUnavailable(str(error))
        else:
            return
        raise failure

    def change_own_password(self, new: Password) -> None:
        """Change it everywhere; a server that has it already, from a change that was cut off, is content."""
        self._change(self._login.username, lambda _: ["resetpass", _added(new)], spare=new)

    def set_password(self, user: str, new: Password) -> None:
        """Leave the user this one password, everywhere that this session's own secret names."""
        self._change(user, lambda _: ["resetpass", _added(new)])

    def add_password(self, user: str, new: Password) -> None:
        """Add one to the set."""
        self._change(user, lambda _: [_added(new)])

    def retire_passwords(self, user: str, keep: Sequence[Password]) -> None:
        """Take all others out of the set, by their hashes."""
        kept = {_hash(one) for one in keep}
        self._change(user, lambda there: [f"!{one}" for one in sorted(there - kept)])

    def probe(self, statement: str) -> Sequence[Any] | None:
        """Run a command, written as in a shell. What it writes stays: Redis takes nothing back."""
        try:
            reply = _readable(self._wire.ask(*_words(statement)))
        except Refusal as said:
            failure = ProbeFailed(str(said))
        else:
            return reply if isinstance(reply, list) else [reply]
        raise failure

    def close(self) -> None:
        """End the connections."""
        for wire in (self._wire, *self._others.values()):
            wire.close()

    def _change(self, user: str, rules: Rules, spare: Password | None = None) -> None:
        try:
            self._change_everywhere(user, rules, spare)
        except Refusal as said:
            failure = ChangeRefused(self._refused(said))
        except LoginRejected as error:
            failure = ChangeRefused(str(error))
        else:
            return
        raise failure

    def _change_everywhere(self, user: str, rules: Rules, spare: Password | None) -> None:
        wires = self._everywhere(spare)
        refuse_unnamed(wires)
        persist = self._login.settings.get("persist") is not False
        prepared = [(wire, hashes_of(wire, user), saving_at(wire) if persist else ()) for wire in wires]
        for wire, there, saving in prepared:
            changes = rules(there)
            if changes:
                wire.ask_at_once(("ACL SETUSER", user, *changes), *saving)

    def _everywhere(self, spare: Password | None = None) -> list[Wire]:
        """Log in at every server, by the spare password where that is known already; the secret's own host is last."""
        for login in other_logins(self._login):
            place = f"{login.host}:{login.port}"
            if place not in self._others:
                self._others[place] = self._joined(login, place, spare)
        return [*self._others.values(), self._wire]

    def _joined(self, login: Login, place: str, spare: Password | None) -> Wire:
        for password in (login.password, spare):
            if password is not None:
                try:
                    return logged_in(replace(login, password=password), self._remaining)
                except EngineUnavailable as error:
                    raise EngineUnavailable(f"{place}: {error}", error.mode) from None
                except LoginRejected:
                    continue
        raise LoginRejected(
            f"{place} refuses the login that {self._wire.place} takes: give the user the same password there", ""
        )

    def _refused(self, said: Refusal) -> str:
        if not said.forbidden:
            return f"{said.place} refused the change: {said}"
        by = self._login.username
        return (
            f"{by!r} may not do that at {said.place} (the server said: {said}): ACL SETUSER {by} {RIGHTS}, "
            "in a cluster +cluster|nodes, without an aclfile +config|rewrite; who has +acl|setuser can take all rights"
        )


def _words(statement: str) -> list[str]:
    with suppress(ValueError):  # a quotation mark is not closed
        words = shlex.split(statement)
        if words and words[0].strip():
            return words
    raise ProbeFailed("it is no command line")


def _readable(reply: Any) -> Any:  # noqa: ANN401 - whatever the server says
    if isinstance(reply, list):
        return [_readable(one) for one in reply]
    return reply.decode(errors="replace") if isinstance(reply, bytes) else reply


def _pinged(wire: Wire) -> None:
    try:
        wire.ask("PING")
    except Refusal as said:
        if not said.forbidden:
            raise


def _added(password: Password) -> str:
    return f"#{_hash(password)}"


def _hash(password: Password) -> str:
    """Redis's own: SHA-256 without a salt."""
    return hashlib.sha256(password.reveal().encode()).hexdigest()
