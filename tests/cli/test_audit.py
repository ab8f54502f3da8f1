"""`detent audit` on the folder of a running server, and after."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.command import detent, refusal, success
from servers.canary import Canary
from servers.detent import RunningDetent, running


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDetent]:
    with running(tmp_path_factory.mktemp("audit") / "data", "--workers", "2") as server:
        client = server.client()
        for number in range(5):
            client.create_secret(Name=f"s{number}", SecretString="x")
            client.get_secret_value(SecretId=f"s{number}")
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.get_secret_value(SecretId="none")
        yield server


@pytest.fixture
def stopped(served: RunningDetent, tmp_path: Path) -> Path:
    """A copy of the folder, which a test may spoil."""
    return shutil.copytree(served.data, tmp_path / "copy")


def verified(data: Path, *more: str | Path) -> tuple[int, list[str], str]:
    done = detent("audit", "verify", "--data", data, *more)
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_a_running_servers_trail_is_proved(served: RunningDetent) -> None:
    code, lines, said = verified(served.data)
    assert (code, said) == (0, "")
    records, _, head = lines[0].partition(" records; head ")
    assert int(records) >= 11
    assert int(head.partition(":")[0]) == int(records)
    served.client().list_secrets()
    assert success(detent("audit", "verify", "--data", served.data, "--expect", head))
    assert detent("audit", "verify", "--data", served.data, "--expect", f"3:{head.partition(':')[2]}").returncode == 1


def test_a_spoilt_trail_is_told_by_file_and_line(stopped: Path) -> None:
    trail = stopped / "audit.log"
    lines = trail.read_bytes().splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if b'"s3"' in line)
    trail.write_bytes(b"".join([*lines[:at], lines[at].replace(b'"s3"', b'"s4"'), *lines[at + 1 :]]))
    code, said, why = verified(stopped)
    assert (code, why) == (1, "detent: the audit trail is not whole: 1 findings\n")
    assert said[0] == f"{trail}:{at + 1}: record {at + 1} was changed, or another wrote it."


def test_a_trail_whose_end_and_head_are_both_cut_off_is_missed_by_the_store(stopped: Path) -> None:
    trail = stopped / "audit.log"
    lines = trail.read_bytes().splitlines(keepends=True)
    trail.write_bytes(b"".join(lines[:3]))
    (stopped / "audit.head").unlink()
    code, said, _ = verified(stopped)
    assert code == 1
    assert said[0].startswith(f"{trail}: records 4 to ")
    assert "missing at the end: the store knows of record" in said[0]


def test_many_findings_are_counted_and_some_are_shown(stopped: Path) -> None:
    (stopped / "audit.log").write_bytes(b"x\n" * 100)
    code, said, why = verified(stopped)
    assert (code, len(said)) == (1, 21)
    assert "findings, of which 20 are shown" in why


def test_parts_that_were_put_aside_are_read_first(stopped: Path) -> None:
    (stopped / "audit.log").rename(stopped / "audit.log.1")
    with running(stopped) as server:
        server.client().list_secrets()
    assert verified(stopped)[0] == 1
    assert verified(stopped, stopped / "audit.log.1")[0] == 0
    found = success(detent("audit", "search", stopped / "audit.log.1", "--secret", "s2", "--data", stopped))
    assert found.count("GetSecretValue") == 1


def test_records_are_found_and_shown(served: RunningDetent, canary: Canary) -> None:
    def found(*options: str) -> str:
        return success(detent("audit", "search", "--data", served.data, *options))

    assert len(found("--secret", "s1", "--action", "GetSecretValue").splitlines()) == 2
    refused = found("--refused", "--principal", "root", "--since", "1h").splitlines()
    assert refused[0].split() == ["time", "action", "by", "secret", "from", "outcome"]
    assert refused[1].split()[1:] == [
        "GetSecretValue",
        "arn:aws:iam::000000000000:root",
        "none",
        "127.0.0.1",
        "ResourceNotFoundException",
    ]
    [record] = [json.loads(line) for line in found("--json", "--secret", "s4", "--action", "CreateSecret").splitlines()]
    assert record["responseElements"]["name"] == "s4"
    assert found("--until", "2026-01-01").strip() == "No record fits."
    canary.texts.append(found("--json"))


def test_what_makes_no_sense_is_one_line(served: RunningDetent, tmp_path: Path) -> None:
    data = ("--data", served.data)
    assert "is no time" in refusal(detent("audit", "search", "--since", "yesterday", *data))
    assert "is not a head" in refusal(detent("audit", "verify", "--expect", "7", *data))
    assert "no server was ever started" in refusal(detent("audit", "verify", "--data", tmp_path))
    assert refusal(
        detent("audit", "search", "--data", tmp_path)
    ) == f"cannot read {tmp_path}/audit.log: " + os.strerror(2)
