"""Access keys as they are used: what is noted of it, and what whoever guesses is told."""

import hmac
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from detent.crypto.keyset import Keyset
from detent.store import rows
from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import MISMATCH, UNKNOWN_KEY
from wire.identities import Caller, new_user, roots
from wire.premises import Premises, premises
from wire.raw import RawClient, put, raw_client

# What a refusal costs: reading the key, opening its secret, deriving the day's key from it, signing, comparing.
WORK = (
    *((rows, "access_key"), (Keyset, "open")),
    *((hmac, "digest"), (hmac, "new"), (hmac, "compare_digest")),
)
NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def house(tmp_path: Path, canary: Canary) -> Iterator[Premises]:
    canary.folders.append(tmp_path)
    with premises(tmp_path / "data", moment=NOON) as found:
        canary.texts = found.client.told
        yield found


@pytest.fixture
def root(house: Premises, canary: Canary) -> Caller:
    return roots(house, canary)[0]


@pytest.fixture
def alice(root: Caller) -> Caller:
    root.call("CreateUser", UserName="alice")
    return root.with_key(root.call("CreateAccessKey", UserName="alice"))


def last_used(root: Caller, **of: str) -> Any:
    (key,) = root.call("ListAccessKeys", **of)["AccessKeys"]
    if "LastUsed" not in key:
        return None
    used = key["LastUsed"]
    return datetime.fromtimestamp(used["Date"], UTC), used["Service"], used["Region"]


def stamp(house: Premises) -> object:
    with house.house.store.read() as tx:
        return tx.stamp


class TestNoting:
    def test_the_first_use_is_noted_before_it_is_answered(self, house: Premises, root: Caller) -> None:
        house.clock.advance(minutes=1)
        assert last_used(root) == (NOON + timedelta(minutes=1), "detent", "us-east-1")

    def test_a_use_says_for_which_service_and_region(self, root: Caller, alice: Caller) -> None:
        assert last_used(root, UserName="alice") is None
        alice.of("secretsmanager", "eu-central-1").refusal("ListSecrets")
        assert last_used(root, UserName="alice") == (NOON, "secretsmanager", "eu-central-1")

    def test_within_an_hour_nothing_is_written_and_after_it_the_next_use_is(
        self, house: Premises, root: Caller, alice: Caller
    ) -> None:
        alice.refusal("ListUsers")
        root.call("ListUsers")
        before = stamp(house)
        house.clock.advance(minutes=59, seconds=59)
        for _ in range(3):
            alice.of("secretsmanager").refusal("ListSecrets")
            root.call("ListUsers")
        assert stamp(house) == before
        assert last_used(root, UserName="alice") == (NOON, "detent", "us-east-1")
        house.clock.advance(seconds=1)
        alice.of("secretsmanager").refusal("ListSecrets")
        assert stamp(house) != before
        assert last_used(root, UserName="alice") == (NOON + timedelta(hours=1), "secretsmanager", "us-east-1")

    def test_a_refused_call_leaves_the_note_and_nothing_else(
        self, house: Premises, alice: Caller, root: Caller
    ) -> None:
        alice.refusal("CreateUser", UserName="bob")
        assert last_used(root, UserName="alice") is not None
        assert [user["UserName"] for user in root.call("ListUsers")["Users"]] == ["alice"]
        records = [json.loads(line) for line in house.house.folder.audit.read_text().splitlines()]
        assert [one["eventName"] for one in records].count("CreateUser") == 2

    def test_what_is_not_verified_is_not_noted(self, root: Caller, alice: Caller) -> None:
        wrong = root.with_key({"AccessKeyId": alice.client.access_key, "SecretAccessKey": "wrong"})
        assert wrong.refusal("ListUsers") == MISMATCH
        assert last_used(root, UserName="alice") is None

    def test_a_read_of_a_value_is_answered_and_noted(self, house: Premises, root: Caller, canary: Canary) -> None:
        secrets = root.of("secretsmanager")
        secrets.call("CreateSecret", Name="s", SecretString=canary.value(), ClientRequestToken="t" * 32)
        house.clock.advance(hours=2)
        assert secrets.call("GetSecretValue", SecretId="s")["SecretString"] == canary.value()
        assert last_used(root) == (NOON + timedelta(hours=2), "secretsmanager", "us-east-1")


class TestRefusing:
    """An id that nobody has costs the same work as a wrong signature, whether or not the key is in use."""

    @pytest.fixture
    def refused_work(
        self, house: Premises, root: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[str], Counter[str]]:
        root.call("ListUsers")
        assert root.with_key({"AccessKeyId": "AKIA", "SecretAccessKey": "x"}).refusal("ListUsers") == UNKNOWN_KEY
        done: Counter[str] = Counter()

        def spy_of(name: str, real: Any) -> Any:
            def spy(*given: Any, **named: Any) -> Any:
                done[name] += 1
                return real(*given, **named)

            return spy

        def work(key_id: str) -> Counter[str]:
            client = root.with_key({"AccessKeyId": key_id, "SecretAccessKey": "wrong"}).client
            headers = client.signed("detent.ListUsers", b"{}", at=house.clock.now())
            done.clear()
            with monkeypatch.context() as patched:
                for holder, name in WORK:
                    patched.setattr(holder, name, spy_of(name, getattr(holder, name)))
                told = client.send(headers, b"{}")
            assert told.error[0] in {UNKNOWN_KEY[0], MISMATCH[0]}
            return Counter(done)

        return work

    def test_unknown_inactive_and_wrong_keys_take_the_same_work(
        self, house: Premises, root: Caller, alice: Caller, refused_work: Callable[[str], Counter[str]]
    ) -> None:
        unknown = refused_work("AKIA" + "A" * 16)
        assert unknown == {"access_key": 1, "open": 1, "digest": 4, "new": 1, "compare_digest": 1}
        key_id = alice.client.access_key
        assert refused_work(key_id) == unknown
        alice.refusal("ListUsers")
        alice.refusal("ListUsers")  # from now on it is kept
        before = stamp(house)
        for _ in range(2):
            assert refused_work(key_id) == unknown
            assert refused_work("AKIA" + "A" * 16) == unknown
        assert stamp(house) == before
        root.call("UpdateAccessKey", AccessKeyId=key_id, State="inactive")
        for _ in range(2):
            assert refused_work(key_id) == unknown

    def test_an_inactive_key_is_as_unknown_as_one_that_nobody_has(self, root: Caller, alice: Caller) -> None:
        root.call("UpdateAccessKey", AccessKeyId=alice.client.access_key, State="inactive")
        nobody = root.with_key({"AccessKeyId": "AKIA" + "A" * 16, "SecretAccessKey": "x"})
        for caller in (alice, nobody):
            assert caller.refusal("ListUsers") == UNKNOWN_KEY
        root.call("UpdateAccessKey", AccessKeyId=alice.client.access_key, State="active")
        assert alice.refusal("ListUsers")[0] == "AccessDeniedException"


@pytest.fixture
def raw(detent: RunningDetent, own_api: Any, canary: Canary) -> RawClient:
    """A user's key on a running server with two workers."""
    name = new_user()
    own_api.create_user(UserName=name)
    made = own_api.create_access_key(UserName=name)
    canary.watch(made["SecretAccessKey"])
    return raw_client(detent, access_key=made["AccessKeyId"], secret_key=made["SecretAccessKey"])


def test_every_worker_refuses_a_guess_in_the_same_words(raw: RawClient, own_api: Any) -> None:
    headers = raw.signed("secretsmanager.ListSecrets", b"{}")
    authorization = next(value for name, value in headers if name == "Authorization")
    for _ in range(6):  # a connection each
        assert raw.send(headers, b"{}").error[0] == "AccessDeniedException"
        wrong = put(headers, "Authorization", authorization[:-1] + ("0" if authorization[-1] != "0" else "1"))
        assert raw.send(wrong, b"{}").error == MISMATCH
    own_api.delete_access_key(AccessKeyId=raw.access_key)
    for sent in (headers, wrong) * 3:
        assert raw.send(sent, b"{}").error == UNKNOWN_KEY
