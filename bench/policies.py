"""Judging one request by 20 statements, against the floor that a GetSecretValue is."""

import hmac
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from detent.model.judgement import PolicyKind, Source, judge
from detent.model.policy import Ask, Principal
from detent.service.documents import DocumentKind, compiled

GOAL_US = 50.0
STATEMENTS = 20
ROUNDS, ASKS = 15, 2000
ACCOUNT = "000000000000"
READER = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/reader", "AKIA", user="reader")
KEYS = {"aws:sourceip": ("127.0.0.1",), "aws:username": ("reader",), "aws:requestedregion": ("us-east-1",)}
GET, SECRET = (
    "secretsmanager:GetSecretValue",
    f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:team/reader/db-AbCdEf",
)
SERVICES = ("Get", "Put", "Describe", "List", "Update", "Delete", "Restore", "Rotate", "Tag", "Untag")


def usual() -> list[dict[str, Any]]:
    """Give statements as an account has them: one of them is about the request."""
    others = [
        allow(f"secretsmanager:{SERVICES[number % 10]}*", f"arn:aws:secretsmanager:*:*:secret:team/other{number}/*")
        for number in range(STATEMENTS - 1)
    ]
    return [*others, allow([GET, "secretsmanager:DescribeSecret"], "arn:aws:secretsmanager:*:*:secret:team/reader/*")]


def hard() -> list[dict[str, Any]]:
    """Give statements that must all be asked: each a Deny but for its last condition, with wildcards and a variable."""
    conditions = {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.0/8"]}, "StringLike": {"aws:username": "wri*"}}
    resource = "arn:aws:secretsmanager:*:*:secret:team/${aws:username}/*"
    denying = {**allow("secretsmanager:Get*", resource), "Effect": "Deny", "Condition": conditions}
    return [*[denying] * (STATEMENTS - 1), allow("secretsmanager:Get*", resource)]


def allow(action: object, resource: str) -> dict[str, Any]:
    """Make a statement."""
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def main() -> bool:
    """Print what a judgement costs; False: one came out wrong."""
    floor = microseconds(lambda: hmac.digest(b"k" * 32, b"d" * 64, "sha256"))
    print(f"\nJudging by {STATEMENTS} statements (medians of {ROUNDS} rounds; floor: one HMAC, {floor:.2f} us)")
    good = True
    for name, statements in (("usual", usual()), ("hard", hard())):
        text = json.dumps({"Version": "2012-10-17", "Statement": statements})
        source = Source(PolicyKind.IDENTITY, "bench", compiled(text, DocumentKind.IDENTITY))
        ask = Ask(GET, SECRET, ACCOUNT, context=KEYS.get)
        good &= judge(READER, ask, identity=[source]).allowed
        took = microseconds(lambda ask=ask, source=source: judge(READER, ask, identity=[source]))
        print(f"  {name:8} {took:8.1f} us {took / floor:8.1f} x the floor   (goal: under {GOAL_US:.0f} us)")
    return good


def microseconds(work: Callable[[], object]) -> float:
    """Measure one call, by the median of several rounds."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(ASKS):
            work()
        rounds.append((time.perf_counter() - start) / ASKS * 1e6)
    return median(rounds)
