"""`detent access-keys` on a data folder, while its server runs and while it does not."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from cli.command import detent, refusal, success, surroundings
from cli.folders import key_in, make_used, trail
from detent.cli.data_folder import DataFolder
from detent.main.operating import Operator, operating
from detent.main.root_key import rotate_root
from detent.main.settings import Settings
from servers.canary import Canary
from servers.detent import RunningDetent, running


def arn_of(server: RunningDetent, key: tuple[str, str]) -> str:
    names = ("aws_access_key_id", "aws_secret_access_key")
    arn: str = server.client("sts", **dict(zip(names, key, strict=True))).get_caller_identity()["Arn"]
    return arn


def works(server: RunningDetent, key: tuple[str, str]) -> bool:
    try:
        return bool(arn_of(server, key))
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidClientTokenId":
            raise
        return False


def test_a_key_is_made_without_a_server_and_printed_alone(data: Path, canary: Canary) -> None:
    key = key_in(success(detent("access-keys", "create", "--data", data)), canary)
    with running(data) as server:
        assert arn_of(server, key) == "arn:aws:iam::000000000000:root"
    canary.texts.append((data / "audit.log").read_text())
    made = next(record for record in trail(data) if record["eventName"] == "CreateAccessKey")
    assert (made["userIdentity"]["type"], made["userAgent"]) == ("Root", "detent/cli")
    assert made["responseElements"]["accessKeyId"] == key[0]


def test_a_key_of_another_account_is_made_beside_a_running_server(data: Path, canary: Canary) -> None:
    with running(data) as server:
        made = success(detent("access-keys", "create", "--account", "222222222222", "--data", data))
        key = key_in(made, canary)
        assert arn_of(server, key) == "arn:aws:iam::222222222222:root"


def test_a_users_key_is_listed_stopped_started_and_deleted(data: Path, canary: Canary) -> None:
    with operating(Settings(data)) as operator:
        operator.own.create_user(UserName="ann")
    key = key_in(success(detent("access-keys", "create", "--user", "ann", "--data", data)), canary)
    with running(data) as server:
        assert arn_of(server, key) == "arn:aws:iam::000000000000:user/ann"
        listed = success(detent("access-keys", "list", "--data", data)).splitlines()
        assert [line.split()[1:3] for line in listed[1:]] == [["root", "active"], ["ann", "active"]]
        assert "(sts, us-east-1)" in listed[2]
        assert success(detent("access-keys", "deactivate", key[0], "--data", data)) == f"{key[0]} is inactive.\n"
        assert not works(server, key)
        assert "inactive" in success(detent("access-keys", "list", "--user", "ann", "--data", data))
        success(detent("access-keys", "activate", key[0], "--data", data))
        assert works(server, key)
        assert success(detent("access-keys", "delete", key[0], "--data", data)) == f"{key[0]} is deleted.\n"
        assert not works(server, key)
    assert success(detent("access-keys", "list", "--user", "ann", "--data", data)) == "There are no access keys.\n"


def test_what_is_refused_is_one_line(data: Path, tmp_path: Path) -> None:
    unknown = ("access-keys", "delete", "AKIA" + "A" * 16)
    assert refusal(detent(*unknown, "--data", data)) == (
        "There is no access key AKIAAAAAAAAAAAAAAAAA in this account. (ResourceNotFoundException)"
    )
    assert refusal(detent("access-keys", "create", "--account", "1", "--data", data)) == (
        "--account must be 12 digits, not 1"
    )
    assert refusal(detent("access-keys", "create", "--data", tmp_path / "none")) == (
        f"no server was ever started on the data folder {tmp_path / 'none'}: detent serve --data {tmp_path / 'none'}"
    )
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config").write_text((data / "config").read_text())
    assert refusal(detent("access-keys", "list", "--data", tmp_path / "half")).startswith("no server was ever started")
    (data / "keyset.json").unlink()
    assert refusal(detent("access-keys", "create", "--data", data)).startswith(f"{data / 'keyset.json'} is missing")
    assert [file.name for file in (tmp_path / "half").iterdir()] == ["config"]


def test_deleting_the_key_of_the_credentials_file_says_so(data: Path, canary: Canary) -> None:
    key, _ = key_in((data / "credentials").read_text(), canary)
    said = success(detent("access-keys", "delete", key, "--data", data)).splitlines()
    assert said == [
        f"{key} is deleted.",
        f"{data / 'credentials'} holds it still: detent access-keys rotate-root makes another.",
    ]


def test_the_root_key_is_rotated_into_the_credentials_file(data: Path) -> None:
    canary = Canary()  # of this file's own keys, which may stand in it
    with running(data) as server:
        old = key_in((data / "credentials").read_text(), canary)
        said = success(detent("access-keys", "rotate-root", "--data", data))
        new = key_in((data / "credentials").read_text(), canary)
        assert new[1] not in said
        assert (data / "credentials").stat().st_mode & 0o777 == 0o600
        assert (works(server, old), works(server, new)) == (False, True)
        assert success(detent("secrets", "--data", data)) == "There are no secrets.\n"


def test_the_root_key_is_printed_and_the_file_deleted_and_all_else_goes_on(data: Path, canary: Canary) -> None:
    old = key_in((data / "credentials").read_text(), canary)
    new = key_in(success(detent("access-keys", "rotate-root", "--print", "--data", data)), canary)
    assert not (data / "credentials").exists()
    with running(data) as server:  # a server needs no credentials file
        assert (works(server, old), works(server, new)) == (False, True)
        environment = {
            "AWS_ACCESS_KEY_ID": new[0],
            "AWS_SECRET_ACCESS_KEY": new[1],
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        assert success(detent("secrets", env=environment)) == "There are no secrets.\n"
    assert not (data / "credentials").exists()
    for command in (("env",), ("secrets",)):
        assert refusal(detent(*command, "--data", data)) == (
            f"{data / 'credentials'} is gone, so the folder gives out no access key: use one of your own (AWS_…"
            f" variables), or make a new one: detent access-keys rotate-root --data {data}"
        )
    assert "active" in success(detent("access-keys", "list", "--data", data))
    success(detent("access-keys", "rotate-root", "--data", data))
    assert (data / "credentials").exists()


def test_a_key_that_root_has_besides_is_in_the_way(data: Path, canary: Canary) -> None:
    key_in(success(detent("access-keys", "create", "--data", data)), canary)
    before = (data / "credentials").read_text()
    assert refusal(detent("access-keys", "rotate-root", "--data", data)) == (
        "arn:aws:iam::000000000000:root has 2 access keys, as many as it can have: delete one first."
        " (LimitExceededException)"
    )
    assert (data / "credentials").read_text() == before


class Killed(BaseException):
    """Ends the work as a signal would: nothing after it is done."""


class Watched(Operator):
    """Is killed at a moment."""

    at = ""
    written = 0

    def write(self, work):  # type: ignore[no-untyped-def]
        if self.at == ("before the new key", "before the old one goes")[self.written]:
            raise Killed
        Watched.written += 1
        return super().write(work)

    def give_out(self, key_id: str, secret: str) -> None:
        if self.at == "before it is given out":
            raise Killed
        self.house.folder.write_credentials(key_id, secret)


def run_killed(data: Path, at: str) -> None:
    """Rotate the root key up to a moment."""
    given_out = DataFolder.found(data).keys["aws_access_key_id"]
    Watched.at, Watched.written = at, 0
    with operating(Settings(data)) as operator:
        watched = Watched(**vars(operator))
        with pytest.raises(Killed):
            rotate_root(watched, given_out, watched.give_out)


MOMENTS = ["before the new key", "before it is given out", "before the old one goes"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_rotation_that_was_killed_leaves_a_key_that_works_and_the_next_heals_it(data: Path, moment: str) -> None:
    canary = Canary()
    old = key_in((data / "credentials").read_text(), canary)
    run_killed(data, moment)
    between = key_in((data / "credentials").read_text(), canary)
    with running(data) as server:
        assert works(server, between)
        assert works(server, old)  # it goes last
        run_killed(data, moment)
        assert works(server, key_in((data / "credentials").read_text(), canary))
        success(detent("access-keys", "rotate-root", "--data", data))
        new = key_in((data / "credentials").read_text(), canary)
        assert (works(server, new), works(server, old)) == (True, False)
        listed = success(detent("access-keys", "list", "--data", data))
    assert re.findall(r"^AKIA\w+", listed, re.MULTILINE) == [new[0]]


def test_whenever_it_is_killed_the_credentials_file_holds_a_key_of_root(data: Path) -> None:
    command = [sys.executable, "-m", "detent.cli", "access-keys", "rotate-root", "--data", str(data)]
    kept = Canary()
    for tenths in range(3, 13):
        with subprocess.Popen(command, env=surroundings(), stdout=subprocess.DEVNULL) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(tenths / 10)
            process.kill()
        given_out, _ = key_in((data / "credentials").read_text(), kept)
        assert given_out in success(detent("access-keys", "list", "--data", data))
    success(detent("access-keys", "rotate-root", "--data", data))
    given_out, _ = key_in((data / "credentials").read_text(), kept)
    listed = success(detent("access-keys", "list", "--data", data))
    assert re.findall(r"^AKIA\w+", listed, re.MULTILINE) == [given_out]


def test_what_is_made_in_the_folder_belongs_to_its_owner(data: Path) -> None:
    owner = 65534 if os.geteuid() == 0 else os.geteuid()  # root works on the folder of the account that serves it
    for path in (data, *data.iterdir()):
        os.chown(path, owner, -1)
    with operating(Settings(data)) as operator:
        operator.own.list_users()
        rotate_root(operator, None, operator.house.folder.write_credentials)
        assert (data / "store.sqlite-wal").exists()
        assert {path.stat().st_uid for path in data.iterdir()} == {owner}


def test_a_folder_of_an_older_schema_is_left_to_its_server(data: Path) -> None:
    connection = sqlite3.connect(data / "store.sqlite")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    assert "has schema 1, this Detent needs" in refusal(detent("access-keys", "list", "--data", data))


def test_the_folders_account_is_the_one_acted_on(tmp_path: Path, canary: Canary) -> None:
    make_used(tmp_path / "data", account_id="333333333333")
    with operating(Settings(tmp_path / "data")) as operator:
        key = operator.own.create_access_key()
        canary.watch(key["SecretAccessKey"])
        assert operator.account == "333333333333"
        assert operator.house.server.account == "333333333333"
