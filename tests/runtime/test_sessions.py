"""A warm process and the sessions of one step after the other."""

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from runtime.workshop import Workshop, credentials

CLIENT = """
    import boto3, os
    client = boto3.client("secretsmanager", endpoint_url=os.environ["SECRETS_MANAGER_ENDPOINT"])
    def handler(event, context):
        return [client.describe_secret(SecretId=str(number))["Name"] for number in range(event or 1)]
    """


class Signed(BaseHTTPRequestHandler):
    """Answers with the access key and token that signed the call."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        key = re.search("Credential=([^/]+)/", self.headers["Authorization"])
        name = f"{key[1]} {self.headers['X-Amz-Security-Token']}" if key else ""
        body = json.dumps({"Name": name}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def signed() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Signed) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def at_server(signed: str, confined: Workshop) -> Workshop:
    confined.environment = {**confined.environment, "SECRETS_MANAGER_ENDPOINT": signed}
    return confined


def test_a_client_made_at_import_time_signs_each_step_with_its_own_session(at_server: Workshop) -> None:
    function = at_server.function(CLIENT)
    for number in (1, 2, 3):
        answer = at_server.invoke(function, 2, session=credentials(number))
        assert answer.value == [f"ASIASTEP{number:08} session {number}"] * 2
    assert at_server.invoke(function, session=credentials(4)).log.count("Init Duration") == 0


def test_without_a_session_calls_are_signed_by_nobody_and_one_can_come_later(at_server: Workshop) -> None:
    function = at_server.function(CLIENT)
    assert at_server.invoke(function).value == ["ASIANOCREDENTIALSHERE this invocation has no credentials"]
    assert at_server.invoke(function, session=credentials(1)).value == ["ASIASTEP00000001 session 1"]
    assert at_server.invoke(function).value == ["ASIANOCREDENTIALSHERE this invocation has no credentials"]


def test_a_session_ends_with_its_invocation_for_what_runs_on(workshop: Workshop) -> None:
    function = workshop.function(
        """
        import json, os, time, urllib.request
        from pathlib import Path
        def look():
            request = urllib.request.Request(os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"],
                headers={"Authorization": os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]})
            return json.load(urllib.request.urlopen(request))["AccessKeyId"]
        def handler(event, context):
            if event == "tell":
                return Path("/tmp/seen").read_text()
            if os.fork() == 0:
                time.sleep(0.3)
                Path("/tmp/seen").write_text(look())
                os._exit(0)
            return look()
        """
    )
    assert workshop.invoke(function, session=credentials(1)).value == "ASIASTEP00000001"
    time.sleep(1)
    assert workshop.invoke(function, "tell", session=credentials(2)).value == "ASIANOCREDENTIALSHERE"


def test_credentials_are_given_to_who_has_the_token_only(workshop: Workshop) -> None:
    function = workshop.function(
        """
        import os, urllib.request, urllib.error
        def handler(event, context):
            try:
                urllib.request.urlopen(os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
            except urllib.error.HTTPError as error:
                return error.code
        """
    )
    assert workshop.invoke(function, session=credentials()).value == 404


def test_no_value_of_a_session_stands_in_the_environment_or_the_arguments(workshop: Workshop) -> None:
    function = workshop.function(
        """
        from pathlib import Path
        def handler(event, context):
            return [path.read_bytes().decode() for path in map(Path, ("/proc/self/environ", "/proc/self/cmdline"))]
        """
    )
    seen = workshop.invoke(function, session=credentials(7), environment={"PASSWORD": "own"}).value
    assert not any(word in text for text in seen for word in ("secret 7", "session 7", "rotation 7"))
    assert "own" not in seen[1]
