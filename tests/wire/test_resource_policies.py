"""Operations on resource policies: B.16, B.19 and C.9 of the API reference."""

import json
from typing import Any

import pytest

from detent.crypto.root import RootKeyset
from detent.main.house import House
from detent.main.settings import Settings
from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import BAD_NAME, BAD_PAGE, MARKED, NOT_FOUND, SYNTAX_ERROR, constraint, new_name, refused
from wire.documents import GET, OWN, document, statement
from wire.raw import raw_client

ONLY_DEFAULT = ("InvalidParameterException", "You can only change the resource policy named default.")
NO_POLICY = ("ResourceNotFoundException", "Secrets Manager can't find the specified resource policy.")


def test_a_policy_is_given_back_exactly_as_it_was_put(client, name: str, arn: str) -> None:
    text = ' {"Statement":\n[{"Resource":"*","Action":["' + GET + '"],"Principal":{"AWS":["' + OWN + '"]},'
    text += '"Effect":"Allow","Sid":"d\\u00e9j\\u00e0 vu ✓"}], "Version" : "2012-10-17"}\t'
    put = client.put_resource_policy(SecretId=name, ResourcePolicy=text)
    assert {part: put[part] for part in ("ARN", "Name", "PolicyName")} == {
        "ARN": arn,
        "Name": name,
        "PolicyName": "default",
    }
    for secret_id in (name, arn, arn[:-7]):
        got = client.get_resource_policy(SecretId=secret_id)
        del got["ResponseMetadata"]
        assert got == {"ARN": arn, "Name": name, "PolicyName": "default", "ResourcePolicy": text}


def test_a_later_policy_replaces_the_earlier_one(client, name: str) -> None:
    for text in (document(), document(statement(Action="secretsmanager:*"))):
        client.put_resource_policy(SecretId=name, ResourcePolicy=text)
        assert client.get_resource_policy(SecretId=name)["ResourcePolicy"] == text


def test_a_secret_without_a_policy_answers_without_one(client, name: str) -> None:
    for named in ({}, {"PolicyName": "default"}):
        assert "ResourcePolicy" not in client.get_resource_policy(SecretId=name, **named)
    assert client.list_resource_policies(SecretId=name)["ResourcePolicies"] == []


def test_a_policy_is_deleted_and_deleting_it_again_is_a_success(client, name: str, arn: str) -> None:
    client.put_resource_policy(SecretId=name, ResourcePolicy=document())
    for _ in range(2):
        deleted = client.delete_resource_policy(SecretId=name)
        del deleted["ResponseMetadata"]
        assert deleted == {"ARN": arn, "Name": name, "PolicyName": "default"}
        assert "ResourcePolicy" not in client.get_resource_policy(SecretId=name)


def test_a_policy_goes_with_its_secret(client, name: str) -> None:
    client.put_resource_policy(SecretId=name, ResourcePolicy=document())
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    client.create_secret(Name=name)
    assert "ResourcePolicy" not in client.get_resource_policy(SecretId=name)


def test_a_policy_survives_deletion_and_restoring(client, name: str) -> None:
    client.put_resource_policy(SecretId=name, ResourcePolicy=document())
    client.delete_secret(SecretId=name)
    client.restore_secret(SecretId=name)
    assert client.get_resource_policy(SecretId=name)["ResourcePolicy"] == document()


def test_a_change_of_policy_saves_the_secret_but_is_no_change_of_its_date(
    client, name: str, shared_detent: RunningDetent
) -> None:
    """C.8 does not list policies; a replica follows each save."""
    house = House(Settings(shared_detent.data), RootKeyset.load(shared_detent.data / "keyset.json"))

    def seen() -> tuple[int, Any]:
        with house.store.read() as tx:
            secret = tx.secrets.named(OWN, "us-east-1", name)
        assert secret is not None
        return secret.revision, secret.changed

    revision, changed = seen()
    client.put_resource_policy(SecretId=name, ResourcePolicy=document())
    assert seen() == (revision + 1, changed)
    client.delete_resource_policy(SecretId=name)
    assert seen() == (revision + 2, changed)
    house.close()


def test_a_refused_policy_leaves_the_earlier_one(client, name: str) -> None:
    client.put_resource_policy(SecretId=name, ResourcePolicy=document())
    with refused(SYNTAX_ERROR):
        client.put_resource_policy(SecretId=name, ResourcePolicy="{}")
    assert client.get_resource_policy(SecretId=name)["ResourcePolicy"] == document()


def test_only_the_default_policy_can_be_changed(client, name: str) -> None:
    with refused(ONLY_DEFAULT):
        client.put_resource_policy(SecretId=name, PolicyName="other", ResourcePolicy=document())
    with refused(ONLY_DEFAULT):
        client.delete_resource_policy(SecretId=name, PolicyName="other")
    with refused(NO_POLICY):
        client.get_resource_policy(SecretId=name, PolicyName="other")
    put = client.put_resource_policy(SecretId=name, PolicyName="default", ResourcePolicy=document())
    assert put["PolicyName"] == "default"
    assert client.get_resource_policy(SecretId=name, PolicyName="default")["ResourcePolicy"] == document()
    assert client.delete_resource_policy(SecretId=name, PolicyName="default")["PolicyName"] == "default"


def test_the_list_names_the_default_policy(client, name: str) -> None:
    client.put_resource_policy(SecretId=name, ResourcePolicy=document())
    for asked in ({}, {"MaxResults": 1}, {"MaxResults": 100}):
        listed = client.list_resource_policies(SecretId=name, **asked)
        assert listed["ResourcePolicies"] == [{"PolicyName": "default"}]
        assert "NextToken" not in listed
    with refused(BAD_PAGE):
        client.list_resource_policies(SecretId=name, NextToken="made up")


def test_a_list_of_several_goes_by_pages_default_first(
    client, name: str, shared_detent: RunningDetent, detent: RunningDetent
) -> None:
    house = House(Settings(shared_detent.data), RootKeyset.load(shared_detent.data / "keyset.json"))

    def keep(tx: Any) -> None:
        secret = tx.secrets.named(OWN, "us-east-1", name)
        for policy in ("z", "default", "A"):
            tx.policies.put(secret.key, policy, document(Id=policy))

    house.store.write(keep)
    house.close()
    first = client.list_resource_policies(SecretId=name, MaxResults=2)
    assert first["ResourcePolicies"] == [{"PolicyName": "default"}, {"PolicyName": "A"}]
    second = client.list_resource_policies(SecretId=name, MaxResults=2, NextToken=first["NextToken"])
    assert second["ResourcePolicies"] == [{"PolicyName": "z"}]
    assert "NextToken" not in second
    assert client.get_resource_policy(SecretId=name, PolicyName="z")["ResourcePolicy"] == document(Id="z")
    elsewhere = raw_client(detent).call("ListSecretVersionIds", {"SecretId": name, "NextToken": first["NextToken"]})
    assert elsewhere.error == BAD_PAGE


ON_A_SECRET: list[tuple[str, dict[str, Any]]] = [
    ("put_resource_policy", {"ResourcePolicy": document()}),
    ("get_resource_policy", {}),
    ("delete_resource_policy", {}),
    ("list_resource_policies", {}),
    ("validate_resource_policy", {"ResourcePolicy": document()}),
]


@pytest.mark.parametrize(("operation", "members"), ON_A_SECRET)
def test_what_every_operation_on_a_secret_refuses_is_refused(client, operation: str, members) -> None:
    scheduled = new_name()
    client.create_secret(Name=scheduled)
    client.delete_secret(SecretId=scheduled)
    for secret_id, expected in ((new_name(), NOT_FOUND), ("bad name", BAD_NAME), (scheduled, MARKED)):
        with refused(expected):
            getattr(client, operation)(SecretId=secret_id, **members)


LONG = "p" * 20481


@pytest.mark.parametrize(
    ("operation", "members", "failure"),
    [
        (
            "PutResourcePolicy",
            {},
            "Value null at 'resourcePolicy' failed to satisfy constraint: Member must not be null",
        ),
        (
            "PutResourcePolicy",
            {"ResourcePolicy": ""},
            (
                "Value '' at 'resourcePolicy' failed to satisfy constraint:"
                " Member must have length greater than or equal to 1"
            ),
        ),
        (
            "PutResourcePolicy",
            {"ResourcePolicy": LONG},
            (
                f"Value '{LONG}' at 'resourcePolicy' failed to satisfy constraint:"
                " Member must have length less than or equal to 20480"
            ),
        ),
        (
            "ValidateResourcePolicy",
            {"ResourcePolicy": LONG},
            (
                f"Value '{LONG}' at 'resourcePolicy' failed to satisfy constraint:"
                " Member must have length less than or equal to 20480"
            ),
        ),
        (
            "GetResourcePolicy",
            {"PolicyName": "no spaces"},
            (
                "Value 'no spaces' at 'policyName' failed to satisfy constraint:"
                " Member must satisfy regular expression pattern: [0-9A-Za-z\\-\\_]+"
            ),
        ),
        (
            "DeleteResourcePolicy",
            {"PolicyName": "n" * 65},
            (
                f"Value '{'n' * 65}' at 'policyName' failed to satisfy constraint:"
                " Member must have length less than or equal to 64"
            ),
        ),
        (
            "ListResourcePolicies",
            {"MaxResults": 101},
            (
                "Value '101' at 'maxResults' failed to satisfy constraint:"
                " Member must have value less than or equal to 100"
            ),
        ),
    ],
)
def test_constraints_are_told_in_the_reference_s_words(detent: RunningDetent, operation, members, failure) -> None:
    assert raw_client(detent).call(operation, {"SecretId": "any", **members}).error == constraint(failure)


def test_the_longest_policy_is_kept(client, name: str) -> None:
    text = document(statement(Sid="é"))
    text += " " * (20480 - len(text))
    client.put_resource_policy(SecretId=name, ResourcePolicy=text)
    assert client.get_resource_policy(SecretId=name)["ResourcePolicy"] == text


def test_the_audit_trail_shows_the_policy_and_no_value(client, detent: RunningDetent, canary: Canary) -> None:
    name = new_name()
    client.create_secret(Name=name, SecretString=canary.value())
    text = document(Id=name)
    client.put_resource_policy(SecretId=name, ResourcePolicy=text, BlockPublicPolicy=True)
    lines = (detent.data / "audit.log").read_text().splitlines()
    (record,) = [
        found for line in lines if name in line and (found := json.loads(line))["eventName"].startswith("PutR")
    ]
    assert record["requestParameters"] == {"secretId": name, "resourcePolicy": text, "blockPublicPolicy": True}
    assert record["responseElements"]["policyName"] == "default"
    assert record["readOnly"] is False
