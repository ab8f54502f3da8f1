"""BatchGetSecretValue of 20 secrets against one GetSecretValue, on the same server."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from statistics import median
from typing import Any

from bench import load
from bench.load import Round
from bench.servers import Detent

GOAL = 8
SECRETS = 64
BATCH = 20
CONNECTIONS = 16
ROUNDS = 5
SECONDS = 2
VALUE = "v" * 200


def main() -> bool:
    """Print both costs and their ratio; False: a reply was not 200, or not whole."""
    load.require_wrk()
    pinned = len(os.sched_getaffinity(0)) > 1
    with ExitStack() as stack:
        server = stack.enter_context(Detent(1, "0" if pinned else None))
        client = server.client()
        names = [f"bench/{number}" for number in range(SECRETS)]
        for name in names:
            client.create_secret(Name=name, SecretString=VALUE)
        asked = dict(calls(names))
        whole = client.batch_get_secret_value(**asked["BatchGetSecretValue"][0])
        rounds: dict[str, list[Round]] = {operation: [] for operation in asked}
        for turn in range(ROUNDS + 1):  # the first warms up: the day's first read of a version is written
            for operation, requests in asked.items():
                load.signed(server, operation, requests, server.folder / "requests")
                row = load.play(server, server.folder / "requests", CONNECTIONS, SECONDS, "1" if pinned else None)
                if turn:
                    rounds[operation].append(row)
    print_table(rounds)
    return len(whole["SecretValues"]) == BATCH and not any(
        row.refused or row.broken for found in rounds.values() for row in found
    )


def calls(names: list[str]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Give the requests of each kind: every secret is read as often as every other."""
    yield "GetSecretValue", [{"SecretId": name} for name in names]
    around = names + names[:BATCH]
    yield "BatchGetSecretValue", [{"SecretIdList": around[start : start + BATCH]} for start in range(len(names))]


def print_table(rounds: Mapping[str, list[Round]]) -> None:
    """Print each call's figures, and their ratio."""
    print(f"\nBatchGetSecretValue of {BATCH}, 1 worker, {CONNECTIONS} connections (medians of {ROUNDS} rounds)")
    print(f"  {'':20} {'req/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'CPU us/req':>11}")
    cost = {}
    for operation, found in rounds.items():
        cost[operation] = median(row.cpu for row in found)
        rate, p50, p99 = (median(getattr(row, part) for row in found) for part in ("rate", "p50", "p99"))
        print(f"  {operation:20} {rate:8.0f} {p50 * 1e3:8.2f} {p99 * 1e3:8.2f} {cost[operation] * 1e6:11.1f}")
    ratio = cost["BatchGetSecretValue"] / cost["GetSecretValue"]
    print(f"  {'ratio':20} {'server CPU per request':>26} {ratio:11.2f}   (goal: less than {GOAL})")
