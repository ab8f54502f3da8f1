"""`detent keyset` beside a running server."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cli.command import detent, refusal, success
from servers.canary import Canary
from servers.detent import RunningDetent, running

SECRETS = 120


@pytest.fixture
def served(tmp_path: Path, canary: Canary) -> Iterator[RunningDetent]:
    with running(tmp_path / "data", "--workers", "2", "--sweep-seconds", "0.2") as server:
        client = server.client()
        for number in range(SECRETS):
            client.create_secret(Name=f"s{number}", SecretString=canary.value(str(number)))
        yield server
        canary.texts.append(server.log.read_text())


def all_read(server: RunningDetent, canary: Canary) -> bool:
    client = server.client()
    return all(
        client.get_secret_value(SecretId=f"s{number}")["SecretString"] == canary.value(str(number))
        for number in range(SECRETS)
    )


def status(data: Path, **env: str) -> list[str]:
    return success(detent("keyset", "status", "--data", data, env=env)).splitlines()


def wait_until_resealed(data: Path) -> None:
    deadline = time.monotonic() + 60
    while not status(data)[-1].endswith("all under the primary key"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_key_is_added_while_serving_and_all_is_sealed_anew_whatever_is_killed(
    served: RunningDetent, canary: Canary
) -> None:
    assert success(detent("keyset", "rotate", "--data", served.data)).startswith("a new key seals from now on")
    for _ in range(3):
        assert all_read(served, canary)
        time.sleep(0.15)
        with suppress(ProcessLookupError):
            os.kill(served.children()[-1], signal.SIGKILL)  # the rotator, which seals anew
    wait_until_resealed(served.data)
    assert all_read(served, canary)
    lines = status(served.data)
    assert lines[0] == f"{served.data / 'keyset.json'}, in the clear"
    assert [line.split()[1] for line in lines[2:-1]] == ["opens", "primary"]
    served.client().put_secret_value(SecretId="s0", SecretString=canary.value("0"))
    served.stop()
    with running(served.data) as again:
        assert all_read(again, canary)


def test_a_passphrase_wraps_it_and_the_server_asks_for_it(
    served: RunningDetent, canary: Canary, tmp_path: Path
) -> None:
    passphrase, data = canary.value("-passphrase"), served.data
    file = tmp_path / "passphrase"
    file.write_text(passphrase + "\n")
    env = {"DETENT_PASSPHRASE_FILE": str(file)}
    assert success(detent("keyset", "wrap", "--with", "passphrase", "--data", data, env=env))
    assert served.client().get_secret_value(SecretId="s1")["SecretString"] == canary.value("1")
    served.stop()
    told = refusal(detent("serve", "--data", data, "--port", "0"))
    assert told == (
        f"the root keyset {data / 'keyset.json'} cannot be unwrapped: it needs a passphrase: set"
        " DETENT_PASSPHRASE_FILE or DETENT_PASSPHRASE"
    )
    wrong = detent("keyset", "status", "--data", data, env={"DETENT_PASSPHRASE": "another passphrase"})
    assert "does not open: is it the right key or passphrase" in refusal(wrong)
    assert status(data, DETENT_PASSPHRASE=passphrase)[0].endswith("wrapped by passphrase")
    missing = detent("keyset", "status", "--data", data, env={"DETENT_PASSPHRASE_FILE": "/nonexistent"})
    assert "cannot read DETENT_PASSPHRASE_FILE=/nonexistent" in refusal(missing)
    assert success(detent("keyset", "rotate", "--data", data, env=env))
    assert success(detent("keyset", "wrap", "--with", "file", "--data", data, env=env))
    assert len(json.loads((data / "keyset.json").read_text())["key"]) == 2
    with running(data) as again:
        assert again.client().get_secret_value(SecretId="s1")["SecretString"] == canary.value("1")


def test_what_cannot_wrap_is_one_line_and_the_file_stays(served: RunningDetent, tmp_path: Path) -> None:
    before = (served.data / "keyset.json").read_bytes()
    data = ("--data", served.data)
    assert "is neither passphrase nor a URI" in refusal(detent("keyset", "wrap", "--with", "kms", *data))
    assert "needs a passphrase" in refusal(detent("keyset", "wrap", "--with", "passphrase", *data))
    unreachable = {"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "t"}
    told = refusal(detent("keyset", "wrap", "--with", "hcvault://transit/keys/k", *data, env=unreachable))
    assert told.startswith("hcvault://transit/keys/k does not wrap: ")
    assert (served.data / "keyset.json").read_bytes() == before
    assert "no server was ever started" in refusal(detent("keyset", "status", "--data", tmp_path / "none"))
