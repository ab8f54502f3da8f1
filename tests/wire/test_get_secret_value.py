"""GetSecretValue: B.3 and C.8 of the API reference."""

from datetime import UTC, datetime, time

import pytest

from servers.canary import Canary
from wire.answers import MARKED, NOT_FOUND, new_name, new_token, no_label, no_version, refused


def test_a_reply_describes_the_version_not_the_secret(client, canary: Canary) -> None:
    name, first, second = new_name(), new_token(), new_token()
    made = client.create_secret(Name=name, SecretString=canary.value("1"), ClientRequestToken=first)
    client.put_secret_value(SecretId=name, SecretString=canary.value("2"), ClientRequestToken=second)
    read = client.get_secret_value(SecretId=name)
    created = {v["VersionId"]: v["CreatedDate"] for v in client.list_secret_version_ids(SecretId=name)["Versions"]}
    assert (read["ARN"], read["Name"], read["VersionId"]) == (made["ARN"], name, second)
    assert read["SecretString"] == canary.value("2")
    assert read["VersionStages"] == ["AWSCURRENT"]
    assert read["CreatedDate"] == created[second] > created[first]


def test_a_version_is_chosen_by_label_by_id_or_by_both(client, canary: Canary) -> None:
    name, first = new_name(), new_token()
    client.create_secret(Name=name, SecretString=canary.value("1"), ClientRequestToken=first)
    client.put_secret_value(SecretId=name, SecretString=canary.value("2"))
    for chosen in (
        {"VersionStage": "AWSPREVIOUS"},
        {"VersionId": first},
        {"VersionId": first, "VersionStage": "AWSPREVIOUS"},
    ):
        read = client.get_secret_value(SecretId=name, **chosen)
        assert (read["VersionId"], read["SecretString"]) == (first, canary.value("1"))


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"VersionStage": "AWSPENDING"}, no_label("AWSPENDING")),
        ({"VersionStage": "awscurrent"}, no_label("awscurrent")),
        ({"VersionId": "0" * 32}, no_version("0" * 32)),
        ({"VersionId": "0" * 32, "VersionStage": "AWSCURRENT"}, no_version("0" * 32)),
    ],
)
def test_a_version_that_is_not_there_is_not_found(client, canary: Canary, chosen, expected) -> None:
    name = new_name()
    client.create_secret(Name=name, SecretString=canary.value())
    with refused(expected):
        client.get_secret_value(SecretId=name, **chosen)


def test_a_label_that_is_on_another_version_is_refused(client, canary: Canary) -> None:
    name, token = new_name(), new_token()
    client.create_secret(Name=name, SecretString=canary.value(), ClientRequestToken=token)
    client.put_secret_value(SecretId=name, SecretString=canary.value("2"))
    expected = (
        "InvalidRequestException",
        "You provided a VersionStage that is not associated to the provided VersionId.",
    )
    for label in ("AWSCURRENT", "NOWHERE"):
        with refused(expected):
            client.get_secret_value(SecretId=name, VersionId=token, VersionStage=label)


def test_a_secret_without_versions_has_no_current_value(client) -> None:
    name = new_name()
    client.create_secret(Name=name)
    with refused(no_label("AWSCURRENT")):
        client.get_secret_value(SecretId=name)


def test_a_secret_that_is_not_there_is_not_found(client) -> None:
    with refused(NOT_FOUND):
        client.get_secret_value(SecretId=new_name())


def test_the_value_of_a_secret_marked_for_deletion_is_refused(client, canary: Canary) -> None:
    name = new_name()
    client.create_secret(Name=name, SecretString=canary.value())
    client.delete_secret(SecretId=name)
    with refused(MARKED):
        client.get_secret_value(SecretId=name)


def test_a_deprecated_version_is_read_by_its_id_and_has_no_labels(client, canary: Canary) -> None:
    name, token = new_name(), new_token()
    client.create_secret(Name=name, SecretString=canary.value("1"), ClientRequestToken=token)
    for number in (2, 3):
        client.put_secret_value(SecretId=name, SecretString=canary.value(str(number)))
    read = client.get_secret_value(SecretId=name, VersionId=token)
    assert read["SecretString"] == canary.value("1")
    assert "VersionStages" not in read


def test_reading_sets_the_day_of_access_and_describing_does_not(client, canary: Canary) -> None:
    name, read, unread = new_name(), new_token(), new_token()
    client.create_secret(Name=name, SecretString=canary.value("1"), ClientRequestToken=unread)
    client.put_secret_value(SecretId=name, SecretString=canary.value("2"), ClientRequestToken=read)
    assert "LastAccessedDate" not in client.describe_secret(SecretId=name)
    before = client.describe_secret(SecretId=name)["LastChangedDate"]
    client.get_secret_value(SecretId=name)
    midnight = datetime.combine(datetime.now(UTC).date(), time(), UTC)
    described = client.describe_secret(SecretId=name)
    assert described["LastAccessedDate"] == midnight
    assert described["LastChangedDate"] == before
    versions = {v["VersionId"]: v for v in client.list_secret_version_ids(SecretId=name)["Versions"]}
    assert versions[read]["LastAccessedDate"] == midnight
    assert "LastAccessedDate" not in versions[unread]
