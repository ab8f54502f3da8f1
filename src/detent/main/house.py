"""Building the rooms and joining them through their ports."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from detent.api.app import App
from detent.api.local import LocalClient, of_session, operator
from detent.api.operations import DETENT
from detent.api.rates import Rates
from detent.api.turn import Turn
from detent.audit.journal import Journal
from detent.audit.trail import AuditTrail
from detent.crypto.keyset import Keyset
from detent.functions.builtin import BUILTIN
from detent.main import auditing, metrics
from detent.main.deliveries import Deliveries
from detent.main.events import Events
from detent.main.folder import Folder, SystemClock
from detent.main.layers import Layers
from detent.main.own_functions import Forgetting, StepFunctions
from detent.main.probing import ProbedFunctions, Probing
from detent.main.settings import Settings
from detent.main.space import Space
from detent.main.sweeper import Batches, Chore, Seldom, Sweeper
from detent.main.telling import Telling
from detent.model.errors import FunctionFailed
from detent.model.function import UserFunction
from detent.model.ports import Audit, Clock, FunctionCaller, FunctionRunner, LastCall, Meter, SessionCredentials
from detent.model.rotation import Rotation
from detent.model.secret import Secret, VersionId
from detent.rotation.invoker import Function, InProcess
from detent.rotation.runner import Runner
from detent.rotation.scheduler import Scheduler
from detent.service import access, checks, erasure, following, history, news, resealing, retargeting, scrubbing
from detent.service.env import Server
from detent.store.protocol import Store, Tx
from detent.store.sqlite import SqliteStore
from detent.store.steady import machine


@dataclass(frozen=True)
class Steps:
    """What the rotator needs of the service: `ports.SessionIssuer`, `Gate` and `Scrubber`, each in its transaction."""

    server: Server
    store: Store

    def issue(self, tx: Tx, secret: Secret, token: VersionId, expires: datetime) -> SessionCredentials:
        """Make one step's credentials."""
        return access.issue_session(self.server.env(tx, secret.region), secret, token, expires)

    def hold(self, tx: Tx, secret: Secret, rotation: Rotation) -> Rotation | None:
        """Say whether a rotation waits before its step."""
        return checks.held(self.server.env(tx, secret.region), secret, rotation)

    def scrub(self, secret: Secret, text: str) -> str:
        """Replace every value of the secret's versions in the text."""
        with self.store.read() as tx:
            return scrubbing.scrub(self.server.env(tx, secret.region), secret, text)


_HOUR = 3600  # seconds
Runners = Callable[[Callable[[UserFunction], bytes]], FunctionRunner]  # makes one that reads code by what it is given


class House:
    """Every room of one process, joined."""

    def __init__(
        self,
        settings: Settings,
        keyset: Keyset,
        functions: Mapping[str, Function] = BUILTIN,
        clock: Clock | None = None,
        committed: Callable[[], None] = lambda: None,
        *,
        meter: Meter | None = None,
        runners: Runners | None = None,
    ) -> None:
        """Open the store and the audit trail of a folder that was opened before.

        `committed` is called after each commit of this process; `meter` None: nothing is counted; `runners` None:
        users' own functions are not run here.
        """
        self.settings, self._meter = settings, meter
        self.folder = Folder(settings.data)
        self.layers = Layers(self.folder.layers)
        self.clock = clock or SystemClock()
        self._journal = Journal(
            self.folder.audit,
            auditing.read_chain(self.folder.store, keyset),
            auditing.read_anchor(self.folder.store),
            fsync=settings.audit_fsync,
        )
        self.audit = AuditTrail(self._journal)
        self._written = Telling(self.audit.batch())  # the records of one batch of the store's writer
        steady = machine() if clock is None else None  # a clock that is simulated is so for leases, too
        self.store = SqliteStore(self.folder.store, self.clock, committed, self._settle, self._record, steady=steady)
        self.functions = InProcess(functions, settings.all_regions, self.client, self.clock)
        self._runner = None if runners is None else Forgetting(runners(self._code))
        self.server = Server(
            keyset,
            self.clock,
            self.functions,
            self.audit,
            settings.account_id,
            settings.region,
            settings.all_regions,
            timedelta(seconds=settings.jitter_seconds),
            settings.limits,
            timedelta(seconds=settings.manual_window_seconds),
            {name: str(getattr(function, "about", "")) for name, function in functions.items()},
            self._runner,
            frozenset(name for name, function in functions.items() if getattr(function, "overlaps", False)),
            timedelta(days=settings.history_days),
        )

        self._writing = replace(self.server, audit=self._written)  # for what runs in a write transaction

    def _code(self, function: UserFunction) -> bytes:
        """Give a function's zip. Raises FunctionFailed: it was changed or deleted meanwhile."""
        with self.store.read() as tx:
            code = tx.functions.code(function.code_sha256)
        if code is None:
            raise FunctionFailed(f"The code of {function.arn} is not there any more.")
        return code

    def _settle(self, tx: Tx) -> None:
        following.settle(self._writing, tx)

    def _record(self, tx: Tx) -> None:
        """Write the records of a batch, and let the store see the chain's head in the same commit."""
        for event in self._written.events():
            news.tell(self._writing.env(tx, event.secret.region), event)
        head = self._written.write()
        if head is not None:
            tx.advance_fact(auditing.HEAD, head.packed())

    def anchor(self) -> None:
        """Let the store see the chain's head, unless it has: calls that only read leave records without a commit."""
        head = self._journal.head().packed()
        with self.store.read() as tx:
            if (tx.fact(auditing.HEAD) or b"") >= head:
                return
        self.store.write(lambda tx: tx.advance_fact(auditing.HEAD, head))

    def app(self) -> tuple[App, Turn]:
        """Give the ASGI callable, and the turns at whose ends its HTTP server must write."""
        records = self.audit.batch()
        turn = Turn(records)
        at_once = replace(self.server, audit=records)
        factor = self.settings.rate_limit_factor
        rates = Rates(factor, self.settings.workers) if factor else None
        return App(self.server, self.store, turn, at_once, self._writing, rates=rates, meter=self._meter), turn

    def client(self, credentials: SessionCredentials, last: LastCall | None = None) -> LocalClient:
        """Give a client in boto3's shape that acts with these credentials, without HTTP."""
        inside = of_session(credentials.access_key_id, last)
        return LocalClient(self.server, self.store, inside, credentials.region, writing=self._writing)

    def operator(self, account: str, region: str, service: str = DETENT) -> LocalClient:
        """Give a client that acts as an account's root: whoever can open the folder could do all that it does."""
        return LocalClient(self.server, self.store, operator(account), region, service, writing=self._writing)

    def runner(self) -> Runner:
        """Give what drives claimed rotations."""
        steps = Steps(self._writing, self.store)
        functions: FunctionCaller = self.functions
        if self._runner is not None:
            functions = StepFunctions(self.functions, self.server, self.store, self._runner)
        audit: Audit = self._written
        functions = ProbedFunctions(functions, Probing(self.server, self.store, self.client, self._certificates))
        if self._meter is not None:
            functions = metrics.TimedFunctions(functions, self._meter, time.monotonic)
            audit = metrics.CountingAudit(audit, self._meter)
        return Runner(
            self.store,
            functions,
            steps,
            audit,
            steps,
            self.clock,
            self.settings.step_seconds,
            self.server.jitter,
            steps,
        )

    def scheduler(
        self, wait: Callable[[float], None] = time.sleep, wake: Callable[[], None] = lambda: None
    ) -> Scheduler:
        """Give what claims due rotations; `wait` sleeps for so many seconds, or until something was committed.

        `wake` ends such a wait.
        """
        told = self.settings
        runner = self.runner()
        drive: metrics.Drive = runner.drive
        if self._meter is not None:
            drive = metrics.counted(drive, self._meter)
        return Scheduler(
            self.store, self.clock, runner.prepare, drive, told.lease_seconds, wait, wake, told.runners, told.pace
        )

    def events(self) -> Events | None:
        """Give what invokes functions with the events that wait for them; None: nothing is invoked here."""
        return None if self._runner is None else Events(self.server, self.store, self._runner)

    def deliveries(self) -> Deliveries:
        """Give what posts news to webhooks."""
        return Deliveries(self._writing, self.store, self._certificates, self.settings.lease_seconds)

    @property
    def _certificates(self) -> Path | None:
        """The operator's CAs, trusted besides the system's."""
        return self.settings.ca_bundle

    def standing(self) -> metrics.Standing:
        """Give what metrics are read from."""
        return metrics.Standing(self.store, self.clock, self.folder.store, self.folder.path)

    def sweeper(self) -> Sweeper:
        """Give what is done in the background."""
        space = Space(self.folder.path, self.settings.audit_low_space_mb)
        chores: tuple[Chore, ...] = (
            Batches(self._writing, self.store, erasure.finds_some, erasure.erase_due),
            Batches(self._writing, self.store, resealing.finds_some, resealing.run),
            Batches(self._writing, self.store, news.finds_overdue, news.tell_overdue),
            Seldom(_HOUR, Batches(self._writing, self.store, history.finds_old, history.forget_old)),
            Batches(self._writing, self.store, retargeting.finds_some, retargeting.run),
            lambda _: self.anchor(),
            lambda _: space.look(),
        )
        return Sweeper(self.settings.sweep_seconds, chores)

    def end_functions(self) -> None:
        """End users' own functions, whatever they are at: who waits for one is told that it failed."""
        if self._runner is not None:
            self._runner.close()

    def close(self) -> None:
        """End the functions that run, and finish what was submitted."""
        self.end_functions()
        try:
            self.anchor()
        except Exception:
            logging.getLogger(__name__).exception("the end of the audit trail was not kept in the store")
        self.store.close()
        self._journal.close()
