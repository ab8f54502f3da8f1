"""Targets are told apart, and not told: what the store keeps beside a value is a keyed hash."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from detent.main.sweeper import AT_ONCE
from detent.model.pace import Pace
from detent.service import resealing, retargeting, rotations, secrets, versions
from detent.service.targets import KEY
from detent.store.protocol import StaleVersion
from servers.canary import Canary
from servers.world import FUNCTION, LEASE_SECONDS, World


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


def forget_targets(world: World) -> None:
    """Leave a store as one was before it kept targets, and as its migration leaves that."""

    def forget(tx: Any) -> None:
        tx.run("UPDATE versions SET target = NULL", {})
        tx.run("UPDATE rotations SET target = NULL", {})
        tx.keep_fact(retargeting.PLACE, b"")

    world.house.store.write(forget)


def fill_targets(world: World) -> None:
    world.house.sweeper().chores[4](threading.Event())


def secrets_of_one_host(world: World, count: int) -> list[str]:
    """Make secrets that rotate and log in at one host."""
    names = [f"old-{number:03}" for number in range(count)]
    for name in names:
        value = {"engine": "simulated", "host": "old.example", "username": name, "password": "-first"}
        text = json.dumps(value)
        world.ask(secrets.create_secret, name=name, client_request_token="t" * 32, secret_string=text)
        asked = {"secret_id": name, "client_request_token": "r" * 32, "rotation_lambda_arn": FUNCTION}
        world.ask(rotations.rotate_secret, **asked, rotation_rules={"automatically_after_days": 1})
    return names


def claimed_at_once(world: World) -> int:
    pace = Pace(at_once=2, per_second=0)
    return len(world.house.store.write(lambda tx: tx.rotations.claim_due("one", LEASE_SECONDS, 100, pace)))


def test_the_limits_of_a_target_hold_for_values_that_were_stored_before_targets_were_kept(world: World) -> None:
    secrets_of_one_host(world, AT_ONCE + 5)
    forget_targets(world)
    fill_targets(world)
    assert claimed_at_once(world) == 2
    with world.house.store.read() as tx:
        assert tx.fact(retargeting.PLACE) is None
        rows = tx.run(
            "SELECT count(*), count(target), count(DISTINCT target) FROM versions WHERE ciphertext NOT NULL", {}
        )  # type: ignore[attr-defined]
        assert rows.fetchone() == (AT_ONCE + 6, AT_ONCE + 6, 2)  # the world's own secret is of another host


def test_without_their_targets_they_would_not_hold(world: World) -> None:
    secrets_of_one_host(world, 5)
    forget_targets(world)
    assert claimed_at_once(world) == 5


def test_filling_that_is_cut_off_goes_on_where_it_was(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    names = secrets_of_one_host(world, AT_ONCE * 2)
    forget_targets(world)
    real, seen = retargeting._fill, []

    def dies(env: Any, one: StaleVersion) -> None:
        if len(seen) == AT_ONCE + 3:
            raise OSError("No space left on device")
        seen.append(one.key)
        real(env, one)

    with monkeypatch.context() as patched:
        patched.setattr(retargeting, "_fill", dies)
        with pytest.raises(OSError, match="No space"):
            fill_targets(world)
    with world.house.store.read() as tx:
        key, _, _ = (tx.fact(retargeting.PLACE) or b"").partition(b" ")
    assert int(key) == seen[AT_ONCE - 1]
    fill_targets(world)
    assert claimed_at_once(world) == 2
    assert len(set(names)) == AT_ONCE * 2


def test_a_value_that_does_not_open_or_names_no_host_keeps_no_other_from_its_target(world: World) -> None:
    kept(world, "hostless", "no JSON")
    kept(world, "sealed-elsewhere", {"host": "x.example"})
    names = secrets_of_one_host(world, 3)
    forget_targets(world)
    world.house.store.write(
        lambda tx: tx.run(  # type: ignore[attr-defined]
            "UPDATE versions SET ciphertext = x'00' WHERE secret_key ="
            " (SELECT key FROM secrets WHERE name = 'sealed-elsewhere')",
            {},
        )
    )
    fill_targets(world)
    assert claimed_at_once(world) == 2
    assert len(names) == 3


def test_a_store_that_keeps_targets_has_none_to_fill(world: World) -> None:
    secrets_of_one_host(world, 1)
    with world.house.store.read() as tx:
        assert not retargeting.finds_some(world.house.server.env(tx, "us-east-1"))
