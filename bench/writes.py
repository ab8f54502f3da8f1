"""PutSecretValue over HTTP, durable, against the store's own group commit of the same work."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from bench import load
from bench.load import Round
from bench.servers import Detent
from bench.submissions import Submissions, keep_secrets
from detent.main.folder import Folder, SystemClock
from detent.store.sqlite import SqliteStore

GOAL = 0.5
WRITERS = 64  # connections of the one, submissions under way of the other
SECRETS = 2048  # so many that none comes near the quota of its versions
WORKERS = (1, 2)
ROUNDS = 5
SECONDS = 2
SIGNED = 20_000  # requests made ready for a round: more than can be answered in it
VALUE = "v" * 200


class WritesMissing(Exception):
    """Requests were refused or lost, or were answered and wrote nothing."""


def main() -> bool:
    """Print both rates and their ratio, for each number of workers."""
    load.require_wrk()
    for workers in WORKERS:
        with Detent(workers, None) as server, Submissions(server.folder / "yardstick", SECRETS) as yardstick:
            fill(server.data)
            rates: dict[str, list[float]] = {"threads": [], "at best": []}
            rounds: list[Round] = []
            for _ in range(ROUNDS + 1):
                rates["threads"].append(yardstick.rate(WRITERS, SECONDS))
                rates["at best"].append(yardstick.best_rate(WRITERS, SECONDS))
                rounds.append(played(server))
        print_table(workers, {name: median(found[1:]) for name, found in rates.items()}, rounds[1:])  # warm by then
    return True


def fill(data: Path) -> None:
    """Keep the secrets that the requests write to."""
    with closing(SqliteStore(Folder(data).store, SystemClock())) as store:
        keep_secrets(store, SECRETS)


def played(server: Detent) -> Round:
    """Play requests of which each must make a version. Raises WritesMissing."""
    file = server.folder / "requests"
    load.signed(server, "PutSecretValue", puts(), file)
    before = versions(server.data)
    row = load.play(server, file, WRITERS, SECONDS, None)
    made = versions(server.data) - before
    under_way = made - row.count  # when wrk stopped
    if row.refused or row.broken or not 0 <= under_way <= WRITERS or made + WRITERS > SIGNED:
        raise WritesMissing(f"{row.count} replies, {made} versions; {row.refused} not 2xx, {row.broken} lost")
    return row


def puts() -> Iterator[Mapping[str, Any]]:
    """Give new versions, to each secret in turn."""
    for number in range(SIGNED):
        name, token = f"bench/{number % SECRETS}", str(uuid4())
        yield {"SecretId": name, "ClientRequestToken": token, "SecretString": VALUE}


def versions(data: Path) -> int:
    """Count the versions that lie in the store."""
    with closing(sqlite3.connect(f"file:{Folder(data).store}?mode=ro", uri=True)) as store:
        (count,) = store.execute("SELECT count(*) FROM versions").fetchone()
    return int(count)


def print_table(workers: int, store: Mapping[str, float], rounds: list[Round]) -> None:
    """Print all rates, and the ratios. The goal is over threads that wait, as connections do."""
    rate, p50, p99, cpu = (median(getattr(row, part) for row in rounds) for part in ("rate", "p50", "p99", "cpu"))
    print(f"\nPutSecretValue, durable, {workers} worker{'s' * (workers > 1)} (medians of {ROUNDS} rounds, in turn)")
    print(f"  {'':32} {'writes/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'CPU us/write':>13}")
    print(f"  {f'detent, {WRITERS} connections':32} {rate:9.0f} {p50 * 1e3:8.2f} {p99 * 1e3:8.2f} {cpu * 1e6:13.1f}")
    print(f"  {f'store, {WRITERS} threads that wait':32} {store['threads']:9.0f}")
    print(f"  {f'store, {WRITERS} submissions, no threads':32} {store['at best']:9.0f}")
    print(f"  {'ratio to the threads':32} {rate / store['threads']:9.2f}   (goal: at least {GOAL})")
    print(f"  {'ratio to the store at its best':32} {rate / store['at best']:9.2f}")
