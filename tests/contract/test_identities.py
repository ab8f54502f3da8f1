"""Users, roles, their policies and keys: the part of the store's contract that says who may do what."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contract.test_stores import STORES
from detent.model.identity import Identity, IdentityKind, IdentityPolicy, session_arn
from detent.model.policy import Principal, Session
from detent.model.value import SealedValue
from detent.store.protocol import AccessKey, KeyUse, Store
from servers.world import SimulatedClock

ACCOUNT, OTHER = "0" * 12, "1" * 12
NOW = datetime(2026, 3, 10, tzinfo=UTC)
USER, ROLE = IdentityKind.USER, IdentityKind.ROLE


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store = STORES[request.param](tmp_path, SimulatedClock())
    yield store
    store.close()


def user(name: str = "alice", account: str = ACCOUNT, **changed: Any) -> Identity:
    return Identity(account, USER, name, f"AIDA{account}{name}", NOW, **changed)


def role(name: str = "reader", **changed: Any) -> Identity:
    return Identity(ACCOUNT, ROLE, name, f"AROA{name}", NOW, trust="{}", longest_session=timedelta(hours=1), **changed)


def policy(name: str = "p", document: str = "{}", account: str = ACCOUNT) -> IdentityPolicy:
    return IdentityPolicy(account, name, document, NOW, NOW)


def added(store: Store, identity: Identity) -> Identity:
    return store.write(lambda tx: tx.identities.add(identity))


def key_of(identity: Identity, key_id: str, *, session: Session | None = None) -> AccessKey:
    arn = identity.arn if identity.kind is USER else session_arn(ACCOUNT, identity.name, "s")
    expires = None if session is None else NOW + timedelta(hours=1)
    principal = Principal(identity.account, arn, key_id, identity=identity.key, session=session)
    return AccessKey(principal, SealedValue(b"x", "root"), NOW, expires)


def keep(store: Store, key: AccessKey) -> None:
    store.write(lambda tx: tx.access_keys.add(key))


def test_an_identity_is_found_by_exactly_its_name_kind_and_account(store: Store) -> None:
    made = added(store, user(tags={"team": "a"}))
    with store.read() as tx:
        assert tx.identities.find(ACCOUNT, USER, "alice") == made
        for account, kind, name in ((OTHER, USER, "alice"), (ACCOUNT, ROLE, "alice"), (ACCOUNT, USER, "Alice")):
            assert tx.identities.find(account, kind, name) is None
        assert tx.identities.of(ACCOUNT, USER) == [made]
        assert tx.identities.of(ACCOUNT, ROLE) == []


def test_a_name_is_taken_in_whatever_case(store: Store) -> None:
    added(store, user())
    with store.read() as tx:
        taken = [name for name in ("alice", "ALICE", "alic", "") if tx.identities.is_taken(ACCOUNT, USER, name)]
        assert taken == ["alice", "ALICE"]
        assert not tx.identities.is_taken(OTHER, USER, "alice")


def test_what_changes_of_an_identity_is_kept(store: Store) -> None:
    made = added(store, role())
    changed = replace(made, tags={"a": "b"}, trust='{"x":1}', longest_session=timedelta(hours=2))
    store.write(lambda tx: tx.identities.save(changed))
    with store.read() as tx:
        assert tx.identities.find(ACCOUNT, ROLE, "reader") == changed


def test_attached_documents_are_read_until_they_are_detached(store: Store) -> None:
    made = added(store, user())

    def attached(tx: Any) -> None:
        for one in (policy("b", "2"), policy("a", "1"), policy("c", "3", OTHER)):
            tx.identity_policies.put(one)
        for name in ("b", "a", "a"):
            tx.identities.attach(made.key, policy(name))

    store.write(attached)
    with store.read() as tx:
        assert tx.identities.documents(made.key) == (("a", "1"), ("b", "2"))
        assert tx.identity_policies.attached_to(policy("a")) == [made]
        assert tx.identity_policies.attached_to(policy("c", account=OTHER)) == []
    store.write(lambda tx: tx.identities.detach(made.key, policy("b")))
    with store.read() as tx:
        assert tx.identities.documents(made.key) == (("a", "1"),)


def test_a_policys_new_document_is_read_by_the_next_snapshot(store: Store) -> None:
    made = added(store, user())
    store.write(lambda tx: tx.identity_policies.put(policy("p", "old")))
    store.write(lambda tx: tx.identities.attach(made.key, policy("p")))
    with store.read() as tx:
        assert tx.identities.documents(made.key) == (("p", "old"),)
    store.write(lambda tx: tx.identity_policies.put(policy("p", "new")))
    with store.read() as tx:
        assert tx.identities.documents(made.key) == (("p", "new"),)


def test_policies_are_found_listed_and_removed(store: Store) -> None:
    store.write(lambda tx: [tx.identity_policies.put(policy(name)) for name in ("b", "a")])
    with store.read() as tx:
        assert tx.identity_policies.find(ACCOUNT, "a") == policy("a")
        assert tx.identity_policies.find(ACCOUNT, "A") is None
        assert tx.identity_policies.is_taken(ACCOUNT, "A")
        assert [one.name for one in tx.identity_policies.of(ACCOUNT)] == ["a", "b"]
    store.write(lambda tx: tx.identity_policies.drop(policy("a")))
    with store.read() as tx:
        assert [one.name for one in tx.identity_policies.of(ACCOUNT)] == ["b"]


def test_whose_key_it_is_is_read_with_it(store: Store) -> None:
    alice = added(store, user(tags={"team": "a", "level": "1"}))
    keep(store, key_of(alice, "AKIA1"))
    with store.read() as tx:
        found = tx.access_keys.find("AKIA1")
    assert found is not None
    assert found.principal == Principal(
        ACCOUNT, alice.arn, "AKIA1", user="alice", id=alice.id, identity=alice.key, tags=alice.tags
    )
    assert (found.active, found.used) == (True, None)


def test_a_sessions_tags_lie_over_its_roles(store: Store) -> None:
    made = added(store, role(tags={"team": "a", "level": "1"}))
    session = Session(NOW, ("{}",), {"team": "b"}, ("team",), "source")
    keep(store, key_of(made, "ASIA1", session=session))
    with store.read() as tx:
        found = tx.access_keys.find("ASIA1")
    assert found is not None
    assert found.principal.tags == {"team": "b", "level": "1"}
    assert (found.principal.role, found.principal.user, found.principal.id) == (made.arn, None, "AROAreader:s")
    assert found.principal.session == session


def test_keys_of_a_user_and_of_root_are_listed_without_sessions(store: Store) -> None:
    alice = added(store, user())
    root = AccessKey(Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", "AKIAR"), SealedValue(b"x", "root"), NOW)
    for key in (key_of(alice, "AKIA1"), key_of(alice, "ASIA1", session=Session(NOW)), root):
        keep(store, key)
    with store.read() as tx:
        assert [key.principal.access_key_id for key in tx.access_keys.of_identity(alice.key)] == ["AKIA1"]
        assert [key.principal.access_key_id for key in tx.access_keys.of_root(ACCOUNT)] == ["AKIAR"]
        assert tx.access_keys.of_root(OTHER) == []


def test_a_key_is_deactivated_noted_and_dropped(store: Store) -> None:
    alice = added(store, user())
    keep(store, key_of(alice, "AKIA1"))
    use = KeyUse(NOW, "secretsmanager", "us-east-1")
    store.write(lambda tx: tx.access_keys.set_active("AKIA1", active=False))
    store.write(lambda tx: tx.access_keys.note_use("AKIA1", use))
    with store.read() as tx:
        found = tx.access_keys.find("AKIA1")
    assert found is not None
    assert (found.active, found.used) == (False, use)
    store.write(lambda tx: tx.access_keys.drop("AKIA1"))
    with store.read() as tx:
        assert tx.access_keys.find("AKIA1") is None


def test_a_removed_identity_takes_its_keys_sessions_and_attachments_along(store: Store) -> None:
    alice = added(store, user())
    store.write(lambda tx: tx.identity_policies.put(policy()))
    store.write(lambda tx: tx.identities.attach(alice.key, policy()))
    keep(store, key_of(alice, "AKIA1"))
    keep(store, key_of(alice, "ASIA1", session=Session(NOW)))
    store.write(lambda tx: tx.identities.drop(alice.key))
    again = added(store, replace(user(), id="AIDAother"))
    assert again.key != alice.key
    with store.read() as tx:
        assert [tx.access_keys.find(key_id) for key_id in ("AKIA1", "ASIA1")] == [None, None]
        assert tx.identities.documents(again.key) == ()
        assert tx.identity_policies.attached_to(policy()) == []


def test_a_roles_sessions_end_together_and_no_others(store: Store) -> None:
    reader, writer = added(store, role()), added(store, role("writer"))
    for made, key_id in ((reader, "ASIA1"), (writer, "ASIA2")):
        keep(store, key_of(made, key_id, session=Session(NOW)))
    store.write(lambda tx: tx.access_keys.drop_sessions_of(reader.key))
    with store.read() as tx:
        assert tx.access_keys.find("ASIA1") is None
        assert tx.access_keys.find("ASIA2") is not None


@pytest.mark.parametrize("name", ["Alice", "alice"])
def test_a_taken_name_cannot_be_added_again(store: Store, name: str) -> None:
    added(store, user())
    with pytest.raises(Exception, match="UNIQUE"):
        added(store, replace(user(name), id="AIDAother"))
