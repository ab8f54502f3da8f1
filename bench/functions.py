"""Every built-in function on real servers: a rotation against the logins and statements that it cannot do without.

The servers are those of the tests, spoken to over TLS where they offer it, by both sides. The floor uses the bare
driver; contexts of TLS are made once.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import detent
from bench.servers import Detent
from detent.functions.builtin import BUILTIN

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from bench.floors import FLOORS
from servers.certificates import make_certificates
from servers.table import SERVERS
from servers.target import Target

MOST_RATIO, MOST_MILLIS = 1.6, 15.0  # whichever is more
ROUNDS = 12  # the first two are not counted
LONGEST = 60.0  # seconds for one rotation
ADMIN = "bench-admin-password"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


def main() -> bool:
    """Print for each function the floor, the rotation, and whether it is within the goal."""
    print("\nWhole rotations of every function, medians in ms (goal: at most 1.6 x or 15 ms above the floor)")
    with ExitStack() as stack:
        server = stack.enter_context(Detent(1, None))
        folder = Path(server.folder, "certificates")
        folder.mkdir()
        certificates = make_certificates(folder)
        for row, start in SERVERS.items():
            target = start(stack, certificates)
            for name, function in BUILTIN.items():
                if function.engine == target.engine:
                    print_row(row, name, *measured(server, target, name))
    return True


def measured(server: Detent, target: Target, name: str) -> tuple[float, float]:
    """Give the medians of floor and rotation, done in turn, in milliseconds."""
    floor, rotation = Floor(target, name), Rotation(server, target, name)
    bare, whole = [], []
    for turn in range(ROUNDS):
        began = time.perf_counter()
        floor.once()
        taken = time.perf_counter() - began
        rotated = rotation.once()
        if turn > 1:
            bare.append(taken * 1e3)
            whole.append(rotated * 1e3)
    return median(bare), median(whole)


def print_row(row: str, name: str, bare: float, whole: float) -> None:
    """Print one function on one server."""
    within = whole <= max(bare * MOST_RATIO, bare + MOST_MILLIS)
    label = f"{row}: {name.removeprefix('detent-')}"
    print(
        f"  {label:48} floor {bare:7.1f}  rotation {whole:7.1f}  ratio {whole / bare:5.2f}  {'' if within else 'OVER'}"
    )


def new_pair(target: Target, name: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Give a new user's value, and an admin's where the function cannot do without one."""
    # Not Redis: its driver makes a context for each connection, beside which anything would look fast.
    is_secure = target.offers_tls and target.engine != "redis"
    over_tls = {"sslmode": "require", **target.tls_settings()} if is_secure else {}
    value = target.new_value(**over_tls)
    if target.module.FACTS.privileges[BUILTIN[name].strategy.name].own == ():
        return value, None
    admin = f"{value['username']}_admin"
    target.create_administrator(admin, ADMIN, over=value["username"])
    return value, target.value(admin, ADMIN, **over_tls)


class Floor:
    """The bare work on a user of its own, again and again."""

    def __init__(self, target: Target, name: str) -> None:
        """Make the user, and the clone where there is to be one."""
        self._value, self._admin = new_pair(target, name)
        self._work: Callable[[Mapping[str, Any], Any], dict[str, Any]] = FLOORS[
            target.engine, BUILTIN[name].strategy.name
        ]

    def once(self) -> None:
        """Do what one rotation must."""
        self._value = self._work(self._value, self._admin)


class Rotation:
    """One secret, rotated again and again."""

    def __init__(self, server: Detent, target: Target, name: str, function: str | None = None) -> None:
        """Store the value; the function is the built-in one of the name unless another is given by its ARN."""
        self._aws, self._own = server.client(), detent.client(endpoint_url=server.url)
        self._function = function or ARN + name
        value, admin = new_pair(target, name)
        self._id = f"bench/{re.sub('[^a-z0-9_]', '-', value['username'])}"
        if admin:
            link = self._aws.create_secret(Name=f"{self._id}/admin", SecretString=json.dumps(admin))["ARN"]
            value = {**value, "masterarn": link}
        self._aws.create_secret(Name=self._id, SecretString=json.dumps(value))

    def once(self) -> float:
        """Rotate, and give the seconds from its start to its end."""
        version = self._aws.rotate_secret(SecretId=self._id, RotationLambdaARN=self._function)["VersionId"]
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            time.sleep(0.05)  # the times are the server's own, so asking seldom costs them nothing
            found = self._own.describe_rotation(SecretId=self._id, VersionId=version)
            if found["State"] != "in-progress" or found.get("Reason"):
                break
        if found["State"] != "succeeded":
            raise RuntimeError(f"{found['State']}: {found.get('Reason', 'it took too long')}")
        return float((found["EndedDate"] - found["StartedDate"]).total_seconds())
