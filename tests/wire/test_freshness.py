"""What one process acknowledged holds on the very next request of every other, whatever they keep."""

import threading
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from servers.canary import Canary
from servers.detent import RunningDetent, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with running(tmp_path_factory.mktemp("fresh") / "data", "--workers", "2") as server:
        yield server


def test_each_acknowledged_value_is_what_every_connection_reads_next(server: RunningDetent, canary: Canary) -> None:
    clients = [server.client() for _ in range(6)]  # connections of their own, spread over both workers
    clients[0].create_secret(Name="fresh", SecretString=canary.value("-0"))
    for number in range(1, 60):
        value = canary.value(f"-{number}")
        clients[number % 6].put_secret_value(SecretId="fresh", SecretString=value)
        assert [client.get_secret_value(SecretId="fresh")["SecretString"] for client in clients] == [value] * 6


def test_readers_under_load_never_go_back_in_time(server: RunningDetent, canary: Canary) -> None:
    writer = server.client()
    writer.create_secret(Name="rising", SecretString=canary.value("-0"))
    acknowledged, stale, done = [0], [], threading.Event()

    def read() -> None:
        client = server.client()
        while not done.is_set():
            known = acknowledged[0]
            seen = int(client.get_secret_value(SecretId="rising")["SecretString"].rpartition("-")[2])
            if seen < known:
                stale.append((known, seen))

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(1, 80):
        writer.put_secret_value(SecretId="rising", SecretString=canary.value(f"-{number}"))
        acknowledged[0] = number
    done.set()
    for reader in readers:
        reader.join()
    assert stale == []


def test_a_deleted_secret_is_gone_for_everyone_at_once(server: RunningDetent, canary: Canary) -> None:
    clients = [server.client() for _ in range(6)]
    for number in range(10):
        name = f"gone/{number}"
        clients[0].create_secret(Name=name, SecretString=canary.value())
        for client in clients:
            client.get_secret_value(SecretId=name)
        clients[0].delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        for client in clients:
            with pytest.raises(ClientError, match="ResourceNotFoundException"):
                client.get_secret_value(SecretId=name)


def test_an_orderly_stop_leaves_one_whole_file(tmp_path: Path, canary: Canary) -> None:
    with running(tmp_path / "data", "--workers", "2") as server:
        server.client().create_secret(Name="kept", SecretString=canary.value())
        assert server.stop() == 0
        left = {file.name for file in server.data.iterdir()}
    assert {name for name in left if name.endswith(("-wal", "-shm"))} == set()
    with running(tmp_path / "data") as server:
        assert server.client().get_secret_value(SecretId="kept")["SecretString"] == canary.value()
