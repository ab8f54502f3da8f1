"""What a version's value says: its keys, checked together, and the login that they make."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from detent.functions.engines import Engine, Login, known_engines
from detent.functions.errors import UnusableValue
from detent.functions.passwords import Password

_HIGHEST_PORT: Final = 65535
_PAIR: Final = 2

# Keys that are the same for every engine, and their meaning; ``detent functions show`` lists them.
COMMON_KEYS: Final[Mapping[str, str]] = {
    "masterarn": "the ARN of the admin secret, where the user cannot do it alone",
    "usernames": "for alternating users: the two users' names, where both exist already",
    "probes": 'statements that the new credential must be able to run: texts, or {"statement": …, "expect": …}',
}


@dataclass(frozen=True, slots=True)
class Probe:
    """A statement of the application's. ``expects`` says whether ``expected``, its first row or value, is compared."""

    statement: str
    expects: bool
    expected: Any

    def agrees(self, row: Sequence[Any] | None) -> bool:
        """Say whether the row is the one expected: a list is all of it, anything else its one field."""
        if not self.expects:
            return True
        found = None if row is None else [_plain(field) for field in row]
        wanted = self.expected if isinstance(self.expected, list) or self.expected is None else [self.expected]
        return found == wanted or (wanted is None and found == [None])


def parsed_value(text: str, which: str, engine: Engine) -> dict[str, Any]:
    """Return the JSON object of a version's value. Raises UnusableValue that names all faults and shows an example."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    faults = list(_faults(value, engine)) if isinstance(value, dict) else ["it is not a JSON object"]
    if not faults:
        return dict(value)
    example = json.dumps(dict(engine.FACTS.example), ensure_ascii=False)
    raise UnusableValue(f"the value of {which} is not usable: {'; '.join(faults)}. A complete value: {example}")


def login_of(value: Mapping[str, Any], engine: Engine) -> Login:
    """Make the login of a value that was parsed."""
    facts = engine.FACTS
    return Login(
        host=value.get("host") or facts.default_host,
        port=int(value.get("port") or facts.default_port),
        username=value["username"],
        password=Password(value[facts.password_key]),
        settings=value,
    )


def probes_of(declared: object) -> list[Probe]:
    """Read what the secret or the environment declares. Raises ValueError."""
    if not isinstance(declared, list):
        raise ValueError('"probes" must be a list')  # noqa: TRY004 - one kind of fault for the caller
    return [_probe(entry) for entry in declared]


def _probe(entry: object) -> Probe:
    if isinstance(entry, str) and entry.strip():
        return Probe(entry, expects=False, expected=None)
    if isinstance(entry, dict) and set(entry) <= {"statement", "expect"}:
        statement = entry.get("statement")
        if isinstance(statement, str) and statement.strip():
            return Probe(statement, "expect" in entry, entry.get("expect"))
    raise ValueError('each of "probes" must be a statement or {"statement": …, "expect": …}')


def _plain(field: Any) -> Any:  # noqa: ANN401 - whatever a driver gives
    """Dates, decimals and bytes have no form in JSON: their text is compared."""
    if isinstance(field, bytes | bytearray):
        return field.decode(errors="replace")
    return field if field is None or isinstance(field, bool | int | float | str) else str(field)


def _faults(value: dict[str, Any], engine: Engine) -> Iterator[str]:
    facts = engine.FACTS
    yield from _missing(value, engine)
    named = value.get("engine")
    if isinstance(named, str) and named not in facts.names:
        known = "" if named in known_engines() else f" (known engines: {', '.join(known_engines())})"
        yield f'"engine" must be {" or ".join(repr(name) for name in facts.names)}{known}'
    if not _is_port(value.get("port", facts.default_port)):
        yield f'"port" must be a number from 1 to {_HIGHEST_PORT}'
    if not isinstance(value.get("masterarn", ""), str):
        yield '"masterarn" must be the ARN of the admin secret'
    if "usernames" in value and not _is_pair(value["usernames"], value.get("username")):
        yield '"usernames" must be a list of two different user names, "username" one of them'
    try:
        probes_of(value.get("probes", []))
    except ValueError as fault:
        yield str(fault)
    yield from engine.faults(value)


def _missing(value: dict[str, Any], engine: Engine) -> Iterator[str]:
    facts = engine.FACTS
    for key in ("engine", "host", "username", facts.key_id, facts.password_key):
        if key is None or (key == "host" and facts.default_host and key not in value):
            continue
        if key not in value:
            yield f'"{key}" is missing'
        elif not isinstance(value[key], str) or not value[key]:
            yield f'"{key}" must be text'
        elif "\0" in value[key]:
            yield f'"{key}" must not hold a NUL character'


def _is_port(port: object) -> bool:
    """AWS: its templates take the port as a number or as text."""
    if isinstance(port, bool) or not isinstance(port, int | str):
        return False
    text = str(port)
    return text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _HIGHEST_PORT


def _is_pair(names: object, username: object) -> bool:
    return (
        isinstance(names, list)
        and all(isinstance(name, str) and name and "\0" not in name for name in names)
        and len(names) == len(set(names)) == _PAIR
        and username in names
    )
