"""`docs/how-to/rotate-an-api-key.md`, followed with a real service: on a server, and as a Lambda."""

import json
import re
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.command import detent, success
from detent.functions.testing import SecretsSimulator
from functions.stories import rotate
from servers.canary import Canary
from servers.certificates import Certificates
from servers.detent import running
from servers.forge import ForgeTarget

PAGE = (Path(__file__).parent.parent.parent / "docs/how-to/rotate-an-api-key.md").read_text(encoding="utf-8")
HANDLER, STORING = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PATIENCE = 60


@pytest.fixture
def forge(server_of: Callable[[str], ForgeTarget]) -> ForgeTarget:
    return server_of("http")


@pytest.fixture
def value(forge: ForgeTarget, certificates: Certificates) -> dict[str, Any]:
    """A user's of the service, which is reached over TLS."""
    made = forge.new_value(sslmode="verify-full", sslrootcert=certificates.ca, **forge.tls_settings())
    forge.let_rotate_itself(made["username"])
    return {**made, "host": "localhost"}


def describe(folder: Path) -> None:
    """Write the page's description, for the host of the tests."""
    (described,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    folder.mkdir()
    (folder / "forge.toml").write_text(described.replace("forge.example.com", "localhost"), encoding="utf-8")


def test_the_page_rotates_a_key_of_a_real_service(
    forge: ForgeTarget, value: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, canary: Canary
) -> None:
    describe(tmp_path / "services")
    (variable, command) = re.findall(r"^(HTTP_SERVICES)=/etc/detent/services (.*)$", PAGE, re.MULTILINE)[0]
    assert command == "detent serve"
    monkeypatch.setenv(variable, str(tmp_path / "services"))
    canary.watch(value["api_key"])
    code = STORING.replace('"forge.example.com"', '"localhost", **more').replace('"ci"', "user")
    code = code.replace('"7"', "key_id").replace('"…"', "api_key")
    names = {"user": value["username"], "key_id": value["key_id"], "api_key": value["api_key"]}
    more = {key: value[key] for key in ("port", "sslrootcert")}
    with running(tmp_path / "data") as server:
        canary.folders.append(server.data)
        client = server.client()
        exec(code, {"client": client, "json": json, "more": more, **names})
        deadline = time.monotonic() + PATIENCE
        current = dict(value)
        while current["api_key"] == value["api_key"]:
            assert time.monotonic() < deadline, server.log.read_text()
            time.sleep(0.05)
            current = json.loads(client.get_secret_value(SecretId="ci/forge")["SecretString"])
        canary.watch(current["api_key"])
        assert client.describe_secret(SecretId="ci/forge")["RotationRules"] == {"AutomaticallyAfterDays": 30}
    assert forge.alive(current)
    assert forge.alive(value)
    assert forge.keys_of(value["username"]) == {value["key_id"], current["key_id"]}


def test_the_pages_lambda_finds_its_descriptions_in_its_zip(
    forge: ForgeTarget, value: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "in the zip, and `HTTP_SERVICES` is `services`" in PAGE
    folder, packed = tmp_path / "mine", tmp_path / "function.zip"
    folder.mkdir()
    describe(folder / "services")
    (folder / "function.py").write_text(HANDLER)
    assert "`detent functions package FOLDER --out function.zip`" in PAGE
    success(detent("functions", "package", folder, "--out", packed))
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path / "task")
    monkeypatch.chdir(tmp_path / "task")  # as Lambda does
    monkeypatch.setenv("HTTP_SERVICES", "services")
    names: dict[str, Any] = {}
    exec(Path("function.py").read_text(), names)
    client = SecretsSimulator()
    arn = client.create(value)
    rotate(arn, client, function=names["handler"])
    assert forge.alive(client.value(arn))
    assert forge.keys_of(value["username"]) == {value["key_id"], client.value(arn)["key_id"]}
