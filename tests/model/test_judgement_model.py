"""`judge` answers as the plain reference model does, on policies and requests that often meet and often do not."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detent.model.judgement import PolicyKind, Source, judge
from detent.model.policy import Ask, Principal
from detent.service.documents import DocumentKind, opened, parsed
from model import reference

HERE, THERE = "0" * 12, "1" * 12
SECRET = f"arn:aws:secretsmanager:us-east-1:{HERE}:secret:"
OPERATIONS = ["GetSecretValue", "PutSecretValue", "DescribeSecret"]
ACTIONS = st.sampled_from(
    [
        *(f"secretsmanager:{name}" for name in OPERATIONS),
        "secretsmanager:*",
        "SecretsManager:get*",
        "*",
        "secretsmanager:?etSecret*",
    ]
)
RESOURCES = st.sampled_from(
    [
        "*",
        "arn:aws:secretsmanager:*:*:secret:*",
        *(f"{SECRET}{rest}" for rest in ("a-??????", "b-*", "${aws:username}-*", "${aws:PrincipalTag/t}*")),
        *(f"{SECRET}{rest}" for rest in ("${aws:PrincipalTag/t, 'b'}-*", "${*}")),
    ]
)
USER = f"arn:aws:iam::{HERE}:user/a"
ROLE = f"arn:aws:iam::{HERE}:role/r"
SESSION = f"arn:aws:sts::{HERE}:assumed-role/r/s"
OTHERS = f"arn:aws:iam::{THERE}:user/a"
PRINCIPALS = st.lists(
    st.sampled_from(["*", HERE, THERE, f"arn:aws:iam::{HERE}:root", USER, ROLE, SESSION, OTHERS]),
    min_size=1,
    max_size=2,
)
TEXTS = st.sampled_from(["a", "A", "b", "a*", "?", "${aws:username}", "${*}", "${aws:PrincipalTag/t}"])
NUMBERS = st.sampled_from(["1", "2", "2.0", "-1"])
ARNS = st.sampled_from([USER, ROLE, "arn:aws:iam::*:user/*", "arn:*:*:*:*:*", "arn:aws:iam", "*"])
STRINGS = ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase"]
NUMERIC = [f"Numeric{name}" for name in ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan")]
QUANTIFIERS = st.sampled_from(["", "", "ForAllValues:", "ForAnyValue:"])
SUFFIX = st.sampled_from(["", "", "IfExists"])


def wanted(texts: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(texts, min_size=1, max_size=2)


def condition(operators: list[str], keys: list[str], texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    operator = st.builds("{}{}{}".format, QUANTIFIERS, st.sampled_from(operators), SUFFIX)
    return st.dictionaries(operator, st.dictionaries(st.sampled_from(keys), wanted(texts), min_size=1), max_size=1)


CONDITIONS = st.one_of(
    st.just({}),
    condition(STRINGS, ["aws:username", "aws:PrincipalTag/t", "aws:TagKeys"], TEXTS),
    condition(NUMERIC, ["secretsmanager:RecoveryWindowInDays"], NUMBERS),
    condition(["ArnLike", "ArnNotLike", "ArnEquals"], ["aws:PrincipalArn"], ARNS),
    condition(["Bool"], ["aws:SecureTransport"], st.sampled_from(["true", "false", "True"])),
    st.just({"Null": {"aws:TagKeys": ["true"]}}),
    st.just({"Null": {"aws:TagKeys": ["false"]}}),
)


@st.composite
def statements(draw: st.DrawFn, *, principal: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Allow", "Deny"]))}
    made[draw(st.sampled_from(["Action", "Action", "Action", "NotAction"]))] = draw(wanted(ACTIONS))
    made[draw(st.sampled_from(["Resource", "Resource", "Resource", "NotResource"]))] = draw(wanted(RESOURCES))
    made["Condition"] = draw(CONDITIONS)
    if principal:
        element = draw(st.sampled_from(["Principal", "Principal", "Principal", "NotPrincipal"]))
        made[element] = {"AWS": draw(PRINCIPALS)}
    if "NotResource" in made and made["Effect"] == "Deny" and principal and "NotPrincipal" in made:
        del made["NotResource"]
        made["Resource"] = ["*"]
    return made


def documents(*, principal: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "Version": st.sampled_from(["2012-10-17", "2012-10-17", "2008-10-17"]),
            "Statement": st.lists(statements(principal=principal), min_size=1, max_size=3),
        }
    )


CALLERS = st.sampled_from(
    [
        {"account": HERE, "arn": f"arn:aws:iam::{HERE}:root", "role": None, "root": True},
        {"account": HERE, "arn": USER, "role": None, "root": False},
        {"account": HERE, "arn": SESSION, "role": ROLE, "root": False},
        {"account": THERE, "arn": OTHERS, "role": None, "root": False},
        {"account": THERE, "arn": f"arn:aws:iam::{THERE}:root", "role": None, "root": True},
    ]
)
KEYS = st.fixed_dictionaries(
    {"aws:principalarn": st.sampled_from([(USER,), (ROLE,)])},
    optional={
        "aws:username": st.sampled_from([("a",), ("b",), ("*",)]),
        "aws:principaltag/t": st.sampled_from([("a",), ("b",), ("a", "b"), ("?",)]),
        "aws:tagkeys": st.sampled_from([("a",), ("a", "b"), ("A", "b"), ()]),
        "secretsmanager:recoverywindowindays": st.sampled_from([("1",), ("2",)]),
        "aws:securetransport": st.sampled_from([("true",), ("false",)]),
    },
)
ASKS = st.fixed_dictionaries(
    {
        "action": st.sampled_from([f"secretsmanager:{name}" for name in OPERATIONS]),
        "resource": st.sampled_from([f"{SECRET}a-abcdef", f"{SECRET}b-abcdef", f"{SECRET}*"]),
        "account": st.just(HERE),
        "keys": KEYS,
    }
)


def source(kind: PolicyKind, document: dict[str, Any]) -> Source:
    meant = DocumentKind.RESOURCE if kind is PolicyKind.RESOURCE else DocumentKind.IDENTITY
    return Source(kind, "p", parsed(opened(json.dumps(document)), meant))


@settings(max_examples=2500, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    CALLERS,
    ASKS,
    st.lists(documents(), max_size=2),
    st.none() | documents(principal=True),
    st.none() | st.lists(documents(), max_size=1),
)
def test_the_evaluator_answers_as_the_plain_model_does(
    caller: dict[str, Any],
    ask: dict[str, Any],
    identity: list[dict[str, Any]],
    resource: dict[str, Any] | None,
    session: list[dict[str, Any]] | None,
) -> None:
    if caller["role"] is None:
        session = None
    if caller["root"]:
        identity = []
    verdict = judge(
        Principal(caller["account"], caller["arn"], "AKIA", role=caller["role"]),
        Ask(ask["action"], ask["resource"], ask["account"], context=ask["keys"].get),
        identity=[source(PolicyKind.IDENTITY, document) for document in identity],
        resource=None if resource is None else source(PolicyKind.RESOURCE, resource),
        session=None if session is None else [source(PolicyKind.SESSION, document) for document in session],
    )
    assert verdict.allowed is reference.may(caller, ask, identity, resource, session)
