"""Wrapping by a KMS, with Tink's own clients and the vendors' real libraries, against servers that are fakes.

No KMS can be had here: each fake speaks the two calls, encrypt and decrypt, and really encrypts. Google's client speaks
gRPC over TLS only, so there the vendor's client object is the fake.
"""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken

from detent.crypto.root import KeysetUnreadable, RootKeyset
from detent.model.value import SecretValue

AWS = "aws-kms://arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
GCP = "gcp-kms://projects/p/locations/global/keyRings/r/cryptoKeys/k"
VAULT = "hcvault://transit/keys/detent"

Answer = Callable[[str, dict[str, Any]], dict[str, Any] | None]  # path or target, members; None: refused


class Fake:
    """A KMS with one key."""

    def __init__(self) -> None:
        self.key = Fernet(Fernet.generate_key())
        self.refuses = False
        self.asked: list[str] = []

    def aws(self, target: str, members: dict[str, Any]) -> dict[str, Any] | None:
        self.asked.append(target)
        assert members["KeyId"] == AWS.removeprefix("aws-kms://")
        if target == "TrentService.Encrypt":
            sealed = self.key.encrypt(base64.b64decode(members["Plaintext"]))
            return {"CiphertextBlob": base64.b64encode(sealed).decode(), "KeyId": members["KeyId"]}
        opened = self.opened(base64.b64decode(members["CiphertextBlob"]))
        return None if opened is None else {"Plaintext": base64.b64encode(opened).decode(), "KeyId": members["KeyId"]}

    def vault(self, path: str, members: dict[str, Any]) -> dict[str, Any] | None:
        self.asked.append(path)
        if path == "/v1/transit/encrypt/detent":
            sealed = self.key.encrypt(base64.b64decode(members["plaintext"])).decode()
            return {"data": {"ciphertext": f"vault:v1:{sealed}"}}
        opened = self.opened(members["ciphertext"].removeprefix("vault:v1:").encode())
        return None if opened is None else {"data": {"plaintext": base64.b64encode(opened).decode()}}

    def opened(self, sealed: bytes) -> bytes | None:
        if self.refuses:
            return None
        try:
            return self.key.decrypt(sealed)
        except InvalidToken:
            return None

    # Google's client object
    def encrypt(self, request: dict[str, Any]) -> Any:
        self.asked.append(request["name"])
        return SimpleNamespace(ciphertext=self.key.encrypt(request["plaintext"]))

    def decrypt(self, request: dict[str, Any]) -> Any:
        opened = self.opened(request["ciphertext"])
        if opened is None:
            raise PermissionError("403 Permission denied")
        return SimpleNamespace(plaintext=opened)


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    """Serve JSON over HTTP on a loopback port; gives the URL."""
    servers: list[HTTPServer] = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                members = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                told = answer(self.headers.get("X-Amz-Target") or self.path, members)
                body = json.dumps(
                    {"__type": "AccessDeniedException", "errors": ["no"]} if told is None else told
                ).encode()
                self.send_response(400 if told is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_PUT = do_POST  # noqa: N815 - http.server's name

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(params=[AWS, GCP, VAULT], ids=["aws", "gcp", "vault"])
def uri(
    request: pytest.FixtureRequest, fake: Fake, serve: Callable[[Answer], str], monkeypatch: pytest.MonkeyPatch
) -> str:
    found: str = request.param
    if found == AWS:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", serve(fake.aws))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    elif found == GCP:
        from google.cloud import kms_v1  # noqa: PLC0415 - slow to import

        monkeypatch.setattr(kms_v1, "KeyManagementServiceClient", lambda **_: fake)
    else:
        monkeypatch.setenv("VAULT_ADDR", serve(fake.vault))
        monkeypatch.setenv("VAULT_TOKEN", "t")
    return found


def test_the_file_is_wrapped_and_unwrapped_by_it_and_names_it(tmp_path: Path, fake: Fake, uri: str) -> None:
    path = tmp_path / "keyset.json"
    keyset = RootKeyset.create(path)
    sealed = keyset.seal(SecretValue("x"), "c")
    material = json.loads(path.read_text())["key"][0]["keyData"]["value"]
    keyset.wrap(uri, lambda: None)
    assert material not in path.read_text()
    again = RootKeyset.load(path)
    assert again.wrapped_by == uri
    again.rotate()
    assert RootKeyset.load(path).open(sealed, "c").reveal() == "x"
    assert fake.asked


def test_a_kms_that_refuses_is_one_line(tmp_path: Path, fake: Fake, uri: str) -> None:
    path = tmp_path / "keyset.json"
    RootKeyset.create(path).wrap(uri, lambda: None)
    fake.refuses = True
    with pytest.raises(KeysetUnreadable) as caught:
        RootKeyset.load(path)
    told = "does not open: is it the right key or passphrase, and may it be used?"
    assert str(caught.value) == f"the root keyset {path}, wrapped by {uri}, {told}"


def test_a_kms_that_cannot_open_what_it_wrapped_replaces_nothing(tmp_path: Path, fake: Fake, uri: str) -> None:
    path = tmp_path / "keyset.json"
    keyset = RootKeyset.create(path)
    before = path.read_bytes()
    fake.refuses = True
    with pytest.raises(KeysetUnreadable):
        keyset.wrap(uri, lambda: None)
    assert path.read_bytes() == before
