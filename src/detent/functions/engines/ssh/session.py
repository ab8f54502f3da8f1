"""The keys of one user, as a rotation changes them."""

import base64
from collections.abc import Callable, Sequence
from typing import Final

from detent.functions.abilities import Issued, Key
from detent.functions.engines.ssh import authorized_keys as text
from detent.functions.engines.ssh.authorized_keys import KeyLine
from detent.functions.engines.ssh.files import AuthorizedKeys
from detent.functions.engines.ssh.pairs import new_pair
from detent.functions.engines.ssh.wire import Refused, Wire
from detent.functions.errors import ChangeRefused, EngineUnavailable

_TIMES: Final = 3  # that a change is begun again because somebody else was faster


class SshSession:
    """A user who logged in by a key."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def ping(self) -> None:
        """Open a channel."""
        try:
            self._wire.ping()
        except Refused as error:
            reason = f"the server opens no session: {error}"
        else:
            return
        raise EngineUnavailable(reason)

    def close(self) -> None:
        """End the connection."""
        self._wire.close()

    def keys(self, user: str) -> Sequence[Key]:
        """Give them in the file's order: each new one stands at its end."""
        return [Key(line.id, line.mark) for line in text.keys_in(AuthorizedKeys(self._wire, user).read())]

    def issue_key(self, user: str, mark: str) -> Issued:
        """Make a pair, and a line for its public half; the private one goes nowhere but into the answer."""
        private, kind, blob = new_pair()

        def added(read: str) -> str:
            options = self._options(user, mark, text.keys_in(read))
            return text.with_line(read, KeyLine(options, kind, blob, text.comment_of(mark)))

        self._change(user, added)
        return Issued(text.fingerprint_of(base64.b64decode(blob)), private)

    def revoke_key(self, user: str, key: str) -> None:
        """Take its lines away, but never the last key."""

        def taken(read: str) -> str:
            left = text.without(read, key)
            if left != read and not text.keys_in(left):
                raise ChangeRefused(f"{key} is the last key of {user!r}: it needs another one before this one goes")
            return left

        self._change(user, taken)

    def _change(self, user: str, change: Callable[[str], str]) -> None:
        file = AuthorizedKeys(self._wire, user)
        for _ in range(_TIMES):
            read = file.read()
            changed = change(read)
            if changed == read or file.replace(read, changed):
                return
        raise EngineUnavailable(f"the authorized_keys of {user!r} are being changed by somebody else: later again")

    def _options(self, user: str, mark: str, lines: list[KeyLine]) -> str:
        """Give those of the key in use: the session's own, else the secret's latest, else what all lines agree on."""
        own = self._wire.login.settings["fingerprint"]
        home = text.comment_of(mark.partition("/")[0])
        used = [line for line in lines if line.id == own] or [line for line in lines if line.comment.startswith(home)]
        found = {line.options for line in used[-1:] or lines}
        if len(found) != 1:
            raise ChangeRefused(
                f"which options (from=, command=) a new key of {user!r} is to have cannot be told from "
                f"{len(lines)} lines of authorized_keys: it needs lines that agree, or {user!r} to rotate itself"
            )
        return found.pop()
