"""What must hold in a year, whatever happens: each is asked for at the moment at which it could break.

A function's thread takes an error for the function's failure, so what was broken is kept, and asked for by the test.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from detent.model.ports import StepCall
from detent.model.rotation import Purpose, Rotation, State
from detent.model.secret import CURRENT, Secret, SecretKey
from servers.world import Death, MortalCaller, World


class Watch:
    """Who holds what, who is within a step, and what was broken so far."""

    def __init__(self, world: World, happened: Counter[str]) -> None:
        self.world, self.happened = world, happened
        self.broken: list[str] = []
        self._gaps: list[tuple[datetime, datetime]] = []  # time in which nobody could do anything
        self._claims: dict[int, dict[SecretKey, Rotation]] = {}  # by the worker's death
        self._starting: dict[SecretKey, Rotation] = {}  # claimed, and not called yet
        self._inside: dict[SecretKey, list[Death]] = {}
        world.database.changing = self._changing

    def must(self, holds: bool, said: str) -> None:
        if not holds:
            self.broken.append(f"{self.world.clock.moment:%Y-%m-%d %H:%M:%S} {said}")

    def skip(self, by: timedelta) -> None:
        """Set the clock."""
        before = self.world.clock.moment
        self.world.clock.advance(by)
        self._gaps.append((before, self.world.clock.moment))

    def claimed(self, death: Death, claimed: list[Rotation]) -> None:
        self._claims[id(death)] = {rotation.secret: rotation for rotation in claimed}
        self._starting = {one.secret: one for one in claimed if one.state is not State.IN_PROGRESS}

    def holds(self, death: Death, key: SecretKey) -> bool:
        """Say whether a worker's lease on a secret's rotation was not taken."""
        claim = self._claims[id(death)].get(key)
        found = None if claim is None else self.rotation(claim)
        return found is not None and claim is not None and found.epoch == claim.epoch

    def rotation(self, claim: Rotation) -> Rotation | None:
        with self.world.house.store.read() as tx:
            return tx.rotations.current(claim.id)

    def secret(self, name: str) -> Secret:
        with self.world.house.store.read() as tx:
            found = tx.secrets.named("000000000000", "us-east-1", name)
        assert found is not None
        return found

    @contextmanager
    def within(self, death: Death, name: str) -> Iterator[None]:
        """No two workers act on one secret at once: whoever else is within a step of it has lost its lease."""
        key = self.secret(name).key
        inside = self._inside.setdefault(key, [])
        self.must(not any(self.holds(other, key) for other in inside), f"two workers act on {name} at once")
        self._check_start(key, name)
        inside.append(death)
        try:
            yield
        finally:
            inside.remove(death)

    def _changing(self, user: str) -> None:
        """Nobody whose lease was taken changes a target."""
        held = self.holds(self.world.database.death, self.secret(user).key)
        self.must(held, f"{user} was changed by a worker whose lease was taken")

    def _check_start(self, key: SecretKey, name: str) -> None:
        """No scheduled rotation starts outside its window, but one whose window went by while nobody could."""
        rotation, now = self._starting.pop(key, None), self.world.clock.moment
        if rotation is None or rotation.is_healing:
            return
        self.must(rotation.window.opens <= now, f"{name} began before its window")
        if now >= rotation.window.closes:
            missed = any(before < rotation.window.closes <= after for before, after in self._gaps)
            self.happened["caught up"] += 1
            self.must(missed and rotation.state is State.PLANNED, f"{name} began after its window: {rotation}")

    def look(self, rotation: Rotation) -> None:
        """Ask for what holds of one secret between two steps."""
        with self.world.house.store.read() as tx:
            secret = tx.secrets.keyed(rotation.secret)
            open_ones = tx.rotations.open(rotation.secret)
            held = tx.rotations.current(rotation.id)
            known = {version.id for version in tx.secrets.versions(rotation.secret) if not version.is_empty}
        assert secret is not None
        name = secret.name
        self.must(secret.labels.get(CURRENT) in known, f"{name} has no current value")
        self.must(len([one for one in open_ones if one.purpose is Purpose.ROTATE]) <= 1, f"{name} rotates twice")
        if held is not None and held.state in (State.FAILED, State.SUCCEEDED):
            self.must(self.world.logs_in(name), f"{name} is parked while AWSCURRENT cannot log in: {held}")


class WatchedCaller(MortalCaller):
    """Tells the watch when a worker is within a step."""

    def __init__(self, watch: Watch, caller: MortalCaller) -> None:
        super().__init__(caller.calls, caller.death)
        self.watch = watch

    def call(self, step: StepCall) -> Any:
        with self.watch.within(self.death, step.event["SecretId"].rpartition(":")[2][:-7]):
            return super().call(step)
