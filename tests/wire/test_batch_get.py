"""BatchGetSecretValue: B.4, C.8 and C.9 of the API reference."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from detent.crypto.root import RootKeyset
from detent.main.house import House
from detent.main.settings import Settings
from detent.service.access import create_root_key
from servers.canary import Canary
from servers.detent import RunningDetent, running
from wire.answers import BAD_NAME, BAD_PAGE, MARKED, NOT_FOUND, constraint, new_name, no_label, not_shared, refused
from wire.premises import premises
from wire.raw import raw_client

NEIGHBOUR = "111111111111"
ONE_SELECTOR = ("InvalidParameterException", "Either 'SecretIdList' or 'Filters' must be provided, but not both.")
NO_FILTERS = (
    "InvalidParameterException",
    "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.",
)


def by_name(*prefixes: str) -> list[dict[str, Any]]:
    return [{"Key": "name", "Values": list(prefixes)}]


def told(error: dict[str, str]) -> tuple[str, str]:
    return error["ErrorCode"], error["Message"]


def values(reply: Any) -> dict[str, Any]:
    return {entry["Name"]: entry.get("SecretString", entry.get("SecretBinary")) for entry in reply["SecretValues"]}


def test_each_secret_named_is_answered_as_a_single_read_answers_it(client, canary: Canary) -> None:
    text, binary = new_name(), new_name()
    arn = client.create_secret(Name=text, SecretString=canary.value())["ARN"]
    client.create_secret(Name=binary, SecretBinary=canary.value("b").encode())
    asked = [text, binary, arn, arn[:-7]]
    reply = client.batch_get_secret_value(SecretIdList=asked)
    singles = [client.get_secret_value(SecretId=one) for one in asked]
    for single in singles:
        del single["ResponseMetadata"]
    assert reply["SecretValues"] == singles
    assert reply["Errors"] == []
    assert "NextToken" not in reply


def test_only_the_current_version_is_read(client, canary: Canary) -> None:
    name = new_name()
    client.create_secret(Name=name, SecretString=canary.value("1"))
    client.put_secret_value(SecretId=name, SecretString=canary.value("2"))
    client.put_secret_value(SecretId=name, SecretString=canary.value("3"), VersionStages=["LATER"])
    (entry,) = client.batch_get_secret_value(SecretIdList=[name])["SecretValues"]
    assert (entry["SecretString"], entry["VersionStages"]) == (canary.value("2"), ["AWSCURRENT"])


def test_what_cannot_be_read_fails_alone_and_as_a_single_read_would(client, canary: Canary) -> None:
    good, bare, marked, missing = (new_name() for _ in range(4))
    for name in (good, marked):
        client.create_secret(Name=name, SecretString=canary.value(name))
    client.create_secret(Name=bare)
    client.delete_secret(SecretId=marked)
    asked = [missing, bare, good, marked, "no such name"]
    reply = client.batch_get_secret_value(SecretIdList=asked)
    assert values(reply) == {good: canary.value(good)}
    expected = [NOT_FOUND, no_label("AWSCURRENT"), MARKED, BAD_NAME]
    assert [(error["SecretId"], told(error)) for error in reply["Errors"]] == [
        *zip((missing, bare, marked, "no such name"), expected, strict=True)
    ]
    for error in reply["Errors"]:
        with refused(told(error)):
            client.get_secret_value(SecretId=error["SecretId"])


def test_an_id_given_twice_is_answered_once_where_it_stood_first(client, canary: Canary) -> None:
    first, second = new_name(), new_name()
    for name in (first, second):
        client.create_secret(Name=name, SecretString=canary.value())
    reply = client.batch_get_secret_value(SecretIdList=[second, "missing", first, second, "missing"])
    assert [entry["Name"] for entry in reply["SecretValues"]] == [second, first]
    assert [error["SecretId"] for error in reply["Errors"]] == ["missing"]


def test_twenty_ids_are_answered_and_twenty_one_refused(client, canary: Canary) -> None:
    names = [new_name() for _ in range(21)]
    for name in names:
        client.create_secret(Name=name, SecretString=canary.value())
    reply = client.batch_get_secret_value(SecretIdList=names[:20])
    assert [entry["Name"] for entry in reply["SecretValues"]] == names[:20]
    shown = f"[{', '.join(names)}]"
    too_many = f"Value '{shown}' at 'secretIdList' failed to satisfy constraint: Member must have length less than or"
    with refused(constraint(f"{too_many} equal to 20")):
        client.batch_get_secret_value(SecretIdList=names)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, ONE_SELECTOR),
        ({"MaxResults": 5}, ONE_SELECTOR),
        ({"SecretIdList": ["a"], "Filters": by_name("a")}, ONE_SELECTOR),
        ({"SecretIdList": ["a"], "MaxResults": 5}, NO_FILTERS),
        ({"SecretIdList": ["a"], "NextToken": "x"}, BAD_PAGE),
        ({"Filters": by_name("a"), "NextToken": "x"}, BAD_PAGE),
        ({"Filters": [{"Values": ["a"]}]}, ("InvalidParameterException", "Invalid filter key")),
        ({"Filters": [{"Key": "name"}]}, ("InvalidParameterException", "Invalid filter values for key: name")),
        (
            {"Filters": by_name("a"), "MaxResults": 21},
            constraint(
                "Value '21' at 'maxResults' failed to satisfy constraint:"
                " Member must have value less than or equal to 20"
            ),
        ),
        (
            {"SecretIdList": ["a", "x" * 2049]},
            constraint(
                f"Value '{'x' * 2049}' at 'secretIdList.2.member' failed to satisfy constraint:"
                " Member must have length less than or equal to 2048"
            ),
        ),
    ],
)
def test_a_request_that_selects_badly_is_refused_whole(client, members, expected) -> None:
    with refused(expected):
        client.batch_get_secret_value(**members)


def test_an_empty_list_of_ids_is_refused(detent: RunningDetent) -> None:
    reply = raw_client(detent).call("BatchGetSecretValue", {"SecretIdList": []})
    assert reply.error == constraint(
        "Value '[]' at 'secretIdList' failed to satisfy constraint: Member must have length greater than or equal to 1"
    )


def test_filters_find_the_secrets_and_what_cannot_be_read_is_told_by_its_arn(client, canary: Canary) -> None:
    folder = new_name("/")
    for name in ("a", "b", "marked"):
        client.create_secret(Name=folder + name, SecretString=canary.value(name))
    bare = client.create_secret(Name=folder + "bare")["ARN"]
    client.delete_secret(SecretId=folder + "marked")
    reply = client.batch_get_secret_value(Filters=by_name(folder))
    assert values(reply) == {folder + name: canary.value(name) for name in ("a", "b")}
    assert [(error["SecretId"], told(error)) for error in reply["Errors"]] == [(bare, no_label("AWSCURRENT"))]
    nothing = client.batch_get_secret_value(Filters=by_name(folder + "nothing"))
    assert (nothing["SecretValues"], nothing["Errors"]) == ([], [])


def pages(client: Any, **asked: Any) -> Iterator[dict[str, Any]]:
    reply = client.batch_get_secret_value(**asked)
    yield reply
    while "NextToken" in reply:
        reply = client.batch_get_secret_value(NextToken=reply["NextToken"], **asked)
        yield reply


def test_filters_give_pages_of_twenty_or_of_as_many_as_asked_for(client, canary: Canary) -> None:
    folder = new_name("/")
    names = [f"{folder}{number:02}" for number in range(23)]
    for name in names:
        client.create_secret(Name=name, SecretString=canary.value())
    for asked, sizes in (({}, [20, 3]), ({"MaxResults": 20}, [20, 3]), ({"MaxResults": 9}, [9, 9, 5])):
        found = [[*values(page)] for page in pages(client, Filters=by_name(folder), **asked)]
        assert [len(page) for page in found] == sizes
        assert [name for page in found for name in page] == names


def test_a_page_may_hold_nothing_but_failures_and_go_on(client, canary: Canary) -> None:
    folder = new_name("/")
    client.create_secret(Name=folder + "bare")
    client.create_secret(Name=folder + "kept", SecretString=canary.value())
    first, second = pages(client, Filters=by_name(folder), MaxResults=1)
    assert (first["SecretValues"], len(first["Errors"])) == ([], 1)
    assert [*values(second)] == [folder + "kept"]


def test_a_token_is_good_for_the_same_question_of_this_operation_only(client) -> None:
    folder = new_name("/")
    for name in "ab":
        client.create_secret(Name=folder + name)
    asked = {"Filters": by_name(folder), "MaxResults": 1}
    token = client.batch_get_secret_value(**asked)["NextToken"]
    listed = client.list_secrets(**asked)["NextToken"]
    for changed in ({"NextToken": listed}, {"NextToken": token, "Filters": by_name(folder, "x")}):
        with refused(BAD_PAGE):
            client.batch_get_secret_value(**{**asked, **changed})
    with refused(BAD_PAGE):
        client.list_secrets(**asked, NextToken=token)


@pytest.mark.parametrize("selector", [{"SecretIdList": ["a", "b"]}, {"Filters": by_name("")}], ids=["ids", "filters"])
def test_a_batch_notes_the_day_of_each_read(tmp_path: Path, canary: Canary, selector: dict[str, Any]) -> None:
    with premises(tmp_path / "data") as house:
        canary.folders.append(tmp_path)
        for name in "ab":
            house.client.call(
                "CreateSecret", {"Name": name, "SecretString": canary.value(), "ClientRequestToken": "a" * 32}
            )
        for _ in range(2):
            midnight = house.clock.now().replace(hour=0).timestamp()
            for _ in range(2):
                assert house.client.call("BatchGetSecretValue", selector).members["Errors"] == []
                described = [house.client.call("DescribeSecret", {"SecretId": name}).members for name in "ab"]
                assert [one["LastAccessedDate"] for one in described] == [midnight] * 2
            house.clock.advance(days=1)


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningDetent, Any]]:
    """A server, and a client of the root of a second account on it."""
    with running(tmp_path_factory.mktemp("neighbours") / "data") as server:
        house = House(Settings(server.data), RootKeyset.load(server.data / "keyset.json"))
        key, secret = house.store.write(lambda tx: create_root_key(house.server.env(tx, "us-east-1"), NEIGHBOUR))
        house.close()
        yield server, server.client(aws_access_key_id=key, aws_secret_access_key=str(secret.reveal()))


def test_a_secret_that_the_caller_may_not_read_fails_alone(neighbours, canary: Canary) -> None:
    server, neighbour = neighbours
    client = server.client()
    client.create_secret(Name="own", SecretString=canary.value())
    theirs = neighbour.create_secret(Name="theirs", SecretString=canary.value("theirs"))["ARN"]
    reply = client.batch_get_secret_value(SecretIdList=[theirs, "own"])
    assert values(reply) == {"own": canary.value()}
    root = "arn:aws:iam::000000000000:root"
    assert [(error["SecretId"], told(error)) for error in reply["Errors"]] == [
        (theirs, not_shared(root, "secretsmanager:GetSecretValue", theirs))
    ]
    with pytest.raises(ClientError, match="AccessDeniedException"):
        client.get_secret_value(SecretId=theirs)


def test_filters_find_the_callers_own_secrets_only(neighbours, canary: Canary) -> None:
    server, neighbour = neighbours
    client = server.client()
    for one in (client, neighbour):
        one.create_secret(Name="shared-name", SecretString=canary.value())
    assert len(client.batch_get_secret_value(Filters=by_name("shared-name"))["SecretValues"]) == 1
