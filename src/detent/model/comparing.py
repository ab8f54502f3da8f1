"""How a condition's operators compare a value of the request with one of the policy.

A value that is not of the operator's kind compares well with nothing: a Choice, for AWS does not say.
"""

import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from operator import eq, ge, gt, le, lt
from typing import Any

from detent.model.pattern import filler, folded, literal, matcher, resolved_matcher
from detent.model.policy import Context

_ARN_PARTS = 6
_NEGATED = ("StringNot", "NumericNot", "DateNot", "NotIp", "ArnNot")

Comparison = Callable[[str, str], bool]  # the request's value, the policy's


def is_negated(operator: str) -> bool:
    """Whether the operator says what must not be."""
    return operator.startswith(_NEGATED)


def comparer(operator: str, wanted: str, *, variables: bool) -> Callable[[str, Context], bool]:
    """Give what compares a request's value with the policy's, a negated operator taken for its opposite."""
    comparison, is_pattern = _OPERATORS[operator]
    if not variables or "${" not in wanted:
        return lambda value, _context: comparison(value, wanted)
    fill, compares = filler(wanted), _PATTERNED[operator] if is_pattern else comparison

    def compare(value: str, context: Context) -> bool:
        resolved = fill(context)
        return resolved is not None and compares(value, resolved if is_pattern else literal(resolved))

    return compare


def _like(value: str, pattern: str) -> bool:
    return bool(matcher(pattern)(value))


def _like_resolved(value: str, pattern: str) -> bool:
    return bool(resolved_matcher(pattern)(value))


def _arn_like(value: str, pattern: str) -> bool:
    return _by_parts(value, pattern, _like)


def _arn_like_resolved(value: str, pattern: str) -> bool:
    return _by_parts(value, pattern, _like_resolved)


def _by_parts(value: str, pattern: str, like: Comparison) -> bool:
    """AWS: each of an ARN's six parts is compared on its own."""
    parts, patterns = (text.split(":", _ARN_PARTS - 1) for text in (value, pattern))
    return len(parts) == len(patterns) == _ARN_PARTS and all(map(like, parts, patterns))


def _ignoring_case(value: str, wanted: str) -> bool:
    return folded(value) == folded(wanted)


def _parsed(parse: Callable[[str], Any], compares: Callable[[Any, Any], bool]) -> Comparison:
    def comparison(value: str, wanted: str) -> bool:
        left, right = parse(value), parse(wanted)
        return left is not None and right is not None and compares(left, right)

    return comparison


@lru_cache(maxsize=1024)
def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


@lru_cache(maxsize=1024)
def _moment(text: str) -> datetime | None:
    try:
        number = _number(text)
        if number is not None:
            return datetime.fromtimestamp(float(number), UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _binary(text: str) -> bytes | None:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        return None


def _in_network(value: str, wanted: str) -> bool:
    network = _network(wanted)
    try:
        return network is not None and ip_address(value) in network
    except ValueError:
        return False


@lru_cache(maxsize=1024)
def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _ordered(kind: str, parse: Callable[[str], Any]) -> Mapping[str, tuple[Comparison, bool]]:
    orders = {"LessThan": lt, "LessThanEquals": le, "GreaterThan": gt, "GreaterThanEquals": ge}
    compares = {"Equals": eq, "NotEquals": eq, **orders}
    return {f"{kind}{name}": (_parsed(parse, order), False) for name, order in compares.items()}


# Operator -> what compares, and whether the policy's value is a pattern.
_OPERATORS: Mapping[str, tuple[Comparison, bool]] = {
    "StringEquals": (eq, False),
    "StringNotEquals": (eq, False),
    "StringEqualsIgnoreCase": (_ignoring_case, False),
    "StringNotEqualsIgnoreCase": (_ignoring_case, False),
    "StringLike": (_like, True),
    "StringNotLike": (_like, True),
    **_ordered("Numeric", _number),
    **_ordered("Date", _moment),
    "Bool": (_ignoring_case, False),
    "BinaryEquals": (_parsed(_binary, eq), False),
    "IpAddress": (_in_network, False),
    "NotIpAddress": (_in_network, False),
    "ArnEquals": (_arn_like, True),
    "ArnLike": (_arn_like, True),
    "ArnNotEquals": (_arn_like, True),
    "ArnNotLike": (_arn_like, True),
}
_PATTERNED: Mapping[str, Comparison] = {
    name: _like_resolved if comparison is _like else _arn_like_resolved
    for name, (comparison, is_pattern) in _OPERATORS.items()
    if is_pattern
}
