"""Users' own functions on a running server: a warm invocation, a cold start, a rotation by an unmodified function."""

import importlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any
from uuid import uuid4

from bench.functions import Rotation
from bench.servers import REGION, Detent

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from servers.certificates import make_certificates
from servers.own_functions import ROLE, ROTATES, zipped
from servers.table import SERVERS
from servers.target import Target

WARM_MILLIS, COLD_RATIO, ROTATION_RATIO = 5.0, 1.3, 1.5
ROUNDS = 12
NOTHING = "def handler(event, context):\n    return None\n"
IMPORTS = "import boto3\nclient = boto3.client('secretsmanager')\n"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


def main() -> bool:
    """Print the three figures against their goals."""
    print("\nUsers' own functions, medians")
    with ExitStack() as stack:
        server = stack.enter_context(Detent(1, None))
        print_warm(server)
        print_cold(server)
        folder = Path(server.folder, "certificates")
        folder.mkdir()
        print_rotation(server, SERVERS["postgres-wheel"](stack, make_certificates(folder)))
    return True


def made(server: Detent, source: str) -> str:
    """Make a function of this source, and give its ARN."""
    members = {"Runtime": "python3.12", "Role": ROLE, "Handler": "function.handler", "Timeout": 30, "MemorySize": 512}
    told = lambda_client(server).create_function(
        FunctionName=f"bench-{uuid4().hex}", Code={"ZipFile": zipped(source)}, **members
    )
    return str(told["FunctionArn"])


def lambda_client(server: Detent) -> Any:  # noqa: ANN401 - boto3's
    """Give boto3's client of the functions."""
    return server.client("lambda")


def millis(work: Callable[[], object]) -> float:
    """Time one piece of work."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3


def report(what: str, taken: float, beside: tuple[str, float], figure: float, goal: float) -> None:
    """Print one figure: what was measured and beside what, in milliseconds, what comes of it, and the goal."""
    over = "" if figure <= goal else "  OVER"
    print(f"  {what:16} {taken:7.1f} ms, {beside[0]} {beside[1]:7.1f} ms: {figure:5.2f} (goal {goal}){over}")


def print_warm(server: Detent) -> None:
    """Print what an invocation adds to a handler that does nothing, over HTTP and all, beside a call that reads."""
    client, secrets = lambda_client(server), server.client()
    arn = made(server, NOTHING)
    client.invoke(FunctionName=arn)
    warm = median(millis(lambda: client.invoke(FunctionName=arn)) for _ in range(ROUNDS * 10))
    call = median(millis(secrets.list_secrets) for _ in range(ROUNDS * 10))
    report("warm invocation", warm, ("a plain call", call), warm - call, WARM_MILLIS)


def print_cold(server: Detent) -> None:
    """Print the first invocation of a function that imports boto3, against Python alone that does the same."""
    client, arns = lambda_client(server), [made(server, IMPORTS + NOTHING) for _ in range(ROUNDS)]
    environment = {**os.environ, "AWS_DEFAULT_REGION": REGION}
    command = [sys.executable, "-c", IMPORTS]
    cold, plain = [], []
    for arn in arns:
        plain.append(millis(lambda: subprocess.run(command, env=environment, check=True)))
        cold.append(millis(lambda arn=arn: client.invoke(FunctionName=arn)))
    report("cold start", median(cold), ("python alone", median(plain)), median(cold) / median(plain), COLD_RATIO)


def print_rotation(server: Detent, target: Target) -> None:
    """Print a rotation by a function in the manner of AWS's templates, and its handler called in this process."""
    rotation = Rotation(server, target, "detent-postgres-single-user", made(server, ROTATES))
    direct = Direct(server, target)
    whole, bare = [], []
    for turn in range(ROUNDS):
        taken, rotated = millis(lambda: direct.once(direct.begin())), rotation.once() * 1e3
        if turn > 1:
            bare.append(taken)
            whole.append(rotated)
    report("rotation", median(whole), ("its handler", median(bare)), median(whole) / median(bare), ROTATION_RATIO)


class Direct:
    """The same handler in this process, with root's client: what no runtime can be faster than."""

    def __init__(self, server: Detent, target: Target) -> None:
        """Store a value whose rotation is begun by hand."""
        self._secrets = server.client()
        self._id = f"bench/direct-{uuid4().hex}"
        self._arn = self._secrets.create_secret(Name=self._id, SecretString=json.dumps(target.new_value()))["ARN"]
        self._handler = loaded(server.folder, server.url, self._secrets)

    def begin(self) -> str:
        """Store a pending value, as only a rotation can leave its version without one, by two calls as createSecret."""
        token = str(uuid4())
        value = json.loads(self._secrets.get_secret_value(SecretId=self._id)["SecretString"])
        text = json.dumps({**value, "password": token})
        self._secrets.put_secret_value(
            SecretId=self._id, ClientRequestToken=token, SecretString=text, VersionStages=["AWSPENDING"]
        )
        return token

    def once(self, token: str) -> None:
        """Do the four steps."""
        with redirect_stdout(io.StringIO()):  # its log
            for step in STEPS:
                self._handler.handler({"Step": step, "SecretId": self._arn, "ClientRequestToken": token}, None)


def loaded(folder: Path, endpoint: str, client: Any) -> ModuleType:  # noqa: ANN401 - boto3's
    """Import the function's code as a module of this process."""
    (folder / "bench_handler.py").write_text(ROTATES)
    sys.path.insert(0, str(folder))
    os.environ.setdefault("SECRETS_MANAGER_ENDPOINT", endpoint)
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    module = importlib.import_module("bench_handler")
    module.client = client
    return module
