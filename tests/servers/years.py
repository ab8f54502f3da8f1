"""Many secrets on one simulated clock, for a long time, and everything that can go wrong; repeatable by its seed.

Two rotators share the store. One may stand still after its claim or in the midst of a step, while the other takes
over what it had or works beside it, and then goes on.
"""

import json
from collections import Counter
from datetime import datetime, timedelta
from random import Random

from detent.model.rotation import Rotation
from detent.service import rotations, secrets
from servers.troubles import DISTURBANCES, STANDS, TROUBLES, mortal
from servers.watching import Watch, WatchedCaller
from servers.world import FUNCTION, LEASE_SECONDS, Death, Killed, Worker, World

HOSTS = tuple(f"db-{number}.example" for number in range(8))
RULES = (
    {"automatically_after_days": 30},
    {"automatically_after_days": 45, "duration": "3h"},
    {"schedule_expression": "rate(60 days)"},
    {"schedule_expression": "cron(0 4 1 * ? *)", "duration": "2h"},
    {"schedule_expression": "cron(0 22 ? 1/2 SUN#2 *)"},
)


class Year:
    """A world with so many secrets of so many users."""

    def __init__(self, world: World, seed: int, size: int) -> None:
        self.world, self.random = world, Random(seed)
        self.names = [f"app-{number:03}" for number in range(size)]
        self.happened: Counter[str] = Counter()
        self.died: set[str] = set()  # at these points
        self.watch = Watch(world, self.happened)
        self._end = self._trouble = world.clock.moment
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

    def worker(self, death: Death) -> Worker:
        """Give a rotator whose calls are watched."""
        worker = self.world.worker(death)
        caller = WatchedCaller(self.watch, worker.runner.functions)  # type: ignore[arg-type]
        object.__setattr__(worker.runner, "functions", caller)
        return worker

    def live(self, days: int) -> None:
        """Let so many days pass."""
        clock = self.world.clock
        self._end = clock.moment + timedelta(days=days)
        self._trouble = clock.moment
        while clock.moment < self._end:
            self._on()
            if clock.moment >= self._trouble:
                self._go_wrong()
            self._turn()
            assert not self.watch.broken
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
            assert not self.watch.broken
            if not claimed:
                self.watch.skip(timedelta(seconds=5))
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
        random, database = self.random, self.world.database
        database.down, database.forbids = set(), False
        trouble = random.choices(list(TROUBLES), list(TROUBLES.values()))[0]
        match trouble:
            case "outage":
                database.down = {random.choice(HOSTS)}
            case "probe":
                database.forbids = True
            case "jump":
                self._jump(timedelta(hours=random.uniform(1, 5)) * (-1) ** self.happened["jump"])
            case "downtime":
                self.watch.skip(timedelta(hours=random.uniform(6, 60)))
            case _:
                database.lost = trouble.partition(",")[0]
        self.happened[trouble] += 1
        self._trouble = self.world.clock.moment + timedelta(hours=random.expovariate(1 / 12))

    def _jump(self, by: timedelta) -> None:
        """Set the clock; the year is as long as it was."""
        self.watch.skip(by)
        self._end += by

    def _turn(self) -> None:
        """One worker claims and acts; it may die, or stand still while another does what it does."""
        random = self.random
        worker = self.worker(mortal(random))
        death = worker.death
        claimed = self._claimed(worker)
        lost: dict[str, object] = {}
        if claimed:
            self._disturb(worker, claimed, lost)
        self._drive(worker, claimed)
        if death.is_dead:
            self.happened["death"] += 1
            self.died.add(death.points[-1])
        self.world.database.death = Death()
        now = self._overtaken(worker, claimed)
        self.watch.must(all(now[name] == before for name, before in lost.items()), "a worker that was late changed it")
        for rotation in claimed:
            self.watch.look(rotation)
        if not claimed:  # its target can bear no more now, or a dead worker's lease still holds
            self.watch.skip(timedelta(seconds=5))

    def _disturb(self, late: Worker, claimed: list[Rotation], lost: dict[str, object]) -> None:
        """Let another rotator act before this one does, or in its midst; `lost` gets what that one must leave alone."""
        random, death = self.random, late.death
        disturbance = random.choices(list(DISTURBANCES), list(DISTURBANCES.values()))[0]
        stand, passed = random.choices(list(STANDS), list(STANDS.values()))[0], random.choice((0, 0, 1, 2))

        before = death.watch

        def meanwhile() -> None:
            before()
            if disturbance != "stalled" and (death.passing != stand or death.points.count(stand) < passed):
                return
            death.watch = before
            self.happened[disturbance] += 1
            if disturbance != "beside":
                self.watch.skip(timedelta(seconds=LEASE_SECONDS + 1))
            self._drive(self.worker(Death()))
            self.world.database.death = death
            lost.update(self._overtaken(late, claimed))

        if disturbance:
            death.watch = meanwhile

    def _overtaken(self, worker: Worker, claimed: list[Rotation]) -> dict[str, object]:
        """Say how each secret stands whose lease this worker has lost."""
        found: dict[str, object] = {}
        for rotation in claimed:
            if not self.watch.holds(worker.death, rotation.secret):
                with self.world.house.store.read() as tx:
                    secret = tx.secrets.keyed(rotation.secret)
                    assert secret is not None
                    attempts = len(tx.rotations.attempts(rotation.id))
                password = self.world.database.passwords[secret.name]
                found[secret.name] = (secret.revision, attempts, self.watch.rotation(rotation), password)
        return found

    def _claimed(self, worker: Worker) -> list[Rotation]:
        try:
            claimed = worker.store.write(lambda tx: tx.rotations.claim_due(f"{id(worker)}", LEASE_SECONDS, 10))
        except Killed:
            claimed = []
        self.watch.claimed(worker.death, claimed)
        return claimed

    def _drive(self, worker: Worker, claimed: list[Rotation] | None = None) -> None:
        try:
            for rotation in self._claimed(worker) if claimed is None else claimed:
                worker.runner.drive(rotation, lambda: True)
                self.watch.look(rotation)
        except Killed:
            pass
