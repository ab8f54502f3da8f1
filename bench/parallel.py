"""Eight runners on PostgreSQL against the bare work's own peak rate, on the same throwaway server."""

import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import detent
from bench.rotations import ENDED, FUNCTION, BareWork, RotationFailed, made_role
from bench.servers import Detent
from detent.cli.throwaway import ThrowawayPostgres

GOAL = 0.7
RUNNERS = 8
SECRETS = 48
SECONDS = 2.0  # for each number of threads at the bare work
LONGEST = 120.0
OPTIONS = ("--runners", "8", "--target-runners", "8", "--target-rate", "0")


def main() -> bool:
    """Print both rates and their ratio."""
    with ExitStack() as stack:
        postgres = stack.enter_context(ThrowawayPostgres())
        bare = {threads: _bare_rate(postgres, threads) for threads in (1, 2, 4, RUNNERS)}
        server = stack.enter_context(Detent(1, None, options=OPTIONS))
        rate = _rotation_rate(postgres, server)
    threads, peak = max(bare.items(), key=lambda one: one[1])
    print(f"\nRotations on PostgreSQL {postgres.version}, {RUNNERS} runners at one target ({SECRETS} secrets, twice)")
    print(f"  bare work, peak {peak:8.1f} /s   (at {threads} threads)")
    print(f"  rotations       {rate:8.1f} /s")
    print(f"  ratio           {rate / peak:8.2f}      (goal: {GOAL})")
    return True


def _bare_rate(postgres: ThrowawayPostgres, threads: int) -> float:
    works = [BareWork(postgres, f"bare_{threads}_{number}") for number in range(threads)]
    until = time.perf_counter() + SECONDS
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(lambda work: _changes(work, until), works))
    return done / (time.perf_counter() - began)


def _changes(work: BareWork, until: float) -> int:
    done = 0
    while time.perf_counter() < until:
        work.change()
        done += 1
    return done


def _rotation_rate(postgres: ThrowawayPostgres, server: Detent) -> float:
    """Rotate all at once, twice; what is told is the second time, when everything is warm."""
    aws, own = server.client(), detent.client(endpoint_url=server.url)
    names = [f"bench/parallel-{number}" for number in range(SECRETS)]
    for number, name in enumerate(names):
        login = made_role(postgres, f"parallel_{number}")
        value = {**login, "engine": "postgres", "username": login["user"]}
        aws.create_secret(Name=name, SecretString=json.dumps(value))
    for _ in range(2):
        begun = {name: aws.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION)["VersionId"] for name in names}
        found = [_ended(own, name, version) for name, version in begun.items()]
    first = min(attempt["StartedDate"] for one in found for attempt in one["Attempts"])
    return SECRETS / (max(one["EndedDate"] for one in found) - first).total_seconds()


def _ended(own: Any, name: str, version: str) -> Mapping[str, Any]:  # noqa: ANN401 - a boto3 client
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        told: Mapping[str, Any] = own.describe_rotation(SecretId=name, VersionId=version)
        if told["State"] in ENDED:
            if told["State"] == "succeeded":
                return told
            break
        time.sleep(0.1)
    raise RotationFailed(f"{name}: {told['State']}: {told.get('Reason', 'it took too long')}")
