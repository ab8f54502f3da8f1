"""Reading policy documents: what comes of a good one, and that a bad one is never anything but malformed."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.model.condition import Condition, Operator, Quantifier
from detent.model.document import Document, Effect, NamedPrincipal, PrincipalKind, Statement
from detent.model.errors import MalformedPolicy
from detent.service.documents import opened, parsed, sound_statements

ROOT = "arn:aws:iam::000000000000:root"
ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:a-??????"


def test_a_document_is_read_as_it_is_written() -> None:
    text = f"""{{
      "Version": "2012-10-17",
      "Id": "an id",
      "Statement": [
        {{
          "Sid": "first",
          "Effect": "Allow",
          "Principal": {{"AWS": ["{ROOT}", "*"], "Service": "rds.amazonaws.com", "Federated": "example.com"}},
          "Action": ["secretsmanager:Get*", "*"],
          "Resource": "{ARN}",
          "Condition": {{
            "ForAnyValue:StringLikeIfExists": {{"aws:TagKeys": ["a", "b*"]}},
            "NumericLessThan": {{"secretsmanager:RecoveryWindowInDays": [7, "8", 9.50]}},
            "Bool": {{"aws:SecureTransport": false}}
          }}
        }},
        {{"Effect": "Deny", "NotPrincipal": {{"AWS": "000000000000"}}, "NotAction": "*", "NotResource": "*"}}
      ]
    }}"""
    aws = PrincipalKind.AWS
    assert parsed(opened(text)) == Document(
        "2012-10-17",
        (
            Statement(
                Effect.ALLOW,
                principals=(
                    NamedPrincipal(aws, ROOT),
                    NamedPrincipal(aws, "*"),
                    NamedPrincipal(PrincipalKind.SERVICE, "rds.amazonaws.com"),
                    NamedPrincipal(PrincipalKind.FEDERATED, "example.com"),
                ),
                actions=("secretsmanager:Get*", "*"),
                resources=(ARN,),
                conditions=(
                    Condition(Operator.STRING_LIKE, "aws:TagKeys", ("a", "b*"), Quantifier.ANY, if_exists=True),
                    Condition(Operator.NUMERIC_LESS_THAN, "secretsmanager:RecoveryWindowInDays", ("7", "8", "9.50")),
                    Condition(Operator.BOOL, "aws:SecureTransport", ("false",)),
                ),
                sid="first",
            ),
            Statement(
                Effect.DENY,
                not_principals=(NamedPrincipal(aws, "000000000000"),),
                not_actions=("*",),
                not_resources=("*",),
            ),
        ),
        "an id",
    )


def test_a_lone_statement_and_an_absent_version_are_read() -> None:
    text = '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}'
    anyone = (NamedPrincipal(PrincipalKind.AWS, "*"),)
    statement = Statement(Effect.ALLOW, principals=anyone, actions=("*",), resources=("*",))
    assert parsed(opened(text)) == Document("2008-10-17", (statement,))


def test_sound_statements_are_read_beside_others() -> None:
    good = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
    members = opened(json.dumps({"Version": "none", "Statement": [7, good, {**good, "Effect": "Perhaps"}]}))
    assert [found.effect for found in sound_statements(members)] == [Effect.DENY]
    with pytest.raises(MalformedPolicy):
        parsed(members)


def readable(text: str) -> None:
    """Read in every way there is; only the one error may come of it."""
    with suppress(MalformedPolicy):
        members = opened(text)
        statements = sound_statements(members)
        assert parsed(members).statements == statements


@given(st.text())
def test_no_text_whatsoever_raises_anything_else(text: str) -> None:
    readable(text)


WORDS = st.sampled_from(
    [
        *("Version", "Id", "Statement", "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction"),
        *("Resource", "NotResource", "Condition", "AWS", "Service", "Federated", "Allow", "Deny", "2012-10-17", "*"),
        *("secretsmanager:*", ROOT, ARN, "StringEquals", "ForAnyValue:NumericEquals", "IpAddress", "DateEquals"),
        *("aws:SourceIp", "192.0.2.0/24", "true", "7", "${aws:x}", "\ud800", ""),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(), inner, max_size=4),
    max_leaves=12,
)
STATEMENTS = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Principal": st.just("*") | st.dictionaries(WORDS, WORDS | JSON, max_size=2),
        "Action": st.just("*") | WORDS | JSON,
        "Resource": st.just("*") | WORDS | JSON,
    },
    optional={
        "Condition": st.dictionaries(WORDS, st.dictionaries(WORDS, WORDS | JSON, max_size=2), max_size=2),
        "Sid": WORDS | JSON,
    },
)


@settings(max_examples=400)
@given(
    JSON | st.fixed_dictionaries({"Statement": st.lists(STATEMENTS | JSON, max_size=2)}, optional={"Version": WORDS})
)
def test_no_json_whatsoever_raises_anything_else(document: object) -> None:
    readable(json.dumps(document))


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"Statement":['])
def test_the_deepest_nesting_that_fits_is_malformed(opening: str) -> None:
    with pytest.raises(MalformedPolicy):
        parsed(opened(opening * (20480 // len(opening))))


@pytest.mark.parametrize("number", ["1" * 20000, "-" + "9" * 5000, "1e999999", "1." + "0" * 20000])
def test_a_number_of_any_length_is_read_as_its_text(number: str) -> None:
    text = '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": '
    statement = parsed(opened(f'{text}{{"StringEquals": {{"a:b": {number}}}}}}}}}')).statements[0]
    assert statement.conditions[0].values == (number,)
