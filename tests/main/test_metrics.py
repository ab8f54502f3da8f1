"""GET /metrics of a real server with several workers; and its log, in each form."""

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cli.command import detent, refusal
from detent.main.metrics import COUNTED, READ
from detent.main.settings import CannotStart, Settings
from servers.canary import Canary
from servers.detent import RunningDetent, free_port, running

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"
PAGE = Path(__file__).parent.parent.parent / "docs" / "how-to" / "watch-a-server.md"


class Watched:
    def __init__(self, server: RunningDetent, address: str) -> None:
        self.server, self.address = server, address

    def text(self, path: str = "/metrics") -> str:
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=10) as answer:
            found: str = answer.read().decode()
            return found

    def value(self, name: str, **labels: str) -> float:
        samples = [one for family in text_string_to_metric_families(self.text()) for one in family.samples]
        return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    address = f"127.0.0.1:{free_port()}"
    data = tmp_path_factory.mktemp("metrics") / "data"
    with running(data, "--workers", "2", "--metrics", address) as server:
        yield Watched(server, address)
    assert re.findall(r"\S*Error", server.log.read_text()) == []


def test_calls_of_all_workers_are_counted_by_operation_and_outcome(watched: Watched, canary: Canary) -> None:
    client = watched.server.client()
    client.create_secret(Name="metered-name", SecretString=canary.value())
    for _ in range(10):
        client.get_secret_value(SecretId="metered-name")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_secret_value(SecretId="none")
    assert watched.value("detent_requests_total", operation="GetSecretValue", outcome="done") == 10
    assert watched.value("detent_requests_total", operation="GetSecretValue", outcome="refused") == 1
    assert watched.value("detent_request_seconds_count") >= 12
    text = watched.text()
    canary.texts.append(text)
    assert "metered-name" not in text


def test_rotations_and_their_steps_are_counted(watched: Watched, canary: Canary) -> None:
    client = watched.server.client()
    place = {"engine": "postgres", "host": "127.0.0.1", "port": 1, "username": "app", "password": canary.value()}
    client.create_secret(Name="rotated", SecretString=json.dumps(place))
    client.rotate_secret(SecretId="rotated", RotationLambdaARN=FUNCTION)
    deadline = time.monotonic() + 30
    while not watched.value("detent_rotation_step_seconds_count", step="setSecret", outcome="failed"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert watched.value("detent_rotation_step_seconds_count", step="createSecret", outcome="done") == 1
    client.cancel_rotate_secret(SecretId="rotated")


def test_the_store_and_the_disk_are_looked_at(watched: Watched) -> None:
    assert watched.value("detent_store_bytes") >= (watched.server.data / "store.sqlite").stat().st_size
    assert watched.value("detent_audit_free_bytes") > 0
    assert watched.value("detent_rotation_paused") == 0
    assert watched.value("detent_rotations_due") in (0, 1)
    assert watched.value("detent_rotations_overdue") == 0
    assert watched.value("detent_oldest_credential_seconds") >= 0
    assert watched.value("detent_webhooks_failing") == 0
    assert watched.value("detent_info") == 1


def test_nothing_else_is_served_there_and_no_metrics_on_the_apis_port(watched: Watched) -> None:
    for path in ("/", "/health", "/metrics/x"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            watched.text(path)
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{watched.server.endpoint}/metrics", timeout=10)


def test_the_page_has_each_of_them_and_no_other(watched: Watched) -> None:
    told = dict(re.findall(r"^\| `(detent_\w+)` \| (.+?) \|$", PAGE.read_text(), re.MULTILINE))
    assert told == {**COUNTED, **READ}
    served = {name for name in told if name in watched.text()}
    assert served == set(told) - {"detent_rotation_events_total"} | ({"detent_rotation_events_total"} & served)


def test_a_port_in_use_is_refused_at_the_start(watched: Watched, tmp_path: Path) -> None:
    done = detent("serve", "--data", tmp_path / "other", "--port", "0", "--metrics", watched.address)
    assert refusal(done) == f"cannot listen on {watched.address}: Address already in use"


@pytest.mark.parametrize("wrong", ["9464", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", ":9464"])
def test_what_is_no_address_is_refused(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(CannotStart, match="--metrics must be HOST:PORT"):
        Settings(tmp_path, metrics=wrong)


def test_beyond_loopback_somebody_must_say_that_it_is_meant(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="metrics are served without TLS or signature"):
        Settings(tmp_path, metrics="0.0.0.0:9464")
    assert Settings(tmp_path, metrics="0.0.0.0:9464", insecure_http=True).metrics_address == ("0.0.0.0", 9464)
    assert Settings(tmp_path, metrics="[::1]:9464").metrics_address == ("::1", 9464)


LOGGING = """
import logging
from detent.main.logs import log_to_stderr
log_to_stderr({form!r}, {level!r})
logging.getLogger("detent.x").info("quiet %s", "word")
try:
    raise ValueError("{secret}")
except ValueError:
    logging.getLogger("detent.x").exception("it broke")
"""


def logged(form: str, canary: Canary, level: str = "warning") -> list[str]:
    code = LOGGING.format(form=form, level=level, secret=canary.value())
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    canary.texts.append(done.stderr)
    return done.stderr.splitlines()


def test_a_log_in_json_is_an_object_a_line(canary: Canary) -> None:
    [line] = logged("json", canary)
    found = json.loads(line)
    assert (found["level"], found["logger"], found["event"], found["error"]) == (
        "error",
        "detent.x",
        "it broke",
        "ValueError",
    )
    assert found["timestamp"].endswith("Z")
    assert [json.loads(line)["event"] for line in logged("json", canary, "info")] == ["quiet word", "it broke"]


def test_a_log_for_people_and_one_in_logfmt_say_the_same(canary: Canary) -> None:
    for form in ("console", "logfmt"):
        [line] = logged(form, canary)
        assert "it broke" in line
        assert "ValueError" in line


@pytest.mark.parametrize(("setting", "value"), [("log_format", "xml"), ("log_level", "loud")])
def test_another_form_or_level_is_refused(tmp_path: Path, setting: str, value: str) -> None:
    with pytest.raises(CannotStart, match=f"--{setting.replace('_', '-')} must be one of"):
        Settings(tmp_path, **{setting: value})  # type: ignore[arg-type]
