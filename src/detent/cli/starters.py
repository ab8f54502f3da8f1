"""What `detent functions new` writes: a function to begin with, and its test, which passes as it is."""

import json
from pathlib import Path
from typing import Final

from rich.text import Text

from detent.cli import own_folder
from detent.cli.failure import CommandFailed
from detent.cli.screen import screen
from detent.functions.builtin import BUILTIN

TEST: Final = "test_function.py"

_SERVICE: Final = '''"""Rotates the password of a user of a service with an HTTP API: begin with that of the test."""

import urllib3

from detent.functions.own import ChangeRefused, Login, Password, Refused, Service, rotation


class Own(Service):
    name = "@name@"  # what the secret's key "engine" says

    def log_in(self, login: Login) -> None:
        if self.ask(login, "GET", "/me") == 401:
            raise Refused("wrong password, or no such user")

    def change_password(self, login: Login, new: Password) -> None:
        status = self.ask(login, "PUT", f"/users/{login.username}", {"password": new.reveal()})
        if status != 204:
            raise ChangeRefused(f"the service answered {status}")

    def ask(self, login: Login, method: str, path: str, body: dict | None = None) -> int:
        scheme = "http" if login.settings.get("ssl") is False else "https"
        signed = urllib3.make_headers(basic_auth=f"{login.username}:{login.password.reveal()}")
        url = f"{scheme}://{login.host}:{login.port}{path}"
        return urllib3.request(method, url, json=body, headers=signed, timeout=10, retries=False).status


handler = rotation(Own())
'''

_SERVICE_TEST: Final = '''"""The function rotates a password of a small service, which is started here."""

import base64
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import function
import pytest
from detent.functions.contract import StepFailed
from detent.functions.testing import rotated

PASSWORDS = {"app": "the-first-password"}


class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200 if self.user() else 401)

    def do_PUT(self):
        user, wanted = self.user(), self.path.removeprefix("/users/")
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if user == wanted:
            PASSWORDS[user] = body["password"]
        self.answer(204 if user == wanted else 403 if user else 401)

    def user(self):
        name, _, password = base64.b64decode(self.headers["Authorization"].split()[1]).decode().partition(":")
        return name if PASSWORDS.get(name) == password else None

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


@pytest.fixture
def value():
    with HTTPServer(("127.0.0.1", 0), Service) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        place = {"engine": "@name@", "host": "127.0.0.1", "port": server.server_port, "ssl": False}
        yield {**place, "username": "app", "password": PASSWORDS["app"]}
        server.shutdown()


def test_the_password_is_rotated(value):
    new = rotated(function.handler, value)
    assert new["password"] == PASSWORDS["app"] != value["password"]


def test_a_wrong_password_is_told(value):
    with pytest.raises(StepFailed, match="wrong password, or no such user"):
        rotated(function.handler, {**value, "password": "another"})
'''

_VARIED: Final = '''"""@builtin@, with what is yours: keep what you need of this, and delete the rest."""

from detent.functions.contract import RotationFunction
from detent.functions.passwords import PasswordRules
from detent.functions.strategies import STRATEGIES


class Own(RotationFunction):
    passwords = PasswordRules(length=40)

    def more_fields(self, value):
        """Fields that a new value has besides; they are made of what is in it."""
        return {"login": f"{value['username']} at {value.get('host', '')}"}

    def more_probes(self, value):
        """Statements that the new credential must be able to run before it becomes current."""
        return []

    def after_set(self, session, value):
        """More to do at the target, over a session of the new credential; it may be run twice."""


handler = Own(STRATEGIES["@strategy@"], "@engine@")
'''

_VARIED_TEST: Final = '''"""What is yours of the function; with SECRET_FILE a login to throw away is rotated, too."""

import json
import os
from pathlib import Path

import function
import pytest
from detent.functions.testing import rotated

EXAMPLE = json.loads(r"""@example@""")


def test_a_new_value_has_what_is_yours():
    made = {**EXAMPLE, "password": "new"}
    assert function.handler.more_fields(made)["login"].startswith(EXAMPLE["username"])
    assert function.handler.passwords.length == 40


@pytest.mark.skipif("SECRET_FILE" not in os.environ, reason="SECRET_FILE names no secret's JSON to throw away")
def test_a_login_is_rotated():
    value = json.loads(Path(os.environ["SECRET_FILE"]).read_text())
    assert rotated(function.handler, value, admin=value.pop("admin", None)) != value
'''


def new(name: str, builtin: str | None) -> None:
    """Make the folder. Raises CommandFailed where something is there, or there is no such function."""
    if builtin is not None and builtin not in BUILTIN:
        raise CommandFailed(f"there is no function {builtin!r} built in; there are: {', '.join(BUILTIN)}")
    folder = Path(name)
    texts = _service(folder.name) if builtin is None else _varied(builtin)
    try:
        folder.mkdir(parents=True)
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise CommandFailed(f"{folder} is there already: name another folder") from None
    except OSError as error:
        raise CommandFailed(f"cannot make {folder}: {error.strerror}") from None
    screen().print(Text(f"{folder} has {own_folder.CODE} and {TEST}. Next:"))
    for line in (f"python -m pytest {folder}", f"detent functions add {folder.name} --path {folder}"):
        screen().print(Text(f"  {line}"))


def _service(name: str) -> dict[str, str]:
    return {own_folder.CODE: _SERVICE.replace("@name@", name), TEST: _SERVICE_TEST.replace("@name@", name)}


def _varied(builtin: str) -> dict[str, str]:
    function = BUILTIN[builtin]
    known = {
        "@builtin@": builtin,
        "@strategy@": function.strategy.name,
        "@engine@": function.engine,
        "@example@": json.dumps(dict(function.the_engine().FACTS.example), ensure_ascii=False),
    }
    return {own_folder.CODE: _filled(_VARIED, known), TEST: _filled(_VARIED_TEST, known)}


def _filled(text: str, known: dict[str, str]) -> str:
    for mark, word in known.items():
        text = text.replace(mark, word)
    return text
