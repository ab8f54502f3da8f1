"""`detent demo`: a real PostgreSQL password, rotated twice through the AWS Secrets Manager API, and proven.

Every claim is a check: one that does not hold ends the demo with exit code 1. No secret value is ever printed.
"""

import json
import secrets as randomness
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from detent.cli.connection import Server, connected
from detent.cli.failure import CommandFailed
from detent.cli.screen import millis, table
from detent.cli.steps import Rotation, follow, view
from detent.cli.throwaway import ServerNotStarted, ThrowawayPostgres
from detent.cli.throwaway_detent import ThrowawayDetent

SECRET: Final = "demo/app"
ROLE: Final = "app"
FUNCTION: Final = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"

_TOLD: Final = (signal.SIGINT, signal.SIGTERM)
_NEXT: Final = """\
detent serve                          # in a shell of its own; keeps everything in ~/.detent
eval "$(detent env)"                  # the AWS CLI and boto3 now talk to it

# login.json: {"engine": "postgres", "host": "…", "dbname": "…", "username": "…", "password": "…"}
aws secretsmanager create-secret --name app/db --secret-string file://login.json
aws secretsmanager rotate-secret --secret-id app/db --rotation-rules AutomaticallyAfterDays=30 \\
    --rotation-lambda-arn arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user
detent rotations app/db               # how it went, step by step
"""


def demonstrate(console: Console) -> None:
    """Run the demo. Raises CommandFailed when a server does not start or a proof does not hold."""
    began = time.monotonic()
    try:
        with _ended_in_order(), ExitStack() as servers:
            postgres = servers.enter_context(ThrowawayPostgres())
            servers.callback(_hold_on)
            detent = servers.enter_context(ThrowawayDetent())
            servers.callback(_hold_on)
            server = servers.enter_context(connected(detent.data))
            _tell(console, f"PostgreSQL {postgres.version} on port {postgres.port}", f"Detent on {server.endpoint}")
            Demo(console, postgres, server).run()
    except ServerNotStarted as error:
        raise CommandFailed(str(error)) from None
    taken = time.monotonic() - began
    console.print(f"Every proof held, in {taken:.1f} s. Both servers are gone again.\n", style="bold")
    console.print("Go on with your own database:", style="bold")
    console.print(Text(_NEXT))


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM end the demo as Ctrl-C does: with both servers ended and removed."""
    before = {told: signal.getsignal(told) for told in _TOLD}
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        for told, handler in before.items():
            signal.signal(told, handler)


def _hold_on() -> None:
    """Let nothing, such as a second Ctrl-C, keep a server from being ended and removed."""
    for told in _TOLD:
        signal.signal(told, signal.SIG_IGN)


def _tell(console: Console, *lines: str) -> None:
    for line in lines:
        console.print(Text("• ", "cyan") + Text(line))


@dataclass
class Demo:
    """Two servers, one role, and its secret."""

    console: Console
    postgres: ThrowawayPostgres
    server: Server

    def run(self) -> None:
        """Make the role and its secret, rotate twice, prove both."""
        first = self._make_role()
        self._make_secret(first)
        before = self._labels()
        self._head("First rotation: turned on by RotateSecret, with the function that is built in")
        began = self.server.secrets.rotate_secret(SecretId=SECRET, RotationLambdaARN=FUNCTION)
        rotation = self._follow(began["VersionId"])
        self._head("The proof")
        second = self._prove(first, rotation)
        self.console.print()
        self.console.print(_versions(before, self._labels()))
        self.console.print()
        self.console.print(_durations(rotation))
        self._head("Second rotation")
        again = self._follow(self.server.secrets.rotate_secret(SecretId=SECRET)["VersionId"])
        self._prove(second, again)
        self._refused(first, "the very first password")
        self.console.print()

    def _head(self, text: str) -> None:
        self.console.print()
        self.console.print(Text(text, "bold"))

    def _make_role(self) -> str:
        """Make the application's role; the server is sent a verifier, so that no log of it holds the password."""
        password = randomness.token_urlsafe(24)
        with self.postgres.connect() as connection:
            verifier = connection.pgconn.encrypt_password(password.encode(), ROLE.encode(), b"scram-sha-256").decode()
            connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{verifier}'".encode())
        self._accepted(password)
        return password

    def _make_secret(self, password: str) -> None:
        place = {"engine": "postgres", "host": self.postgres.host, "port": self.postgres.port, "dbname": "postgres"}
        login = {**place, "username": ROLE, "password": password}
        self.server.secrets.create_secret(Name=SECRET, SecretString=json.dumps(login))
        _tell(self.console, f'role "{ROLE}" on that server, its password in the secret {SECRET}')

    def _follow(self, version: str) -> Rotation:
        with view(self.console) as shown:
            rotation = follow(self.server, SECRET, version, 0, shown)
        if rotation["State"] != "succeeded":
            raise CommandFailed(f"the rotation is {rotation['State']}: {rotation.get('Reason')}")
        return rotation

    def _prove(self, old: str, rotation: Rotation) -> str:
        """Prove that the old password is dead and the current one works; gives the current one."""
        read = self.server.secrets.get_secret_value(SecretId=SECRET)
        new: str = json.loads(read["SecretString"])["password"]
        if read["VersionId"] != rotation["VersionId"] or new == old:
            raise CommandFailed("the proof failed: the new version is not current")
        self._refused(old, "the old password")
        self._accepted(new)
        self._held("the new password", f'accepted; current_user is "{ROLE}"')
        return new

    def _accepted(self, password: str) -> None:
        try:
            with self.postgres.connect(user=ROLE, password=password) as connection:
                row = connection.execute("SELECT current_user").fetchone()
        except self._login_failed():
            row = None
        if row != (ROLE,):
            raise CommandFailed("the proof failed: the server refuses the password that should work")

    def _refused(self, password: str, what: str) -> None:
        """Prove that the server refuses a password, and show its words."""
        try:
            self.postgres.connect(user=ROLE, password=password).close()
        except self._login_failed() as error:
            said = str(error).replace(password, "***").strip().rpartition("FATAL:")[2].strip()
        else:
            raise CommandFailed(f"the proof failed: {what} still logs in")
        if "password authentication failed" not in said:
            raise CommandFailed(f"the proof failed: {what} was not refused as a password, but: {said}")
        self._held(what, f"refused; the server says: {said}")

    def _login_failed(self) -> type[Exception]:
        """Give psycopg's error for a login that fails, which is an attribute of every connection."""
        with self.postgres.connect() as connection:
            return connection.OperationalError

    def _held(self, what: str, outcome: str) -> None:
        self.console.print(Text("  ✓ ", "green") + Text(f"{what:<24}") + Text(outcome))

    def _labels(self) -> dict[str, list[str]]:
        """Give each version's labels, oldest version first."""
        found = self.server.secrets.list_secret_version_ids(SecretId=SECRET, IncludeDeprecated=True)["Versions"]
        ordered = sorted(found, key=lambda version: version["CreatedDate"])
        return {version["VersionId"]: version.get("VersionStages", []) for version in ordered}


def _versions(before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> Table:
    shown = table("  version", "labels before", "labels after")
    for version, labels in after.items():
        shown.add_row(f"  {version}", ", ".join(before.get(version, ["(did not exist)"])), ", ".join(labels))
    return shown


def _durations(rotation: Rotation) -> Table:
    shown = table("  step", "took", "what it did", right=("took",))
    did = {
        "createSecret": "stored a new password as AWSPENDING; the database knows nothing yet",
        "setSecret": "logged in with the old one and changed it",
        "testSecret": "logged in with the new one",
        "finishSecret": "moved AWSCURRENT to the new version",
    }
    attempts: list[Mapping[str, Any]] = rotation["Attempts"]
    for attempt in attempts:
        shown.add_row(f"  {attempt['Step']}", millis(attempt), did[attempt["Step"]])
    whole = rotation["EndedDate"] - rotation["StartedDate"]
    shown.add_row("  the whole rotation", f"{whole.total_seconds() * 1000:.0f} ms", "")
    return shown
