"""What `detent apply` is given: one TOML file that says who there shall be and what they may do. Never a value.

A user, role or policy is wholly as it is declared: what is left out of it is empty. A secret is there already; without
`policy` it shall have no resource policy, without `admin` no admin secret, and without `rotation` it shall not rotate.
Nothing is guessed: a key that
means nothing is refused, with its place.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from detent.cli import rotation_words
from detent.cli.failure import CommandFailed
from detent.cli.policy_files import read_document
from detent.cli.rotation_words import NotUnderstood, Wish

POLICY, USER, ROLE, KEY = "policy", "user", "role", "key"
RESOURCE_POLICY, ADMIN_SECRET, ROTATION = "resource policy", "admin secret", "rotation"  # of a secret that is there
DEFAULT_SESSION_SECONDS: Final = 3600  # AWS's
_NAMES: Final = {
    USER: re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}", re.ASCII),
    ROLE: re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}", re.ASCII),
    POLICY: re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}", re.ASCII),
    KEY: re.compile(r"alias/[A-Za-z0-9/_-]{1,250}", re.ASCII),
}
_ACCOUNT: Final = re.compile(r"[0-9]{12}", re.ASCII)


class Thing(NamedTuple):
    """What can be declared; what a secret has, such as a resource policy or its rotation, has the secret's name."""

    account: str
    kind: str
    name: str


@dataclass(frozen=True)
class Document:
    """A policy's document: two are equal when they are the same JSON, however they are written."""

    text: str = field(compare=False)
    canonical: str

    @classmethod
    def of(cls, text: str) -> "Document":
        """Read one that is JSON."""
        return cls(text, json.dumps(json.loads(text), sort_keys=True))


Members = Mapping[str, Any]
NONE: Final = ({"document": None}, {"admin": None}, {"rotation": None})  # what a secret that is named shall not have
Declared = dict[Thing, Members]


@dataclass(frozen=True)
class Place:
    """Where something stands in the file."""

    file: Path
    path: tuple[str, ...] = ()

    def at(self, key: str) -> "Place":
        """Give the place of a key in it."""
        return Place(self.file, (*self.path, key))

    def wrong(self, told: str) -> CommandFailed:
        """Make the error of what stands there."""
        return CommandFailed(f"{self.file}: {'.'.join(self.path)}: {told}")


class Section(NamedTuple):
    """A kind of thing, and how its members are read; absent ones are given as None."""

    kind: str
    members: Mapping[str, Callable[[Place, Any], Any]]


def declared(file: Path, account: str) -> Declared:
    """Read a file; what stands outside `accounts` is of this account. Raises CommandFailed."""
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandFailed(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:  # what tomllib and the decoding of UTF-8 raise
        raise CommandFailed(f"{file}: not TOML: {error}") from None
    place = Place(file)
    others = _table(place.at("accounts"), written.pop("accounts", {}))
    found = _account(place, written, account) if written else {}
    for other, sections in others.items():
        there = place.at("accounts").at(other)
        if _ACCOUNT.fullmatch(other) is None:
            raise there.wrong("an account has 12 digits")
        if other == account and found:
            raise there.wrong("what stands outside accounts is of this very account: declare it in one place")
        found |= _account(there, _table(there, sections), other)
    return found


def accounts_in(things: Declared, account: str) -> list[str]:
    """Give the accounts that are declared; this one if there is nothing."""
    return sorted({thing.account for thing in things}) or [account]


def _account(place: Place, sections: Mapping[str, Any], account: str) -> Declared:
    _known(place, sections, {*_SECTIONS, "keys"})
    found: Declared = {}
    for name, section in _SECTIONS.items():
        for thing, written in _table(place.at(name), sections.get(name, {})).items():
            there = place.at(name).at(thing)
            found |= _things(there, account, section, thing, _table(there, written))
    for alias in _names(place.at("keys"), sections.get("keys")):
        found[_named(place.at("keys"), account, KEY, alias)] = {}
    _apart(place, found)
    return found


def _things(place: Place, account: str, section: Section, name: str, written: Mapping[str, Any]) -> Declared:
    _known(place, written, section.members)
    read = {member: read(place.at(member), written.get(member)) for member, read in section.members.items()}
    if section.kind == RESOURCE_POLICY:
        return {
            Thing(account, RESOURCE_POLICY, name): {"document": read["policy"]},
            Thing(account, ADMIN_SECRET, name): {"admin": read["admin"]},
            Thing(account, ROTATION, name): {"rotation": read["rotation"]},
        }
    if section.kind == POLICY:
        read = {"document": _either(place, read["document"], read["file"])}
    if section.kind == ROLE and read["trust"] is None:
        raise place.wrong("a role needs trust: who may assume it")
    return {_named(place, account, section.kind, name): read}


def _either(place: Place, document: Document | None, file: Document | None) -> Document:
    found = document or file
    if found is None or (document and file):
        raise place.wrong("a policy needs either document or file")
    return found


def _named(place: Place, account: str, kind: str, name: str) -> Thing:
    if _NAMES[kind].fullmatch(name) is None:
        raise place.wrong(f"{name!r} is no name of a {kind}")
    return Thing(account, kind, name)


def _apart(place: Place, found: Declared) -> None:
    """Refuse names that the server takes for one."""
    seen: dict[tuple[str, str], Thing] = {}
    for thing in found:
        if thing.kind in {USER, ROLE, POLICY}:
            other = seen.setdefault((thing.kind, thing.name.lower()), thing)
            if other is not thing:
                raise place.at(f"{thing.kind} {thing.name}").wrong(f"{other.name} differs from it in case alone")


def _known(place: Place, written: Mapping[str, Any], known: Mapping[str, Any] | set[str]) -> None:
    unknown = sorted(set(written) - set(known))
    if unknown:
        raise place.at(unknown[0]).wrong(f"there is no such key here; there are {', '.join(sorted(known))}")


def _table(place: Place, written: Any) -> dict[str, Any]:  # noqa: ANN401 - TOML
    if not isinstance(written, dict):
        raise place.wrong("must be a table")
    return written


def _names(place: Place, written: Any) -> tuple[str, ...]:  # noqa: ANN401 - TOML
    if written is None:
        return ()
    if not isinstance(written, list) or not all(isinstance(name, str) for name in written):
        raise place.wrong("must be a list of names")
    return tuple(sorted(set(written)))


def _tags(place: Place, written: Any) -> dict[str, str]:  # noqa: ANN401 - TOML
    tags = _table(place, {} if written is None else written)
    for key, value in tags.items():
        if not isinstance(value, str):
            raise place.at(key).wrong("must be a text")
    return tags


def _text(place: Place, written: Any) -> str | None:  # noqa: ANN401 - TOML
    if written is not None and not isinstance(written, str):
        raise place.wrong("must be a text")
    return written


def _rotation(place: Place, written: Any) -> Wish | None:  # noqa: ANN401 - TOML
    words = _text(place, written)
    if words is None:
        return None
    try:
        wish = rotation_words.read(words)
    except NotUnderstood as fault:
        raise place.wrong(str(fault)) from None
    if not wish.rules:
        raise place.wrong(f"{words!r} does not say when: add every 30d, or another schedule")
    return wish


def _seconds(place: Place, written: Any) -> int:  # noqa: ANN401 - TOML
    if written is None:
        return DEFAULT_SESSION_SECONDS
    if type(written) is not int:
        raise place.wrong("must be a whole number of seconds")
    return written


def _document(place: Place, written: Any) -> Document | None:  # noqa: ANN401 - TOML
    """Read a document: a table, a text of JSON, or a table with nothing but `file`."""
    if written is None:
        return None
    if isinstance(written, dict):
        if set(written) == {"file"}:
            return _file(place.at("file"), written["file"])
        try:
            return Document.of(json.dumps(written, allow_nan=False))
        except (TypeError, ValueError):
            raise place.wrong("holds what JSON has not, such as a date") from None
    try:
        found = json.loads(written) if isinstance(written, str) else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise place.wrong("must be a table, a text with a JSON object, or { file = … }")
    return Document.of(written)


def _file(place: Place, written: Any) -> Document | None:  # noqa: ANN401 - TOML
    """Read a document from a file beside this one."""
    if written is None:
        return None
    if not isinstance(written, str):
        raise place.wrong("must be a path, as text")
    return Document.of(read_document(place.file.parent / Path(written).expanduser()))


_SECTIONS: Final = {
    "policies": Section(POLICY, {"document": _document, "file": _file}),
    "users": Section(USER, {"tags": _tags, "policies": _names}),
    "roles": Section(ROLE, {"trust": _document, "max_session_seconds": _seconds, "tags": _tags, "policies": _names}),
    "secrets": Section(RESOURCE_POLICY, {"policy": _document, "admin": _text, "rotation": _rotation}),
}
