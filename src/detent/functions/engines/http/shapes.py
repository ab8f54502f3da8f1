"""What may stand in a service's description: the keys of each table, and what each must be."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

MARK: Final = "{mark}"
STATUSES: Final = {"refused": [401], "denied": [403], "full": [], "gone": [404, 410]}  # where nothing else is said

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_PATH: Final = re.compile(r"/[\x21\x22\x24-\x7e]*")  # no blank, and nothing behind a #
_WHERE: Final = re.compile(r"[^.\s]+(\.[^.\s]+)*")
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_OF_THE_CONNECTION: Final = ("host", "content-length", "transfer-encoding", "connection")

Fault = str  # what it must be; empty if it is that
Check = Callable[[object], Fault]


def faults_of(said: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong with a file's content, each fault with its key."""
    for name, shape in _SHAPES.items():
        table = {key: part for key, part in said.items() if key not in _SHAPES} if name == "" else said.get(name, {})
        if not isinstance(table, dict):
            yield f"{name} must be a table"
            continue
        yield from (f"{_dotted(name, key)} is missing" for key in _REQUIRED[name] if key not in table)
        for key, part in table.items():
            check = shape.get(key.lower() if name == "headers" else key) or shape.get("*")
            fault = check(part) if check else "is not known: take it out"
            if fault:
                yield f"{_dotted(name, key)} {fault}"
    yield from _unsafe(said)


def _dotted(table: str, key: str) -> str:
    return f"{table}.{key}" if table else key


def _unsafe(said: Mapping[str, Any]) -> Iterator[str]:
    """Look for what no single key shows: that a lost key can be found, and that a login proves its user."""
    issue, test, listed, revoke, headers = map(said.get, ("issue", "test", "list", "revoke", "headers"))
    if isinstance(issue, dict) and [_PLACEHOLDER.findall(text) for text in marked(issue.get("body"))] != [["mark"]]:
        yield (
            'issue.body must hold one text such as "detent {mark}", with no other placeholder, as the new key\'s name: '
            "it finds a key whose answer was lost"
        )
    if isinstance(test, dict) and "user" not in test and "{user}" not in str(test.get("path")):
        yield "test.user must say where the answer names the key's user, unless test.path has {user}"
    if isinstance(listed, dict) and ("next" in listed) != ("next_path" in listed):
        yield "list.next and list.next_path go together"
    if isinstance(listed, dict) and "{next}" not in str(listed.get("next_path", "{next}")):
        yield "list.next_path must have {next}"
    if isinstance(revoke, dict) and not any("{key_id}" in text for text in _texts(revoke)):
        yield "revoke must have {key_id} in its path or body"
    if isinstance(headers, dict):
        used = [text for text in headers.values() if isinstance(text, str)]
        if not any("{secret}" in text or "{basic}" in text for text in used):
            yield "headers must hold {secret} or {basic} somewhere: the key goes along with every request"
        if any("{basic}" in text for text in used) and "basic" not in said:
            yield 'basic is missing: what {basic} in headers is the Base64 of, such as "{user}:{secret}"'


def _is_json(part: object) -> bool:
    match part:
        case dict():
            return all(map(_is_json, part.values()))
        case list():
            return all(map(_is_json, part))
    return isinstance(part, str | int | float)


def marked(body: object) -> Iterator[str]:
    """Give the texts of a body that hold the mark."""
    return (text for text in _texts(body) if MARK in text)


def _texts(part: object) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from _texts(inner)


# What a key's value must be


def _text(part: object) -> Fault:
    return "" if isinstance(part, str) and part.isprintable() and part else "must be text of one line"


def _method(part: object) -> Fault:
    return "" if part in _METHODS else f"must be one of {', '.join(_METHODS)}"


def _where(part: object) -> Fault:
    is_one = isinstance(part, str) and _WHERE.fullmatch(part)
    return "" if is_one else 'must say where in the JSON of the answer it stands, such as "data.id"'


def _hosts(part: object) -> Fault:
    is_list = isinstance(part, list) and part and all(isinstance(host, str) and host for host in part)
    return "" if is_list else 'must be a list of hosts, each "HOST" or "HOST:PORT"; "*" is any that a secret names'


def _codes(part: object) -> Fault:
    is_list = isinstance(part, list) and all(isinstance(code, int) and 400 <= code < 600 for code in part)  # noqa: PLR2004 - HTTP's
    return "" if is_list else "must be a list of statuses from 400 to 599"


def _template(*names: str, form: re.Pattern[str] | None = None) -> Check:
    def check(part: object) -> Fault:
        if not isinstance(part, str) or (form or re.compile(r"[\x20-\x7e]+")).fullmatch(part) is None:
            return "must be a path that begins with /" if form else "must be text in ASCII"
        return _unknown(part, names)

    return check


def _body(*names: str) -> Check:
    def check(part: object) -> Fault:
        if not isinstance(part, dict):
            return "must be a table, which is sent as JSON"
        if not _is_json(part):
            return "must hold no dates and no times, which JSON has not"
        return next((fault for text in _texts(part) if (fault := _unknown(text, names))), "")

    return check


def _own(_part: object) -> Fault:
    return "is the connection's own: take it out"


def _unknown(text: str, names: tuple[str, ...]) -> Fault:
    odd = [name for name in _PLACEHOLDER.findall(text) if name not in names]
    known = ", ".join(f"{{{name}}}" for name in names)
    return f"has the placeholder {{{odd[0]}}}; there are {known}" if odd else ""


_EVERY: Final = ("user", "key_id", "secret")
_SHAPES: Final[Mapping[str, Mapping[str, Check]]] = {
    "": {"hosts": _hosts, "needs": _text, "error": _where, "basic": _template(*_EVERY)},
    "headers": {"*": _template(*_EVERY, "basic"), **dict.fromkeys(_OF_THE_CONNECTION, _own)},
    "statuses": dict.fromkeys(STATUSES, _codes),
    "test": {
        "method": _method,
        "path": _template("user", "key_id", form=_PATH),
        "body": _body(*_EVERY),
        "user": _where,
        "id": _where,
    },
    "issue": {
        "method": _method,
        "path": _template("user", "key_id", form=_PATH),
        "body": _body("mark", *_EVERY),
        "id": _where,
        "secret": _where,
    },
    "list": {
        "method": _method,
        "path": _template("user", "key_id", form=_PATH),
        "body": _body(*_EVERY),
        "keys": _where,
        "id": _where,
        "mark": _where,
        "created": _where,
        "next": _where,
        "next_path": _template("user", "key_id", "next", form=_PATH),
    },
    "revoke": {"method": _method, "path": _template("user", "key_id", form=_PATH), "body": _body(*_EVERY)},
}
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "": ("hosts",),
    "headers": (),
    "statuses": (),
    "test": ("path",),
    "issue": ("path", "body", "id", "secret"),
    "list": ("path", "id", "mark"),
    "revoke": ("path",),
}
