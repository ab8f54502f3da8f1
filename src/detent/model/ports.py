"""What a room needs from a room it may not import. `main` builds the real ones and hands them over."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeVar

from detent.model.function import UserFunction
from detent.model.policy import Principal
from detent.model.rotation import Rotation
from detent.model.secret import Secret, VersionId
from detent.model.value import SecretValue

T = TypeVar("T")


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Give the moment as an aware UTC datetime."""


class Transactions(Protocol):
    """Units of work on the store, for a room that must not know the store. `Any` is the store's transaction.

    What was cached under a stamp that is not equal to a transaction's `stamp` is stale.
    """

    def read(self) -> AbstractContextManager[Any]:
        """Open a snapshot that refuses to write (`ReadOnlyTransaction`). One at a time per thread."""

    def glance(self, known: object = None) -> AbstractContextManager[Any]:
        """Open a snapshot for one short read; it also raises ReadOnlyTransaction when it was overtaken by a commit.

        `known` is a stamp that the caller has just seen and takes for true.
        """

    def write(self, work: Callable[[Any], T]) -> T:
        """Run work like `submit`, and wait."""

    def submit(self, work: Callable[[Any], T]) -> "Future[T]":
        """Run work in a write transaction; the future resolves after the commit. Work that raises leaves no trace."""

    def leave(self, work: Callable[[Any], T], *, lasts: bool = True) -> "Future[T]":
        """Run work like `submit`, but with the next commit of this process, and before what is submitted later.

        Unless it `lasts`, it asks for no wait for the disk either.
        """


@dataclass(frozen=True, slots=True)
class SessionCredentials:
    """Temporary credentials of one rotation step."""

    access_key_id: str
    secret_access_key: SecretValue
    session_token: SecretValue
    rotation_token: SecretValue  # proves that a PutSecretValue made by another principal belongs to this step
    expires: datetime
    region: str  # where the secret lives, and where the function's client must call


class SessionIssuer(Protocol):
    """Temporary credentials for one rotation step."""

    def issue(self, tx: Any, secret: Secret, token: VersionId, expires: datetime) -> SessionCredentials:  # noqa: ANN401 - the store's transaction
        """Make credentials limited to this step, in the caller's transaction.

        Any issued earlier for the secret stop working when it commits.
        """


class LastCall:
    """The call that ends a step, if its function left one: made in the commit that records the step."""

    def __init__(self) -> None:
        """Nothing has been left yet."""
        self.refusal: str | None = None  # once it was made
        self._made: Future[Any] | None = None

    def left(self, made: "Future[Any]") -> None:
        """Take what resolves once the call is committed."""
        self._made = made

    def failure(self) -> str | None:
        """Say why it was not made, in a transaction that was submitted behind it; None: it was, or there was none."""
        if self.refusal is None and self._made is not None and self._made.done() and self._made.exception() is not None:
            return "The function's last call was not committed."
        return self.refusal


@dataclass(frozen=True, slots=True)
class StepCall:
    """One step of one rotation, as a rotation function is called with it."""

    function: str  # ARN
    event: Mapping[str, str]
    credentials: SessionCredentials
    deadline: datetime
    is_builtin: bool = False  # known to be no user's own; else that is to be found out
    last: LastCall | None = field(default=None, compare=False)  # None: nothing records this step


EXPLAIN = "explainSecret"  # a step that functions may declare: which versions log in now


@dataclass(frozen=True, slots=True)
class Traits:
    """What is known of a function before it is called."""

    declares: frozenset[str] = frozenset()  # steps besides the four
    timeout: timedelta | None = None  # its own, for one step; None: the server's
    is_builtin: bool = False


class FunctionCaller(Protocol):
    """Calls rotation functions, wherever they run."""

    def traits(self, tx: Any, function: str) -> Traits:  # noqa: ANN401 - the store's transaction
        """Tell what is known of a function; of one that is not there, nothing."""

    def exists(self, function: str) -> bool:
        """Say whether a function of this ARN can be called that is no user's own: those are in the store."""

    def call(self, step: StepCall) -> Mapping[str, Any] | None:
        """Run one step to its end; gives what it tells, if anything. Raises FunctionFailed with a one-line reason."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of a user's own function."""

    function: UserFunction
    environment: Mapping[str, str] = field(repr=False)  # the function's own variables
    payload: bytes = field(repr=False)  # the event, JSON
    request_id: str
    deadline: datetime  # of the caller; the function's own timeout may be sooner
    credentials: SessionCredentials | None = None  # a rotation step's; None: the function gets none of this server's


@dataclass(frozen=True, slots=True)
class Invoked:
    """What a function answered: its payload, and how it failed in Lambda's words (`Unhandled`); None: it did not.

    `log` is what it wrote during this call, with Lambda's lines around it, at most so much as is kept.
    """

    payload: bytes = field(repr=False)
    error: str | None
    log: str = field(repr=False)


class FunctionRunner(Protocol):
    """Runs users' own functions, in this machine's processes or elsewhere. Every method may be called at once."""

    def refusal(self, function: UserFunction) -> str | None:
        """Say in one line why this function cannot be run here, with the cure; None: it can."""

    def warning(self, function: UserFunction) -> str | None:
        """Say in one line what this function, which can be run, will miss here; None: nothing."""

    def flaw(self, code: bytes) -> str | None:
        """Say in one line why a zip is no code, as far as a short look tells; None: it may be."""

    def invoke(self, invocation: Invocation) -> Invoked:
        """Run it to its end or its deadline. What goes wrong inside the function is in the answer.

        Raises FunctionFailed where it could not be run at all.
        """

    def forget(self, function: UserFunction) -> None:
        """Soon end what is kept warm of this function: it was changed or deleted. Does not wait."""

    def close(self) -> None:
        """End everything that was started."""


class Outbound(Protocol):
    """The one rule of where the server may connect to in somebody's name."""

    def __call__(self, host: str, port: int, timeout: float) -> str:
        """Give the one address to connect to; `timeout` is in seconds.

        Raises FunctionFailed: there is no such name, or an address behind it is refused.
        """


class AuditedCall(NamedTuple):
    """One call as the audit trail keeps it; no value of a secret is in it."""

    moment: datetime
    service: str  # the signing name
    operation: str
    region: str
    account: str
    request_id: str
    event_id: str
    peer: str
    user_agent: str
    principal: Principal | None  # None: the caller could not be told
    parameters: Mapping[str, Any] | None
    reply: Mapping[str, Any] | None
    read_only: bool
    error: tuple[str, str] | None = None  # code and message


class AuditedPart(NamedTuple):
    """One of the calls that a call stood for: what differs from that call's own record."""

    operation: str
    parameters: Mapping[str, Any]
    error: tuple[str, str] | None  # code and message


class Audit(Protocol):
    """The record of every call and every service event. Raises OSError when a record cannot be written."""

    def call(self, call: AuditedCall) -> None:
        """Append one call; it is in the file when this returns."""

    def event(
        self, name: str, secret: Secret, version: VersionId | None, moment: datetime, error: str | None = None
    ) -> None:
        """Append one service event (D.10); `version` is the rotation's token, or the version deleted."""


class AuditBatch(Audit, Protocol):
    """Records that are kept until they are written together."""

    def write(self) -> object:
        """Append all that were kept; they are in the file when this returns."""


class Meter(Protocol):
    """What is counted while a server works. No name of a secret is given to it."""

    def call(self, operation: str, status: int, seconds: float) -> None:
        """Count an answer; the operation's name is empty where it was not told, the status HTTP's."""

    def event(self, name: str) -> None:
        """Count an event of the audit trail."""

    def step(self, step: str, seconds: float, *, failed: bool) -> None:
        """Count one call of a rotation function."""

    def retry(self) -> None:
        """Count a rotation that was claimed because its step had failed before."""


class Gate(Protocol):
    """Says whether a rotation has to wait between two steps."""

    def hold(self, tx: Any, secret: Secret, rotation: Rotation) -> Rotation | None:  # noqa: ANN401 - the store's transaction
        """Give the rotation as it waits, due when it goes on by itself, if it does; None: it goes on now."""


class Scrubber(Protocol):
    """Keeps secret values out of texts."""

    def scrub(self, secret: Secret, text: str) -> str:
        """Give the text with every value of this secret's versions replaced."""
