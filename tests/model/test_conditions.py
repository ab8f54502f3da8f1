"""What each operator of a condition says, one row each; IAM's user guide, "IAM JSON policy elements: Condition"."""

from typing import Any

import pytest

from detent.model.condition import Condition, Operator, Quantifier
from detent.model.document import Effect, Statement

KELVIN = "\N{KELVIN SIGN}"  # its lower case is an ordinary k
LONG_S = "\N{LATIN SMALL LETTER LONG S}"


def holds(operator: str, wanted: Any, found: Any, **more: Any) -> bool:
    """Ask a condition on one key that has these values; None: it is absent."""
    values = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    given = None if found is None else (found,) if isinstance(found, str) else tuple(found)
    keys = {"aws:key": given, "aws:username": ("ann",), "aws:principaltag/team": ("a*",)}
    condition = Condition(Operator(operator), "aws:Key", values, **more)
    return condition.test(variables=True)(keys.get)


@pytest.mark.parametrize(
    ("operator", "wanted", "found", "expected"),
    [
        ("StringEquals", "ann", "ann", True),
        ("StringEquals", "ann", "Ann", False),
        ("StringEquals", ["bob", "ann"], "ann", True),
        ("StringEquals", "a*", "ann", False),
        ("StringNotEquals", "ann", "bob", True),
        ("StringNotEquals", ["ann", "bob"], "bob", False),
        ("StringEqualsIgnoreCase", "ANN", "ann", True),
        ("StringEqualsIgnoreCase", "ok", f"o{KELVIN}", False),
        ("StringEqualsIgnoreCase", "s", LONG_S, False),
        ("StringNotEqualsIgnoreCase", "ANN", "ann", False),
        ("StringLike", "a*", "ann", True),
        ("StringLike", "a?n", "ann", True),
        ("StringLike", "a?", "ann", False),
        ("StringLike", "*", "", True),
        ("StringLike", "*", "two\nlines", True),
        ("StringNotLike", "b*", "ann", True),
        ("StringEquals", "${aws:username}", "ann", True),
        ("StringEquals", "${aws:nobody}", "", False),
        ("StringEquals", "${aws:nobody, 'x'}", "x", True),
        ("StringLike", "${aws:PrincipalTag/team}", "abc", False),
        ("StringLike", "${aws:PrincipalTag/team}", "a*", True),
        ("StringEquals", "${*}", "*", True),
        ("NumericEquals", "1", "1.0", True),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericGreaterThan", "9", "10", True),
        ("NumericGreaterThanEquals", "10", "9", False),
        ("NumericNotEquals", "1", "2", True),
        ("NumericEquals", "1", "one", False),
        ("NumericEquals", "1", "nan", False),
        ("DateLessThan", "2026-03-10T00:00:00Z", "2026-03-09T23:59:59Z", True),
        ("DateLessThan", "2026-03-10T00:00:00+01:00", "2026-03-09T23:30:00Z", False),
        ("DateGreaterThan", "0", "2026-03-09T00:00:00Z", True),
        ("DateEquals", "2026-03-10T00:00:00Z", "2026-03-10", True),
        ("DateGreaterThanEquals", "2026-03-10T00:00:00Z", "not a date", False),
        ("Bool", "true", "true", True),
        ("Bool", "false", "true", False),
        ("BinaryEquals", "YWI=", "YWI=", True),
        ("BinaryEquals", "YWI=", "YWM=", False),
        ("IpAddress", "10.0.0.0/8", "10.1.2.3", True),
        ("IpAddress", "10.0.0.0/8", "11.1.2.3", False),
        ("IpAddress", "10.1.2.3", "10.1.2.3", True),
        ("IpAddress", "2001:db8::/32", "2001:db8::1", True),
        ("IpAddress", "10.0.0.0/8", "::ffff:10.1.2.3", False),
        ("NotIpAddress", "10.0.0.0/8", "11.1.2.3", True),
        ("ArnLike", "arn:aws:iam::*:user/*", "arn:aws:iam::000000000000:user/ann", True),
        ("ArnLike", "arn:aws:*:user/ann", "arn:aws:iam::000000000000:user/ann", False),  # each part on its own
        ("ArnEquals", "arn:aws:iam::000000000000:user/a*", "arn:aws:iam::000000000000:user/ann", True),
        ("ArnNotLike", "arn:aws:iam::*:user/*", "arn:aws:iam::000000000000:role/r", True),
        ("Null", "true", None, True),
        ("Null", "false", "x", True),
        ("Null", "true", "x", False),
    ],
)
def test_an_operator_compares(operator: str, wanted: Any, found: Any, expected: bool) -> None:
    assert holds(operator, wanted, found) is expected


@pytest.mark.parametrize(
    ("operator", "more", "expected"),
    [
        ("StringEquals", {}, False),
        ("StringEquals", {"if_exists": True}, True),
        ("StringNotEquals", {}, True),
        ("StringNotEquals", {"quantifier": Quantifier.ANY}, False),
        ("StringEquals", {"quantifier": Quantifier.ALL}, True),
        ("StringEquals", {"quantifier": Quantifier.ANY}, False),
        ("StringEquals", {"quantifier": Quantifier.ANY, "if_exists": True}, True),
        ("Bool", {}, False),
    ],
)
def test_an_absent_key(operator: str, more: dict[str, Any], expected: bool) -> None:
    assert holds(operator, "true", None, **more) is expected


@pytest.mark.parametrize(
    ("operator", "quantifier", "found", "expected"),
    [
        ("StringEquals", Quantifier.ALL, ["a", "b"], True),
        ("StringEquals", Quantifier.ALL, ["a", "c"], False),
        ("StringEquals", Quantifier.ANY, ["a", "c"], True),
        ("StringEquals", Quantifier.ANY, ["c"], False),
        ("StringNotEquals", Quantifier.ALL, ["c", "d"], True),
        ("StringNotEquals", Quantifier.ALL, ["a", "d"], False),
        ("StringNotEquals", Quantifier.ANY, ["a", "d"], True),
        ("StringEquals", None, ["c", "a"], True),
        ("StringNotEquals", None, ["c", "a"], False),
    ],
)
def test_a_key_of_several_values(operator: str, quantifier: Any, found: list[str], expected: bool) -> None:
    assert holds(operator, ["a", "b"], found, quantifier=quantifier) is expected


@pytest.mark.parametrize(
    ("statement", "action", "expected"),
    [
        (Statement(Effect.DENY, actions=("secretsmanager:Get*",)), "secretsmanager:GetSecretValue", True),
        (Statement(Effect.DENY, actions=("SECRETSMANAGER:get*",)), "secretsmanager:GetSecretValue", True),
        (Statement(Effect.DENY, actions=("secretsmanager:Get*",)), "secretsmanager:BatchGetSecretValue", False),
        (Statement(Effect.DENY, not_actions=("secretsmanager:Get*",)), "secretsmanager:PutSecretValue", True),
        (Statement(Effect.DENY, not_actions=("secretsmanager:*",)), "detent:CreateUser", True),
        (Statement(Effect.DENY, actions=(f"secretsmanager:Un{KELVIN}",)), "secretsmanager:Unk", False),
    ],
)
def test_an_action_is_covered_without_regard_to_ascii_case(statement: Statement, action: str, expected: bool) -> None:
    assert statement.covers(action) is expected


@pytest.mark.parametrize(
    ("effect", "pattern", "expected"),
    [
        (Effect.ALLOW, "arn:${aws:username}", False),
        (Effect.ALLOW, "arn:${aws:nobody}", False),  # what the request lacks must not widen an Allow
        (Effect.DENY, "arn:${aws:nobody}", True),
        (Effect.ALLOW, "arn:bob", True),
    ],
)
def test_not_resource_with_a_variable(effect: Effect, pattern: str, expected: bool) -> None:
    statement = Statement(effect, actions=("*",), not_resources=(pattern,))
    keys = {"aws:username": ("ann",)}
    assert statement.reach(variables=True)("arn:ann", keys.get) is expected


def test_before_2012_a_variable_is_text_like_any_other() -> None:
    statement = Statement(Effect.ALLOW, actions=("*",), resources=("arn:${aws:username}",))
    keys = {"aws:username": ("ann",)}
    assert statement.reach(variables=False)("arn:ann", keys.get) is False
    assert statement.reach(variables=False)("arn:${aws:username}", keys.get) is True
    assert statement.reach(variables=True)("arn:ann", keys.get) is True
