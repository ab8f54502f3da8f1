"""What PutResourcePolicy and ValidateResourcePolicy find wrong with a policy: B.16 and G.1 of the API reference."""

from collections.abc import Iterator
from typing import Any

import pytest

from detent.crypto.root import RootKeyset
from detent.main.house import House
from detent.main.settings import Settings
from detent.model.identity import Identity, IdentityKind
from detent.model.policy import Principal
from detent.model.value import SealedValue
from detent.store.protocol import AccessKey
from servers.detent import RunningDetent
from wire.answers import SYNTAX_ERROR, new_name, refused
from wire.documents import (
    GET,
    GOOD,
    NEIGHBOUR,
    NO_DOCUMENT,
    OWN,
    PUT,
    ROOT,
    STRANGER,
    SYNTAX_ERRORS,
    USER,
    deny,
    document,
    narrowed,
    statement,
)

PRINCIPAL = ("MalformedPolicyDocumentException", "This resource policy contains an unsupported principal.")
SERVICE = ("MalformedPolicyDocumentException", "This resource policy contains an unsupported service principal.")
LOCKED_OUT = (
    "MalformedPolicyDocumentException",
    "Your requested changes will not allow you to manage this secret in the future.",
)
BROAD = (
    "PublicPolicyException",
    "You can't attach a resource-based policy that allows broad access to the secret.",
)


@pytest.fixture(scope="module")
def _neighbour(shared_detent: RunningDetent) -> Iterator[None]:
    """A user of another account has an access key of this server."""
    house = House(Settings(shared_detent.data), RootKeyset.load(shared_detent.data / "keyset.json"))
    now = house.server.clock.now()
    reader = Identity(NEIGHBOUR, IdentityKind.USER, "reader", "AIDAREADER", now)

    def made(tx: Any) -> None:
        principal = Principal(NEIGHBOUR, USER, "AKIANEIGHBOUR", identity=tx.identities.add(reader).key)
        tx.access_keys.add(AccessKey(principal, SealedValue(b"never opened", "root"), now))

    house.store.write(made)
    yield
    house.close()


@pytest.mark.parametrize("good", GOOD)
def test_what_the_grammar_allows_is_accepted(client, name: str, good: str) -> None:
    client.put_resource_policy(SecretId=name, ResourcePolicy=good)
    assert client.get_resource_policy(SecretId=name)["ResourcePolicy"] == good
    validated = client.validate_resource_policy(ResourcePolicy=good)
    assert "policy-syntax" not in str(validated["ValidationErrors"])


@pytest.mark.parametrize("bad", [*NO_DOCUMENT, *SYNTAX_ERRORS], ids=lambda bad: bad[:120])
def test_what_the_grammar_does_not_allow_is_a_syntax_error(client, name: str, bad: str) -> None:
    with refused(SYNTAX_ERROR):
        client.put_resource_policy(SecretId=name, ResourcePolicy=bad)


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:secretsmanager:eu-west-1:000000000000:secret:*",
        "arn:aws:secretsmanager:us-east-1:111111111111:secret:*",
        "arn:aws:secretsmanager:us-east-1:000000000000:secret:other-??????",
        "arn:aws:secretsmanager:us-east-1:000000000000:secret:wire/?",
        "arn:aws:secretsmanager:*x*y*z",
    ],
)
def test_a_resource_that_cannot_mean_this_secret_is_a_syntax_error(client, name: str, arn: str, resource: str) -> None:
    for resources in (resource, [arn, resource]):
        with refused(SYNTAX_ERROR):
            client.put_resource_policy(SecretId=name, ResourcePolicy=document(statement(Resource=resources)))
    assert client.validate_resource_policy(ResourcePolicy=document(statement(Resource=resource)))[
        "PolicyValidationPassed"
    ]
    client.put_resource_policy(SecretId=name, ResourcePolicy=document(statement(Resource=[arn, arn[:-6] + "??????"])))


@pytest.mark.parametrize(
    "stranger",
    [
        {"AWS": STRANGER},
        {"AWS": f"arn:aws:iam::{STRANGER}:root"},
        {"AWS": f"arn:aws-cn:iam::{OWN}:root"},
        {"AWS": f"arn:aws:iam::{OWN}:user/nobody"},
        {"AWS": f"arn:aws:iam::{OWN}:role/*"},
        {"AWS": "AIDANOBODY"},
        {"AWS": ""},
        {"AWS": "\ud800"},
        {"AWS": [ROOT, STRANGER]},
        {"AWS": "\u0660" * 12},
        {"Federated": "cognito-identity.amazonaws.com"},
        {"Federated": "*"},
    ],
)
def test_a_principal_nobody_knows_is_refused(client, name: str, stranger) -> None:
    for element in ({"Principal": stranger}, {"Principal": None, "NotPrincipal": stranger}):
        with refused(PRINCIPAL):
            client.put_resource_policy(SecretId=name, ResourcePolicy=document(statement(**element)))


@pytest.mark.usefixtures("_neighbour")
@pytest.mark.parametrize("known", [NEIGHBOUR, f"arn:aws:iam::{NEIGHBOUR}:root", USER])
def test_an_account_and_a_user_with_an_access_key_are_known(client, name: str, known: str) -> None:
    client.put_resource_policy(SecretId=name, ResourcePolicy=document(statement(Principal={"AWS": known})))


@pytest.mark.parametrize("service", ["*", "lambda", "lambda.example.com", "Lambda.amazonaws.com", ".amazonaws.com"])
def test_a_service_principal_of_no_known_form_is_refused(client, name: str, service: str) -> None:
    with refused(SERVICE):
        client.put_resource_policy(
            SecretId=name, ResourcePolicy=document(statement(Principal={"Service": ["rds.amazonaws.com", service]}))
        )


@pytest.mark.usefixtures("_neighbour")
@pytest.mark.parametrize(
    "locks",
    [
        deny(),
        deny(Principal={"AWS": OWN}),
        deny(Principal={"AWS": [NEIGHBOUR, ROOT]}),
        deny(Action=PUT),
        deny(Action="SECRETSMANAGER:delete*policy"),
        deny(Action=None, NotAction=GET),
        deny(Principal=None, NotPrincipal={"AWS": NEIGHBOUR}),
        deny(Principal=None, NotPrincipal={"Service": "rds.amazonaws.com"}),
        deny(Resource="arn:aws:secretsmanager:us-east-1:*"),
        deny(Resource=None, NotResource="arn:aws:secretsmanager:us-east-1:000000000000:secret:other"),
    ],
)
def test_a_policy_that_locks_its_author_out_is_refused(client, name: str, locks) -> None:
    with refused(LOCKED_OUT):
        client.put_resource_policy(SecretId=name, ResourcePolicy=document(statement(), locks))


@pytest.mark.usefixtures("_neighbour")
@pytest.mark.parametrize(
    "harmless",
    [
        deny(Principal={"AWS": [NEIGHBOUR, USER]}),
        deny(Principal={"Service": "rds.amazonaws.com"}),
        deny(Action=[GET, "secretsmanager:DeleteSecret"]),
        deny(Action=None, NotAction="secretsmanager:*ResourcePolicy"),
        deny(Principal=None, NotPrincipal={"AWS": OWN}),
        deny(Principal=None, NotPrincipal={"AWS": ["*"]}),
        deny(Resource=None, NotResource="*"),
        deny(Condition={"Bool": {"aws:SecureTransport": "false"}}),
        deny(Effect="Allow"),
    ],
)
def test_a_policy_that_leaves_its_author_in_is_accepted(client, name: str, harmless) -> None:
    client.put_resource_policy(SecretId=name, ResourcePolicy=document(harmless))


BROAD_STATEMENTS = [
    statement(Principal="*"),
    statement(Principal={"AWS": [ROOT, "*"]}),
    statement(Principal=None, NotPrincipal={"AWS": ROOT}),
    narrowed("IpAddress", "aws:SourceIp", "192.0.2.1/32"),
    narrowed("StringLike", "aws:PrincipalArn", "arn:aws:iam::*:role/x"),
    narrowed("ArnLike", "aws:SourceArn", "arn:aws:s3:::bucke?"),
    narrowed("StringEquals", "aws:SourceAccount", [OWN, "*"]),
    narrowed("StringEquals", "aws:PrincipalOrgID", "${aws:username}"),
    narrowed("StringNotEquals", "aws:PrincipalAccount", OWN),
    narrowed("StringEqualsIfExists", "aws:SourceVpc", "vpc-1"),
    narrowed("ForAllValues:StringEquals", "aws:SourceVpc", "vpc-1"),
]
NARROWED_STATEMENTS = [
    statement(),
    deny(Action=GET),
    narrowed("StringEquals", "aws:SourceVpce", "vpce-1"),
    narrowed("StringEqualsIgnoreCase", "AWS:sourcevpc", ["vpc-1", "vpc-2"]),
    narrowed("ArnEquals", "aws:SourceArn", "arn:aws:s3:::bucket"),
    narrowed("ArnLike", "aws:PrincipalArn", ROOT),
    narrowed("StringLike", "aws:PrincipalOrgID", "o-1"),
    narrowed("ForAnyValue:StringEquals", "aws:PrincipalAccount", OWN),
]


@pytest.mark.parametrize("broad", BROAD_STATEMENTS)
def test_broad_access_is_refused_only_where_it_is_to_be_blocked(client, name: str, broad) -> None:
    text = document(statement(), broad)
    with refused(BROAD):
        client.put_resource_policy(SecretId=name, ResourcePolicy=text, BlockPublicPolicy=True)
    assert "ResourcePolicy" not in client.get_resource_policy(SecretId=name)
    client.put_resource_policy(SecretId=name, ResourcePolicy=text, BlockPublicPolicy=False)
    client.put_resource_policy(SecretId=name, ResourcePolicy=text)


@pytest.mark.parametrize("narrow", NARROWED_STATEMENTS)
def test_narrowed_access_is_not_broad(client, name: str, narrow) -> None:
    client.put_resource_policy(SecretId=name, ResourcePolicy=document(narrow), BlockPublicPolicy=True)
    assert client.validate_resource_policy(SecretId=name, ResourcePolicy=document(narrow))["PolicyValidationPassed"]


def validated(client: Any, text: str, **secret: str) -> list[tuple[str, str]]:
    """The failures, which must agree with whether the policy passed."""
    told = client.validate_resource_policy(ResourcePolicy=text, **secret)
    found = [(failure["CheckName"], failure["ErrorMessage"]) for failure in told["ValidationErrors"]]
    assert told["PolicyValidationPassed"] is (not found)
    return found


def test_a_good_policy_passes_validation_with_and_without_a_secret(client, name: str) -> None:
    assert validated(client, document()) == []
    assert validated(client, document(), SecretId=name) == []
    assert "ResourcePolicy" not in client.get_resource_policy(SecretId=name)


@pytest.mark.parametrize("bad", SYNTAX_ERRORS, ids=lambda bad: bad[:120])
def test_a_syntax_error_is_reported_by_validation(client, name: str, bad: str) -> None:
    for secret in ({}, {"SecretId": name}):
        assert ("policy-syntax", SYNTAX_ERROR[1]) in validated(client, bad, **secret)


@pytest.mark.parametrize("bad", NO_DOCUMENT, ids=lambda bad: bad[:120])
def test_what_is_no_json_object_is_refused_by_validation(client, name: str, bad: str) -> None:
    for secret in ({}, {"SecretId": name}):
        with refused(SYNTAX_ERROR):
            client.validate_resource_policy(ResourcePolicy=bad, **secret)


def test_validation_reports_all_that_is_wrong_at_once(client, name: str) -> None:
    bad = document(
        {"Effect": "Perhaps"},
        statement(Principal={"AWS": STRANGER, "Service": "nobody"}),
        statement(Principal={"AWS": "AIDANOBODY"}),
        statement(Principal="*"),
        deny(),
    )
    for secret in ({}, {"SecretId": name}):
        assert validated(client, bad, **secret) == [
            ("policy-syntax", SYNTAX_ERROR[1]),
            ("policy-syntax", PRINCIPAL[1]),
            ("policy-syntax", SERVICE[1]),
            ("broad-access", BROAD[1]),
            ("caller-lock-out", LOCKED_OUT[1]),
        ]


def test_validation_for_a_secret_minds_which_secret_it_is(client, name: str) -> None:
    elsewhere = "arn:aws:secretsmanager:us-east-1:000000000000:secret:other-??????"
    bad = document(deny(Resource=elsewhere))
    assert validated(client, bad) == [("caller-lock-out", LOCKED_OUT[1])]
    assert validated(client, bad, SecretId=name) == [("policy-syntax", SYNTAX_ERROR[1])]


@pytest.mark.parametrize(
    "slow",
    [
        statement(Resource="arn:" + "*a" * 200 + "*!"),
        statement(Resource="arn:" + "?*" * 200 + "!"),
        statement(Resource="arn:" + "*" * 20000 + "!"),
        statement(Resource=[f"arn:*{number:03}*" for number in range(1000)]),
        statement(Principal={"AWS": [f"{number:012}" for number in range(1, 1200)]}),
    ],
    ids=["letters", "questions", "stars", "resources", "accounts"],
)
def test_a_policy_made_to_be_slow_is_refused_at_once(client, slow) -> None:
    """A matcher that goes back and tries again would not end; the client's own timeout is the limit."""
    name = new_name("a" * 400)
    client.create_secret(Name=name)
    with pytest.raises(client.exceptions.MalformedPolicyDocumentException):
        client.put_resource_policy(SecretId=name, ResourcePolicy=document(slow))
    assert validated(client, document(slow), SecretId=name) != []
