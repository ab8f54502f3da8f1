"""AWS's own JavaScript SDK, from npm, unmodified: it creates, reads and rotates one secret on a real PostgreSQL."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from servers.canary import Canary
from servers.detent import RunningDetent
from servers.missing import apt_install, report_missing
from servers.postgres import PostgresTarget
from wire.test_main_job import FUNCTION, Rotating

HERE = Path(__file__).parent / "javascript"
FILES = ("package.json", "package-lock.json", "session.mjs")
KEPT = Path(__file__).parent.parent.parent / ".venv" / "npm"


@pytest.fixture(scope="session")
def script() -> Path:
    """The script beside the SDK as the lock file names it: installed once for each lock file, whole or not at all."""
    if not _has_node() and not (apt_install("nodejs", "npm") and _has_node()):
        report_missing("Node.js", "apt-get install nodejs npm")
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in FILES)).hexdigest()[:16]
    folder = KEPT / digest
    KEPT.mkdir(parents=True, exist_ok=True)
    with KEPT.joinpath("lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _install(KEPT / "draft", folder)
    return folder / "session.mjs"


def _has_node() -> bool:
    return shutil.which("node") is not None and shutil.which("npm") is not None


def _install(draft: Path, folder: Path) -> None:
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for name in FILES:
        shutil.copy(HERE / name, draft)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=draft, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    draft.rename(folder)


def test_the_javascript_sdk_creates_reads_and_rotates_a_secret(
    detent: RunningDetent, plain_postgres: PostgresTarget, canary: Canary, script: Path
) -> None:
    rotating = Rotating(detent, plain_postgres, canary)
    name = f"{rotating.role}/javascript"
    access_key, secret_key = detent.credentials
    settings = {
        "AWS_ENDPOINT_URL": detent.endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
    }
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    command = ["node", str(script), name, FUNCTION]
    value = json.dumps(rotating.value)
    done = subprocess.run(
        command, input=value, env={**kept, **settings}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    canary.texts += [done.stdout, done.stderr]
    told = json.loads(done.stdout)
    assert told.pop("created") != told["rotated"]
    assert told == {
        "readBack": True,
        "rotated": told["current"],
        "current": told["current"],
        "passwordChanged": True,
        "createdDate": True,
        "rotationEnabled": True,
        "refusal": ["ResourceNotFoundException", "Secrets Manager can't find the specified secret."],
    }
    rotating.arn = rotating.client.describe_secret(SecretId=name)["ARN"]
    new = rotating.stored(VersionId=told["current"])["password"]
    assert rotating.logs_in(new)
    assert not rotating.logs_in(rotating.first)
