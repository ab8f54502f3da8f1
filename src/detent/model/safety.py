"""What makes a resource policy's statement unsafe: it lets everyone in, or it keeps its own author out (G.1)."""

from detent.model.condition import Condition, Operator, Quantifier
from detent.model.document import Effect, Statement
from detent.model.policy import Principal

# Conditions on these narrow a statement for everyone down to somebody. The list is the reference's Choice.
_NARROWING_KEYS = {
    "aws:sourcearn",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:sourceaccount",
    "aws:principalarn",
    "aws:principalaccount",
    "aws:principalorgid",
}
_NARROWING_OPERATORS = {
    Operator.STRING_EQUALS,
    Operator.STRING_EQUALS_IGNORE_CASE,
    Operator.STRING_LIKE,
    Operator.ARN_EQUALS,
    Operator.ARN_LIKE,
}
_MANAGING = ("secretsmanager:PutResourcePolicy", "secretsmanager:DeleteResourcePolicy")


def is_broad(statement: Statement) -> bool:
    """Whether a statement allows everyone, or everyone but some, and no condition narrows it."""
    if statement.effect is not Effect.ALLOW:
        return False
    anyone = bool(statement.not_principals) or any(named.is_anyone for named in statement.principals)
    return anyone and not any(_narrows(condition) for condition in statement.conditions)


def _narrows(condition: Condition) -> bool:
    """Whether a condition fails for all but fixed values, and fails when its key is absent."""
    if condition.if_exists or condition.quantifier is Quantifier.ALL:
        return False
    if condition.operator not in _NARROWING_OPERATORS or condition.key.lower() not in _NARROWING_KEYS:
        return False
    return not any(sign in value for value in condition.values for sign in ("*", "?", "${"))


def locks_out(statement: Statement, caller: Principal, arn: str | None) -> bool:
    """Whether a statement denies the caller to put or to delete the policy of the secret with this ARN.

    Without an ARN the statement is taken to be about it. Which statements count is a Choice: those without conditions,
    for whether one holds may change from call to call, and those about either of the two actions.
    """
    return (
        statement.effect is Effect.DENY
        and not statement.conditions
        and statement.concerns(caller)
        and any(statement.covers(action) for action in _MANAGING)
        and (arn is None or statement.may_reach(arn))
    )
