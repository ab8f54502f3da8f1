"""A process that writes to a store and says each name once its write is acknowledged: `FOLDER PREFIX COUNT`."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from detent.model.secret import Secret, SecretKey
from detent.store.sqlite import SqliteStore
from servers.world import SimulatedClock

NOW = datetime(2026, 3, 10, 12, 0, 0, 123456, tzinfo=UTC)
ACCOUNT, REGION = "000000000000", "us-east-1"


def a_secret(name: str = "a", **changed: object) -> Secret:
    arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf"
    return replace(Secret(SecretKey(0), ACCOUNT, REGION, name, arn, NOW, NOW), **changed)  # type: ignore[arg-type]


def start_writer(folder: Path, prefix: str, count: int) -> "subprocess.Popen[str]":
    """Start this module as a process."""
    tests = Path(__file__).parent.parent
    command = [sys.executable, "-m", "servers.writers", str(folder), prefix, str(count)]
    return subprocess.Popen(command, cwd=tests, stdout=subprocess.PIPE, text=True)


def main(folder: str, prefix: str, count: str) -> None:
    store = SqliteStore(Path(folder) / "store.sqlite", SimulatedClock())
    for number in range(int(count)):
        secret = a_secret(f"{prefix}{number}")
        sys.stdout.write(store.write(lambda tx, secret=secret: tx.secrets.add(secret)).name + "\n")
        sys.stdout.flush()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
