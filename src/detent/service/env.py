"""What a service function is given."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from detent.crypto.keyset import Keyset
from detent.model.limits import Limits
from detent.model.ports import Audit, Clock, FunctionCaller
from detent.store.protocol import Tx


@dataclass(frozen=True, slots=True)
class Server:
    """The lasting parts, the same for every call."""

    keyset: Keyset
    clock: Clock
    functions: FunctionCaller
    audit: Audit
    account: str
    region: str
    jitter: timedelta  # how far scheduled rotations are spread after a window opens; zero: not at all
    limits: Limits = Limits()  # noqa: RUF009 - it cannot change

    def env(self, tx: Tx) -> "Env":
        """Surround one call."""
        return Env(tx, self.clock.now(), self)


class Env(NamedTuple):
    """One call's surroundings: its transaction, its moment, and the server's lasting parts."""

    tx: Tx
    now: datetime
    server: Server
