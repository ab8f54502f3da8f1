"""`detent backup`, `keyset export`, `restore` and `resume`, with real servers and a real PostgreSQL."""

import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from cli.command import detent, refusal, success
from cli.folders import key_in
from detent.main import backup as copies
from servers.canary import Canary
from servers.detent import RunningDetent, running
from servers.postgres import PostgresTarget
from wire.answers import refused

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"
PAUSED = (
    "InvalidRequestException",
    "Rotation is paused, because this store was restored from a backup: detent resume ends that.",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDetent]:
    with running(tmp_path_factory.mktemp("backup") / "data", "--jitter-seconds", "0") as server:
        yield server


@pytest.fixture
def database(postgres_from: Callable[[str], PostgresTarget]) -> PostgresTarget:
    return postgres_from("wheel")


def taken(data: Path, to: Path) -> tuple[Path, Path]:
    """Back a folder up; gives the two files."""
    store, keyset = to / "store.backup", to / "keyset.backup"
    success(detent("backup", store, "--data", data))
    done = detent("keyset", "export", keyset, "--data", data)
    assert (done.returncode, "anyone can read every secret" in done.stderr) == (0, True)
    return store, keyset


def restored(data: Path, to: Path) -> Path:
    store, keyset = taken(data, to)
    folder = to / "restored"
    assert "is restored" in success(detent("restore", store, "--keyset", keyset, "--data", folder))
    return folder


def a_rotating_secret(server: RunningDetent, database: PostgresTarget, canary: Canary, **settings: Any) -> str:
    name, password = f"backup-{uuid4().hex}", canary.value("-first")
    database.create_user(name, password)
    value = json.dumps(database.value(name, password, **settings))
    server.client().create_secret(Name=name, SecretString=value)
    return name


def rotate(server: RunningDetent, name: str) -> None:
    server.client().rotate_secret(
        SecretId=name, RotationLambdaARN=FUNCTION, RotationRules={"AutomaticallyAfterDays": 9}
    )
    wait_for(server, name, "succeeded")


def wait_for(server: RunningDetent, name: str, state: str, *, reason: str = "") -> None:
    own, deadline = _own(server), time.monotonic() + 20
    while True:
        told = own.describe_rotation(SecretId=name)
        if told["State"] == state and reason in told.get("Reason", ""):
            return
        assert time.monotonic() < deadline, (told["State"], told.get("Reason"))
        time.sleep(0.05)


def _own(server: RunningDetent) -> Any:
    import detent as package  # noqa: PLC0415 - the command of that name is imported above

    access, secret = server.credentials
    return package.client(
        server.endpoint, region_name="us-east-1", aws_access_key_id=access, aws_secret_access_key=secret
    )


def test_a_restored_store_rests_until_it_is_resumed_and_then_rotates(
    served: RunningDetent, database: PostgresTarget, canary: Canary, tmp_path: Path
) -> None:
    name = a_rotating_secret(served, database, canary)
    rotate(served, name)
    value = served.client().get_secret_value(SecretId=name)["SecretString"]
    canary.watch(json.loads(value)["password"])
    folder = restored(served.data, tmp_path)
    assert not (folder / "credentials").exists()
    with running(folder, "--jitter-seconds", "0") as again:
        success(detent("access-keys", "rotate-root", "--data", folder))
        key_in((folder / "credentials").read_text(), canary)
        client = again.client()
        assert client.get_secret_value(SecretId=name)["SecretString"] == value
        told = _own(again).describe_server()
        assert told["BackupDate"] < told["RotationPausedDate"]
        with refused(PAUSED):
            client.rotate_secret(SecretId=name)
        connection = sqlite3.connect(folder / "store.sqlite", isolation_level=None)
        connection.execute("UPDATE rotations SET due_at = 1 WHERE due_at IS NOT NULL")  # overdue
        connection.close()
        time.sleep(1.5)
        assert client.get_secret_value(SecretId=name)["SecretString"] == value
        assert success(detent("resume", "--data", folder)) == "rotation goes on\n"
        assert "RotationPausedDate" not in _own(again).describe_server()
        deadline = time.monotonic() + 20
        while client.get_secret_value(SecretId=name)["SecretString"] == value:  # what was overdue rotates by itself
            assert time.monotonic() < deadline
            time.sleep(0.05)
        fresh = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
        with database.server.connect(user=name, password=canary.watch(fresh["password"])):
            pass
        assert success(detent("resume", "--data", folder)) == "rotation was not paused\n"
        assert detent("audit", "verify", "--data", folder).returncode == 0


def test_a_password_that_is_older_than_the_databases_is_told_and_the_right_one_heals_it(
    served: RunningDetent, database: PostgresTarget, canary: Canary, tmp_path: Path
) -> None:
    name = a_rotating_secret(served, database, canary)
    folder = restored(served.data, tmp_path)
    rotate(served, name)  # after the backup: the restored store knows the first password only
    right = served.client().get_secret_value(SecretId=name)["SecretString"]
    canary.watch(json.loads(right)["password"])
    with running(folder, "--jitter-seconds", "0") as again:
        success(detent("access-keys", "rotate-root", "--data", folder))
        key_in((folder / "credentials").read_text(), canary)
        success(detent("resume", "--data", folder))
        client = again.client()
        client.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION)
        wait_for(again, name, "failed", reason="no known password logs in: store one that does (PutSecretValue)")
        client.put_secret_value(SecretId=name, SecretString=right)
        assert success(detent("rotate", name, "--wait", "--data", folder)).splitlines()[-1].endswith("is current.")
        fresh = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
        with database.server.connect(user=name, password=canary.watch(fresh["password"])):
            pass


def test_a_backup_is_of_one_moment_while_others_write(served: RunningDetent, canary: Canary, tmp_path: Path) -> None:
    client, stopping = served.client(), threading.Event()
    names = [f"pair-{number}" for number in range(2)]
    for name in names:
        client.create_secret(Name=name, Description="0")

    def write() -> None:
        for count in range(1, 10_000):
            if stopping.is_set():
                return
            for name in names:
                client.update_secret(SecretId=name, Description=str(count))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            success(detent("backup", tmp_path / f"{number}.backup", "--data", served.data))
    finally:
        stopping.set()
        writer.join()
    keyset = tmp_path / "keyset"
    assert detent("keyset", "export", keyset, "--data", served.data).returncode == 0
    success(detent("restore", tmp_path / "1.backup", "--keyset", keyset, "--data", tmp_path / "r"))
    with running(tmp_path / "r") as again:
        success(detent("access-keys", "rotate-root", "--data", tmp_path / "r"))
        canary.watch(again.credentials[1])
        counts = [int(again.client().describe_secret(SecretId=name)["Description"]) for name in names]
        assert counts[0] - counts[1] in (0, 1)
        assert counts[0] > 0


def test_it_holds_ciphertext_only_and_is_its_owners_alone(
    served: RunningDetent, canary: Canary, tmp_path: Path
) -> None:
    served.client().create_secret(Name=f"c-{uuid4().hex}", SecretString=canary.value())
    store, keyset = taken(served.data, tmp_path)
    material = json.loads(keyset.read_text())["key"][0]["keyData"]["value"].encode()
    assert canary.value().encode() not in store.read_bytes()
    assert material not in store.read_bytes()
    assert [file.stat().st_mode & 0o777 for file in (store, keyset)] == [0o600, 0o600]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keyset.backup", "store.backup"]


def test_sessions_are_not_brought_back(served: RunningDetent, canary: Canary, tmp_path: Path) -> None:
    session = served.client("sts").get_session_token()["Credentials"]
    canary.watch(session["SecretAccessKey"])
    folder = restored(served.data, tmp_path)
    with running(folder) as again:
        keys = {
            "aws_access_key_id": session["AccessKeyId"],
            "aws_secret_access_key": session["SecretAccessKey"],
            "aws_session_token": session["SessionToken"],
        }
        with pytest.raises(ClientError, match="UnrecognizedClientException"):
            again.client(**keys).list_secrets()


def test_what_cannot_be_is_one_line_and_changes_nothing(served: RunningDetent, tmp_path: Path) -> None:
    store, keyset = taken(served.data, tmp_path)
    before = store.read_bytes()
    data = ("--data", served.data)
    assert "is there already" in refusal(detent("backup", store, *data))
    assert "is there already" in refusal(detent("keyset", "export", keyset, *data))
    assert store.read_bytes() == before
    success(detent("backup", store, "--force", *data))
    new = ("--data", tmp_path / "new")
    other = tmp_path / "other"
    with running(other):
        pass
    assert "is not empty" in refusal(detent("restore", store, "--keyset", keyset, "--data", other))
    wrong = refusal(detent("restore", store, "--keyset", other / "keyset.json", *new))
    assert wrong.startswith(f"{other / 'keyset.json'} does not open {store}: ")
    assert "is no backup" in refusal(detent("restore", other / "store.sqlite", "--keyset", keyset, *new))
    assert "cannot read" in refusal(detent("restore", keyset, "--keyset", keyset, *new))
    assert "No such file" in refusal(detent("restore", tmp_path / "none", "--keyset", keyset, *new))
    success(detent("restore", store, "--keyset", keyset, *new))  # what was left behind is no obstacle
    assert "no server was ever started" in refusal(detent("backup", tmp_path / "x", "--data", tmp_path / "y"))


@pytest.mark.parametrize("at", range(4))
def test_a_restore_that_is_cut_off_can_be_done_again(
    served: RunningDetent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    store, keyset = taken(served.data, tmp_path)
    folder, left = tmp_path / "new", [at]
    real_replace, real_settle = Path.replace, copies._settle

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*given: Any) -> Any:
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            return real(*given)

        return step

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", dying(real_replace))
        patched.setattr(copies, "_settle", dying(real_settle))
        with suppress(KeyboardInterrupt):
            copies.restore(store, keyset, folder)
    if not (folder / "store.sqlite").exists():  # else it was whole already
        copies.restore(store, keyset, folder)
    with running(folder):
        pass


def test_an_older_schema_is_brought_up_to_date_and_a_newer_one_refused(served: RunningDetent, tmp_path: Path) -> None:
    store, keyset = taken(served.data, tmp_path)
    newer = shutil.copyfile(store, tmp_path / "newer")
    connection = sqlite3.connect(newer)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    told = refusal(detent("restore", newer, "--keyset", keyset, "--data", tmp_path / "new"))
    assert "has schema 9999" in told
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["restoring"]
