"""Many rotations: claiming and completing, finding what is due, ten thousand at once, eight runners on PostgreSQL."""

import multiprocessing
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench import parallel
from detent.main.folder import Folder, SystemClock
from detent.main.house import House
from detent.main.settings import Settings
from detent.model.pace import Pace
from detent.model.rotation import Rotation, State
from detent.model.schedule import RotationRules, Window
from detent.model.secret import CURRENT, RotationSettings, Secret, SecretKey, Version, VersionId
from detent.model.value import SecretValue
from detent.service import sealing
from detent.store.migrate import migrate
from detent.store.protocol import Store, Tx
from detent.store.sqlite import SqliteStore
from detent.store.steady import machine

ACCOUNT, REGION = "000000000000", "us-east-1"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:moves-the-label"
LEASE_GOAL = 1000  # a second
DUE_GOAL = 5.0  # ms
MEMORY_GOAL = 250  # MiB
SCHEDULED = (1_000, 100_000)
FLEET = 10_000
RUNNERS = 8
LOOKS = 50
IN_A_WRITE = 500
LEASE = 15.0


def main() -> bool:
    """Print every figure beside its goal."""
    print("\nRotations, many at once (SQLite)")
    lease_loop(5 * FLEET // 10)
    finding_due()
    in_child(whole_rotations, FLEET)
    parallel.main()
    return True


Value = Callable[[Tx, Secret], None]  # stores one


@contextmanager
def a_store() -> Iterator[Store]:
    """Give a store that is thrown away, with the clock of leases that a server has."""
    with tempfile.TemporaryDirectory(prefix="detent-bench-") as folder:
        path = Path(folder) / "store.sqlite"
        migrate(path)
        store = SqliteStore(path, SystemClock(), steady=machine())
        yield store
        store.close()


def add(
    store: Store, count: int, after: timedelta, prefix: str, value: Callable[[Tx, Secret], None] | None = None
) -> None:
    """Add secrets with a planned rotation each, a hundred to a target."""
    for start in range(0, count, IN_A_WRITE):
        numbers = range(start, min(start + IN_A_WRITE, count))
        store.write(lambda tx, numbers=numbers: [_add(tx, prefix, number, after, value) for number in numbers])


def _add(tx: Tx, prefix: str, number: int, after: timedelta, value: Value | None) -> None:
    now, name = SystemClock().now(), f"{prefix}/{number}"
    opens = now + after
    window = Window(opens, opens + timedelta(hours=24))
    settings = RotationSettings(FUNCTION, RotationRules(after_days=30), next_window=window)
    arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf"
    secret = Secret(SecretKey(0), ACCOUNT, REGION, name, arn, now, now, rotation=settings)
    token = VersionId(f"{number:032}")
    kept = tx.secrets.add(replace(secret, labels={CURRENT: token}))
    tx.secrets.put_version(kept.key, Version(token, now, None, target=f"target {number // 100}"), None)
    if value is not None:
        value(tx, kept)
    tx.rotations.add(Rotation(kept.key, window, opens))


def lease_loop(count: int) -> None:
    """Claim and complete, by as many threads as a rotator has, with the limits of each target asked and met."""
    with a_store() as store:
        add(store, count, timedelta(seconds=-1), "due")
        pace = Pace(RUNNERS, 0.0)
        began = time.perf_counter()
        done = 0
        with ThreadPoolExecutor(RUNNERS) as pool:
            while claimed := store.write(lambda tx: tx.rotations.claim_due("bench", LEASE, RUNNERS, pace)):
                done += len(list(pool.map(lambda one: _complete(store, one), claimed)))
        rate = done / (time.perf_counter() - began)
    print(f"  claim and complete           {rate:9.0f} /s     (goal: at least {LEASE_GOAL}; {done} of them)")


def _complete(store: Store, rotation: Rotation) -> None:
    ended = rotation.stopped(State.CANCELLED, SystemClock().now(), "")
    store.write(lambda tx: tx.rotations.save(ended, release=True))


def finding_due() -> None:
    """Time a claim that finds nothing, and the next due moment, beside few and many secrets that are not due."""
    for count in SCHEDULED:
        with a_store() as store:
            add(store, count, timedelta(days=1), "later")
            claim = _millis(lambda: store.write(lambda tx: tx.rotations.claim_due("bench", LEASE, RUNNERS)))
            look = _millis(lambda: _next_due(store))
            blocked = _behind_a_target(store)
        print(
            f"  beside {count:6} not due        {claim:6.2f} ms a claim, {look:.2f} ms the next moment"
            f" (goal: under {DUE_GOAL:.0f}); {blocked:.2f} ms behind 10,000 of a target that can bear no more"
        )


def _next_due(store: Store) -> object:
    with store.read() as tx:
        return tx.rotations.next_due()


def _behind_a_target(store: Store) -> float:
    for start in range(0, FLEET, IN_A_WRITE):
        store.write(lambda tx, start=start: [_crowd(tx, start + number) for number in range(IN_A_WRITE)])
    store.write(lambda tx: tx.rotations.claim_due("bench", LEASE * 10, 1, Pace(1, 0.0)))
    return _millis(lambda: store.write(lambda tx: tx.rotations.claim_due("bench", LEASE, RUNNERS, Pace(1, 0.0))))


def _crowd(tx: Tx, number: int) -> None:
    now, name = SystemClock().now(), f"crowd/{number}"
    arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf"
    token = VersionId(f"{number:032}")
    kept = tx.secrets.add(Secret(SecretKey(0), ACCOUNT, REGION, name, arn, now, now, labels={CURRENT: token}))
    tx.secrets.put_version(kept.key, Version(token, now, None, target="crowd"), None)
    tx.rotations.add(Rotation(kept.key, Window(now, now + timedelta(hours=1)), now - timedelta(hours=1)))


def _millis(act: Callable[[], object]) -> float:
    times = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return median(times) * 1e3


class MovesTheLabel:
    """A function that does what the secrets manager sees of a rotation, and nothing at any target."""

    def run(self, event: Mapping[str, str], client: Any, _remaining: Callable[[], float]) -> None:  # noqa: ANN401 - boto3's shape
        """Do one step."""
        secret, token = event["SecretId"], event["ClientRequestToken"]
        if event["Step"] == "createSecret":
            client.put_secret_value(
                SecretId=secret, ClientRequestToken=token, SecretString="new", VersionStages=["AWSPENDING"]
            )
        elif event["Step"] == "finishSecret":
            stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
            current = next(version for version, labels in stages.items() if "AWSCURRENT" in labels)
            client.update_secret_version_stage(
                SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
            )


def in_child(measure: Callable[[int], None], count: int) -> None:
    """Run in a process of its own, whose memory is its own."""
    child = multiprocessing.get_context("spawn").Process(target=measure, args=(count,))
    child.start()
    child.join()
    if child.exitcode:
        raise RuntimeError(f"{measure.__name__} ended with {child.exitcode}")


def whole_rotations(count: int) -> None:
    """Rotate so many that are due at once, by one rotator, and look at its memory."""
    with tempfile.TemporaryDirectory(prefix="detent-bench-") as folder:
        settings = Settings(Path(folder), jitter_seconds=0, runners=RUNNERS, target_runners=RUNNERS, target_rate=0)
        house = House(settings, Folder(settings.data).open(), {"moves-the-label": MovesTheLabel()})
        house.folder.initialise(house.server, house.store)
        add(house.store, count, timedelta(seconds=-1), "due", lambda tx, secret: _value(house, tx, secret))
        woken = threading.Event()
        scheduler = house.scheduler(partial(_wait, woken), woken.set)
        before = _resident()
        began = time.perf_counter()
        thread = threading.Thread(target=scheduler.run)
        thread.start()
        while _overdue(house.store):
            time.sleep(0.2)
        rate = count / (time.perf_counter() - began)
        scheduler.stopping.set()
        thread.join()
        house.close()
    print(f"  whole rotations              {rate:9.0f} /s     (only the label moves; {count} due at once)")
    most = f"(goal: under {MEMORY_GOAL}; {before:.0f} before they ran)"
    print(f"  memory, most of it           {_resident():9.0f} MiB    {most}")


def _wait(woken: threading.Event, seconds: float) -> None:
    woken.wait(seconds)
    woken.clear()


def _value(house: House, tx: Tx, secret: Secret) -> None:
    env = house.server.env(tx, REGION)
    token = secret.labels[CURRENT]
    sealed = sealing.sealed(env, secret, token, SecretValue("old"))
    target = f"target {secret.key // 100}"
    tx.secrets.put_version(secret.key, Version(token, env.now, sealed.keyset_id, target=target), sealed)


def _overdue(store: Store) -> bool:
    with store.read() as tx:
        due = tx.rotations.next_due()
    return due is not None and due <= SystemClock().now() + timedelta(minutes=5)


def _resident() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
