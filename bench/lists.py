"""ListSecrets over 100,000 secrets, whatever they are like, against the call on a server that has none."""

import http.client
import json
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSRequest

from bench.servers import REGION, Detent
from detent.main.folder import Folder, SystemClock
from detent.model.secret import CURRENT, PREVIOUS, Secret, SecretKey, VersionId
from detent.store.protocol import Tx
from detent.store.sqlite import SqliteStore

SECRETS = 100_000
BATCH = 2_000
ROUNDS = 15
PAGE_GOAL, FILTER_GOAL = 20, 50  # milliseconds
ACCOUNT = "000000000000"
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
Members = Mapping[str, Any]


class ListFailed(Exception):
    """A list was refused, or is not what was filled in."""


def main() -> bool:
    """Print milliseconds, and their ratios to a list of nothing."""
    with ExitStack() as stack:
        empty, full = stack.enter_context(Detent(1, None)), stack.enter_context(Detent(1, None))
        store = SqliteStore(Folder(full.data).store, SystemClock())
        stack.callback(store.close)
        began = time.perf_counter()
        made = fill(store)
        size = sum(file.stat().st_size for file in full.data.glob("store.sqlite*")) / 1e6
        print(f"\nListSecrets, {SECRETS:,} secrets, filled in {time.perf_counter() - began:.0f} s, {size:.0f} MB")
        print(f"  {'':62} {'found':>6} {'median ms':>10} {'p90 ms':>8} {'ratio':>7} {'goal ms':>8}")
        calls = Calls(full)
        floor = median(timed(Calls(empty), {})[0])
        for name, members, goal in [*pages(calls), *filtered()]:
            show(name, timed(calls, members), floor, goal)
        schedule_most(store, made)
        for name, members, goal in [*pages(calls), *filtered()]:
            show(f"99 % deleted: {name}", timed(calls, members), floor, goal)
    return True


class Calls:
    """ListSecrets over one connection that is kept; signing is not in the time."""

    def __init__(self, server: Detent) -> None:
        """Call as the root."""
        self._auth = server.signature()
        self._url = server.url
        self._connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)

    def ask(self, members: Members) -> tuple[float, dict[str, Any]]:
        """Give the seconds that a call took, and its reply. Raises ListFailed."""
        body = json.dumps(members)
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.ListSecrets"}
        request = AWSRequest("POST", f"{self._url}/", headers, body)
        self._auth.add_auth(request)
        began = time.perf_counter()
        self._connection.request("POST", "/", body, dict(request.headers.items()))
        reply = self._connection.getresponse()
        answer = reply.read()
        spent = time.perf_counter() - began
        if reply.status != http.HTTPStatus.OK:
            raise ListFailed(answer.decode())
        return spent, json.loads(answer)


def timed(calls: Calls, members: Members) -> tuple[list[float], int]:
    """Ask again and again; the first call does not count. Give the seconds, and how many secrets a page held."""
    _, reply = calls.ask(members)
    return [calls.ask(members)[0] for _ in range(ROUNDS)], len(reply["SecretList"])


def show(name: str, found: tuple[list[float], int], floor: float, goal: int) -> None:
    """Print one line."""
    spent, count = found
    middle, slow = median(spent), quantiles(spent, n=10)[-1]
    print(f"  {name:62} {count:6} {middle * 1e3:10.2f} {slow * 1e3:8.2f} {middle / floor:7.1f} {goal:8}")


def pages(calls: Calls) -> Iterator[tuple[str, Members, int]]:
    """Give the first page of each order, and one from the middle, reached by its token."""
    for sort in ("created-date", "last-changed-date", "last-accessed-date", "name"):
        for order in ("asc", "desc"):
            asked = {"SortBy": sort, "SortOrder": order}
            yield f"first page by {sort} {order}", asked, PAGE_GOAL
            _, page = calls.ask(asked)
            for _ in range(20 if "NextToken" in page else 0):
                _, page = calls.ask({**asked, "NextToken": page["NextToken"]})
                if "NextToken" not in page:
                    break
            if "NextToken" in page:
                yield f"21st page by {sort} {order}", {**asked, "NextToken": page["NextToken"]}, PAGE_GOAL


FILTERS: tuple[tuple[str, str, list[str]], ...] = (
    ("name prefix, of a thousand", "name", ["team7/"]),
    ("name prefix, of none", "name", ["nobody/"]),
    ("name prefix, all", "name", ["team"]),
    ("tag key on all", "tag-key", ["env"]),
    ("tag key on 100", "tag-key", ["rare"]),
    ("tag key on the last 3,000", "tag-key", ["late"]),
    ("tag key on the last half", "tag-key", ["half"]),
    ("tag key on none", "tag-key", ["nobody"]),
    ("tag value on all, each another", "tag-value", ["id-"]),
    ("tag value on half at the end, each another", "tag-value", ["half-"]),
    ("tag value on a third", "tag-value", ["prod"]),
    ("tag value on 100", "tag-value", ["yes"]),
    ("tag value on none", "tag-value", ["zzz"]),
    ("not a tag key on all: none left", "tag-key", ["!env"]),
    ("not a tag value on a third", "tag-value", ["!prod"]),
    ("description word, rare", "description", ["word777"]),
    ("description word, of all", "description", ["password"]),
    ("description, two words", "description", ["password word12"]),
    ("all, a word of all", "all", ["secret"]),
    ("all, one letter", "all", ["s"]),
)


def filtered() -> Iterator[tuple[str, Members, int]]:
    """Give a first page for each distribution, by creation and, where the way differs, by name backwards."""
    for name, key, values in FILTERS:
        asked = {"Filters": [{"Key": key, "Values": values}]}
        yield name, asked, FILTER_GOAL
        if "last" in name or "end" in name or "100" in name:
            yield f"{name}, by name", {**asked, "SortBy": "name"}, FILTER_GOAL
    both = [{"Key": "tag-key", "Values": ["env"]}, {"Key": "tag-value", "Values": ["half-"]}]
    yield "both of two common tags", {"Filters": both}, FILTER_GOAL


def fill(store: SqliteStore) -> list[Secret]:
    """Keep the secrets, in batches, as CreateSecret and one more PutSecretValue leave them."""
    draw, made = random.Random(7), []  # noqa: S311 - the same secrets in every run
    for start in range(0, SECRETS, BATCH):
        batch = [a_secret(draw, number) for number in range(start, min(start + BATCH, SECRETS))]
        made += store.write(lambda tx, batch=batch: [tx.secrets.add(secret) for secret in batch])
    return made


def a_secret(draw: random.Random, number: int) -> Secret:
    """Make one, with two or three tags."""
    name = f"team{number * 7919 % 100}/service{number % 997}/{draw.choice(('api', 'Db', 'mainQueue'))}-{number}"
    tags = {"env": draw.choice(("prod", "stage", "test")), "id": f"id-{draw.random()}"}
    if number % 1000 == 7:
        tags["rare"] = "yes"
    elif number >= SECRETS - 3_000:
        tags["late"] = "x"
    elif number >= SECRETS // 2:
        tags["half"] = f"half-{draw.random()}"
    words = " ".join(f"word{draw.randrange(2_000)}" for _ in range(4))
    versions = [VersionId(f"{draw.getrandbits(128):032x}") for _ in range(2)]
    moment = FIRST + timedelta(seconds=number)
    return Secret(
        key=SecretKey(0),
        account=ACCOUNT,
        region=REGION,
        name=name,
        arn=f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf",
        created=moment,
        changed=moment + timedelta(days=draw.randrange(300)),
        description=f"The secret password of {words}",
        tags=tags,
        labels={CURRENT: versions[0], PREVIOUS: versions[1]},
        accessed=None if number % 3 else (moment + timedelta(days=draw.randrange(300))).date(),
    )


def schedule_most(store: SqliteStore, made: list[Secret]) -> None:
    """Schedule all but every hundredth for deletion."""

    def work(tx: Tx, batch: list[Secret]) -> None:
        for secret in batch:
            tx.secrets.save(replace(secret, deletion=secret.changed + timedelta(days=30)))

    chosen = [secret for number, secret in enumerate(made) if number % 100]
    for start in range(0, len(chosen), BATCH):
        store.write(lambda tx, start=start: work(tx, chosen[start : start + BATCH]))
