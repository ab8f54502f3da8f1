"""Many secrets on one simulated clock, for a long time, and everything that can go wrong; repeatable by its seed.

After each event the invariants are asked for, of every secret that was touched.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from detent.model.ports import StepCall
from detent.model.rotation import Purpose, Rotation, State
from detent.model.secret import CURRENT
from detent.service import rotations, secrets, versions
from servers.world import FUNCTION, LEASE_SECONDS, Death, Killed, MortalCaller, Worker, World

HOSTS = tuple(f"db-{number}.example" for number in range(8))
RULES = (
    {"automatically_after_days": 30},
    {"automatically_after_days": 45, "duration": "3h"},
    {"schedule_expression": "rate(60 days)"},
    {"schedule_expression": "cron(0 4 1 * ? *)", "duration": "2h"},
    {"schedule_expression": "cron(0 22 ? 1/2 SUN#2 *)"},
)


@dataclass
class Happened:
    """What a year had: a test asks that nothing was missing."""

    deaths: int = 0
    outages: int = 0
    lost: int = 0
    jumps: int = 0
    stalls: int = 0
    probes_failed: int = 0


class WatchedCaller(MortalCaller):
    """Asks for what must hold whenever a function is called."""

    def __init__(self, year: "Year", caller: MortalCaller) -> None:
        super().__init__(caller.calls, caller.death)
        self.year = year

    def call(self, step: StepCall) -> Any:
        with self.year.acting(step.event["SecretId"]):
            return super().call(step)


class Year:
    """A world with so many secrets of so many users."""

    def __init__(self, world: World, seed: int, size: int) -> None:
        self.world, self.random = world, Random(seed)
        self.names = [f"app-{number:03}" for number in range(size)]
        self.happened = Happened()
        self._end = self._trouble = world.clock.moment
        self._acting: set[str] = set()
        for number, name in enumerate(self.names):
            self._add(name, number)

    def _add(self, name: str, number: int) -> None:
        database = self.world.database
        database.passwords[name] = f"first-{name}"
        value = {
            "engine": "simulated",
            "host": HOSTS[number % len(HOSTS)],
            "username": name,
            "password": database.passwords[name],
            "probes": ["SELECT 1"],
        }
        ask = self.world.ask
        token = f"{number:032}"
        ask(secrets.create_secret, name=name, client_request_token=token, secret_string=json.dumps(value))
        ask(
            rotations.rotate_secret,
            secret_id=name,
            client_request_token=f"r{number:031}",
            rotation_lambda_arn=FUNCTION,
            rotation_rules=RULES[number % len(RULES)],
        )

    @contextmanager
    def acting(self, secret: str) -> Iterator[None]:
        """No two workers act on one secret at once."""
        assert secret not in self._acting
        self._acting.add(secret)
        try:
            yield
        finally:
            self._acting.discard(secret)

    def worker(self, death: Death) -> Worker:
        """Give a rotator whose calls are watched."""
        worker = self.world.worker(death)
        caller = WatchedCaller(self, worker.runner.functions)  # type: ignore[arg-type]
        object.__setattr__(worker.runner, "functions", caller)
        return worker

    def live(self, days: int) -> None:
        """Let so many days pass."""
        self._end = self.world.clock.moment + timedelta(days=days)
        self._trouble = self.world.clock.moment
        while self.world.clock.moment < self._end:
            self._on()
            if self.world.clock.moment >= self._trouble:
                self._go_wrong()
            self._turn()
        self.calm()

    def calm(self) -> None:
        """End all outages, and let healthy workers finish whatever is under way."""
        database = self.world.database
        database.down.clear()
        database.forbids, database.lost = False, ""
        for _ in range(2000):
            due = self._due()
            if due is None or due > self.world.clock.moment + timedelta(hours=2):
                return
            self.world.let_time_pass()
            worker = self.worker(Death())
            claimed = self._claimed(worker)
            self._drive(worker, claimed)
            if not claimed:
                self.world.clock.advance(timedelta(seconds=5))
        raise AssertionError("it never settled")

    def _due(self) -> datetime | None:
        with self.world.house.store.read() as tx:
            return tx.rotations.next_due()

    def _on(self) -> None:
        """Go on to what is due next, or to the next trouble."""
        clock, due = self.world.clock, self._due()
        clock.moment = max(clock.moment, min(self._end, self._trouble if due is None else min(due, self._trouble)))

    def _go_wrong(self) -> None:
        """Let something go wrong, or end something that does."""
        random, database, happened = self.random, self.world.database, self.happened
        database.down, database.forbids = set(), False
        match random.choices(("outage", "lost", "probe", "jump"), (30, 50, 15, 5))[0]:
            case "outage":
                database.down = {random.choice(HOSTS)}
                happened.outages += 1
            case "lost":
                database.lost = random.choice(("changed", "unchanged"))
                happened.lost += 1
            case "probe":
                database.forbids = True
                happened.probes_failed += 1
            case _:
                self._jump(timedelta(hours=random.uniform(1, 5)) * (-1) ** happened.jumps)
        self._trouble = self.world.clock.moment + timedelta(hours=random.expovariate(1 / 12))

    def _jump(self, by: timedelta) -> None:
        """Set the clock; the year is as long as it was."""
        self.world.clock.advance(by)
        self._end += by
        self.happened.jumps += 1

    def _turn(self) -> None:
        """One worker claims and acts; it may die, or stall until another has what it had."""
        random = self.random
        mortal = random.random() < 0.25
        death = Death(random.randrange(60) if mortal else None)
        worker = self.worker(death)
        claimed = self._claimed(worker)
        if claimed and random.random() < 0.05:
            self._stall(worker, claimed)
        self._drive(worker, claimed)
        self.happened.deaths += death.is_dead
        self.world.database.death = Death()
        for rotation in claimed:
            self._hold(rotation)
        if not claimed:  # its target can bear no more now, or a dead worker's lease still holds
            self.world.clock.advance(timedelta(seconds=5))

    def _stall(self, late: Worker, claimed: list[Rotation]) -> None:
        """Another rotator takes over all that the late one had, before that one goes on."""
        self.happened.stalls += 1
        self.world.clock.advance(timedelta(seconds=LEASE_SECONDS + 1))
        self._drive(self.worker(Death()))
        self.world.database.death = late.death
        assert not any(
            self.world.house.store.write(lambda tx, held=held: tx.rotations.renew(held, LEASE_SECONDS))  # type: ignore[misc]
            for held in claimed
            if self._epoch(held) != held.epoch
        )

    def _epoch(self, rotation: Rotation) -> int:
        with self.world.house.store.read() as tx:
            found = tx.rotations.current(rotation.id)
        return -1 if found is None else found.epoch

    def _claimed(self, worker: Worker) -> list[Rotation]:
        try:
            claimed = worker.store.write(lambda tx: tx.rotations.claim_due(f"{id(worker)}", LEASE_SECONDS, 10))
        except BaseException as error:
            if not isinstance(error, Killed):
                raise
            return []
        for rotation in claimed:
            if rotation.state is State.PLANNED:
                assert rotation.window.opens <= self.world.clock.moment, "a scheduled rotation began before its window"
        return claimed

    def _drive(self, worker: Worker, claimed: list[Rotation] | None = None) -> None:
        try:
            for rotation in self._claimed(worker) if claimed is None else claimed:
                worker.runner.drive(rotation, lambda: True)
                self._hold(rotation)
        except BaseException as error:
            if not isinstance(error, Killed):
                raise

    def _hold(self, rotation: Rotation) -> None:
        """Ask for the invariants of one secret."""
        with self.world.house.store.read() as tx:
            secret = tx.secrets.keyed(rotation.secret)
            open_ones = tx.rotations.open(rotation.secret)
            held = tx.rotations.current(rotation.id)
        assert secret is not None
        assert secret.labels.get(CURRENT)
        assert len([one for one in open_ones if one.purpose is Purpose.ROTATE]) <= 1
        assert self.value(secret.name)["password"]
        if held is not None and rotation.state is State.PLANNED and held.started is not None:  # it has just begun
            moved_on = held.window.opens > held.started  # it failed, and waits for the next window
            assert moved_on or held.started <= held.window.closes, "it began after its window"
        if held is not None and held.state in (State.FAILED, State.SUCCEEDED):
            assert self.logs_in(secret.name), f"parked while AWSCURRENT cannot log in: {held}"

    def value(self, name: str) -> dict[str, Any]:
        """Read a secret, as an application does."""
        read = self.world.ask(versions.get_secret_value, secret_id=name)
        found: dict[str, Any] = json.loads(str(read.value.reveal()))
        return found

    def logs_in(self, name: str) -> bool:
        """Say whether the current credential works, whether its server is up or not."""
        return self.world.database.passwords[name] == self.value(name)["password"]
