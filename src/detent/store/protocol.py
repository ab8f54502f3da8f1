"""The store's interface and its contract.

A `Store` gives transactions. A read transaction is a snapshot and raises ReadOnlyTransaction from every method that
writes. Write transactions of all processes run one after another; what one wrote is on disk before its future
resolves. Methods that look one thing up give None when it is absent.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol, TypeVar

from detent.model.checks import Check, Checks, Hold
from detent.model.function import FunctionKey, UserFunction
from detent.model.identity import Identity, IdentityKey, IdentityKind, IdentityPolicy
from detent.model.keyset import CustomerKeyset, Seals
from detent.model.news import Webhook
from detent.model.pace import Pace
from detent.model.policy import Principal
from detent.model.rotation import Attempt, Rotation, State
from detent.model.search import Filter, Place, Sort
from detent.model.secret import Secret, SecretKey, Version, VersionId
from detent.model.value import SealedValue

T = TypeVar("T")

ROTATION_PAUSED = "rotation paused"  # a fact: while it stands nothing is claimed; what it says is the service's


class StoreUnusable(Exception):
    """The store cannot be opened; the message says why and what to do."""


class KeyUse(NamedTuple):
    """The last use of an access key that was noted."""

    moment: datetime
    service: str
    region: str


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key as kept: its secret sealed, its tokens as SHA-256 hashes. Temporary ones expire."""

    principal: Principal
    sealed: SealedValue
    created: datetime
    expires: datetime | None = None
    session_token_hash: bytes | None = None
    rotation_token_hash: bytes | None = None
    active: bool = True  # an inactive one signs nothing
    used: KeyUse | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Which secrets a page holds, in which order, and how many at most; `after` None: it is the first."""

    account: str
    region: str
    limit: int
    after: Place | None = None
    filters: tuple[Filter, ...] = ()
    sort: Sort = Sort.CREATED
    descending: bool = False
    with_deleted: bool = False


class Secrets(Protocol):
    """Secrets, their versions and sealed values."""

    def named(self, account: str, region: str, name: str) -> Secret | None:
        """Find a secret by its exact name, scheduled for deletion or not."""

    def keyed(self, key: SecretKey) -> Secret | None:
        """Find a secret by the store's number for it."""

    def page(self, page: Page) -> list[Secret]:
        """List the secrets that match every filter (`model.search`), those behind the place given."""

    def add(self, secret: Secret) -> Secret:
        """Keep a new secret; gives it back with its key. The name must be free."""

    def save(self, secret: Secret) -> Secret:
        """Keep a changed secret, compare-and-swap on `revision`. Raises StaleRevision."""

    def erase(self, key: SecretKey) -> None:
        """Remove a secret with its versions and rotations."""

    def count(self, account: str, region: str) -> int:
        """Say how many secrets there are, those scheduled for deletion too; costs the same for any number."""

    def due_for_erasure(self, now: datetime, limit: int) -> list[Secret]:
        """List secrets of every account and region whose recovery window has passed, the longest past first."""

    def version(self, key: SecretKey, version_id: VersionId) -> Version | None:
        """Find one version."""

    def versions(self, key: SecretKey) -> list[Version]:
        """List a secret's versions by creation, then id."""

    def count_versions(self, key: SecretKey) -> int:
        """Say how many versions a secret has, placeholders too."""

    def sealed(self, key: SecretKey, version_id: VersionId) -> SealedValue | None:
        """Find a version's value; None too while the version is an empty placeholder."""

    def put_version(self, key: SecretKey, version: Version, sealed: SealedValue | None) -> None:
        """Keep a version, new or the filling of an empty one. `sealed` None makes a placeholder."""

    def reseal(self, key: SecretKey, version_id: VersionId, sealed: SealedValue) -> None:
        """Keep the same value of a version under another seal."""

    def drop_version(self, key: SecretKey, version_id: VersionId) -> None:
        """Remove a version; absent already is fine."""

    def touch(self, secret: Secret, version_id: VersionId, day: date) -> None:
        """Note the day of a read on the secret and on the version; the revision stays."""


class StaleVersion(NamedTuple):
    """A version's value, and what its context is made of."""

    key: SecretKey
    arn: str
    version: VersionId
    sealed: SealedValue


class Targets(Protocol):
    """Where values log in, for those that were stored before that was kept."""

    def lacking(self, key: SecretKey, version: VersionId, limit: int) -> list[StaleVersion]:
        """List values without a target that stand behind this version, of every account and region."""

    def fill(self, key: SecretKey, version: VersionId, target: str) -> None:
        """Keep a version's target; if it is the current one, of its secret's rotations that are not over, too."""


class Keysets(Protocol):
    """Keysets that callers choose. Their key material is sealed by the root keyset."""

    def find(self, keyset_id: str) -> CustomerKeyset | None:
        """Find a keyset, enabled or not."""

    def aliased(self, account: str, region: str, alias: str) -> CustomerKeyset | None:
        """Find the keyset with this alias."""

    def of(self, account: str, region: str) -> list[CustomerKeyset]:
        """List an account's keysets in a region by creation."""

    def sealed(self, keyset_id: str) -> bytes | None:
        """Find a keyset's sealed key material."""

    def add(self, keyset: CustomerKeyset, sealed: bytes) -> None:
        """Keep a new keyset. Its alias must be free."""

    def save(self, keyset: CustomerKeyset) -> None:
        """Keep a changed keyset, but for its key material."""

    def all(self) -> list[CustomerKeyset]:
        """List every keyset of every account and region."""

    def due_for_deletion(self, now: datetime, limit: int) -> list[CustomerKeyset]:
        """List keysets whose deletion is due, the longest due first."""

    def reseal(self, keyset_id: str, sealed: bytes) -> None:
        """Keep other sealed key material: the same under another seal, or more of it."""

    def drop(self, keyset_id: str) -> None:
        """Remove a keyset with its key material: what lies under it never opens again."""

    def seals(self, keyset_id: str, prefix: bytes) -> Seals:
        """Count the values under a keyset; stale is one whose ciphertext begins with another prefix."""

    def stale_versions(self, keyset_id: str, prefix: bytes, limit: int) -> list[StaleVersion]:
        """List versions whose value lies under a keyset and begins with another prefix, in any order."""

    def stale_access_keys(self, keyset_id: str, prefix: bytes, limit: int) -> list[tuple[str, SealedValue]]:
        """List such access keys, by id, with their sealed secrets."""

    def reseal_access_key(self, access_key_id: str, sealed: SealedValue) -> None:
        """Keep the same secret of an access key under another seal."""


class Rotations(Protocol):
    """Rotations, their leases and attempts. Leases are counted by a clock of the store's own that nobody can set."""

    def add(self, rotation: Rotation) -> Rotation:
        """Keep a new rotation; gives it back with its id."""

    def of_token(self, key: SecretKey, token: VersionId) -> Rotation | None:
        """Find the latest rotation with this token."""

    def current(self, id: int) -> Rotation | None:  # noqa: A002 - the field's own name
        """Read a rotation again."""

    def open(self, key: SecretKey) -> list[Rotation]:
        """List the secret's rotations that began and have not ended."""

    def acted(self, key: SecretKey) -> set[VersionId]:
        """Give the versions whose rotation got past its first step, and after which none has succeeded.

        The last one that succeeded is among them. Where two servers' clocks disagree, rather one too many.
        """

    def page(
        self,
        account: str,
        region: str,
        key: SecretKey | None,
        before: int | None,
        limit: int,
        *,
        state: State | None = None,
        due: datetime | None = None,
    ) -> list[tuple[Secret, Rotation]]:
        """List rotations that began, of one secret or of all, newest first, those with a smaller id than `before`.

        Only those in one state; or, instead, those due by a moment, whether they began or are planned.
        """

    def replan(self, key: SecretKey, rotation: Rotation | None) -> None:
        """Put this planned rotation in the place of the one there; None only removes it.

        While a rotation is under way nothing is planned: its end plans the next.
        """

    def claim_due(self, owner: str, seconds: float, limit: int, pace: Pace = ...) -> list[Rotation]:
        """Give due rotations to this owner until their lease ends; each to one caller only, under a new epoch.

        The longest due first, but of each target only as many as its pace allows, over all owners. A retry whose
        moment lies ahead only because the clock was set back since is due.
        """

    def renew(self, rotation: Rotation, seconds: float) -> bool:
        """Prolong the lease this rotation was claimed under; False: somebody else has it now."""

    def save(self, rotation: Rotation, *, release: bool) -> None:
        """Keep what the lease's holder made of it. Raises StaleRevision when its epoch is over."""

    def overrule(self, rotation: Rotation) -> None:
        """Keep what somebody else decided, and end the lease and epoch of whoever runs it."""

    def overdue(self) -> int:
        """Say how many rotations are due that nobody works on, paused or not."""

    def next_due(self) -> datetime | None:
        """Give the earliest moment at which `claim_due` may find something."""

    def record(self, rotation: Rotation, attempt: Attempt) -> None:
        """Keep one attempt."""

    def attempts(self, rotation_id: int) -> list[Attempt]:
        """List a rotation's attempts in the order they were made."""


class AccessKeys(Protocol):
    """Access keys, lasting and temporary."""

    def find(self, access_key_id: str) -> AccessKey | None:
        """Find a key, expired or not."""

    def made(self, access_key_id: str) -> AccessKey | None:
        """Find a key by an id that this server gave out itself, so that how long it takes tells nobody anything."""

    def add(self, key: AccessKey) -> None:
        """Keep a new key."""

    def of_identity(self, identity: IdentityKey) -> list[AccessKey]:
        """List the lasting keys of a user by creation."""

    def of_root(self, account: str) -> list[AccessKey]:
        """List the lasting keys of an account's root by creation."""

    def set_active(self, access_key_id: str, *, active: bool) -> None:
        """Let a key sign, or not."""

    def drop(self, access_key_id: str) -> None:
        """Remove a key; absent already is fine."""

    def note_use(self, access_key_id: str, use: KeyUse) -> None:
        """Keep when and for what a key was last used."""

    def has_account(self, account: str) -> bool:
        """Say whether any key belongs to the account with this number."""

    def has_principal(self, arn: str) -> bool:
        """Say whether any key belongs to the principal with this ARN."""

    def of_rotation_token(self, token_hash: bytes) -> AccessKey | None:
        """Find the step session that was issued with this rotation token."""

    def drop_sessions(self, secret_arn: str, now: datetime) -> None:
        """Remove every step session of a secret, and all sessions that expired over an hour ago.

        Until then whoever uses an expired one is told that it has expired, and not that nobody knows it.
        """

    def drop_expired(self, now: datetime) -> None:
        """Remove all sessions that expired over an hour ago."""

    def drop_sessions_of(self, identity: IdentityKey) -> None:
        """Remove every session of a user or role."""


class Identities(Protocol):
    """Users and roles, the policies of an account, and which are attached to whom."""

    def find(self, account: str, kind: IdentityKind, name: str) -> Identity | None:
        """Find a user or role by its exact name."""

    def of(self, account: str, kind: IdentityKind) -> list[Identity]:
        """List an account's users or roles by name."""

    def is_taken(self, account: str, kind: IdentityKind, name: str) -> bool:
        """Say whether a user or role has this name, in whatever case."""

    def add(self, identity: Identity) -> Identity:
        """Keep a new one; gives it back with its key. The name must be free."""

    def save(self, identity: Identity) -> None:
        """Keep changed tags, trust, or length of sessions."""

    def drop(self, key: IdentityKey) -> None:
        """Remove a user or role with its access keys, sessions and attachments."""

    def documents(self, key: IdentityKey) -> tuple[tuple[str, str], ...]:
        """Give the policies attached to a user or role, each its name and its document, by name."""

    def attach(self, key: IdentityKey, policy: IdentityPolicy) -> None:
        """Attach a policy; attached already is fine."""

    def detach(self, key: IdentityKey, policy: IdentityPolicy) -> None:
        """Detach a policy; not attached is fine."""


class IdentityPolicies(Protocol):
    """The policies of an account, attached or not."""

    def find(self, account: str, name: str) -> IdentityPolicy | None:
        """Find a policy by its exact name."""

    def of(self, account: str) -> list[IdentityPolicy]:
        """List an account's policies by name."""

    def is_taken(self, account: str, name: str) -> bool:
        """Say whether a policy has this name, in whatever case."""

    def put(self, policy: IdentityPolicy) -> None:
        """Keep a policy, in the place of the one of this very name."""

    def drop(self, policy: IdentityPolicy) -> None:
        """Remove a policy, which must be attached to nobody."""

    def attached_to(self, policy: IdentityPolicy) -> list[Identity]:
        """List the users and roles that a policy is attached to."""


class Policies(Protocol):
    """Resource policies: each a document as it was given, under its secret and its name. They go with their secret."""

    def find(self, key: SecretKey, name: str) -> str | None:
        """Find a secret's document of this name."""

    def names(self, key: SecretKey) -> list[str]:
        """List the names under which a secret has documents, sorted."""

    def put(self, key: SecretKey, name: str, document: str) -> None:
        """Keep a document, in the place of the one there."""

    def drop(self, key: SecretKey, name: str) -> None:
        """Remove a document; absent already is fine."""


class FunctionLog(NamedTuple):
    """What a function wrote during one invocation, sealed."""

    request_id: str
    moment: datetime
    sealed: SealedValue


class FunctionEvent(NamedTuple):
    """An event that a function is to be invoked with, sealed; `attempts` counts the claims, this one too."""

    id: int
    function: UserFunction
    request_id: str
    accepted: datetime
    attempts: int
    sealed: SealedValue


class StaleFunctionPart(NamedTuple):
    """What is sealed of a function, and what its context is made of; the environment has no request id."""

    kind: str  # environment, log, event
    number: int
    function: FunctionKey
    request_id: str
    sealed: SealedValue


class Functions(Protocol):
    """Users' own rotation functions, their code, what they wrote, and the events that wait for them."""

    def find(self, key: FunctionKey) -> UserFunction | None:
        """Find a function."""

    def page(self, account: str, region: str, after: str, limit: int) -> list[UserFunction]:
        """List an account's functions in a region by name, those behind the name given."""

    def environment(self, key: FunctionKey) -> SealedValue | None:
        """Find a function's sealed environment."""

    def put(self, function: UserFunction, environment: SealedValue) -> None:
        """Keep a function, in the place of the one of its key, with its log. Code that none has any more goes."""

    def drop(self, key: FunctionKey) -> None:
        """Remove a function with its log and its events; absent already is fine."""

    def code(self, sha256: str) -> bytes | None:
        """Find code by its base64 SHA-256."""

    def keep_code(self, sha256: str, code: bytes) -> None:
        """Keep code, before the function that has it; kept already is fine."""

    def log(self, key: FunctionKey, log: FunctionLog, oldest: datetime, most: int) -> None:
        """Keep what a function wrote, and no entry from before `oldest` or behind the newest `most` bytes."""

    def logs(self, key: FunctionKey, since: datetime, limit: int) -> list[FunctionLog]:
        """List so many of the newest entries from a moment on, in the order they were made."""

    def add_event(self, key: FunctionKey, request_id: str, sealed: SealedValue, now: datetime) -> None:
        """Keep an event, due at once."""

    def count_events(self, key: FunctionKey) -> int:
        """Say how many events wait for a function, or are being worked on."""

    def has_due_event(self) -> bool:
        """Say whether `claim_event` would find something."""

    def claim_event(self, margin: timedelta) -> FunctionEvent | None:
        """Give the longest due event to this caller, until the function's timeout and the margin have passed."""

    def postpone_event(self, event: FunctionEvent, due: datetime) -> None:
        """Let an event be claimed again from a moment on, unless somebody else has it now."""

    def drop_event(self, event: FunctionEvent) -> None:
        """Remove an event, unless somebody else has it now."""

    def stale(self, keyset_id: str, prefix: bytes, limit: int) -> list[StaleFunctionPart]:
        """List what lies under a keyset and begins with another prefix, in any order."""

    def reseal(self, part: StaleFunctionPart, sealed: SealedValue) -> None:
        """Keep the same under another seal."""


class News(NamedTuple):
    """One piece of news that waits for its webhook."""

    id: int
    event_id: str
    told: datetime
    body: str


class StaleWebhook(NamedTuple):
    """A webhook's signing secret, and what its context is made of."""

    account: str
    region: str
    name: str
    key: int
    sealed: SealedValue


class Webhooks(Protocol):
    """Webhooks and the news that wait for them. A claim is one process's until its lease ends."""

    def find(self, account: str, region: str, name: str) -> Webhook | None:
        """Find a webhook by its name."""

    def of(self, account: str, region: str) -> list[Webhook]:
        """List an account's webhooks in a region by name."""

    def sealed(self, webhook: Webhook) -> SealedValue | None:
        """Find a webhook's sealed signing secret."""

    def put(self, webhook: Webhook, sealed: SealedValue) -> None:
        """Keep a webhook, in the place of the one of its name, whose news stay and are sent at once."""

    def drop(self, webhook: Webhook) -> None:
        """Remove a webhook with its news."""

    def add_news(self, webhook: Webhook, event_id: str, body: str, now: datetime) -> None:
        """Keep news until they are sent."""

    def count_news(self, webhook: Webhook) -> int:
        """Say how many news wait."""

    def count_failing(self) -> int:
        """Say how many webhooks of all accounts did not take what they were sent last."""

    def has_due(self, now: datetime) -> bool:
        """Say whether `claim` would find something."""

    def claim(self, now: datetime, until: datetime) -> Webhook | None:
        """Give the longest due webhook to this caller, until a moment."""

    def news(self, webhook: Webhook, limit: int) -> list[News]:
        """List a webhook's oldest news."""

    def drop_news(self, webhook: Webhook, last: int) -> None:
        """Remove the news up to this id: they were sent."""

    def drop_old_news(self, webhook: Webhook, oldest: datetime) -> int:
        """Remove the news from before a moment; says how many."""

    def settle(self, webhook: Webhook, failures: int, reason: str | None, due: datetime) -> None:
        """End a claim, unless somebody else has it now; what is left is sent from `due` on."""

    def stale(self, keyset_id: str, prefix: bytes, limit: int) -> list[StaleWebhook]:
        """List signing secrets under a keyset that begin with another prefix, in any order."""

    def reseal(self, key: int, sealed: SealedValue) -> None:
        """Keep the same signing secret under another seal."""


class History(Protocol):
    """What of the rotations is overdue, and what is too old to be kept."""

    def has_missed(self, now: datetime) -> bool:
        """Say whether `mark_overdue` would find something."""

    def mark_overdue(self, now: datetime, limit: int) -> list[Rotation]:
        """Give the rotations that were not done when their first window closed; each once."""

    def count_overdue(self) -> int:
        """Say how many rotations are marked so, and are still not done."""

    def count_taken_over(self) -> int:
        """Say how often the lease of a worker that was lost was taken over, among the rotations that are kept."""

    def has_forgettable(self, before: datetime) -> bool:
        """Say whether `forget` would find something."""

    def forget(self, before: datetime, limit: int) -> int:
        """Remove rotations that ended before a moment, with their attempts; says how many.

        A secret's last that succeeded, and all that ended after it, are kept: they say what a target may have.
        """

    def oldest_credential(self) -> datetime | None:
        """Give when the oldest current version of all secrets that rotate was made. Looks at every secret."""


class CheckTable(Protocol):
    """Checks between the steps, and where each rotation stands among its own."""

    def of_secret(self, key: SecretKey) -> tuple[Check, ...]:
        """Give a secret's own checks."""

    def of_tags(self, account: str, region: str) -> list[Checks]:
        """List an account's checks of tags in a region, by tag."""

    def of_secrets(self, account: str, region: str) -> list[Checks]:
        """List an account's checks of secrets in a region, by the secret's name."""

    def put_of_secret(self, secret: Secret, checks: tuple[Check, ...]) -> None:
        """Keep a secret's checks in the place of those there are; none at all only removes them."""

    def put_of_tag(self, account: str, region: str, tag: tuple[str, str], checks: tuple[Check, ...]) -> None:
        """Keep the checks of all secrets with a tag, likewise."""

    def hold(self, rotation_id: int) -> Hold | None:
        """Find where a rotation stands among its checks; None: it came to none yet."""

    def put_hold(self, rotation_id: int, hold: Hold) -> None:
        """Keep where a rotation stands."""


class Tx(Protocol):
    """One unit of work."""

    @property
    def stamp(self) -> object:
        """Equal for two snapshots only if no process has committed in between; None while writing.

        What a process keeps from one transaction to the next holds only under the stamp it was read under.
        """

    @property
    def secrets(self) -> Secrets:
        """Secrets and versions."""

    @property
    def keysets(self) -> Keysets:
        """Keysets that callers choose."""

    @property
    def rotations(self) -> Rotations:
        """Rotations and attempts."""

    @property
    def access_keys(self) -> AccessKeys:
        """Access keys."""

    @property
    def policies(self) -> Policies:
        """Resource policies."""

    @property
    def identities(self) -> Identities:
        """Users and roles."""

    @property
    def identity_policies(self) -> IdentityPolicies:
        """Policies of accounts."""

    @property
    def functions(self) -> Functions:
        """Users' own functions."""

    @property
    def webhooks(self) -> Webhooks:
        """Webhooks and their news."""

    @property
    def history(self) -> History:
        """What is overdue, and what is too old."""

    @property
    def checks(self) -> CheckTable:
        """Checks between the steps."""

    @property
    def targets(self) -> Targets:
        """Values whose target is still to be kept."""

    def changed(self) -> list[Secret]:
        """Give every secret this unit of work has saved, or changed a version of, as it is now; then forget them."""

    def fact(self, name: str) -> bytes | None:
        """Read a fact about this store itself."""

    def keep_fact(self, name: str, value: bytes) -> None:
        """Write a fact about this store itself."""

    def drop_fact(self, name: str) -> None:
        """Remove a fact about this store itself."""

    def advance_fact(self, name: str, value: bytes) -> None:
        """Write a fact about this store itself, unless the one that stands there sorts behind it, byte by byte."""


class Store(Protocol):
    """Where secrets are kept."""

    def read(self) -> AbstractContextManager[Tx]:
        """Open a snapshot, one at a time per thread."""

    def glance(self, known: object = None) -> AbstractContextManager[Tx]:
        """Open a snapshot for one short read that can be done again elsewhere.

        It also raises ReadOnlyTransaction when something was committed while it was being read. `known` is a stamp
        that the caller has just seen and takes for true.
        """

    def submit(self, work: Callable[[Tx], T]) -> "Future[T]":
        """Run work in a write transaction; the future resolves after the commit.

        Work that raises is undone and leaves the others of its batch alone; an error with `keeps_changes` is not.
        """

    def write(self, work: Callable[[Tx], T], *, lasts: bool = True) -> T:
        """Run work like `submit`, and wait.

        Unless it `lasts`, a power cut may undo it until a later commit does; nobody may have been told of it by then.
        """

    def write_together(self, works: Sequence[Callable[[Tx], T]]) -> "list[Future[T]]":
        """Run works like `submit`, one after the other and mostly in one commit, and wait for all."""

    def leave(self, work: Callable[[Tx], T], *, lasts: bool = True) -> "Future[T]":
        """Run work like `submit`, but with the next commit of this process, a second from now at the latest.

        It runs before whatever is submitted later. For what nobody waits for; a process that dies meanwhile loses it.
        """

    def close(self) -> None:
        """Finish what was submitted, then close."""
