import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from detent.model.rotation import Rotation
from detent.model.schedule import Window
from detent.model.search import Filter, Key
from detent.service.retargeting import PLACE
from detent.store import migrate as migrating
from detent.store import queries
from detent.store.migrate import migrate, migrations
from detent.store.protocol import Page, StoreUnusable
from detent.store.sqlite import SqliteStore
from servers.world import SimulatedClock

NEWEST = max(migrations())

# One secret as each earlier schema kept it; a new migration adds the row of the schema before it.
OLD = """INSERT INTO secrets (account, region, name, arn, labels, created_at, changed_at, revision)
         VALUES ('000000000000', 'us-east-1', 'old', 'arn:old', '{"AWSCURRENT":"v1"}', 1, 2, 3);
         INSERT INTO versions (secret_key, id, created_at, keyset_id, ciphertext) VALUES (1, 'v1', 1, 'root', x'00');"""
COUNTED = f"{OLD} INSERT INTO secret_counts (account, region, secrets) VALUES ('000000000000', 'us-east-1', 1);"
ROWS = {**dict.fromkeys(range(1, 6), OLD), **dict.fromkeys(range(6, NEWEST), COUNTED)}


def schema_of(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.close()
    return found


def old_store(path: Path, schema: int) -> None:
    migrate(path, to=schema)
    connection = sqlite3.connect(path)
    connection.executescript(ROWS[schema])
    connection.close()


def test_migrations_are_numbered_without_gaps() -> None:
    assert list(migrations()) == list(range(1, NEWEST + 1))
    assert set(ROWS) == set(range(1, NEWEST))


@pytest.mark.parametrize("schema", ROWS)
def test_every_earlier_schema_comes_up_to_date_with_what_it_held(tmp_path: Path, schema: int) -> None:
    path = tmp_path / "store.sqlite"
    old_store(path, schema)
    assert migrate(path) == schema
    assert schema_of(path) == NEWEST
    store = SqliteStore(path, SimulatedClock())
    with store.read() as tx:
        secret = tx.secrets.named("000000000000", "us-east-1", "old")
        assert secret is not None
        assert secret.labels == {"AWSCURRENT": "v1"}
        assert tx.secrets.count("000000000000", "us-east-1") == 1
        sealed = tx.secrets.sealed(secret.key, secret.labels["AWSCURRENT"])  # type: ignore[index]
    now = SimulatedClock().now()
    store.write(lambda tx: tx.rotations.replan(secret.key, Rotation(secret.key, Window(now, now), now)))
    store.close()
    assert sealed is not None
    assert sealed.ciphertext == b"\x00"


@pytest.mark.parametrize("schema", ROWS)
def test_a_copy_of_the_store_is_made_before_an_upgrade(tmp_path: Path, schema: int) -> None:
    path = tmp_path / "store.sqlite"
    old_store(path, schema)
    migrate(path)
    copy = tmp_path / f"store.before-schema-{NEWEST}.sqlite"
    assert schema_of(copy) == schema
    assert copy.stat().st_mode & 0o777 == 0o600
    connection = sqlite3.connect(copy)
    assert connection.execute("SELECT name FROM secrets").fetchall() == [("old",)]
    connection.close()


def test_an_up_to_date_store_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    assert migrate(path) == 0
    before = path.read_bytes()
    assert migrate(path) == NEWEST
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir() if "before" in file.name] == []


def test_a_newer_store_is_refused_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    migrate(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {NEWEST + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreUnusable, match=rf"has schema {NEWEST + 1}, .* start a newer Detent"):
        migrate(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_store_is_refused_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(StoreUnusable, match="cannot read the store"):
        migrate(path)
    assert path.read_bytes() == b"something else entirely" * 100


def test_an_upgrade_that_fails_midway_leaves_the_earlier_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.sqlite"
    old_store(path, 1)
    steps = {1: migrations()[1], 2: "CREATE TABLE half (x); CREATE TABLE half (x);"}
    monkeypatch.setattr(migrating, "migrations", lambda: steps)
    with pytest.raises(StoreUnusable, match="from schema 1 to 2"):
        migrate(path)
    assert schema_of(path) == 1
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    connection.close()
    monkeypatch.undo()
    shutil.copy(path, tmp_path / "again.sqlite")
    assert migrate(tmp_path / "again.sqlite") == 1


def test_secrets_of_an_earlier_schema_are_found_by_their_words_and_tags(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    old_store(path, 1)
    describe(path)
    migrate(path)
    store = SqliteStore(path, SimulatedClock())
    with store.read() as tx:
        for key, value in ((Key.DESCRIPTION, "data"), (Key.ALL, "main old"), (Key.TAG_KEY, "te"), (Key.TAG_VALUE, "B")):
            page = Page("000000000000", "us-east-1", 9, filters=(Filter(key, (value,)),))
            assert [secret.name for secret in tx.secrets.page(page)] == ["old"]
    store.close()


def describe(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("""UPDATE secrets SET description = 'Main database', tags = '{"team":"Blue"}'""")
    connection.close()


def test_an_upgrade_that_cannot_make_the_terms_leaves_the_earlier_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.sqlite"
    old_store(path, 1)
    monkeypatch.setattr(queries, "ADD_TERM", "INSERT INTO nowhere VALUES (:kind, :term, :key)")
    with pytest.raises(StoreUnusable, match=r"from schema 1 to .*nowhere"):
        migrate(path)
    assert schema_of(path) == 1
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'terms'").fetchone() == (0,)
    connection.close()


@pytest.mark.parametrize("schema", [9, 12])
def test_values_without_a_target_are_noted_and_the_ages_of_credentials_are_kept(tmp_path: Path, schema: int) -> None:
    path = tmp_path / "store.sqlite"
    old_store(path, schema)
    connection = sqlite3.connect(path)
    connection.execute('UPDATE secrets SET rotation = \'{"function":"f","enabled":true}\'')
    connection.execute("UPDATE versions SET created_at = 86400000000")
    connection.commit()
    connection.close()
    migrate(path)
    store = SqliteStore(path, SimulatedClock())
    with store.read() as tx:
        assert tx.fact(PLACE) == b""
        assert tx.history.oldest_credential() == datetime(1970, 1, 2, tzinfo=UTC)
    store.close()


def test_a_new_store_has_no_target_to_fill(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    migrate(path)
    store = SqliteStore(path, SimulatedClock())
    with store.read() as tx:
        assert tx.fact(PLACE) is None
    store.close()
