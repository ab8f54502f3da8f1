"""A whole house on a simulated clock, with a simulated database, whose worker can be killed at any point.

The store, the service, the rotation room and the functions are the real ones; SQLite is real, in a temp folder. What
is simulated is time, the database (users, passwords, outages), and death: from the chosen point on, nothing the dead
worker tries reaches the store or the database any more, as after `kill -9`.
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from detent.api.local import LocalClient, of_session
from detent.functions.contract import RotationFunction
from detent.functions.engines import Facts, Login, Remaining
from detent.functions.errors import EngineUnavailable, LoginRejected, PasswordRefused, ProbeFailed
from detent.functions.passwords import Password
from detent.functions.strategies import SingleUser
from detent.main.folder import Folder
from detent.main.house import House, Steps
from detent.main.settings import Settings
from detent.model.policy import Principal
from detent.model.ports import LastCall, SessionCredentials, StepCall, Traits
from detent.model.rotation import Rotation
from detent.model.secret import VersionId
from detent.rotation.invoker import InProcess
from detent.rotation.runner import Runner
from detent.service import rotations, secrets, versions
from detent.store.protocol import Store, Tx

T = TypeVar("T")
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:simulated"
ROOT = Principal("000000000000", "arn:aws:iam::000000000000:root", "AKIATEST")
LEASE_SECONDS = 15.0
_FULL = 2  # SQLite's number


class SimulatedClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def advance(self, by: timedelta) -> None:
        self.moment += by


class Killed(BaseException):
    """This worker is dead."""


@dataclass
class Death:
    """Kills its worker at the n-th point it passes; None: never. `points` names those passed."""

    at: int | None = None
    points: list[str] = field(default_factory=list)
    is_dead: bool = False
    watch: Callable[[], None] = lambda: None
    passing: str = ""  # the point at which `watch` is called

    def pass_by(self, point: str) -> None:
        """Pass a point alive, or die there. The dead pass nothing."""
        if not self.is_dead:
            self.passing = point
            self.watch()
            self.is_dead = len(self.points) == self.at
            self.points.append(point)
        if self.is_dead:
            raise Killed(point)


class MortalStore:
    """The real store, in the hands of a worker that may die before and after every write."""

    def __init__(self, store: Store, death: Death) -> None:
        self._store, self._death = store, death
        self._left: list[tuple[Callable[[Tx], Any], bool, Future[Any]]] = []  # what dies with the worker

    def read(self) -> Any:
        if self._death.is_dead:
            raise Killed
        return self._store.read()

    def glance(self, known: object = None) -> Any:
        if self._death.is_dead:
            raise Killed
        return self._store.glance(known)

    def submit(self, work: Callable[[Tx], T], *, lasts: bool = True) -> Any:
        self._death.pass_by("before a write")
        left, self._left = self._left, []
        before = [self._store.leave(one, lasts=lasting) for one, lasting, _ in left]
        done: Future[T] = Future()
        try:
            done.set_result(self._store.write(work, lasts=lasts))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
            done.set_exception(error)
        for (_, _, promised), made in zip(left, before, strict=True):
            _pass_on(made, promised)
        self._death.pass_by("after a write")
        return done

    def write(self, work: Callable[[Tx], T], *, lasts: bool = True) -> T:
        result: T = self.submit(work, lasts=lasts).result()
        return result

    def leave(self, work: Callable[[Tx], T], *, lasts: bool = True) -> "Future[T]":
        self._death.pass_by("before a write is left")
        promised: Future[T] = Future()
        self._left.append((work, lasts, promised))
        return promised

    def close(self) -> None:
        self._store.close()


def _pass_on(made: "Future[Any]", promised: "Future[Any]") -> None:
    error = made.exception()
    if error is None:
        promised.set_result(made.result())
    else:
        promised.set_exception(error)


@dataclass
class SimulatedDatabase:
    """Users and passwords; implements the engine's interface, and can be away."""

    passwords: dict[str, str] = field(default_factory=dict)
    away: bool = False
    down: set[str] = field(default_factory=set)  # hosts of it that are away
    refuses: Callable[[str], bool] = lambda _password: False  # its rules for new passwords
    lost: str = ""  # what becomes of the next change, whose answer is lost: "changed" or "unchanged"
    forbids: bool = False  # what the application does
    changing: Callable[[str], None] = lambda _user: None  # told of each change, in its midst
    death: Death = field(default_factory=Death)
    logins: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def FACTS(self) -> Facts:  # noqa: N802 - a module's constant
        return Facts(("simulated",), 1, {}, SimulatedSession, {}, "There are none.", "Nothing.")

    def faults(self, _value: Mapping[str, Any]) -> list[str]:
        return []

    def connect(self, login: Login, _remaining: Remaining) -> "SimulatedSession":
        self.death.pass_by("before a login")
        if self.away or login.host in self.down:
            raise EngineUnavailable("the database is away")
        accepted = self.passwords.get(login.username) == login.password.reveal()
        self.logins.append((login.username, accepted))
        self.death.pass_by("after a login")
        if not accepted:
            raise LoginRejected("the server refused the password", "none")
        return SimulatedSession(self, login.username)


@dataclass
class SimulatedSession:
    database: SimulatedDatabase
    user: str

    def ping(self) -> None:
        self.database.death.pass_by("before a ping")

    def change_own_password(self, new: Password) -> None:
        database = self.database
        database.death.pass_by("before a change")
        if database.refuses(new.reveal()):
            raise PasswordRefused("the server's rules refuse the new password: too dull")
        database.changing(self.user)
        lost, database.lost = database.lost, ""
        if lost != "unchanged":
            database.passwords[self.user] = new.reveal()
        if lost:
            raise EngineUnavailable("the connection was lost")
        database.death.pass_by("after a change")

    def probe(self, _statement: str) -> tuple[Any, ...] | None:
        if self.database.forbids:
            raise ProbeFailed("permission denied")
        return None

    def close(self) -> None:
        pass


@dataclass
class MortalCaller:
    """Calls the function; a death inside it is the worker's death, not the function's failure."""

    calls: InProcess
    death: Death

    def exists(self, function: str) -> bool:
        return self.calls.exists(function)

    def traits(self, tx: object, function: str) -> Traits:
        return self.calls.traits(tx, function)

    def call(self, step: StepCall) -> Any:
        self.death.pass_by(f"before {step.event['Step']}")
        try:
            return self.calls.call(step)
        finally:
            self.death.pass_by(f"after {step.event['Step']}")


class World:
    """One house, one secret, one database user; workers come and go."""

    def __init__(self, folder: Path, first_password: str, monkeypatch: Any, *, durable: bool = True) -> None:
        """`durable` False: its store survives no power cut, which no story has, and is faster."""
        self.clock = SimulatedClock()
        self.database = SimulatedDatabase({"app": first_password})
        monkeypatch.setattr("detent.functions.contract.engine_named", lambda _name: self.database)
        self.settings = Settings(folder, lease_seconds=LEASE_SECONDS, jitter_seconds=0)
        self.functions = {"simulated": RotationFunction(SingleUser(), "simulated")}
        keyset = Folder(folder).open()
        self.commits = 0
        self.waits = 0  # for the disk, among them
        self.keeps_disk = False  # whether a test is going to cut the power
        self._on_disk: dict[Path, bytes] = {}
        self.house = House(self.settings, keyset, self.functions, self.clock, self._committed)
        self.house.folder.initialise(self.house.server, self.house.store)
        if not durable:
            writer = self.house.store._writer
            writer._connection.execute("PRAGMA synchronous = OFF")
            writer._sync = lambda **_: None  # type: ignore[method-assign]
        value = {"engine": "simulated", "host": "db.example", "username": "app", "password": first_password}
        self.ask(secrets.create_secret, name="app", client_request_token="v" * 32, secret_string=json.dumps(value))

    def ask(self, operation: Callable[..., T], **members: Any) -> T:
        """Do one operation as root, as a client would."""
        return self.house.store.write(lambda tx: operation(self.house.server.env(tx, "us-east-1"), ROOT, **members))

    def rotate(self, token: str, **members: Any) -> None:
        self.ask(
            rotations.rotate_secret,
            secret_id="app",
            client_request_token=token,
            rotation_lambda_arn=FUNCTION,
            **members,
        )

    def value(self, version_stage: str = "AWSCURRENT") -> dict[str, Any]:
        read = self.ask(versions.get_secret_value, secret_id="app", version_stage=version_stage)
        found: dict[str, Any] = json.loads(str(read.value.reveal()))
        return found

    def current_logs_in(self) -> bool:
        return self.logs_in("app")

    def logs_in(self, name: str) -> bool:
        """Say whether a secret's current credential works, whether its server is up or not."""
        read = self.ask(versions.get_secret_value, secret_id=name)
        value = json.loads(str(read.value.reveal()))
        return bool(self.database.passwords[value["username"]] == value["password"])

    def secret(self) -> Any:
        return self.ask(secrets.describe_secret, secret_id="app").secret

    def rotation(self, token: str) -> Rotation:
        self.secret()
        return self.rotation_read(token)

    def rotation_read(self, token: str) -> Rotation:
        """Look without a commit of one's own."""
        with self.house.store.read() as tx:
            secret = tx.secrets.named(ROOT.account, "us-east-1", "app")
            found = None if secret is None else tx.rotations.of_token(secret.key, VersionId(token))
        assert found is not None
        return found

    def _committed(self) -> None:
        self.commits += 1
        level = self.house.store._writer._connection.execute("PRAGMA synchronous").fetchone()[0]
        if level == _FULL:
            self.waits += 1
        if level == _FULL and self.keeps_disk:
            self._on_disk = {path: path.read_bytes() for path in self._files() if path.exists()}

    def _files(self) -> list[Path]:
        store = self.house.folder.store
        return [store, store.with_name(f"{store.name}-wal")]

    def cut_power(self) -> None:
        """Leave of the store what was on the disk for certain, and start the house anew."""
        left = dict(self._on_disk)
        self.house.close()
        for path in self._files():
            path.unlink(missing_ok=True)
        for path, data in left.items():
            path.write_bytes(data)
        keyset = Folder(self.settings.data).open()
        self.house = House(self.settings, keyset, self.functions, self.clock, self._committed)

    def worker(self, death: Death) -> "Worker":
        return Worker(self, death)

    def let_time_pass(self) -> None:
        """Go on to the next moment at which anything can be claimed."""
        with self.house.store.read() as tx:
            due = tx.rotations.next_due()
        if due is not None and due > self.clock.moment:
            self.clock.moment = due

    def settle(self, turns: int = 40) -> None:
        """Let healthy workers run until nothing is due within the next hour."""
        for _ in range(turns):
            with self.house.store.read() as tx:
                due = tx.rotations.next_due()
            if due is None or due > self.clock.moment + timedelta(hours=1):
                return
            self.let_time_pass()
            self.worker(Death()).turn()
        raise AssertionError("the rotation never settled")

    def close(self) -> None:
        self.house.close()


class Worker:
    """One rotator process, mortal."""

    def __init__(self, world: World, death: Death) -> None:
        self.death = death
        self.store = MortalStore(world.house.store, death)
        world.database.death = death
        server = world.house.server

        def client(credentials: SessionCredentials, last: LastCall | None) -> LocalClient:
            return LocalClient(server, self.store, of_session(credentials.access_key_id, last), credentials.region)

        caller = MortalCaller(InProcess(world.functions, server.regions, client, world.clock), death)
        steps = Steps(server, self.store)
        self.runner = Runner(self.store, caller, steps, server.audit, steps, world.clock, 60.0, timedelta(0))

    def turn(self) -> None:
        """Claim what is due and drive it, until done or dead."""
        try:
            claimed = self.store.write(lambda tx: tx.rotations.claim_due(f"worker {id(self)}", LEASE_SECONDS, 10))
            for rotation in claimed:
                self.runner.drive(rotation, lambda: True)
        except Killed:
            pass
