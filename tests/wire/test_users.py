"""Users: Detent's own API, by boto3 against the running server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from servers.canary import Canary
from wire.answers import refused
from wire.identities import ACCOUNT, new_user, roots
from wire.premises import premises


@pytest.fixture
def name() -> str:
    return new_user()


def missing(name: str) -> tuple[str, str]:
    return ("ResourceNotFoundException", f"There is no user {name} in this account.")


def test_a_user_is_made_and_described_as_it_was_made(own_api: Any, name: str) -> None:
    tags = [{"Key": "team", "Value": "a"}, {"Key": "empty", "Value": ""}]
    made = own_api.create_user(UserName=name, Tags=tags)
    assert made["ARN"] == f"arn:aws:iam::{ACCOUNT}:user/{name}"
    assert (made["UserName"], made["PolicyNames"]) == (name, [])
    assert sorted(made["Tags"], key=lambda tag: str(tag["Key"])) == sorted(tags, key=lambda tag: tag["Key"])
    assert datetime.now(UTC) - made["CreatedDate"] < timedelta(minutes=1)
    described = own_api.describe_user(UserName=name)
    assert {**described, "ResponseMetadata": None} == {**made, "ResponseMetadata": None}


def test_unique_ids_look_like_awss_and_are_never_given_twice(own_api: Any, name: str) -> None:
    first = own_api.create_user(UserName=name)["UserId"]
    own_api.delete_user(UserName=name)
    second = own_api.create_user(UserName=name)["UserId"]
    for one in (first, second):
        assert one.startswith("AIDA")
        assert len(one) == 21
        assert set(one) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    assert first != second


def test_users_are_listed_by_name(own_api: Any, name: str) -> None:
    names = [f"{name}-{end}" for end in "bac"]
    for one in names:
        own_api.create_user(UserName=one)
    listed = [user["UserName"] for user in own_api.list_users()["Users"]]
    assert [one for one in listed if one in names] == sorted(names)


def test_tags_are_replaced_all_at_once(own_api: Any, name: str) -> None:
    own_api.create_user(UserName=name, Tags=[{"Key": "old", "Value": "1"}])
    assert own_api.update_user(UserName=name, Tags=[{"Key": "new"}])["Tags"] == [{"Key": "new", "Value": ""}]
    assert own_api.update_user(UserName=name, Tags=[])["Tags"] == []
    assert own_api.describe_user(UserName=name)["Tags"] == []


def test_a_deleted_user_is_gone(own_api: Any, name: str) -> None:
    arn = own_api.create_user(UserName=name)["ARN"]
    told = own_api.delete_user(UserName=name)
    assert (told["UserName"], told["ARN"]) == (name, arn)
    for call in (own_api.describe_user, own_api.delete_user):
        with refused(missing(name)):
            call(UserName=name)
    assert name not in [user["UserName"] for user in own_api.list_users()["Users"]]


@pytest.mark.parametrize("change", [str, str.upper, str.title])
def test_a_name_is_taken_in_whatever_case(own_api: Any, name: str, change: Any) -> None:
    own_api.create_user(UserName=name)
    told = f"There is a user of the name {change(name)} already; upper and lower case make no difference."
    with refused(("ResourceExistsException", told)):
        own_api.create_user(UserName=change(name))


def test_a_user_is_found_by_exactly_its_name(own_api: Any, name: str) -> None:
    own_api.create_user(UserName=name)
    for other in (name.upper(), name[:-1], f"{name}x"):
        for call in (own_api.describe_user, own_api.delete_user, own_api.create_access_key, own_api.list_access_keys):
            with refused(missing(other)):
                call(UserName=other)
        with refused(missing(other)):
            own_api.update_user(UserName=other, Tags=[])


CONFUSABLE = ["{}\n", " {}", "{} ", "{}\u200b", "{}\u0430", "\uff41{}", "{}é", "a/{}", "*", "{}*", "", "x" * 65]


@pytest.mark.parametrize("pattern", CONFUSABLE)
def test_a_name_of_other_characters_is_refused_everywhere(
    own_api: Any, unchecked: Any, name: str, pattern: str
) -> None:
    own_api.create_user(UserName=name)
    other = pattern.format(name)
    for call in (unchecked.create_user, unchecked.describe_user, unchecked.delete_user, unchecked.create_access_key):
        with pytest.raises(
            unchecked.exceptions.ValidationException, match="at 'userName' failed to satisfy constraint"
        ):
            call(UserName=other)


@pytest.mark.parametrize(
    "tags",
    [
        [{"Key": str(number)} for number in range(51)],
        [{"Key": ""}],
        [{"Key": "x" * 129}],
        [{"Key": "k", "Value": "x" * 257}],
    ],
)
def test_tags_beyond_their_bounds_are_refused(unchecked: Any, name: str, tags: Any) -> None:
    with pytest.raises(unchecked.exceptions.ValidationException, match="at 'tags"):
        unchecked.create_user(UserName=name, Tags=tags)


def test_tags_of_one_key_in_two_cases_are_refused(own_api: Any, name: str) -> None:
    expected = ("InvalidParameterException", "Two tags have the same key; upper and lower case make no difference.")
    tags = [{"Key": "team", "Value": "a"}, {"Key": "Team", "Value": "b"}]
    with refused(expected):
        own_api.create_user(UserName=name, Tags=tags)
    own_api.create_user(UserName=name)
    with refused(expected):
        own_api.update_user(UserName=name, Tags=tags)


def test_fifty_tags_are_kept(own_api: Any, name: str) -> None:
    tags = [{"Key": f"k{number}", "Value": "v"} for number in range(50)]
    assert len(own_api.create_user(UserName=name, Tags=tags)["Tags"]) == 50


def test_users_are_the_same_in_every_region(own_api: Any, elsewhere: Any, name: str) -> None:
    made = own_api.create_user(UserName=name)
    assert elsewhere.describe_user(UserName=name)["UserId"] == made["UserId"]


@pytest.fixture
def accounts(tmp_path: Path, canary: Canary) -> Iterator[Any]:
    canary.folders.append(tmp_path)
    with premises(tmp_path / "data") as house:
        canary.texts = house.client.told
        yield roots(house, canary)


def test_accounts_never_see_each_others_users(accounts: Any) -> None:
    here, there = accounts
    here.call("CreateUser", UserName="alice")
    for operation, more in (("DescribeUser", {}), ("DeleteUser", {}), ("UpdateUser", {"Tags": []})):
        assert there.refusal(operation, UserName="alice", **more) == missing("alice")
    for operation in ("CreateAccessKey", "ListAccessKeys"):
        assert there.refusal(operation, UserName="alice") == missing("alice")
    assert there.call("ListUsers") == {"Users": []}
    theirs = there.call("CreateUser", UserName="Alice")
    assert theirs["ARN"] == "arn:aws:iam::111111111111:user/Alice"
    there.call("DeleteUser", UserName="Alice")
    assert [user["UserName"] for user in here.call("ListUsers")["Users"]] == ["alice"]


def test_a_user_who_has_no_policy_may_do_nothing(accounts: Any) -> None:
    here, _ = accounts
    here.call("CreateUser", UserName="alice")
    alice = here.with_key(here.call("CreateAccessKey", UserName="alice"))
    for operation, members, resource in (
        ("CreateUser", {"UserName": "bob"}, f"arn:aws:iam::{ACCOUNT}:user/bob"),
        ("DescribeUser", {"UserName": "alice"}, f"arn:aws:iam::{ACCOUNT}:user/alice"),
        ("UpdateUser", {"UserName": "nobody", "Tags": []}, f"arn:aws:iam::{ACCOUNT}:user/nobody"),
        ("DeleteUser", {"UserName": "alice"}, f"arn:aws:iam::{ACCOUNT}:user/alice"),
        ("ListUsers", {}, "*"),
        ("CreateAccessKey", {}, f"arn:aws:iam::{ACCOUNT}:user/alice"),
        ("ListAccessKeys", {"UserName": "bob"}, f"arn:aws:iam::{ACCOUNT}:user/bob"),
    ):
        code, message = alice.refusal(operation, **members)
        assert code == "AccessDeniedException"
        told = f"User: arn:aws:iam::{ACCOUNT}:user/alice is not authorized to perform: detent:{operation} on resource: "
        assert message.startswith(f"{told}{resource} ")


def test_a_name_with_every_character_there_may_be_is_one(own_api: Any) -> None:
    name = f"aZ09_+=,.@-{uuid4().hex}"[:64]
    assert own_api.create_user(UserName=name)["ARN"].endswith(f":user/{name}")
    assert own_api.describe_user(UserName=name)["UserName"] == name
