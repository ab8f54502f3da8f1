"""Keys that are rotated, and erased: what lies under them stays readable, is sealed anew, or is gone for good."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from detent.crypto import root as rooms
from detent.crypto.keyset import prefix_of
from detent.main import root_keyset
from detent.main.sweeper import AT_ONCE
from detent.model.value import SealedValue
from detent.service import resealing
from detent.service.webhooks import signing_secret_of
from servers.canary import Canary
from wire.premises import Premises, premises

SECRETS = AT_ONCE + 20
CANNOT_OPEN = (
    "DecryptionFailure",
    "Secrets Manager can't decrypt the protected secret text: its KMS key is disabled or gone.",
)
CANNOT_SEAL = (
    "EncryptionFailure",
    "The secret value can't be encrypted: the KMS key is disabled. Enable it, or name another.",
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Premises]:
    with premises(tmp_path) as found:
        yield found


def changed(sealed: SealedValue) -> SealedValue:
    return replace(sealed, ciphertext=sealed.ciphertext[:-1] + bytes([sealed.ciphertext[-1] ^ 1]))


class Keys:
    """The root's calls, on secrets and on keys."""

    def __init__(self, house: Premises, canary: Canary) -> None:
        self.house, self.canary = house, canary

    def ask(self, operation: str, service: str = "detent", **members: Any) -> dict[str, Any]:
        self.house.client.service = service
        told = self.house.client.call(operation, members)
        assert told.status == 200, told.body
        return told.members

    def refusal(self, operation: str, service: str = "detent", **members: Any) -> tuple[str, str]:
        self.house.client.service = service
        return self.house.client.call(operation, members).error

    def create(self, name: str, **members: Any) -> None:
        value = {"SecretString": self.canary.value(name), "ClientRequestToken": name.ljust(32, "x")}
        self.ask("CreateSecret", "secretsmanager", Name=name, **value, **members)

    def reads(self, name: str) -> bool:
        told = self.ask("GetSecretValue", "secretsmanager", SecretId=name)
        return told["SecretString"] == self.canary.value(name)

    def prefixes(self) -> set[bytes]:
        """Give which keys the secrets' values lie under."""
        with self.house.house.store.read() as tx:
            found = set()
            for name in self.names:
                secret = tx.secrets.named("0" * 12, "us-east-1", name)
                assert secret is not None
                sealed = tx.secrets.sealed(secret.key, secret.labels["AWSCURRENT"])  # type: ignore[index]
                assert sealed is not None
                found.add(prefix_of(sealed))
            return found

    def make(self, count: int = SECRETS, **members: Any) -> None:
        self.names = [f"s{number}" for number in range(count)]
        for name in self.names:
            self.create(name, **members)

    def spoil(self, names: list[str]) -> None:
        """Change a bit of their values, and back the next time."""

        def spoil(tx: Any) -> None:
            for name in names:
                secret = tx.secrets.named("0" * 12, "us-east-1", name)
                version = secret.labels["AWSCURRENT"]
                tx.secrets.reseal(secret.key, version, changed(tx.secrets.sealed(secret.key, version)))

        self.house.house.store.write(spoil)

    def reseal(self) -> None:
        self.house.house.sweeper().chores[1](threading.Event())


@pytest.fixture
def keys(house: Premises, canary: Canary) -> Keys:
    return Keys(house, canary)


def test_a_rotated_key_seals_with_new_material_and_the_rest_is_sealed_anew(keys: Keys) -> None:
    key = keys.ask("CreateKey")
    keys.make(KmsKeyId=key["KeyId"])
    before = keys.prefixes()
    rotated = keys.ask("RotateKey", KeyId=key["KeyId"])
    assert rotated["RotatedDate"] == keys.house.clock.now().timestamp()
    described = keys.ask("DescribeKey", KeyId=key["ARN"])
    assert (described["Values"], described["ValuesToReseal"]) == (SECRETS, SECRETS)
    assert all(keys.reads(name) for name in keys.names)
    keys.create("new", KmsKeyId=key["KeyId"])
    keys.reseal()
    assert keys.ask("DescribeKey", KeyId=key["ARN"])["ValuesToReseal"] == 0
    after = keys.prefixes()
    assert len(before) == len(after) == 1
    assert not before & after
    assert all(keys.reads(name) for name in [*keys.names, "new"])


def test_each_batch_is_bounded_and_a_cut_off_run_is_gone_on_with(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.ask("CreateKey")
    keys.make(KmsKeyId=key["KeyId"])
    keys.ask("RotateKey", KeyId=key["KeyId"])
    real, runs = resealing.run, []

    def dies(env: Any, limit: int) -> int:
        done = real(env, limit)
        runs.append(done)
        if len(runs) == 1:
            raise OSError("No space left on device")  # after its work, before its commit
        return done

    monkeypatch.setattr(resealing, "run", dies)
    with pytest.raises(OSError, match="No space"):
        keys.reseal()
    assert keys.ask("DescribeKey", KeyId=key["KeyId"])["ValuesToReseal"] == SECRETS
    keys.reseal()
    assert runs == [AT_ONCE, AT_ONCE, SECRETS - AT_ONCE]
    assert all(keys.reads(name) for name in keys.names)


def test_nothing_but_the_seal_changes(keys: Keys) -> None:
    key = keys.ask("CreateKey")
    keys.make(1, KmsKeyId=key["KeyId"])
    before = keys.ask("DescribeSecret", "secretsmanager", SecretId="s0")
    keys.ask("RotateKey", KeyId=key["KeyId"])
    keys.reseal()
    assert keys.ask("DescribeSecret", "secretsmanager", SecretId="s0") == before


def test_the_root_keyset_is_rotated_and_all_under_it_sealed_anew(keys: Keys, house: Premises, tmp_path: Path) -> None:
    keys.make(5)
    key = keys.ask("CreateKey")
    keys.create("under", KmsKeyId=key["KeyId"])
    keys.ask("CreateUser", UserName="ann")
    access = keys.ask("CreateAccessKey", UserName="ann")
    keys.canary.watch(access["SecretAccessKey"])
    root = house.house.server.keyset
    old = root.prefix
    root.rotate()  # type: ignore[attr-defined]
    keys.reseal()
    assert keys.prefixes() == {root.prefix}
    with house.house.store.read() as tx:
        assert [fact[:5] for name in resealing.SEALED_FACTS if (fact := tx.fact(name))] == [root.prefix] * 2
        sealed = tx.access_keys.find(access["AccessKeyId"])
        assert sealed is not None
        assert prefix_of(sealed.sealed) == root.prefix != old
        stored = tx.keysets.sealed(key["KeyId"])
        assert stored is not None
        assert root.sealed_last(stored)
        assert not resealing.finds_some(house.house.server.env(tx, "us-east-1"))
    assert all(keys.reads(name) for name in [*keys.names, "under"])
    with premises(tmp_path) as again:
        assert Keys(again, keys.canary).reads("under")


def test_signing_secrets_are_sealed_anew_and_sign_as_before(keys: Keys, house: Premises) -> None:
    for name in ("one", "two"):
        signing = keys.canary.value(name)
        keys.ask("PutWebhook", Name=name, Url="https://hooks.example/", SigningSecret=signing)
    root, store = house.house.server.keyset, house.house.store
    root.rotate()  # type: ignore[attr-defined]
    keys.reseal()
    with store.read() as tx:
        env = house.house.server.env(tx, "us-east-1")
        for webhook in tx.webhooks.of("0" * 12, "us-east-1"):
            sealed, opened = tx.webhooks.sealed(webhook), signing_secret_of(env, webhook)
            assert sealed is not None
            assert prefix_of(sealed) == root.prefix
            assert opened is not None
            assert opened.reveal() == keys.canary.value(webhook.name)
        assert not resealing.finds_some(env)


def test_a_signing_secret_that_does_not_open_is_left_and_told_of(
    keys: Keys, house: Premises, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("spoilt", "sound"):
        keys.ask("PutWebhook", Name=name, Url="https://hooks.example/", SigningSecret=keys.canary.value(name))
    root, store = house.house.server.keyset, house.house.store

    def spoil(tx: Any) -> None:
        webhook = tx.webhooks.find("0" * 12, "us-east-1", "spoilt")
        tx.webhooks.put(webhook, changed(tx.webhooks.sealed(webhook)))

    store.write(spoil)
    root.rotate()  # type: ignore[attr-defined]
    keys.reseal()
    keys.reseal()
    assert caplog.text.count("the webhook spoilt of 000000000000 does not open, and is left as it is") == 1
    with store.read() as tx:
        sealed = {one.name: tx.webhooks.sealed(one) for one in tx.webhooks.of("0" * 12, "us-east-1")}
    assert {name: prefix_of(one) == root.prefix for name, one in sealed.items() if one} == {
        "spoilt": False,
        "sound": True,
    }


def test_a_passphrase_file_that_is_gone_stops_no_server_that_runs(
    keys: Keys, house: Premises, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(keys.canary.value("-passphrase"))
    monkeypatch.setenv("DETENT_PASSPHRASE_FILE", str(passphrase))
    monkeypatch.setattr(rooms, "_AGAIN_SECONDS", 0)
    root_keyset.wrap(tmp_path, "passphrase")
    keys.make(1)
    before = keys.prefixes()
    root_keyset.rotate(tmp_path)
    kept = passphrase.rename(tmp_path / "kept")
    keys.create("s1")
    keys.reseal()
    assert keys.reads("s0")
    assert keys.reads("s1")
    assert keys.prefixes() == before
    assert f"cannot be unwrapped: cannot read DETENT_PASSPHRASE_FILE={passphrase}: No such file" in caplog.text
    kept.rename(passphrase)
    keys.reseal()
    assert keys.prefixes() == {house.house.server.keyset.prefix} != before


LEFT = "does not open, and is left as it is"


def test_what_does_not_open_is_left_and_told_of_once(
    keys: Keys, house: Premises, caplog: pytest.LogCaptureFixture
) -> None:
    key = keys.ask("CreateKey")
    keys.make(3, KmsKeyId=key["KeyId"])
    keys.spoil(["s1"])
    keys.ask("RotateKey", KeyId=key["KeyId"])
    keys.reseal()
    assert keys.ask("DescribeKey", KeyId=key["KeyId"])["ValuesToReseal"] == 1
    with house.house.store.read() as tx:
        assert not resealing.finds_some(house.house.server.env(tx, "us-east-1"))
    keys.ask("RotateKey", KeyId=key["KeyId"])
    keys.reseal()
    keys.reseal()
    assert caplog.text.count(LEFT) == 1
    assert keys.ask("DescribeKey", KeyId=key["KeyId"])["ValuesToReseal"] == 1
    assert keys.reads("s0")
    assert keys.reads("s2")


def test_what_did_not_open_is_tried_again_under_the_next_key(keys: Keys) -> None:
    key = keys.ask("CreateKey")
    keys.make(1, KmsKeyId=key["KeyId"])
    keys.spoil(["s0"])
    keys.ask("RotateKey", KeyId=key["KeyId"])
    keys.reseal()
    keys.spoil(["s0"])  # mends it
    keys.reseal()
    assert keys.ask("DescribeKey", KeyId=key["KeyId"])["ValuesToReseal"] == 1
    keys.ask("RotateKey", KeyId=key["KeyId"])
    keys.reseal()
    assert keys.ask("DescribeKey", KeyId=key["KeyId"])["ValuesToReseal"] == 0
    assert keys.reads("s0")


def test_more_than_a_batch_that_does_not_open_keeps_nothing_else_from_being_sealed_anew(keys: Keys) -> None:
    key = keys.ask("CreateKey")
    keys.make(2 * AT_ONCE + 5, KmsKeyId=key["KeyId"])
    keys.spoil(keys.names[: 2 * AT_ONCE])  # the oldest, which are found first
    keys.ask("RotateKey", KeyId=key["KeyId"])
    keys.reseal()
    assert keys.ask("DescribeKey", KeyId=key["KeyId"])["ValuesToReseal"] == 2 * AT_ONCE
    assert all(keys.reads(name) for name in keys.names[2 * AT_ONCE :])


def test_access_keys_that_do_not_open_keep_no_others_from_being_sealed_anew(keys: Keys, house: Premises) -> None:
    for name in ("ann", "bob", "cyd"):
        keys.ask("CreateUser", UserName=name)
        access = keys.ask("CreateAccessKey", UserName=name)
        keys.canary.watch(access["SecretAccessKey"])
        if name == "ann":
            spoilt = access["AccessKeyId"]

    def spoil(tx: Any) -> None:
        tx.keysets.reseal_access_key(spoilt, changed(tx.access_keys.find(spoilt).sealed))

    house.house.store.write(spoil)
    root = house.house.server.keyset
    root.rotate()  # type: ignore[attr-defined]
    keys.reseal()
    with house.house.store.read() as tx:
        assert [key for key, _ in tx.keysets.stale_access_keys("root", root.prefix, 9)] == [spoilt]
        assert not resealing.finds_some(house.house.server.env(tx, "us-east-1"))


@pytest.mark.parametrize("material", [b"", b"\xff", b"{}", b'{"encryptedKeyset": "AAAA"}'])
def test_a_key_that_does_not_open_keeps_nothing_else_from_being_sealed_anew_or_erased(
    keys: Keys, tmp_path: Path, material: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    spoilt, sound, due = sorted((keys.ask("CreateKey") for _ in range(3)), key=lambda key: key["KeyId"])
    keys.make(1, KmsKeyId=sound["KeyId"])
    keys.create("under", KmsKeyId=spoilt["KeyId"])
    keys.ask("RotateKey", KeyId=sound["KeyId"])
    keys.ask("ScheduleKeyDeletion", KeyId=due["KeyId"], PendingWindowInDays=7)
    keys.house.house.server.keyset.rotate()  # type: ignore[attr-defined]
    keys.house.house.store.write(lambda tx: tx.keysets.reseal(spoilt["KeyId"], material))
    with premises(tmp_path, moment=keys.house.clock.now() + timedelta(days=7)) as house:
        again = Keys(house, keys.canary)
        again.reseal()
        again.reseal()
        assert again.refusal("DescribeKey", KeyId=due["KeyId"])[0] == "ResourceNotFoundException"
        assert again.ask("DescribeKey", KeyId=sound["KeyId"])["ValuesToReseal"] == 0
        with house.house.store.read() as tx:
            root = house.house.server.keyset
            sealed = tx.keysets.sealed(sound["KeyId"])
            assert sealed is not None
            assert root.sealed_last(sealed)
            assert tx.keysets.seals("root", root.prefix).stale == 0
            assert not resealing.finds_some(house.house.server.env(tx, "us-east-1"))
    assert caplog.text.count(f"key {spoilt['ARN']} {LEFT}") == caplog.text.count(LEFT) == 1
    assert "broken off" not in caplog.text


class TestDeletion:
    def test_from_the_next_request_on_it_can_be_used_no_more(self, keys: Keys) -> None:
        key = keys.ask("CreateKey")
        keys.make(1, KmsKeyId=key["KeyId"])
        told = keys.ask("ScheduleKeyDeletion", KeyId=key["KeyId"], PendingWindowInDays=7)
        assert told["State"] == "pending-deletion"
        assert told["DeletionDate"] == keys.house.clock.now().timestamp() + 7 * 86400
        assert keys.refusal("GetSecretValue", "secretsmanager", SecretId="s0") == CANNOT_OPEN
        put = {"SecretId": "s0", "SecretString": keys.canary.value("n"), "ClientRequestToken": "n" * 32}
        assert keys.refusal("PutSecretValue", "secretsmanager", **put) == CANNOT_SEAL
        for operation in ("EnableKey", "DisableKey", "RotateKey"):
            assert keys.refusal(operation, KeyId=key["KeyId"]) == (
                "InvalidRequestException",
                f"The key {key['KeyId']} is scheduled for deletion: cancel that first.",
            )
        assert keys.refusal("ScheduleKeyDeletion", KeyId=key["KeyId"])[0] == "InvalidRequestException"

    def test_it_can_be_kept_after_all_and_is_disabled_then(self, keys: Keys) -> None:
        key = keys.ask("CreateKey")
        keys.make(1, KmsKeyId=key["KeyId"])
        keys.ask("ScheduleKeyDeletion", KeyId=key["KeyId"])
        kept = keys.ask("CancelKeyDeletion", KeyId=key["KeyId"])
        assert (kept["State"], "DeletionDate" in kept) == ("disabled", False)
        assert keys.refusal("RotateKey", KeyId=key["KeyId"])[0] == "InvalidRequestException"
        keys.ask("EnableKey", KeyId=key["KeyId"])
        assert keys.reads("s0")
        assert keys.refusal("CancelKeyDeletion", KeyId=key["KeyId"])[0] == "InvalidRequestException"

    def test_after_its_days_its_material_is_gone_for_good(self, keys: Keys) -> None:
        key = keys.ask("CreateKey", Alias="alias/gone")
        keys.make(1, KmsKeyId=key["KeyId"])
        keys.ask("ScheduleKeyDeletion", KeyId=key["KeyId"], PendingWindowInDays=7)
        keys.house.clock.advance(days=7, seconds=-1)
        keys.reseal()
        assert keys.ask("ListKeys")["Keys"] != []
        keys.house.clock.advance(seconds=1)
        keys.reseal()
        assert keys.ask("ListKeys")["Keys"] == []
        assert keys.refusal("DescribeKey", KeyId=key["KeyId"])[0] == "ResourceNotFoundException"
        assert keys.refusal("GetSecretValue", "secretsmanager", SecretId="s0") == CANNOT_OPEN
        keys.ask("CreateKey", Alias="alias/gone")


def test_a_rotation_holds_on_the_next_request_of_every_worker(tmp_path: Path, canary: Canary) -> None:
    with premises(tmp_path) as one, premises(tmp_path) as other:
        here, there = Keys(one, canary), Keys(other, canary)
        key = here.ask("CreateKey")
        here.make(1, KmsKeyId=key["KeyId"])
        assert there.reads("s0")
        here.ask("RotateKey", KeyId=key["KeyId"])
        there.create("t0", KmsKeyId=key["KeyId"])
        assert here.ask("DescribeKey", KeyId=key["KeyId"])["ValuesToReseal"] == 1  # s0, and not t0
        assert here.reads("t0")
