"""Reading a policy document: IAM's grammar, as far as each kind of document can use it (G.1).

Elements are told apart by their case, and an empty list is refused where one entry is needed: both are Choices.
"""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum
from functools import lru_cache
from typing import Any, NoReturn, TypeVar

from detent.model.condition import Condition, Operator, Quantifier
from detent.model.document import ANYTHING, Document, Effect, NamedPrincipal, PrincipalKind, Statement
from detent.model.errors import MalformedPolicy

T = TypeVar("T")
Members = Mapping[str, Any]

_VERSIONS = ("2008-10-17", "2012-10-17")  # the first holds when none is given
_DOCUMENT = {"Version", "Id", "Statement"}
_SECRET_ARN = "arn:aws:secretsmanager:"


class DocumentKind(Enum):
    """What a document is for: the elements its statements have, and the actions they can be about."""

    # Choice: an action of another service is refused, because it can mean nothing here and is likely a slip.
    RESOURCE = (("Principal", "Action", "Resource"), r"\*|secretsmanager:[a-z0-9*?]+")
    IDENTITY = (("Action", "Resource"), r"\*|[a-z0-9-]+:[a-z0-9*?]+")  # a session's too
    TRUST = (("Principal", "Action"), r"\*|sts:[a-z0-9*?]+")
    FUNCTION = (("Principal", "Action", "Resource"), r"\*|lambda:[a-z0-9*?]+")

    def __init__(self, paired: tuple[str, ...], action: str) -> None:
        """Take the elements of which each statement has one, or its opposite, and the form of an action."""
        self.paired = paired
        self.action = re.compile(action, re.ASCII | re.IGNORECASE)
        self.elements = {"Sid", "Effect", "Condition", *paired, *(f"Not{element}" for element in paired)}


_KEPT = 4096  # documents that were read


_WILD = re.compile(r"[*?$]")
_CONDITION_KEY = re.compile(r"[^\s:]+:.+")
_OPERATOR = re.compile(r"(?:(?P<quantifier>ForAllValues|ForAnyValue):)?(?P<name>\w+?)(?P<if_exists>IfExists)?")


class _Number(str):
    """A JSON number as it was written, which is how a condition compares it; nowhere else may one stand."""

    __slots__ = ()


def opened(text: str) -> Members:
    """Read a text as one JSON object. Raises MalformedPolicy; so do members given twice, which mean no one thing."""
    try:
        members = json.loads(
            text, object_pairs_hook=_once_each, parse_int=_Number, parse_float=_Number, parse_constant=_refuse
        )
    except (ValueError, RecursionError):
        raise MalformedPolicy from None
    if not isinstance(members, dict):
        raise MalformedPolicy
    return members


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedPolicy
    return members


def _refuse(_: str) -> NoReturn:
    raise MalformedPolicy


@lru_cache(maxsize=_KEPT)
def compiled(text: str, kind: DocumentKind) -> Document:
    """Read a text that was checked when it was kept; the same text again costs nothing. Raises MalformedPolicy."""
    return parsed(opened(text), kind)


def parsed(members: Members, kind: DocumentKind = DocumentKind.RESOURCE) -> Document:
    """Read the whole document. Raises MalformedPolicy."""
    _members(members, _DOCUMENT)
    statements = tuple(_statement(raw, kind) for raw in _listed(members.get("Statement")))
    sids = [statement.sid for statement in statements if statement.sid]
    if not statements or len(set(sids)) != len(sids) or members.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise MalformedPolicy
    return Document(members.get("Version", _VERSIONS[0]), statements, _text(members.get("Id")))


def sound_statements(members: Members) -> tuple[Statement, ...]:
    """Read what statements can be read, whatever else is wrong with the document."""
    found = []
    for raw in _listed(members.get("Statement")):
        with suppress(MalformedPolicy):
            found.append(_statement(raw, DocumentKind.RESOURCE))
    return tuple(found)


def _listed(raw: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return raw if isinstance(raw, list) else [raw]


def _members(raw: Any, known: set[str] | None = None) -> Members:  # noqa: ANN401 - JSON
    """Give an object's members; none may be null, so that what `get` does not find is absent."""
    if not isinstance(raw, dict) or None in raw.values() or (known is not None and not known.issuperset(raw)):
        raise MalformedPolicy
    return raw


def _text(raw: Any) -> str | None:  # noqa: ANN401 - JSON
    if raw is not None and type(raw) is not str:
        raise MalformedPolicy
    return raw


def _texts(raw: Any) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    items = _listed(raw)
    if not items or not all(type(item) is str for item in items):
        raise MalformedPolicy
    return tuple(items)


def _statement(raw: Any, kind: DocumentKind) -> Statement:  # noqa: ANN401 - JSON
    members = _members(raw, kind.elements)
    if any((element in members) == (f"Not{element}" in members) for element in kind.paired):
        raise MalformedPolicy
    return Statement(
        _word(Effect, members.get("Effect")),
        _principals(members.get("Principal")),
        _principals(members.get("NotPrincipal")),
        _actions(members.get("Action"), kind),
        _actions(members.get("NotAction"), kind),
        _resources(members.get("Resource"), kind),
        _resources(members.get("NotResource"), kind),
        _conditions(members.get("Condition", {})),
        _text(members.get("Sid")),
    )


def _word(word: Callable[[Any], T], raw: Any) -> T:  # noqa: ANN401 - JSON
    try:
        return word(raw)
    except ValueError:
        raise MalformedPolicy from None


def _principals(raw: Any) -> tuple[NamedPrincipal, ...]:  # noqa: ANN401 - JSON
    if raw is None:
        return ()
    kinds = {PrincipalKind.AWS.value: ANYTHING} if raw == ANYTHING else _members(raw)
    names = [
        NamedPrincipal(_word(PrincipalKind, kind), name) for kind, listed in kinds.items() for name in _texts(listed)
    ]
    if not names:
        raise MalformedPolicy
    return tuple(names)


def _actions(raw: Any, kind: DocumentKind) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    actions = () if raw is None else _texts(raw)
    if not all(kind.action.fullmatch(action) for action in actions):
        raise MalformedPolicy
    return actions


def _resources(raw: Any, kind: DocumentKind) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    resources = () if raw is None else _texts(raw)
    is_meant = _may_be_a_secret if kind is DocumentKind.RESOURCE else _may_be_an_arn
    if not all(resource == ANYTHING or is_meant(resource) for resource in resources):
        raise MalformedPolicy
    return resources


def _may_be_an_arn(resource: str) -> bool:
    return resource.startswith("arn:")


def _may_be_a_secret(resource: str) -> bool:
    """Say whether an ARN, as far as it is fixed, is one of a secret."""
    fixed = _WILD.split(resource)[0]
    return resource.startswith("arn:") and (fixed.startswith(_SECRET_ARN) or _SECRET_ARN.startswith(fixed))


def _conditions(raw: Any) -> tuple[Condition, ...]:  # noqa: ANN401 - JSON
    return tuple(
        _condition(operator, key, values)
        for operator, keys in _members(raw).items()
        for key, values in _members(keys).items()
    )


def _condition(operator: str, key: str, raw: Any) -> Condition:  # noqa: ANN401 - JSON
    parts = _OPERATOR.fullmatch(operator)
    if parts is None or _CONDITION_KEY.fullmatch(key) is None:
        raise MalformedPolicy
    compares, if_exists = _word(Operator, parts["name"]), parts["if_exists"] is not None
    quantifier = None if parts["quantifier"] is None else Quantifier(parts["quantifier"])
    values = tuple(_compared(value) for value in _listed(raw))
    if not values or not all(map(compares.admits, values)) or (compares is Operator.NULL and if_exists):
        raise MalformedPolicy
    return Condition(compares, key, values, quantifier, if_exists)


def _compared(raw: Any) -> str:  # noqa: ANN401 - JSON
    """Give a value as a condition compares it: a number or truth stands for its text."""
    if isinstance(raw, bool):
        return str(raw).lower()
    if not isinstance(raw, str):
        raise MalformedPolicy
    return str(raw)
