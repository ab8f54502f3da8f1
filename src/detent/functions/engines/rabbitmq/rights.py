"""What a RabbitMQ user may do, and the requests that make another user's like."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

Request = tuple[str, str, object]  # method, path below /api, body

_PERMISSION: Final = ("configure", "write", "read")
_TOPIC: Final = ("exchange", "write", "read")


@dataclass(frozen=True, slots=True)
class Rights:
    """Tags, limits, and permissions by virtual host; those of topics are by exchange, too."""

    tags: frozenset[str] = frozenset()
    limits: Mapping[str, int] = field(default_factory=dict)
    permissions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    topics: Mapping[str, frozenset[tuple[str, ...]]] = field(default_factory=dict)

    def names(self) -> frozenset[str]:
        """Name each in words that are the same for two users who are alike."""
        topics = (
            f"topics of {_named(_TOPIC, one)} on {vhost!r}" for vhost in self.topics for one in self.topics[vhost]
        )
        return frozenset(
            [
                *(f"tag {tag}" for tag in self.tags),
                *(f"limit {name} {value}" for name, value in self.limits.items()),
                *(f"{_named(_PERMISSION, patterns)} on {vhost!r}" for vhost, patterns in self.permissions.items()),
                *topics,
            ]
        )


def rights_of(user: Mapping[str, Any], permissions: list[dict[str, str]], topics: list[dict[str, str]]) -> Rights:
    """Read what the API tells of a user."""
    by_vhost: dict[str, set[tuple[str, ...]]] = {}
    for one in topics:
        by_vhost.setdefault(one["vhost"], set()).add(_patterns(_TOPIC, one))
    return Rights(
        tags=frozenset(tags_of(user)),
        limits=user.get("limits") or {},  # none before 3.8.10
        permissions={one["vhost"]: _patterns(_PERMISSION, one) for one in permissions},
        topics={vhost: frozenset(found) for vhost, found in by_vhost.items()},
    )


def tags_of(user: Mapping[str, Any]) -> list[str]:
    """Give a user's tags; before RabbitMQ 3.9 they are one text."""
    tags = user.get("tags") or []
    return [tag for tag in (tags.split(",") if isinstance(tags, str) else tags) if tag]


def requests_between(there: Rights, wanted: Rights, user: str) -> Iterator[Request]:
    """Give what makes a user's limits and permissions those that are wanted; its tags go with its password."""
    yield from _of_limits(there, wanted, user)
    for vhost in {**there.permissions, **wanted.permissions}:
        patterns = wanted.permissions.get(vhost)
        if patterns is None:
            yield "DELETE", _path("permissions", vhost, user), None
        elif patterns != there.permissions.get(vhost):
            yield "PUT", _path("permissions", vhost, user), dict(zip(_PERMISSION, patterns, strict=True))
    for vhost in {**there.topics, **wanted.topics}:
        yield from _of_topics(there.topics.get(vhost, frozenset()), wanted.topics.get(vhost, frozenset()), vhost, user)


def _of_limits(there: Rights, wanted: Rights, user: str) -> Iterator[Request]:
    for name in there.limits.keys() - wanted.limits.keys():
        yield "DELETE", _path("user-limits", user, name), None
    for name, value in wanted.limits.items():
        if there.limits.get(name) != value:
            yield "PUT", _path("user-limits", user, name), {"value": value}


def _of_topics(
    there: frozenset[tuple[str, ...]], wanted: frozenset[tuple[str, ...]], vhost: str, user: str
) -> Iterator[Request]:
    """Take away those of an exchange that has none any more; the API takes all of a virtual host at once only."""
    path = _path("topic-permissions", vhost, user)
    if {one[0] for one in there} - {one[0] for one in wanted}:
        yield "DELETE", path, None
        there = frozenset()
    for one in sorted(wanted - there):
        yield "PUT", path, dict(zip(_TOPIC, one, strict=True))


def _path(*parts: str) -> str:
    return "/".join(quote(part, safe="") for part in parts)


def _patterns(names: tuple[str, ...], one: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(one[name] for name in names)


def _named(names: tuple[str, ...], patterns: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {pattern!r}" for name, pattern in zip(names, patterns, strict=True))
