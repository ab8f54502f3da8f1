"""Eight runners on PostgreSQL against the bare work's own peak rate, on the same throwaway server, in turn."""

import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from statistics import median
from typing import Any

import detent
from bench.rotations import ENDED, FUNCTION, BareWork, RotationFailed, made_role
from bench.servers import Detent
from detent.cli.throwaway import ThrowawayPostgres

GOAL = 0.7
RUNNERS = 8
SECRETS = 96
ROUNDS = 3
SECONDS = 2.0  # for each look at the bare work
LONGEST = 120.0
OPTIONS = ("--runners", "8", "--target-runners", "8", "--target-rate", "0")


def main() -> bool:
    """Print both rates and their ratio."""
    with ExitStack() as stack:
        postgres = stack.enter_context(ThrowawayPostgres())
        works = [BareWork(postgres, f"bare_{number}") for number in range(RUNNERS)]
        threads = max((1, 2, 4, RUNNERS), key=lambda threads: _bare_rate(works[:threads]))
        server = stack.enter_context(Detent(1, None, options=OPTIONS))
        fleet = Fleet(postgres, server)
        fleet.rate()  # and now everything is warm
        rates = [(_bare_rate(works[:threads]), fleet.rate()) for _ in range(ROUNDS)]
    bare, whole = (median(found) for found in zip(*rates, strict=True))
    ratio = median(rotated / peak for peak, rotated in rates)
    print(
        f"\nRotations on PostgreSQL {postgres.version}, {RUNNERS} runners at one target ({SECRETS} secrets, {ROUNDS} x)"
    )
    print(f"  bare work, peak {bare:8.1f} /s   (at {threads} threads)")
    print(f"  rotations       {whole:8.1f} /s")
    print(f"  ratio           {ratio:8.2f}      (goal: {GOAL})")
    return True


def _bare_rate(works: list[BareWork]) -> float:
    until = time.perf_counter() + SECONDS
    began = time.perf_counter()
    with ThreadPoolExecutor(len(works)) as pool:
        done = sum(pool.map(lambda work: _changes(work, until), works))
    return done / (time.perf_counter() - began)


def _changes(work: BareWork, until: float) -> int:
    done = 0
    while time.perf_counter() < until:
        work.change()
        done += 1
    return done


class Fleet:
    """Secrets that are rotated all at once."""

    def __init__(self, postgres: ThrowawayPostgres, server: Detent) -> None:
        """Store a login each."""
        self._aws, self._own = server.client(), detent.client(endpoint_url=server.url)
        self._names = [f"bench/parallel-{number}" for number in range(SECRETS)]
        for number, name in enumerate(self._names):
            login = made_role(postgres, f"parallel_{number}")
            value = {**login, "engine": "postgres", "username": login["user"]}
            self._aws.create_secret(Name=name, SecretString=json.dumps(value))

    def rate(self) -> float:
        """Rotate all; count what ends once all were asked for: until then this process is at work on these cores, too.

        For the same reason it looks seldom.
        """
        begun = {name: self._begun(name) for name in self._names}
        asked = datetime.now(UTC)
        time.sleep(1.0)
        ends = sorted(_ended(self._own, name, version)["EndedDate"] for name, version in begun.items())
        return sum(end > asked for end in ends) / float((ends[-1] - asked).total_seconds())

    def _begun(self, name: str) -> str:
        return str(self._aws.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION)["VersionId"])


def _ended(own: Any, name: str, version: str) -> Mapping[str, Any]:  # noqa: ANN401 - a boto3 client
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        told: Mapping[str, Any] = own.describe_rotation(SecretId=name, VersionId=version)
        if told["State"] in ENDED:
            if told["State"] == "succeeded":
                return told
            break
        time.sleep(0.5)
    raise RotationFailed(f"{name}: {told['State']}: {told.get('Reason', 'it took too long')}")
