"""GetSecretValue by a user with policies, everything on, against a trivial handler on the same HTTP server."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median
from typing import Any

from bench import load
from bench.load import Round
from bench.servers import Detent, Server, Trivial

GOAL = 3.8
SECRETS = 64
CONNECTIONS = (1, 16, 64)
WORKERS = (1, 2)
ROUNDS = 5
SECONDS = 2
VALUE = "v" * 200

OF_READER = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
            "Resource": "arn:aws:secretsmanager:*:*:secret:bench/*",
        },
        {
            "Effect": "Deny",
            "Action": "secretsmanager:*",
            "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}},
        },
    ],
}
ON_SECRET = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
        "Condition": {"NotIpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1/128"]}},
    },
}
Rounds = dict[tuple[str, int], list[Round]]


def main() -> bool:
    """Print the table for each number of workers; False: a reply was not 200."""
    load.require_wrk()
    good = True
    for workers in WORKERS:
        pinned = workers == 1 and len(os.sched_getaffinity(0)) > 1
        place = "server on core 0, wrk on core 1" if pinned else "nothing pinned, wrk shares the cores"
        print(f"\nGetSecretValue, {workers} worker{'s' * (workers > 1)} ({place}; medians of {ROUNDS} rounds)")
        rounds = measured(workers, pinned=pinned)
        print_table(rounds)
        faults = [(key, row.refused, row.broken) for key, found in rounds.items() for row in found]
        for (name, connections), refused, broken in faults:
            if refused or broken:
                good = False
                print(f"  BROKEN: {name}, {connections} connections: {refused} replies not 2xx, {broken} lost")
    return good


def measured(workers: int, *, pinned: bool) -> Rounds:
    """Load both servers in turn."""
    with ExitStack() as stack:
        cores = "0" if pinned else None
        detent = stack.enter_context(Detent(workers, cores))
        trivial = stack.enter_context(Trivial(workers, cores))
        names = [f"bench/{number}" for number in range(SECRETS)]
        client = a_reader(detent, names)
        file = detent.folder / "requests"
        rounds: Rounds = {}
        for server, connections, counts in plan(detent, trivial):
            load.signed_gets(client, names, file)
            row = load.play(server, file, connections, SECONDS, "1" if pinned else None)
            if counts:
                rounds.setdefault((type(server).__name__.lower(), connections), []).append(row)
        return rounds


def a_reader(detent: Detent, names: list[str]) -> Any:  # noqa: ANN401 - boto3 makes its clients' methods at run time
    """Make the secrets, and a user that policies on both sides are about; gives the user's client."""
    root, own = detent.client(), detent.client("detent")
    for name in names:
        root.create_secret(Name=name, SecretString=VALUE)
        root.put_resource_policy(SecretId=name, ResourcePolicy=json.dumps(ON_SECRET))
    own.create_user(UserName="reader")
    own.create_policy(PolicyName="read", PolicyDocument=json.dumps(OF_READER))
    own.attach_policy(PolicyName="read", UserName="reader")
    key = own.create_access_key(UserName="reader")
    return detent.client(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


def plan(detent: Server, trivial: Server) -> Iterator[tuple[Server, int, bool]]:
    """Alternate; the first round of each warms up and does not count (the day's first read of a version is written)."""
    for turn in range(ROUNDS + 1):
        for connections in CONNECTIONS if turn else CONNECTIONS[:1]:
            yield detent, connections, turn > 0
            yield trivial, connections, turn > 0


def print_table(rounds: Rounds) -> None:
    """Print each server's figures, and their ratio."""
    print(f"  {'':8} {'conns':>5} {'req/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'CPU us/req':>11}")
    for connections in CONNECTIONS:
        cost = {}
        for name in ("trivial", "detent"):
            found = rounds[name, connections]
            cost[name] = median(row.cpu for row in found)
            rate, p50, p99 = (median(getattr(row, part) for row in found) for part in ("rate", "p50", "p99"))
            figures = f"{rate:8.0f} {p50 * 1e3:8.2f} {p99 * 1e3:8.2f} {cost[name] * 1e6:11.1f}"
            print(f"  {name:8} {connections:5} {figures}")
        ratio = cost["detent"] / cost["trivial"]
        print(f"  {'ratio':8} {connections:5} {'server CPU per request':>26} {ratio:11.2f}   (goal: at most {GOAL})")
