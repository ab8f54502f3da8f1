"""What a service function is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from detent.crypto.keyset import Keyset
from detent.model.limits import Limits
from detent.model.ports import Audit, Clock, FunctionCaller, FunctionRunner
from detent.model.rotation import MANUAL_WINDOW
from detent.store.protocol import Tx


@dataclass(frozen=True, slots=True)
class Server:
    """The lasting parts, the same for every call."""

    keyset: Keyset
    clock: Clock
    functions: FunctionCaller
    audit: Audit
    account: str  # the one whose root key the data folder holds
    region: str  # where a call belongs whose signature has not been read yet
    regions: frozenset[str]  # namespaces: a secret lives in one, its replicas in others
    jitter: timedelta  # how far scheduled rotations are spread after a window opens; zero: not at all
    limits: Limits = Limits()  # noqa: RUF009 - it cannot change
    manual_window: timedelta = MANUAL_WINDOW  # of a rotation that somebody asks for
    builtin: Mapping[str, str] = field(default_factory=dict)  # functions in every account: name, what each does
    runner: FunctionRunner | None = None  # of users' own functions; None: this server runs none
    overlapping: frozenset[str] = frozenset()  # built-in functions whose old and new credential work at once
    history: timedelta = timedelta(days=90)  # for how long rotations that ended are kept
    keysets: dict[str, tuple[int, Keyset]] = field(default_factory=dict, repr=False)  # customers', by generation
    opened_facts: dict[str, bytes] = field(default_factory=dict, repr=False)  # of this store, by name
    left: dict[str, bytes] = field(default_factory=dict, repr=False)  # what did not open: under which primary key

    def env(self, tx: Tx, region: str, origin: "Origin | None" = None) -> "Env":
        """Surround one call in a region."""
        return Env(tx, self.clock.now(), self, region, origin or NOWHERE)


class Origin(NamedTuple):
    """Where a call came from, and the ids it is known by."""

    request_id: str
    event_id: str
    peer: str  # an address, or the name of what called within the server
    user_agent: str
    over_tls: bool = False  # as the server itself saw it: no header is believed


NOWHERE = Origin("", "", "", "")  # the server itself, in the background


class Env(NamedTuple):
    """One call's surroundings: its transaction, its moment, the server's lasting parts, its region and its origin."""

    tx: Tx
    now: datetime
    server: Server
    region: str
    origin: Origin = NOWHERE
    later: Callable[[Callable[[Tx], None]], object] | None = None  # writes with the next commit; None: only `tx` does

    def note(self, work: Callable[[Tx], None]) -> None:
        """Write what need not be committed before the answer, where there is somebody to do it later."""
        if self.later is None:
            work(self.tx)
        else:
            self.later(work)
