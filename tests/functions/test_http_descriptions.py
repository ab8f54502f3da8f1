"""What may stand in a service's description, and what is said of every mistake in one."""

import copy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detent.functions.engines.http.description import Description, described
from detent.functions.errors import EngineUnavailable
from servers import forge

GOOD = (Path(forge.__file__).parent / "services" / "forge.toml").read_text()
Written = Callable[[str], str]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put a description into the operator's folder."""
    monkeypatch.setenv("HTTP_SERVICES", str(tmp_path))

    def write(text: str, name: str = "shop") -> Path:
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        return path

    return write


def said_of(text: str, written: Callable[[str], Path]) -> str:
    path = written(text)
    with pytest.raises(EngineUnavailable) as caught:
        described("shop")
    assert caught.value.__context__ is None
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))
    return str(caught.value).removeprefix(str(path))


def changed(key: str, part: Any) -> str:
    """The good one with one key changed, or taken away by None, as TOML."""
    said = copy.deepcopy(tomllib.loads(GOOD))
    table, _, name = key.rpartition(".")
    if part is None:
        del (said[table] if table else said)[name]
    elif table:
        said.setdefault(table, {})[name] = part
    else:
        said[name] = part
    return toml(said)


def toml(said: dict[str, Any]) -> str:
    plain = [f"{key} = {literal(part)}" for key, part in said.items() if not isinstance(part, dict)]
    tables = [
        "\n".join([f"[{key}]", *(f"{name} = {literal(inner)}" for name, inner in part.items())])
        for key, part in said.items()
        if isinstance(part, dict)
    ]
    return "\n".join(plain + tables)


def literal(part: Any) -> str:
    if isinstance(part, dict):
        return f"{{ {', '.join(f'{key} = {literal(inner)}' for key, inner in part.items())} }}"
    if isinstance(part, list):
        return f"[{', '.join(map(literal, part))}]"
    return str(part).lower() if isinstance(part, bool | int) else f"'{part}'"


MISTAKES = [
    ("hosts", None, "hosts is missing"),
    ("hosts", [], "hosts must be a list of hosts"),
    ("hosts", "forge.example.com", "hosts must be a list of hosts"),
    ("host", ["*"], "host is not known: take it out"),
    ("needs", 7, "needs must be text of one line"),
    ("error", "a..b", "error must say where in the JSON"),
    ("headers.Authorization", "Bearer {token}", "headers.Authorization has the placeholder {token}; there are {user}"),
    ("headers.Authorization", "Bearer", "headers must hold {secret} or {basic} somewhere"),
    ("headers.Authorization", "Basic {basic}", "basic is missing: what {basic} in headers is the Base64 of"),
    ("headers.Authorization", "Bearer {secret}é", "headers.Authorization must be text in ASCII"),
    ("headers.Host", "elsewhere", "headers.Host is the connection's own: take it out"),
    ("headers.Content-Length", "0", "headers.Content-Length is the connection's own: take it out"),
    ("statuses.full", 409, "statuses.full must be a list of statuses from 400 to 599"),
    ("statuses.refused", [200], "statuses.refused must be a list of statuses from 400 to 599"),
    ("statuses.wrong", [400], "statuses.wrong is not known: take it out"),
    ("test.path", None, "test.path is missing"),
    ("test.path", "api/me", "test.path must be a path that begins with /"),
    ("test.path", "https://elsewhere/api/me", "test.path must be a path that begins with /"),
    ("test.path", "/api/ me", "test.path must be a path that begins with /"),
    ("test.path", "/api/me?key={secret}", "test.path has the placeholder {secret}; there are {user}, {key_id}"),
    ("test.user", None, "test.user must say where the answer names the key's user, unless test.path has {user}"),
    ("issue.method", "post", "issue.method must be one of GET, POST"),
    ("issue.body", None, "issue.body is missing"),
    ("issue.body", "label={mark}", "issue.body must be a table, which is sent as JSON"),
    ("issue.body", {"label": "key of {user}"}, 'issue.body must hold one text such as "detent {mark}"'),
    ("issue.body", {"label": "{mark} {user}"}, 'issue.body must hold one text such as "detent {mark}"'),
    ("issue.body", {"label": "{mark}", "note": "{mark}"}, 'issue.body must hold one text such as "detent {mark}"'),
    ("issue.body", {"label": "{mark}", "note": "{who}"}, "issue.body has the placeholder {who}"),
    ("issue.id", 7, "issue.id must say where in the JSON"),
    ("issue.secret", None, "issue.secret is missing"),
    ("list.mark", None, "list.mark is missing"),
    ("list.next", None, "list.next and list.next_path go together"),
    ("list.next_path", "/api/keys", "list.next_path must have {next}"),
    ("revoke.path", "/api/keys", "revoke must have {key_id} in its path or body"),
    ("revoke", "DELETE", "revoke must be a table"),
]


@pytest.mark.parametrize(("key", "part", "said"), MISTAKES, ids=[f"{key} {part!r:.20}" for key, part, _ in MISTAKES])
def test_every_mistake_is_one_line_that_names_file_and_key(
    written: Callable[[str], Path], key: str, part: Any, said: str
) -> None:
    assert said in said_of(changed(key, part), written)


def test_all_mistakes_are_told_at_once(written: Callable[[str], Path]) -> None:
    said = said_of('[test]\npath = "x"\n[shop]\n', written)
    for each in (
        "hosts is missing",
        "test.path must",
        "issue.path is missing",
        "revoke.path is missing",
        "shop is not",
    ):
        assert each in said


def test_a_date_has_no_form_in_json(written: Callable[[str], Path]) -> None:
    text = GOOD.replace('scopes = ["read"]', "until = 2030-01-01")
    assert "issue.body must hold no dates" in said_of(text, written)


def test_what_is_no_toml_or_not_there_is_told(written: Callable[[str], Path], tmp_path: Path) -> None:
    assert "is no TOML: " in said_of("hosts = [", written)
    (tmp_path / "shop.toml").write_bytes(b"hosts = '\xff'")
    with pytest.raises(EngineUnavailable, match="is no TOML"):
        described("shop")
    with pytest.raises(EngineUnavailable, match=r"other\.toml cannot be read: No such file"):
        described("other")


def test_without_a_folder_no_service_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HTTP_SERVICES")
    with pytest.raises(EngineUnavailable, match=r"HTTP_SERVICES must name the folder with forge\.toml"):
        described("forge")


def test_a_description_that_is_changed_counts_from_the_next_step_on(written: Callable[[str], Path]) -> None:
    written(GOOD)
    assert described("shop").said["hosts"] == ["*"]
    written(GOOD.replace('"*"', '"forge.example.com"'))
    assert described("shop").said["hosts"] == ["forge.example.com"]


@pytest.mark.parametrize(
    ("admitted", "host", "is_in"),
    [
        ("forge.example.com", "FORGE.example.com", True),
        ("forge.example.com:8443", "forge.example.com", True),
        ("forge.example.com:443", "forge.example.com", False),
        ("example.com", "forge.example.com", False),
        ("*", "anything", True),
    ],
)
def test_only_hosts_that_the_operator_named_are_asked(admitted: str, host: str, *, is_in: bool) -> None:
    description = Description("shop.toml", {"hosts": [admitted]})
    if is_in:
        return description.require_host(host, 8443)
    with pytest.raises(EngineUnavailable, match=r"shop\.toml does not admit .*:8443: add it to its hosts"):
        description.require_host(host, 8443)
    return None


@pytest.mark.parametrize(
    ("name", "mark"),
    [("detent home/1", "home/1"), ("detent ", None), ("by hand", None), ("", None), ("detention", None)],
)
def test_only_names_made_as_the_description_says_have_a_mark(name: str, mark: str | None) -> None:
    assert Description("forge.toml", tomllib.loads(GOOD)).mark_in(name) == mark
