"""`docs/how-to/write-a-rotation-function.md`, followed from an empty folder as a reader would."""

import base64
import json
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from cli.command import detent, success, surroundings
from servers.canary import Canary
from servers.detent import RunningDetent

PAGE = (Path(__file__).parent.parent.parent / "docs/how-to/write-a-rotation-function.md").read_text(encoding="utf-8")
CODE, REHEARSAL = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [
    shlex.split(line) for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]


class Shop(ThreadingHTTPServer):
    """The reader's service: each user may set its own password, the boss those of all."""

    daemon_threads = True

    def __init__(self, app: str, boss: str) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.passwords = {"app": app, "boss": boss}


class Page(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        self.answer(200 if self.user() else 401)

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.may():
            self.server.passwords[self.wanted()] = body["password"]
        self.answer(204 if self.may() else 403)

    def do_DELETE(self) -> None:
        if self.may():
            self.server.passwords.pop(self.wanted(), None)
        self.answer(204)

    def wanted(self) -> str:
        return self.path.removeprefix("/users/")

    def may(self) -> bool:
        return self.signed() in {self.wanted(), "boss"}

    def signed(self) -> str:
        return base64.b64decode(self.headers["Authorization"].split()[1]).decode().partition(":")[0]

    def user(self) -> bool:
        name, _, password = base64.b64decode(self.headers["Authorization"].split()[1]).decode().partition(":")
        return self.server.passwords.get(name) == password

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def shop(canary: Canary) -> Iterator[Shop]:
    with Shop(canary.value(), canary.value()) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_the_page_ends_in_a_function_that_rotates(
    shared_detent: RunningDetent, shop: Shop, canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    client = shared_detent.client()
    for user in ("app", "boss"):
        place = {"engine": "shop", "host": "127.0.0.1", "port": shop.server_port, "ssl": False}
        value = json.dumps({**place, "username": user, "password": shop.passwords[user]})
        client.create_secret(Name=f"shop/{user}", SecretString=value)
    before = dict(shop.passwords)
    asked = iter(COMMANDS)

    def ours(begin: str, *options: str | Path) -> str:
        words = next(asked)
        assert " ".join(words).startswith(f"detent {begin}")
        return success(detent(*words[1:], *options))

    ours("functions new")
    function = Path("shop/function.py")
    assert function.read_text() == CODE, "the page shows what the command writes"
    assert len([line for line in CODE.splitlines() if line.startswith("    ") and line.strip()]) <= 15
    next(asked)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "shop"],
        env=surroundings(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "2 passed" in done.stdout, done.stdout
    function.write_text(CODE.replace("handler = rotation(Own())\n", REHEARSAL))
    rehearsal = ours("functions try", "--data", shared_detent.data)
    assert "Nothing of the rehearsal is left" in rehearsal
    assert shop.passwords == before
    ours("functions add", "--data", shared_detent.data)
    turned_on = next(asked)
    named = dict(zip(turned_on[3::2], turned_on[4::2], strict=True))
    client.rotate_secret(
        SecretId=named["--secret-id"], RotationLambdaARN=named["--rotation-lambda-arn"], RotateImmediately=False
    )
    ours("rotate", "--data", shared_detent.data)
    new = json.loads(client.get_secret_value(SecretId="shop/app")["SecretString"])
    canary.watch(new["password"])
    assert new["password"] == shop.passwords["app"] != before["app"]
    ours("functions package")
    with zipfile.ZipFile("shop.zip") as archive:
        assert {"function.py", "detent/functions/own.py"} <= set(archive.namelist())
        assert not [name for name in archive.namelist() if name.startswith(("detent/api", "detent/store", "test_"))]
    ours("functions new")
    assert "alternating-users" in Path("orders/function.py").read_text()
    assert list(asked) == []


def test_the_page_names_every_place_that_can_be_varied() -> None:
    from detent.functions.contract import RotationFunction  # noqa: PLC0415 - of this very checkout
    from detent.functions.own import Service  # noqa: PLC0415 - as above

    places = {name for name in vars(RotationFunction) if name.startswith(("more_", "after_")) or name == "passwords"}
    methods = {name for name, it in vars(Service).items() if callable(it) and not name.startswith("_")}
    for name in places | (methods - {"connect", "faults"}):
        assert f"`{name}" in PAGE, name
