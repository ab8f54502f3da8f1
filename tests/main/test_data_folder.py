"""The data folder: what a start refuses, having changed no byte, and what it leaves for clients."""

import configparser
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cli.command import detent, refusal
from detent.main.folder import Folder
from detent.main.house import House
from detent.main.settings import CannotStart, Settings
from detent.store import migrate as migrating
from servers.certificates import Certificates, _certificate
from servers.detent import running

# For root, files have no modes unless it gives up the right to overlook them.
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


def make_used(data: Path) -> None:
    folder = Folder(data)
    house = House(Settings(data), folder.open())
    folder.initialise(house.server, house.store)
    house.close()


@pytest.fixture(scope="session")
def used_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("used") / "data"
    make_used(data)
    return data


@pytest.fixture
def data(used_once: Path, tmp_path: Path) -> Path:
    """A data folder of its own, of a server that was stopped."""
    return shutil.copytree(used_once, tmp_path / "data")


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def written_config(data: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    parser.read(data / "config")
    return dict(parser["default"])


@pytest.mark.parametrize("name", ["store.sqlite", "store.lock", "audit.log", "."])
def test_what_can_be_read_but_not_written_is_refused(data: Path, name: str) -> None:
    before, path = contents(data), data / name
    mode = path.stat().st_mode
    path.chmod(mode & ~0o222)
    done = detent("serve", "--data", data, "--port", "0", prefix=AS_ANYBODY)
    path.chmod(mode)
    assert refusal(done) == f"cannot read and write {path}: let the account that runs the server own it."
    assert contents(data) == before


def make_newer(data: Path) -> None:
    connection = sqlite3.connect(data / "store.sqlite")
    connection.execute("PRAGMA user_version = 9999")
    connection.close()


def swap_keyset(data: Path) -> None:
    make_used(data.with_name("other"))
    shutil.copyfile(data.with_name("other") / "keyset.json", data / "keyset.json")


def make_foreign(data: Path) -> None:
    (data / "store.sqlite").unlink()
    connection = sqlite3.connect(data / "store.sqlite")
    connection.execute("CREATE TABLE songs (title)")
    connection.close()


BROKEN: list[tuple[Callable[[Path], object], str]] = [
    (make_newer, "has schema 9999"),
    (make_foreign, "is another program's SQLite file"),
    (swap_keyset, "is not the keyset that sealed the store"),
    (lambda data: (data / "keyset.json").unlink(), "keyset.json is missing"),
    (lambda data: (data / "store.sqlite").write_bytes(b"no store" * 999), "cannot read the store"),
]


@pytest.mark.parametrize(("broken", "said"), BROKEN, ids=[said for _, said in BROKEN])
def test_a_refused_start_leaves_every_file_and_adds_none(
    data: Path, broken: Callable[[Path], object], said: str
) -> None:
    broken(data)
    before = contents(data)
    with pytest.raises(CannotStart, match=said):
        Folder(data).open()
    assert contents(data) == before


def test_what_a_killed_server_left_in_its_log_is_read(data: Path, tmp_path: Path) -> None:
    live = sqlite3.connect(data / "store.sqlite")
    live.execute("PRAGMA user_version = 9999")
    left = shutil.copytree(data, tmp_path / "left")  # as `kill -9` leaves it: nothing was checkpointed
    live.close()
    before = contents(left)
    assert before["store.sqlite-wal"]
    with pytest.raises(CannotStart, match="has schema 9999"):
        Folder(left).open()
    after = contents(left)
    del before["store.sqlite-shm"], after["store.sqlite-shm"]  # an index of the log; it was there before
    assert after == before


def test_what_another_server_writes_during_a_look_is_read(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live = sqlite3.connect(data / "store.sqlite")
    query = migrating._query

    def during(uri: str, path: Path, sql: str, values: Sequence[str]) -> object:
        live.execute("PRAGMA user_version = 9999")
        return query(uri, path, sql, values)

    monkeypatch.setattr(migrating, "_query", during)
    with pytest.raises(CannotStart, match="has schema 9999"):
        Folder(data).open()
    live.close()


def test_a_first_start_that_was_cut_off_is_made_good(tmp_path: Path) -> None:
    Folder(tmp_path / "data").open()
    (tmp_path / "data" / "store.sqlite").write_bytes(b"")  # as it lies there before its first commit
    make_used(tmp_path / "data")
    assert "aws_secret_access_key" in (tmp_path / "data" / "credentials").read_text()


ENDPOINTS = [
    ("127.0.0.1", "http://127.0.0.1:7373"),
    ("::1", "http://[::1]:7373"),
    ("localhost", "http://localhost:7373"),
    ("0.0.0.0", "http://127.0.0.1:7373"),
    ("::", "http://[::1]:7373"),
    ("192.0.2.1", "http://192.0.2.1:7373"),
    ("vault.example.com", "http://vault.example.com:7373"),
]


@pytest.mark.parametrize(("host", "endpoint"), ENDPOINTS, ids=[host for host, _ in ENDPOINTS])
def test_clients_are_told_an_address_that_can_be_called(tmp_path: Path, host: str, endpoint: str) -> None:
    Folder(tmp_path).write_config(Settings(tmp_path, host, insecure_http=True), 7373)
    assert written_config(tmp_path) == {"region": "us-east-1", "endpoint_url": endpoint}


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_with_tls_clients_are_told_a_name(tmp_path: Path, certificates: Certificates, host: str) -> None:
    tls = {"tls_cert": certificates.server, "tls_key": certificates.server_key}
    Folder(tmp_path).write_config(Settings(tmp_path, host, **tls), 7373)
    assert written_config(tmp_path)["endpoint_url"] == "https://localhost:7373"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_on_all_addresses_is_found_by_what_it_wrote(tmp_path: Path, host: str) -> None:
    with running(tmp_path / "data", "--host", host, "--insecure-http") as server:
        client = server.client(endpoint_url=written_config(server.data)["endpoint_url"])
        assert client.list_secrets()["SecretList"] == []


def test_a_certificate_without_its_ca_is_no_bundle_for_clients(tmp_path: Path, certificates: Certificates) -> None:
    tls = {"tls_cert": certificates.server, "tls_key": certificates.server_key}
    Folder(tmp_path).write_config(Settings(tmp_path, "localhost", **tls), 7373)
    assert "ca_bundle" not in written_config(tmp_path)


@pytest.mark.parametrize("kind", ["with its CA", "self-signed"])
def test_a_certificate_that_vouches_for_itself_is_the_bundle_for_clients(
    tmp_path: Path, certificates: Certificates, kind: str
) -> None:
    chosen, key = tmp_path / "cert.pem", certificates.server_key
    if kind == "self-signed":
        own = ec.generate_private_key(ec.SECP256R1())
        made = _certificate("localhost", own, "localhost", own, server=True)
        key = tmp_path / "cert.key"
        pem = serialization.Encoding.PEM
        chosen.write_bytes(made.public_bytes(pem))
        key.write_bytes(
            own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        )
    else:
        chosen.write_text(certificates.server.read_text() + certificates.ca)
    Folder(tmp_path).write_config(Settings(tmp_path, "localhost", tls_cert=chosen, tls_key=key), 7373)
    assert written_config(tmp_path)["ca_bundle"] == str(chosen)
