"""ListSecrets: filters, orders and pages, as B.7 and J of the API reference have them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from servers.canary import Canary
from servers.detent import running
from wire.answers import BAD_PAGE, constraint, refused
from wire.premises import Premises, premises

# name, description, tags; made in this order
SECRETS: list[tuple[str, str, dict[str, str]]] = [
    ("prod/web", "the Web front", {"env": "prod", "Team": "Blue whale"}),
    ("prod/db", "a secret of the database", {"env": "prod", "engine": "postgres"}),
    ("stage/db", "an secret", {"env": "stage", "engine": "postgres"}),
    ("SecretFTag", "", {}),
    ("COMPANYthings", "asecret", {"owner": ""}),
]
ALL = [name for name, _, _ in SECRETS]


def tags(given: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in given.items()]


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running(tmp_path_factory.mktemp("five") / "data") as server:
        client = server.client()
        for name, description, given in SECRETS:
            client.create_secret(Name=name, Description=description, Tags=tags(given))
        yield client


def names(client: Any, *filters: tuple[str, list[str]], **asked: Any) -> list[str]:
    given = [{"Key": key, "Values": values} for key, values in filters]
    listed = client.list_secrets(Filters=given, **asked)
    return [entry["Name"] for entry in listed["SecretList"]]


@pytest.mark.parametrize(
    ("key", "values", "expected"),
    [
        ("name", ["prod/"], ["prod/web", "prod/db"]),
        ("name", ["Prod"], []),
        ("name", ["prod /"], []),
        ("name", ["db"], []),
        ("name", ["!prod/"], ["stage/db", "SecretFTag", "COMPANYthings"]),
        ("name", ["stage", "Secret"], ["stage/db", "SecretFTag"]),
        ("tag-key", ["e"], ["prod/web", "prod/db", "stage/db"]),
        ("tag-key", ["team"], []),
        ("tag-key", ["Te"], ["prod/web"]),
        ("tag-key", ["!e"], ["SecretFTag", "COMPANYthings"]),
        ("tag-key", [""], ["prod/web", "prod/db", "stage/db", "COMPANYthings"]),
        ("tag-value", ["prod"], ["prod/web", "prod/db"]),
        ("tag-value", ["Blue w"], ["prod/web"]),
        ("tag-value", ["whale"], []),
        ("tag-value", ["!postgres"], ["prod/web", "SecretFTag", "COMPANYthings"]),
        ("description", ["a secret"], ["prod/db", "stage/db"]),
        ("description", ["SECRET"], ["prod/db", "stage/db"]),
        ("description", ["data of"], ["prod/db"]),
        ("description", ["!secret"], ["prod/web", "SecretFTag", "COMPANYthings"]),
        ("all", ["secret"], ["prod/db", "stage/db", "SecretFTag"]),
        ("all", ["t"], ["prod/web", "prod/db", "SecretFTag"]),
        ("all", ["prod postgres"], ["prod/db"]),
        ("all", ["compan"], ["COMPANYthings"]),
        ("all", ["company"], []),
        ("all", ["ythings"], ["COMPANYthings"]),
        ("all", ["pany"], []),
        ("all", ["+"], []),
        ("all", ["!e"], ["SecretFTag", "COMPANYthings"]),
        ("primary-region", ["us-"], []),
        ("primary-region", ["!us-"], ALL),
        ("owning-service", ["rds"], []),
        ("owning-service", ["!rds"], ALL),
        ("name", ["stage", "!prod/web"], ["prod/db", "stage/db", "SecretFTag", "COMPANYthings"]),
    ],
)
def test_a_filter_finds_what_the_reference_says(five: Any, key: str, values: list[str], expected: list[str]) -> None:
    assert names(five, (key, values)) == [name for name in ALL if name in expected]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([("tag-key", ["engine"]), ("tag-value", ["prod"])], ["prod/db"]),
        ([("tag-value", ["prod"]), ("tag-value", ["postgres"])], ["prod/db"]),
        ([("tag-value", ["prod", "stage"]), ("name", ["!prod/w"])], ["prod/db", "stage/db"]),
        ([("all", ["db"]), ("description", ["!database"]), ("name", ["s"])], ["stage/db"]),
        ([], ALL),
    ],
)
def test_filters_must_all_match(five: Any, filters: list[tuple[str, list[str]]], expected: list[str]) -> None:
    assert names(five, *filters) == expected


def test_what_was_changed_is_found_by_what_it_is_now(client: Any, canary: Canary) -> None:
    client.create_secret(Name="changing", Description="before", Tags=tags({"first": "1"}), SecretString=canary.value())
    client.update_secret(SecretId="changing", Description="afterwards")
    client.tag_resource(SecretId="changing", Tags=tags({"second": "2"}))
    client.untag_resource(SecretId="changing", TagKeys=["first"])
    client.put_secret_value(SecretId="changing", SecretString=canary.value())
    here = ("name", ["changing"])
    assert names(client, here, ("description", ["after"]), ("all", ["second"]), ("tag-value", ["2"])) == ["changing"]
    for gone in (("description", ["before"]), ("all", ["first"]), ("tag-key", ["first"]), ("tag-value", ["1"])):
        assert names(client, here, gone) == []
    client.delete_secret(SecretId="changing")
    assert names(client, here) == []
    assert names(client, here, ("tag-key", ["second"]), IncludePlannedDeletion=True) == ["changing"]
    client.delete_secret(SecretId="changing", ForceDeleteWithoutRecovery=True)
    assert names(client, here, IncludePlannedDeletion=True) == []


START = datetime(2026, 3, 10, 12, tzinfo=UTC)
# Four secrets by hand: made d, a, c at once, then b; changed later in another order; read on two days, c never.
ORDERS = {
    "created-date": ["a", "c", "d", "b"],
    "last-changed-date": ["c", "d", "a", "b"],
    "last-accessed-date": ["c", "b", "d", "a"],
    "name": ["a", "b", "c", "d"],
}


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    with premises(tmp_path_factory.mktemp("four") / "data", moment=START) as house:
        for name in "dac":
            made(house, name)
        house.clock.advance(seconds=1)
        made(house, "b")
        for name in ("d", "a", "b"):
            house.clock.advance(seconds=0 if name == "b" else 1)
            house.client.call("UpdateSecret", {"SecretId": name, "Description": "changed"})
        for name, days in (("b", 0), ("d", 0), ("a", 1)):
            house.clock.advance(days=days)
            assert house.client.call("GetSecretValue", {"SecretId": name}).status == 200
        yield house


def made(house: Premises, name: str) -> None:
    told = house.client.call(
        "CreateSecret",
        {"Name": name, "SecretString": "x", "ClientRequestToken": "t" * 32, "Tags": tags({"k": name})},
    )
    assert told.status == 200


def in_pages(house: Premises, size: int, **asked: Any) -> list[str]:
    found, more = [], {}
    while True:
        told = house.client.call("ListSecrets", {**asked, **more, "MaxResults": size})
        assert told.status == 200
        assert len(told.members["SecretList"]) <= size
        found += [entry["Name"] for entry in told.members["SecretList"]]
        if "NextToken" not in told.members:
            return found
        more = {"NextToken": told.members["NextToken"]}


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
@pytest.mark.parametrize("order", ["asc", "desc", None])
@pytest.mark.parametrize("sort", [*ORDERS, None])
def test_every_order_goes_by_its_member_then_by_name_in_pages_of_any_size(
    four: Premises, sort: str | None, order: str | None, size: int
) -> None:
    asked = {name: value for name, value in (("SortBy", sort), ("SortOrder", order)) if value is not None}
    expected = ORDERS[sort or "created-date"]
    assert in_pages(four, size, **asked) == (expected[::-1] if order == "desc" else expected)
    narrowed = in_pages(four, size, **asked, Filters=[{"Key": "tag-value", "Values": ["!a"]}])
    assert narrowed == [name for name in (expected[::-1] if order == "desc" else expected) if name != "a"]


def test_the_paginator_reads_all_pages_of_a_filtered_and_sorted_list(five: Any) -> None:
    pages = five.get_paginator("list_secrets").paginate(
        Filters=[{"Key": "tag-key", "Values": ["e"]}],
        SortBy="name",
        SortOrder="desc",
        PaginationConfig={"PageSize": 2},
    )
    assert [[entry["Name"] for entry in page["SecretList"]] for page in pages] == [
        ["stage/db", "prod/web"],
        ["prod/db"],
    ]


ASKED: dict[str, Any] = {
    "Filters": [{"Key": "name", "Values": ["p", "s"]}],
    "SortBy": "name",
    "SortOrder": "desc",
    "IncludePlannedDeletion": False,
}


@pytest.mark.parametrize(
    "other",
    [
        {"Filters": [{"Key": "name", "Values": ["s", "p"]}]},
        {"Filters": [{"Key": "all", "Values": ["p", "s"]}]},
        {"Filters": []},
        {"SortBy": "created-date"},
        {"SortOrder": "asc"},
        {"IncludePlannedDeletion": True},
    ],
    ids=str,
)
def test_a_token_is_good_for_the_same_question_only(five: Any, other: dict[str, Any]) -> None:
    token = five.list_secrets(**ASKED, MaxResults=1)["NextToken"]
    assert [entry["Name"] for entry in five.list_secrets(**ASKED, NextToken=token)["SecretList"]] == [
        "prod/web",
        "prod/db",
    ]
    with refused(BAD_PAGE):
        five.list_secrets(**{**ASKED, **other}, NextToken=token)


KEYS = "all, description, name, owning-service, primary-region, tag-key, tag-value"
PATTERN = r"^\!?[a-zA-Z0-9 :_@\/\+\=\.\-\!]*$"
CHECK = "failed to satisfy constraint: Member must"


SORTS = "[created-date, last-accessed-date, last-changed-date, name]"
LONG = "a" * 513
VALUES = "filters.1.member.values"


def named(*values: str) -> dict[str, Any]:
    return {"Filters": [{"Key": "name", "Values": list(values)}]}


@pytest.mark.parametrize(
    ("asked", "failures"),
    [
        (
            {"Filters": [{"Key": "name", "Values": ["a"]}, {"Key": "x", "Values": ["a"]}]},
            [f"Value 'x' at 'filters.2.member.key' {CHECK} satisfy enum value set: [{KEYS}]"],
        ),
        (named("a", "*"), [f"Value '*' at '{VALUES}.2.member' {CHECK} satisfy regular expression pattern: {PATTERN}"]),
        (named("a\n"), [f"Value 'a\n' at '{VALUES}.1.member' {CHECK} satisfy regular expression pattern: {PATTERN}"]),
        (
            named("a" * 513),
            [f"Value '{'a' * 513}' at '{VALUES}.1.member' {CHECK} have length less than or equal to 512"],
        ),
        (
            named(*"a" * 11),
            [f"Value '[{', '.join('a' * 11)}]' at '{VALUES}' {CHECK} have length less than or equal to 10"],
        ),
        ({"SortBy": "Name"}, [f"Value 'Name' at 'sortBy' {CHECK} satisfy enum value set: {SORTS}"]),
        (
            {"SortBy": "up", "SortOrder": "down", "MaxResults": 101},
            [
                f"Value '101' at 'maxResults' {CHECK} have value less than or equal to 100",
                f"Value 'up' at 'sortBy' {CHECK} satisfy enum value set: {SORTS}",
                f"Value 'down' at 'sortOrder' {CHECK} satisfy enum value set: [asc, desc]",
            ],
        ),
    ],
)
def test_what_breaks_a_constraint_is_refused_with_all_failures(five: Any, asked: Any, failures: list[str]) -> None:
    with refused(constraint(*failures)):
        five.list_secrets(**asked)


def test_more_than_ten_filters_are_refused(five: Any) -> None:
    with pytest.raises(five.exceptions.ClientError, match=r"at 'filters' .* have length less than or equal to 10"):
        names(five, *[("name", ["a"])] * 11)


def test_no_values_at_all_are_refused(four: Premises) -> None:
    told = four.client.call("ListSecrets", {"Filters": [{"Key": "name", "Values": []}]})
    message = f"1 validation error detected: Value '[]' at 'filters.1.member.values' {CHECK} have length greater than"
    assert told.error == ("ValidationException", f"{message} or equal to 1")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Values": ["a"]}, "Invalid filter key"),
        ({}, "Invalid filter key"),
        ({"Key": "tag-key"}, "Invalid filter values for key: tag-key"),
        ({"Key": "all", "Values": None}, "Invalid filter values for key: all"),
    ],
)
def test_a_filter_without_key_or_values_is_refused(five: Any, given: Any, message: str) -> None:
    with refused(("InvalidParameterException", message)):
        five.list_secrets(Filters=[{"Key": "name", "Values": ["a"]}, {k: v for k, v in given.items() if v is not None}])


@pytest.mark.parametrize("key", [5, ["name"], {}])
def test_a_key_of_a_wrong_json_type_is_refused(four: Premises, key: Any) -> None:
    told = four.client.call("ListSecrets", {"Filters": [{"Key": key, "Values": ["a"]}]})
    assert told.error == ("SerializationException", "The member 'filters.1.member.key' has a wrong JSON type.")


def test_filters_of_a_thousand_words_are_answered_and_longer_ones_refused(five: Any) -> None:
    texts = [" ".join(f"{number:03}" for number in range(start, start + 100)) for start in range(0, 1000, 100)]
    assert names(five, ("all", texts)) == []
    assert names(five, ("description", [f"!{text}" for text in texts])) == ALL
    assert names(five, *[("all", [text]) for text in texts]) == []
    with refused(("InvalidParameterException", "The filters have more than 1000 words in all.")):
        names(five, ("all", texts), ("description", ["one"]))


def test_never_read_secrets_come_before_those_read_longest_ago(four: Premises) -> None:
    told = four.client.call("ListSecrets", {"SortBy": "last-accessed-date"})
    dates = [entry.get("LastAccessedDate") for entry in told.members["SecretList"]]
    assert dates == [None, *sorted(date for date in dates if date is not None)]
    assert dates[1] == (START - timedelta(hours=12)).timestamp()
