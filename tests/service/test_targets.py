"""Targets are told apart, and not told: what the store keeps beside a value is a keyed hash."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from detent.service import resealing, secrets, versions
from detent.service.targets import KEY
from servers.canary import Canary
from servers.world import World


@pytest.fixture
def world(tmp_path: Path, canary: Canary, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World(tmp_path / "world", canary.value("-first"), monkeypatch)
    yield world
    world.close()


def kept(world: World, name: str, value: object) -> str | None:
    """Store a value as a secret of this name; gives the target that lies beside it."""
    text = value if isinstance(value, str) else json.dumps(value)
    world.ask(secrets.create_secret, name=name, client_request_token="t" * 32, secret_string=text)
    found = world.ask(secrets.describe_secret, secret_id=name).secret
    with world.house.store.read() as tx:
        version = tx.secrets.version(found.key, "t" * 32)  # type: ignore[arg-type]
    assert version is not None
    return version.target


def test_one_host_and_port_is_one_target_whoever_logs_in_there(world: World) -> None:
    first = kept(world, "a", {"host": "db.example", "port": 5432, "username": "one"})
    assert first is not None
    assert kept(world, "b", {"host": " DB.example", "port": "5432", "username": "two"}) == first
    assert kept(world, "c", {"host": "db.example", "port": 5433}) not in (first, None)
    assert kept(world, "d", {"host": "other.example", "port": 5432}) not in (first, None)


@pytest.mark.parametrize("value", ["no JSON", "[" * 100_000, "[1]", "7", {"port": 1}, {"host": ""}, {"host": 7}])
def test_a_value_that_names_no_host_has_no_target(world: World, value: object) -> None:
    assert kept(world, "a", value) is None


def test_no_host_lies_in_the_store(world: World, tmp_path: Path) -> None:
    kept(world, "a", {"host": "hidden-away.example", "port": 5432})
    kept(world, "b", {"host": "hidden-away.example", "port": 5432})
    found = b"".join(file.read_bytes() for file in (tmp_path / "world").glob("store*"))
    assert b"hidden-away" not in found


def test_a_rotation_has_the_target_of_the_current_value(world: World) -> None:
    world.rotate("r" * 32)
    world.ask(
        versions.put_secret_value,
        secret_id="app",
        client_request_token="p" * 32,
        secret_string=json.dumps({"host": "db.example"}),
    )
    world.rotate("s" * 32)
    with world.house.store.read() as tx:
        rows = tx.run("SELECT r.target, v.target FROM rotations r JOIN versions v ON v.id = :id", {"id": "p" * 32})  # type: ignore[attr-defined]
        assert [own is not None and own == current for own, current in rows.fetchall()] == [True, True]


def test_the_key_of_the_hashes_is_sealed_by_the_root_keyset_and_sealed_anew_with_it(world: World) -> None:
    kept(world, "a", {"host": "db.example"})
    with world.house.store.read() as tx:
        fact = tx.fact(KEY)
    assert fact is not None
    assert fact.startswith(world.house.server.keyset.prefix)
    assert KEY in resealing.SEALED_FACTS
