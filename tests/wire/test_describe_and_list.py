"""DescribeSecret, ListSecrets and ListSecretVersionIds: B.6, B.7, B.8 and J.3 of the API reference."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from servers.canary import Canary
from servers.detent import running
from wire.answers import BAD_PAGE, NOT_FOUND, new_name, new_token, refused


def test_a_bare_secret_shows_nothing_that_it_does_not_have(client) -> None:
    name = new_name()
    arn = client.create_secret(Name=name, Description="")["ARN"]
    described = client.describe_secret(SecretId=name)
    del described["ResponseMetadata"]
    assert set(described) == {"ARN", "Name", "CreatedDate", "LastChangedDate"}
    assert (described["ARN"], described["Name"]) == (arn, name)


def test_only_versions_with_labels_are_described(client, canary: Canary) -> None:
    name = new_name()
    client.create_secret(Name=name)
    for number in range(3):
        client.put_secret_value(SecretId=name, SecretString=canary.value(), ClientRequestToken=str(number) * 32)
    stages = client.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert stages == {"2" * 32: ["AWSCURRENT"], "1" * 32: ["AWSPREVIOUS"]}


def test_versions_are_listed_by_creation_with_their_dates_and_key(client, canary: Canary) -> None:
    name = new_name()
    arn = client.create_secret(Name=name)["ARN"]
    for letter in "cab":
        client.put_secret_value(SecretId=name, SecretString=canary.value(), ClientRequestToken=letter * 32)
    listed = client.list_secret_version_ids(SecretId=name)
    assert (listed["ARN"], listed["Name"]) == (arn, name)
    assert [(v["VersionId"][0], v["VersionStages"]) for v in listed["Versions"]] == [
        ("a", ["AWSPREVIOUS"]),
        ("b", ["AWSCURRENT"]),
    ]
    with_deprecated = client.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]
    assert [v["VersionId"][0] for v in with_deprecated] == ["c", "a", "b"]
    assert set(with_deprecated[0]) == {"VersionId", "CreatedDate", "KmsKeyIds"}
    assert with_deprecated[0]["CreatedDate"] <= with_deprecated[1]["CreatedDate"]


def test_a_secret_without_versions_lists_none(client) -> None:
    name = new_name()
    client.create_secret(Name=name)
    assert client.list_secret_version_ids(SecretId=name)["Versions"] == []


def test_versions_come_in_pages(client, canary: Canary) -> None:
    name = new_name()
    client.create_secret(Name=name)
    for number in range(5):
        client.put_secret_value(SecretId=name, SecretString=canary.value(), ClientRequestToken=str(number) * 32)
    seen, more = [], {}
    while True:
        page = client.list_secret_version_ids(SecretId=name, MaxResults=2, IncludeDeprecated=True, **more)
        assert len(page["Versions"]) <= 2
        seen += [version["VersionId"][0] for version in page["Versions"]]
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert seen == list("01234")
    for wrong in ({}, {"IncludeDeprecated": False}):
        with refused(BAD_PAGE):
            client.list_secret_version_ids(SecretId=name, **more, **wrong)
    with refused(BAD_PAGE):
        client.list_secret_version_ids(SecretId=name, NextToken="made up")


def test_what_is_not_there_is_not_found(client) -> None:
    for call in (client.describe_secret, client.list_secret_version_ids):
        with refused(NOT_FOUND):
            call(SecretId=new_name())


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory):
    """A server of its own with six secrets and one scheduled for deletion."""
    with running(tmp_path_factory.mktemp("seven") / "data") as server:
        client = server.client()
        for name in ("g", "a", "f", "b", "e", "c", "d"):
            client.create_secret(Name=name, Description="desc", Tags=[{"Key": "k", "Value": "v"}])
        client.put_secret_value(SecretId="g", SecretString="x", ClientRequestToken="1" * 32)
        client.delete_secret(SecretId="b")
        yield client


def test_secrets_are_listed_oldest_first_without_those_scheduled_for_deletion(seven) -> None:
    listed = seven.list_secrets()
    assert [entry["Name"] for entry in listed["SecretList"]] == ["g", "a", "f", "e", "c", "d"]
    assert "NextToken" not in listed
    everything = seven.list_secrets(IncludePlannedDeletion=True)["SecretList"]
    assert [entry["Name"] for entry in everything] == ["g", "a", "f", "b", "e", "c", "d"]
    assert ["DeletedDate" in entry for entry in everything] == [name == "b" for name in "gafbecd"]


def test_an_entry_is_what_describe_says_with_the_labels_under_another_name(seven) -> None:
    entry, described = seven.list_secrets()["SecretList"][0], seven.describe_secret(SecretId="g")
    del described["ResponseMetadata"]
    described["SecretVersionsToStages"] = described.pop("VersionIdsToStages")
    assert entry == described
    assert entry["SecretVersionsToStages"] == {"1" * 32: ["AWSCURRENT"]}


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 100])
def test_pages_of_any_size_give_every_secret_once(seven, size: int) -> None:
    pages = list(seven.get_paginator("list_secrets").paginate(PaginationConfig={"PageSize": size}))
    assert [entry["Name"] for page in pages for entry in page["SecretList"]] == ["g", "a", "f", "e", "c", "d"]
    assert len(pages) == -(-6 // size)


def test_a_page_goes_on_where_it_was_though_secrets_came_and_went(seven) -> None:
    page = seven.list_secrets(MaxResults=2)
    seven.create_secret(Name="later")
    seven.delete_secret(SecretId="a", RecoveryWindowInDays=7)
    rest = seven.list_secrets(NextToken=page["NextToken"])["SecretList"]
    seven.restore_secret(SecretId="a")
    seven.delete_secret(SecretId="later", ForceDeleteWithoutRecovery=True)
    assert [entry["Name"] for entry in rest] == ["f", "e", "c", "d", "later"]


def test_a_token_that_is_made_up_changed_or_of_another_list_is_refused(seven) -> None:
    token = seven.list_secrets(MaxResults=2)["NextToken"]
    changed = token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]
    of_versions = _token_of_versions(seven)
    for wrong in ("made up", "A", "ä" * 10, changed, token + "AAAA", of_versions, "=" * 4096):
        with refused(BAD_PAGE):
            seven.list_secrets(NextToken=wrong)
    with refused(BAD_PAGE):
        seven.list_secrets(NextToken=token, IncludePlannedDeletion=True)


def _token_of_versions(client) -> str:
    for token in (new_token(), new_token()):
        client.put_secret_value(SecretId="c", SecretString="x", ClientRequestToken=token)
    token: str = client.list_secret_version_ids(SecretId="c", MaxResults=1)["NextToken"]
    return token


def test_many_secrets_made_at_once_are_all_listed_once(client, tmp_path: Path) -> None:
    with running(tmp_path / "data", "--workers", "2") as server:
        client = server.client()
        names = [f"s{number}" for number in range(120)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: client.create_secret(Name=name), names))
        first = client.list_secrets()
        rest = client.list_secrets(NextToken=first["NextToken"])
        assert len(first["SecretList"]) == 100
        assert sorted(entry["Name"] for page in (first, rest) for entry in page["SecretList"]) == sorted(names)


def test_a_hundred_versions_are_a_page_unless_asked_otherwise(tmp_path: Path, canary: Canary) -> None:
    with running(tmp_path / "data", "--max-versions", "200") as server:
        client = server.client()
        client.create_secret(Name="s")
        for number in range(103):
            client.put_secret_value(SecretId="s", SecretString=canary.value(), ClientRequestToken=f"{number:032}")
        first = client.list_secret_version_ids(SecretId="s", IncludeDeprecated=True)
        rest = client.list_secret_version_ids(SecretId="s", IncludeDeprecated=True, NextToken=first["NextToken"])
    assert [len(page["Versions"]) for page in (first, rest)] == [100, 3]
    assert "NextToken" not in rest
