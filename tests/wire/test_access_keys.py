"""Access keys: Detent's own API, by boto3 against two workers of a running server."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from detent.api.identity_replies import access_key_made
from detent.main.folder import Folder
from detent.main.house import House
from detent.main.settings import Settings
from detent.model.identity import IdentityKind
from detent.model.policy import Principal
from detent.model.value import SealedValue, SecretValue
from detent.service.access_keys import HeldKey
from detent.store.protocol import AccessKey
from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import UNKNOWN_KEY, refused
from wire.identities import ACCOUNT, THERE, Caller, begin_session, new_user, roots
from wire.premises import Premises, premises
from wire.raw import raw_client

ENOUGH = 12  # connections, for both workers to have answered some
LAST_OWN = (
    "InvalidRequestException",
    "This request is signed with that very access key, and there is no other active one.",
)


def missing(key_id: str) -> tuple[str, str]:
    return ("ResourceNotFoundException", f"There is no access key {key_id} in this account.")


def full(arn: str) -> tuple[str, str]:
    return ("LimitExceededException", f"{arn} has 2 access keys, as many as it can have: delete one first.")


@pytest.fixture
def name(own_api: Any) -> str:
    name = new_user()
    own_api.create_user(UserName=name)
    return name


@pytest.fixture
def made(own_api: Any, name: str, canary: Canary) -> dict[str, Any]:
    return new_key(own_api, canary, name)


def new_key(own_api: Any, canary: Canary, name: str) -> dict[str, Any]:
    made: dict[str, Any] = own_api.create_access_key(UserName=name)
    canary.watch(made["SecretAccessKey"])
    return made


def who(detent: RunningDetent, made: dict[str, Any]) -> str:
    """Ask STS, over a connection of its own: either worker may answer."""
    keys = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
    return str(detent.client("sts", **keys).get_caller_identity()["Arn"])


def test_a_new_key_signs_for_its_user(detent: RunningDetent, name: str, made: dict[str, Any]) -> None:
    assert (made["UserName"], made["State"]) == (name, "active")
    assert "LastUsed" not in made
    assert made["AccessKeyId"].startswith("AKIA")
    assert datetime.now(UTC) - made["CreatedDate"] < timedelta(minutes=1)
    assert who(detent, made) == f"arn:aws:iam::{ACCOUNT}:user/{name}"


def test_keys_are_listed_oldest_first_without_their_secrets(own_api: Any, name: str, canary: Canary) -> None:
    ids = [new_key(own_api, canary, name)["AccessKeyId"] for _ in range(2)]
    listed = own_api.list_access_keys(UserName=name)["AccessKeys"]
    assert [key["AccessKeyId"] for key in listed] == ids
    assert all("SecretAccessKey" not in key for key in listed)


def test_a_third_key_is_refused_until_one_is_deleted(own_api: Any, name: str, canary: Canary) -> None:
    first, second = (new_key(own_api, canary, name)["AccessKeyId"] for _ in range(2))
    own_api.update_access_key(AccessKeyId=first, State="inactive")
    with refused(full(f"arn:aws:iam::{ACCOUNT}:user/{name}")):
        own_api.create_access_key(UserName=name)
    assert own_api.delete_access_key(AccessKeyId=second)["AccessKeyId"] == second
    new_key(own_api, canary, name)


def test_no_worker_takes_a_deactivated_key_from_its_next_request_on(
    detent: RunningDetent, own_api: Any, made: dict[str, Any]
) -> None:
    keys = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
    clients = [detent.client("sts", **keys) for _ in range(6)]
    for _ in range(5):
        told = own_api.update_access_key(AccessKeyId=made["AccessKeyId"], State="active")
        assert told["State"] == "active"
        for client in clients:
            client.get_caller_identity()
        told = own_api.update_access_key(AccessKeyId=made["AccessKeyId"], State="inactive")
        assert told["State"] == "inactive"
        for client in clients:
            with pytest.raises(ClientError, match="InvalidClientTokenId"):
                client.get_caller_identity()


@pytest.mark.parametrize("gone", ["the key", "the user"])
def test_no_worker_takes_a_deleted_key_from_its_next_request_on(
    detent: RunningDetent, own_api: Any, name: str, made: dict[str, Any], gone: str
) -> None:
    keys = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
    clients = [detent.client(**keys) for _ in range(6)]
    for client in clients:
        with pytest.raises(ClientError, match="AccessDenied"):
            client.list_secrets()
    if gone == "the key":
        own_api.delete_access_key(AccessKeyId=made["AccessKeyId"])
    else:
        own_api.delete_user(UserName=name)
    for client in clients:
        with refused(UNKNOWN_KEY):
            client.list_secrets()


@pytest.fixture
def beside(detent: RunningDetent) -> Iterator[House]:
    """Another process on the running server's data folder, as far as the server can tell."""
    house = House(Settings(detent.data), Folder(detent.data).open())
    yield house
    house.close()


def of_session(detent: RunningDetent, keys: dict[str, str]) -> list[Any]:
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    return [detent.client(**dict(zip(names, keys.values(), strict=True))) for _ in range(6)]


def test_no_worker_takes_a_revoked_session_from_its_next_request_on(
    detent: RunningDetent, own_api: Any, name: str, beside: House, canary: Canary
) -> None:
    expires = datetime.now(UTC) + timedelta(hours=1)
    clients = of_session(detent, begin_session(beside, canary, IdentityKind.USER, name, expires))
    for client in clients * 2:
        with pytest.raises(ClientError, match="AccessDenied"):
            client.list_secrets()
    own_api.revoke_sessions(UserName=name)
    for client in clients:
        with refused(UNKNOWN_KEY):
            client.list_secrets()


def test_every_worker_takes_a_session_until_it_expires_and_never_after(
    detent: RunningDetent, name: str, beside: House, canary: Canary
) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=3)
    keys = begin_session(beside, canary, IdentityKind.USER, name, expires).values()
    session = raw_client(detent, **dict(zip(("access_key", "secret_key", "session_token"), keys, strict=True)))
    told: list[tuple[datetime, str, datetime]] = []
    while len([began for began, *_ in told if began > expires]) < ENOUGH:
        began = datetime.now(UTC)
        code, _ = session.call("ListSecrets").error  # over a connection of its own
        told.append((began, code, datetime.now(UTC)))
    assert {code for _, code, ended in told if ended < expires} == {"AccessDeniedException"}
    assert {code for began, code, _ in told if began > expires} == {"ExpiredTokenException"}


def test_what_is_no_key_is_not_found(own_api: Any, made: dict[str, Any]) -> None:
    own_api.delete_access_key(AccessKeyId=made["AccessKeyId"])
    for key_id in (made["AccessKeyId"], "AKIA" + "A" * 16):
        with refused(missing(key_id)):
            own_api.delete_access_key(AccessKeyId=key_id)
        for state in ("active", "inactive"):
            with refused(missing(key_id)):
                own_api.update_access_key(AccessKeyId=key_id, State=state)


@pytest.mark.parametrize("pattern", ["{}\n", "{} ", "lower{}", "{}\u200b", "{}É", "{}*", "A", ""])
def test_an_id_of_other_characters_is_refused(unchecked: Any, made: dict[str, Any], pattern: str) -> None:
    key_id = pattern.format(made["AccessKeyId"]) if "{}" in pattern else pattern
    with pytest.raises(unchecked.exceptions.ValidationException, match="at 'accessKeyId' failed"):
        unchecked.delete_access_key(AccessKeyId=key_id)
    with pytest.raises(unchecked.exceptions.ValidationException, match="at 'accessKeyId' failed"):
        unchecked.update_access_key(AccessKeyId=key_id, State="inactive")


def test_a_state_of_another_word_is_refused(unchecked: Any, made: dict[str, Any]) -> None:
    for state in ("Active", "disabled", ""):
        with pytest.raises(unchecked.exceptions.ValidationException, match="at 'state' failed"):
            unchecked.update_access_key(AccessKeyId=made["AccessKeyId"], State=state)


@pytest.fixture
def house(tmp_path: Path, canary: Canary) -> Iterator[Premises]:
    canary.folders.append(tmp_path)
    with premises(tmp_path / "data") as found:
        canary.texts = found.client.told
        yield found


@pytest.fixture
def accounts(house: Premises, canary: Canary) -> tuple[Caller, Caller]:
    return roots(house, canary)


def test_root_has_two_keys_and_never_loses_the_last_that_it_signs_with(accounts: Any) -> None:
    root, _ = accounts
    (first,) = root.call("ListAccessKeys")["AccessKeys"]
    for operation, members in (("DeleteAccessKey", {}), ("UpdateAccessKey", {"State": "inactive"})):
        assert root.refusal(operation, AccessKeyId=first["AccessKeyId"], **members) == LAST_OWN
    second = root.call("CreateAccessKey")
    assert "UserName" not in second
    assert root.refusal("CreateAccessKey") == full(f"arn:aws:iam::{ACCOUNT}:root")
    root.call("UpdateAccessKey", AccessKeyId=second["AccessKeyId"], State="inactive")
    assert root.refusal("DeleteAccessKey", AccessKeyId=first["AccessKeyId"]) == LAST_OWN
    root.call("UpdateAccessKey", AccessKeyId=second["AccessKeyId"], State="active")
    root.call("DeleteAccessKey", AccessKeyId=first["AccessKeyId"])
    assert root.refusal("ListUsers") == UNKNOWN_KEY
    assert root.with_key(second).call("ListUsers") == {"Users": []}


def test_a_key_of_another_account_is_as_unknown_as_one_that_nobody_has(accounts: Any) -> None:
    here, there = accounts
    here.call("CreateUser", UserName="alice")
    key_id = here.call("CreateAccessKey", UserName="alice")["AccessKeyId"]
    (roots_own,) = here.call("ListAccessKeys")["AccessKeys"]
    for theirs in (key_id, roots_own["AccessKeyId"]):
        for operation, members in (("DeleteAccessKey", {}), ("UpdateAccessKey", {"State": "inactive"})):
            assert there.refusal(operation, AccessKeyId=theirs, **members) == missing(theirs)
    (listed,) = there.call("ListAccessKeys")["AccessKeys"]
    assert listed["AccessKeyId"] == there.client.access_key
    assert there.of("secretsmanager").call("ListSecrets") == {"SecretList": []}
    assert THERE not in json.dumps(here.call("ListUsers"))


def test_a_new_keys_secret_stands_in_no_record_and_no_repr(accounts: Any, house: Premises, canary: Canary) -> None:
    root, _ = accounts
    secret = canary.watch(root.call("CreateAccessKey")["SecretAccessKey"])
    records = [json.loads(line) for line in house.house.folder.audit.read_text().splitlines()]
    (record,) = [one for one in records if one["eventName"] == "CreateAccessKey"]
    assert set(record["responseElements"]) == {"accessKeyId", "state", "createdDate"}
    key = AccessKey(Principal(ACCOUNT, "arn", "AKIA"), SealedValue(b"", "root"), datetime.now(UTC))
    held = HeldKey(key, SecretValue(secret))
    for shown in (held, access_key_made(held)):
        canary.texts.append(f"{shown!r} {shown}")
    assert "AKIA" in canary.texts[-1]
