"""How secrets are searched: filters, the terms a secret is found by, and the orders of a list.

Rules (API reference J.1, J.2):
- filters are joined by AND, the values of one filter by OR; a value that begins with `!` asks for all the others;
- a value is a literal prefix of a name, tag key, tag value or region, upper and lower case told apart;
- for `description` and `all` it is words: each must begin some word of the secret, in any order and in any case.

`matches` is the rule itself. A store may find the same secrets in another way.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from detent.model.secret import Secret


class Key(StrEnum):
    """What a filter looks at."""

    DESCRIPTION = "description"
    NAME = "name"
    TAG_KEY = "tag-key"
    TAG_VALUE = "tag-value"
    PRIMARY_REGION = "primary-region"
    OWNING_SERVICE = "owning-service"
    ALL = "all"


class Sort(StrEnum):
    """What a list is ordered by; the name decides between equals."""

    CREATED = "created-date"
    ACCESSED = "last-accessed-date"
    CHANGED = "last-changed-date"
    NAME = "name"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A secret's place in an order: microseconds since 1970 or the ordinal of a day, then the name."""

    rank: int
    name: str


@dataclass(frozen=True, slots=True)
class Sought:
    """What one value of a filter asks for: that every prefix begins some term, or, negated, that it does not."""

    prefixes: tuple[str, ...]  # none: nothing is found, as a value of punctuation alone finds nothing (J.2)
    negated: bool

    def met_by(self, terms: Collection[str]) -> bool:
        """Whether a secret with these terms is wanted; one without any is what a negated value asks for."""
        found = bool(self.prefixes) and all(any(term.startswith(prefix) for term in terms) for prefix in self.prefixes)
        return found != self.negated


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of a search, its values as they were given."""

    key: Key
    values: tuple[str, ...]

    @property
    def sought(self) -> list[Sought]:
        """What each value asks for; plain and negated ones may stand side by side (a Choice of the reference)."""
        return [Sought(_prefixes(self.key, value.removeprefix("!")), value.startswith("!")) for value in self.values]


# Letters beyond ASCII have no case here: a filter's value cannot hold them, and no boundary may be seen beside them.
_LETTER = r"[^\W\d_A-Z]"
_ALL_WORDS = re.compile(rf"[A-Z]+(?!{_LETTER})|[A-Z]?{_LETTER}+|\d+")
_DESCRIPTION_WORDS = re.compile(r"[^\W_]+")
_WORDS = {Key.ALL: _ALL_WORDS, Key.DESCRIPTION: _DESCRIPTION_WORDS}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = 0  # the day of a secret that was never read: before all days


def _prefixes(key: Key, value: str) -> tuple[str, ...]:
    if key in _WORDS:
        return tuple(dict.fromkeys(words(key, value)))
    # (J.1) The model and the guide differ about the case of an owning service: a Choice of the reference.
    return (value.lower() if key is Key.OWNING_SERVICE else value,)


def words(key: Key, text: str) -> list[str]:
    """Split a text into the words that `description` or `all` compares, in lower case."""
    return [word.lower() for word in _WORDS[key].findall(text)]


def terms(secret: Secret) -> Mapping[Key, frozenset[str]]:
    """Give what a secret is found by. No secret here is owned by another service."""
    tags = secret.tags or {}
    regions = [] if secret.primary_region is None else [secret.primary_region]
    texts = [secret.name, secret.description or "", *regions, *tags.keys(), *tags.values()]
    return {
        Key.NAME: frozenset([secret.name]),
        Key.TAG_KEY: frozenset(tags.keys()),
        Key.TAG_VALUE: frozenset(tags.values()),
        Key.PRIMARY_REGION: frozenset(regions),
        Key.OWNING_SERVICE: frozenset(),
        Key.DESCRIPTION: frozenset(words(Key.DESCRIPTION, secret.description or "")),
        Key.ALL: frozenset(word for text in texts for word in words(Key.ALL, text)),
    }


def found_alike(one: Secret, other: Secret) -> bool:
    """Whether two states of a secret have the same terms for certain: nothing they are made of differs."""
    return (one.name, one.description, one.tags, one.primary_region) == (
        other.name,
        other.description,
        other.tags,
        other.primary_region,
    )


def matches(secret: Secret, filters: Iterable[Filter]) -> bool:
    """Whether a secret is among those the filters ask for."""
    known = terms(secret)
    return all(any(sought.met_by(known[one.key]) for sought in one.sought) for one in filters)


def place(secret: Secret, sort: Sort) -> Place:
    """Give a secret's place in this order."""
    ranks = {
        Sort.CREATED: _micros(secret.created),
        Sort.CHANGED: _micros(secret.changed),
        Sort.ACCESSED: _day(secret.accessed),
        Sort.NAME: 0,
    }
    return Place(ranks[sort], secret.name)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _day(day: date | None) -> int:
    return _NEVER if day is None else day.toordinal()


def end_of_prefix(prefix: str) -> str | None:
    """Give the least text beyond all those that begin with this prefix, by code points; None: there is none."""
    for last in range(len(prefix) - 1, -1, -1):
        following = ord(prefix[last]) + 1
        if following <= 0x10FFFF:  # noqa: PLR2004 - Unicode's last code point
            # no text holds a surrogate, and UTF-8 cannot: what follows U+D7FF is U+E000
            return prefix[:last] + chr(0xE000 if 0xD800 <= following < 0xE000 else following)  # noqa: PLR2004
    return None
