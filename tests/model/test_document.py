"""Whom and what a statement is about."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detent.model.document import Effect, NamedPrincipal, PrincipalKind, Statement, matches
from detent.model.policy import Principal

ACCOUNT, OTHER = "000000000000", "111111111111"
ROOT = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", "AKIAROOT")
USER = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/u", "AKIAUSER")
ARN = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:a/b-xxxxxx"


def named(*names: str, kind: PrincipalKind = PrincipalKind.AWS) -> tuple[NamedPrincipal, ...]:
    return tuple(NamedPrincipal(kind, name) for name in names)


@pytest.mark.parametrize(
    ("names", "root", "user"),
    [
        (("*",), True, True),
        ((ACCOUNT,), True, True),
        ((ROOT.arn,), True, True),
        ((USER.arn,), False, True),
        ((OTHER, USER.arn), False, True),
        ((OTHER, f"arn:aws:iam::{OTHER}:root", f"{USER.arn}2"), False, False),
    ],
)
def test_a_principal_means_its_account_its_user_or_everyone(names, root: bool, user: bool) -> None:
    statement = Statement(Effect.DENY, principals=named(*names))
    assert (statement.concerns(ROOT), statement.concerns(USER)) == (root, user)


@pytest.mark.parametrize(
    ("names", "root", "user"),
    [
        (("*",), False, False),
        ((ACCOUNT,), False, True),
        ((ROOT.arn,), False, True),
        ((USER.arn,), True, True),
        ((USER.arn, ACCOUNT), False, False),
        ((OTHER,), True, True),
    ],
)
def test_a_user_is_excepted_only_together_with_the_account(names, root: bool, user: bool) -> None:
    statement = Statement(Effect.DENY, not_principals=named(*names))
    assert (statement.concerns(ROOT), statement.concerns(USER)) == (root, user)


@pytest.mark.parametrize("kind", [PrincipalKind.SERVICE, PrincipalKind.FEDERATED])
def test_a_principal_of_another_kind_is_no_caller(kind: PrincipalKind) -> None:
    names = named("*", ACCOUNT, ROOT.arn, kind=kind)
    assert not Statement(Effect.DENY, principals=names).concerns(ROOT)
    assert Statement(Effect.DENY, not_principals=names).concerns(ROOT)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (("*",), True),
        (("secretsmanager:*",), True),
        (("secretsmanager:get*",), True),
        (("SECRETSMANAGER:GETSECRETVALU?",), True),
        (("secretsmanager:Put*", "secretsmanager:GetSecretValue"), True),
        (("secretsmanager:Put*", "secretsmanager:GetSecret"), False),
    ],
)
def test_actions_are_patterns_without_case(patterns: tuple[str, ...], expected: bool) -> None:
    asked = "secretsmanager:GetSecretValue"
    assert Statement(Effect.ALLOW, actions=patterns).covers(asked) is expected
    assert Statement(Effect.ALLOW, not_actions=patterns).covers(asked) is not expected


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (("*",), True),
        ((ARN,), True),
        ((ARN[:-6] + "??????",), True),
        (("arn:aws:secretsmanager:*:secret:a/*",), True),
        ((ARN[:-7],), False),
        ((ARN.upper(),), False),
    ],
)
def test_resources_are_patterns_with_case(patterns: tuple[str, ...], expected: bool) -> None:
    assert Statement(Effect.ALLOW, resources=patterns).may_reach(ARN) is expected
    assert Statement(Effect.ALLOW, not_resources=patterns).may_reach(ARN) is not expected


def test_a_policy_variable_may_become_anything() -> None:
    pattern = ARN.replace(ACCOUNT, "${aws:PrincipalAccount}")
    assert Statement(Effect.ALLOW, resources=(pattern,)).may_reach(ARN)
    assert Statement(Effect.ALLOW, not_resources=(pattern,)).may_reach(ARN)


@given(st.text("ab?*.[\\\n"), st.text("ab.[\\\n"))
def test_a_pattern_matches_what_its_plain_meaning_matches(pattern: str, text: str) -> None:
    plain = "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in pattern[:8])
    assert matches(pattern[:8], text) is (re.fullmatch(plain, text, re.DOTALL) is not None)


@given(st.text(string.printable))
def test_a_text_without_wildcards_matches_itself_and_stars_match_anything(text: str) -> None:
    fixed = text.replace("*", "").replace("?", "")
    assert matches(fixed, fixed)
    assert not matches(fixed, f"{fixed}x")
    assert matches("*", text)
    assert matches("**", text)
