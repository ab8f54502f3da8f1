"""One condition of a policy statement: an operator, a key of the request's context, and values to compare with."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_network

from detent.model.comparing import comparer, is_negated
from detent.model.pattern import folded
from detent.model.policy import NO_CONTEXT, Context

_VALUES_KEPT = 64  # of a key, in each condition: what it gave for them


class Operator(StrEnum):
    """How a key's value is compared; the values are the grammar's words."""

    STRING_EQUALS = "StringEquals"
    STRING_NOT_EQUALS = "StringNotEquals"
    STRING_EQUALS_IGNORE_CASE = "StringEqualsIgnoreCase"
    STRING_NOT_EQUALS_IGNORE_CASE = "StringNotEqualsIgnoreCase"
    STRING_LIKE = "StringLike"
    STRING_NOT_LIKE = "StringNotLike"
    NUMERIC_EQUALS = "NumericEquals"
    NUMERIC_NOT_EQUALS = "NumericNotEquals"
    NUMERIC_LESS_THAN = "NumericLessThan"
    NUMERIC_LESS_THAN_EQUALS = "NumericLessThanEquals"
    NUMERIC_GREATER_THAN = "NumericGreaterThan"
    NUMERIC_GREATER_THAN_EQUALS = "NumericGreaterThanEquals"
    DATE_EQUALS = "DateEquals"
    DATE_NOT_EQUALS = "DateNotEquals"
    DATE_LESS_THAN = "DateLessThan"
    DATE_LESS_THAN_EQUALS = "DateLessThanEquals"
    DATE_GREATER_THAN = "DateGreaterThan"
    DATE_GREATER_THAN_EQUALS = "DateGreaterThanEquals"
    BOOL = "Bool"
    BINARY_EQUALS = "BinaryEquals"
    IP_ADDRESS = "IpAddress"
    NOT_IP_ADDRESS = "NotIpAddress"
    ARN_EQUALS = "ArnEquals"
    ARN_LIKE = "ArnLike"
    ARN_NOT_EQUALS = "ArnNotEquals"
    ARN_NOT_LIKE = "ArnNotLike"
    NULL = "Null"

    def admits(self, value: str) -> bool:
        """Whether the value is of the operator's kind; a policy variable may become anything."""
        kind = self.removeprefix("Not")
        form = next((form for start, form in _FORMS.items() if kind.startswith(start)), None)
        return form is None or "${" in value or form(value)


class Quantifier(StrEnum):
    """How many of a key's several values must compare well."""

    ALL = "ForAllValues"  # also true when the key has none
    ANY = "ForAnyValue"


@dataclass(frozen=True, slots=True)
class Condition:
    """True when the key compares well with one of the values. Keys are told apart without their case."""

    operator: Operator
    key: str
    values: tuple[str, ...]
    quantifier: Quantifier | None = None
    if_exists: bool = False  # also true when the key is absent

    def test(self, *, variables: bool) -> Callable[[Context], bool]:
        """Give what tells whether it is true of a request.

        AWS: a negated operator holds for an absent key (IAM guide, conditions). Without a quantifier, of several values
        any may do, and of a negated operator all must: a Choice.
        """
        key, negated = folded(self.key), is_negated(self.operator)
        if self.operator is Operator.NULL:
            truths = set(map(folded, self.values))
            return lambda context: folded(str(not context(key))) in truths
        compares = [comparer(self.operator, wanted, variables=variables) for wanted in self.values]
        every = self.quantifier is Quantifier.ALL or (self.quantifier is None and negated)
        absent = every or self.if_exists

        def compare_well(found: tuple[str, ...], context: Context) -> bool:
            if not found:
                return absent
            for value in found:
                good = any(compare(value, context) for compare in compares)
                if (good != negated) != every:
                    return not every
            return every

        if variables and any("${" in wanted for wanted in self.values):
            return lambda context: compare_well(context(key) or (), context)
        known = lru_cache(_VALUES_KEPT)(lambda found: compare_well(found, NO_CONTEXT))  # it hangs on nothing else
        return lambda context: known(context(key) or ())


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(\.\d+)?", text, re.ASCII) is not None


def _is_truth(text: str) -> bool:
    return text.lower() in {"true", "false"}


def _is_date(text: str) -> bool:
    return _is_number(text) or _parses(datetime.fromisoformat, text)  # or seconds since 1970


def _is_network(text: str) -> bool:
    return _parses(lambda value: ip_network(value, strict=False), text)


def _parses(parser: Callable[[str], object], text: str) -> bool:
    try:
        parser(text)
    except ValueError:
        return False
    return True


_FORMS: Mapping[str, Callable[[str], bool]] = {
    "Numeric": _is_number,
    "Date": _is_date,
    "Bool": _is_truth,
    "Null": _is_truth,
    "IpAddress": _is_network,
}
