"""`detent serve`: where settings come from, and what a start refuses, having changed nothing."""

import configparser
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.command import detent, refusal, surroundings
from servers.certificates import Certificates
from servers.detent import running

TAKEN = "option", "variable", "file"  # no account id is like these, so a refusal shows which one was taken


@pytest.fixture(scope="session")
def started_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("started") / "data"
    with running(data):
        pass
    return data


@pytest.fixture
def data(started_once: Path, tmp_path: Path) -> Path:
    """A data folder of its own, which a server has used before."""
    return shutil.copytree(started_once, tmp_path / "data")


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def contents(folder: Path) -> dict[str, bytes]:
    """Give every file but those that SQLite makes for whoever only reads: an index, and a log of nothing."""
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    return {name: text for name, text in files.items() if not name.endswith("-shm") and text}


def swap_keyset(data: Path) -> None:
    other = data.with_name("other")
    with running(other):
        pass
    shutil.copyfile(other / "keyset.json", data / "keyset.json")


def make_newer(data: Path) -> None:
    connection = sqlite3.connect(data / "store.sqlite")
    connection.execute("PRAGMA user_version = 9999")
    connection.close()


BROKEN: list[tuple[Callable[[Path], object], str]] = [
    (make_newer, "has schema 9999"),
    (swap_keyset, "is not the keyset that sealed the store"),
    (lambda data: (data / "keyset.json").unlink(), "keyset.json is missing"),
    (lambda data: (data / "keyset.json").write_text("{}"), "is not a Tink keyset"),
    (lambda data: (data / "store.sqlite").write_bytes(b"no store" * 999), "cannot read the store"),
]


@pytest.mark.parametrize(("broken", "said"), BROKEN, ids=[said for _, said in BROKEN])
def test_a_folder_that_is_not_whole_is_refused_and_left_as_it_is(
    data: Path, broken: Callable[[Path], object], said: str
) -> None:
    broken(data)
    before = contents(data)
    assert said in refusal(detent("serve", "--data", data, "--port", "0"))
    assert contents(data) == before


def test_a_port_in_use_is_refused_and_the_folder_left_as_it_is(data: Path, taken_port: int) -> None:
    before = contents(data)
    said = refusal(detent("serve", "--data", data, "--port", str(taken_port)))
    assert said == f"cannot listen on 127.0.0.1:{taken_port}: Address already in use"
    assert contents(data) == before


def test_a_first_start_on_a_port_in_use_makes_no_folder(tmp_path: Path, taken_port: int) -> None:
    refusal(detent("serve", "--data", tmp_path / "data", "--port", str(taken_port)))
    assert not (tmp_path / "data").exists()


def test_a_host_beyond_loopback_without_tls_is_refused(tmp_path: Path) -> None:
    said = refusal(detent("serve", "--data", tmp_path / "data", "--host", "0.0.0.0"))
    assert "give --tls-cert and --tls-key, or --insecure-http" in said
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_read_is_refused(data: Path) -> None:
    # For root, files have no modes unless it gives up the right to overlook them.
    prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    data.chmod(0)
    done = detent("serve", "--data", data, "--port", "0", prefix=prefix)
    data.chmod(0o700)
    assert refusal(done) == f"cannot use the data folder {data}: Permission denied"


@pytest.mark.parametrize("file", ["keyset.json", "store.sqlite", "audit.log"])
def test_a_file_that_cannot_be_read_is_refused(data: Path, file: str) -> None:
    prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    (data / file).chmod(0)
    done = detent("serve", "--data", data, "--port", "0", prefix=prefix)
    (data / file).chmod(0o600)
    assert file in refusal(done)


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    said = refusal(detent("serve", "--data", tmp_path / "data", "--port", "0"))
    assert said == f"cannot use the data folder {tmp_path / 'data'}: File exists"


def test_a_certificate_that_is_none_is_refused(tmp_path: Path, certificates: Certificates) -> None:
    (tmp_path / "cert").write_text("no certificate")
    files = ["--tls-cert", tmp_path / "cert", "--tls-key", certificates.server_key]
    assert "cannot use the certificate" in refusal(detent("serve", "--data", tmp_path / "data", *files))
    assert not (tmp_path / "data").exists()


OPTIONS = [
    (["--tls-cert", "cert.pem"], "TLS needs both files"),
    (["--port", "65536"], "--port must be between 0 and 65535"),
    (["--workers", "0"], "--workers must be at least 1"),
    (["--account-id", "12"], "--account-id must be 12 digits"),
    (["--region", "here/there"], "--region must be a region's name"),
    (["--regions", "eu-west-1,Here"], "--regions must be a region's name"),
    (["--lease-seconds", "0"], "--lease-seconds must be above 0"),
    (["--step-seconds", "-1"], "--step-seconds must be above 0"),
    (["--jitter-seconds", "-1"], "--jitter-seconds must be 0 or more"),
    (["--manual-window-seconds", "0"], "--manual-window-seconds must be above 0 and at most a week."),
    (["--manual-window-seconds", "604801"], "--manual-window-seconds must be above 0 and at most a week."),
    (["--sweep-seconds", "0"], "--sweep-seconds must be above 0"),
    (["--runners", "0"], "--runners must be between 1 and 256."),
    (["--target-runners", "257"], "--target-runners must be between 1 and 256."),
    (["--target-rate", "-1"], "--target-rate must be 0 (no limit) or more"),
    (["--max-secrets", "0"], "--max-secrets must be between 1 and 1000000000."),
    (["--max-versions", "2"], "--max-versions must be between 3 and 1000000."),
    (["--max-labels", "2"], "--max-labels must be between 3 and 1000."),
    (["--max-tags", "0"], "--max-tags must be between 1 and 1000."),
    (["--max-value-bytes", "131073"], "--max-value-bytes must be between 1 and 131072."),
    (["--rate-limit-factor", "-1"], "--rate-limit-factor must be 0 (off) or more"),
    (["--rate-limit-factor", "nan"], "--rate-limit-factor must be 0 (off) or more"),
    (["--host", "no such host", "--insecure-http"], "cannot listen on no such host:7373"),
]


@pytest.mark.parametrize(("options", "said"), OPTIONS, ids=[" ".join(options) for options, _ in OPTIONS])
def test_an_option_that_makes_no_server_is_refused(tmp_path: Path, options: list[str], said: str) -> None:
    assert said in refusal(detent("serve", "--data", tmp_path / "data", *options))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("first", range(3), ids=["option", "variable", "file"])
def test_an_option_goes_before_a_variable_and_that_before_the_file(tmp_path: Path, first: int) -> None:
    option, variable, file = (word if first <= place else "" for place, word in enumerate(TAKEN))
    config = tmp_path / "settings.toml"
    config.write_text(f'account_id = "{file}"')
    done = detent(
        *["serve", "--data", tmp_path / "data", "--config", config],
        *(["--account-id", option] if option else []),
        env={"DETENT_ACCOUNT_ID": variable} if variable else {},
    )
    assert refusal(done) == f"--account-id must be 12 digits, not {TAKEN[first]}."


def test_every_setting_has_a_variable(tmp_path: Path) -> None:
    env = {
        "DETENT_DATA": str(tmp_path / "data"),
        "DETENT_HOST": "0.0.0.0",
        "DETENT_INSECURE_HTTP": "true",
        "DETENT_PORT": "0",
        "DETENT_WORKERS": "1",
        "DETENT_REGION": "eu-west-1",
        "DETENT_LEASE_SECONDS": "5",
        "DETENT_STEP_SECONDS": "5",
        "DETENT_JITTER_SECONDS": "0",
        "DETENT_MANUAL_WINDOW_SECONDS": "5",
        "DETENT_SWEEP_SECONDS": "5",
        "DETENT_MAX_SECRETS": "5",
        "DETENT_MAX_VERSIONS": "5",
        "DETENT_MAX_LABELS": "5",
        "DETENT_MAX_TAGS": "5",
        "DETENT_MAX_VALUE_BYTES": "5",
        "DETENT_RATE_LIMIT_FACTOR": "0.5",
        "DETENT_TLS_CERT": "cert.pem",
    }
    assert "TLS needs both files" in refusal(detent("serve", env=env))
    env |= {"DETENT_TLS_KEY": "key.pem"}
    assert "cannot use the certificate" in refusal(detent("serve", env=env))


def test_a_toml_file_in_the_data_folder_is_read(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "detent.toml").write_text('region = "eu-central-1"\nhost = "::1"\nworkers = 2\njitter_seconds = 1\n')
    with running(data) as server:
        assert server.endpoint.startswith("http://[::1]:")
        assert len(server.children()) == 3
        client = server.client(region_name="eu-central-1")
        assert client.list_secrets()["SecretList"] == []
        with urllib.request.urlopen(f"{server.endpoint}/health") as health:
            assert health.status == 200
        written = configparser.RawConfigParser()
        written.read(data / "config")
        assert dict(written["default"]) == {"region": "eu-central-1", "endpoint_url": server.endpoint}
        assert server.stop() == 0


def test_a_path_in_a_toml_file_is_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('data = "here"\ntls_cert = "cert.pem"\ntls_key = "/key.pem"')
    said = refusal(detent("serve", "--config", tmp_path / "settings.toml"))
    assert said.startswith(f"cannot use the certificate {tmp_path / 'cert.pem'} with the key /key.pem: ")


TOML = [
    ("prot = 1", ": prot: there is no such setting; there are account_id, audit_fsync, "),
    ('port = "7373"', ": port: must be a whole number"),
    ("workers = true", ": workers: must be a whole number"),
    ("workers = 1.5", ": workers: must be a whole number"),
    ("insecure_http = 1", ": insecure_http: must be true or false"),
    ("account_id = 123456789012", ": account_id: must be text"),
    ("tls_cert = 1", ": tls_cert: must be a path, as text"),
    ('lease_seconds = "1"', ": lease_seconds: must be a number"),
    ("host = ['::1']", ": host: must be text"),
    ("host: ::1", ": not TOML: "),
    ("host = '\xff'", ": not TOML: "),
]


@pytest.mark.parametrize(("text", "said"), TOML, ids=[text for text, _ in TOML])
def test_a_toml_file_that_is_wrong_is_refused_by_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    config = tmp_path / "settings.toml"
    config.write_bytes(text.encode("latin-1"))
    line = refusal(detent("serve", "--data", tmp_path / "data", env={"DETENT_CONFIG": str(config)}))
    assert line.startswith(f"{config}{said}")


def test_a_toml_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    said = refusal(detent("serve", "--config", tmp_path / "none.toml"))
    assert said == f"cannot read {tmp_path / 'none.toml'}: No such file or directory"


def test_a_toml_file_in_the_data_folder_cannot_name_another_folder(data: Path) -> None:
    (data / "detent.toml").write_text('data = "/elsewhere"')
    said = refusal(detent("serve", "--data", data))
    assert said.startswith(f"{data / 'detent.toml'}: data: this file lies in the data folder")


def test_the_server_loads_no_client_and_no_driver(tmp_path: Path) -> None:
    program = (
        "import sys; import detent.cli, detent.cli.serving\n"
        "print(sorted({'boto3', 'botocore', 'psycopg'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=surroundings(), cwd=tmp_path
    )
    assert done.stdout == "[]\n"


def test_an_event_of_the_log_is_one_line_without_the_text_of_an_error(tmp_path: Path) -> None:
    program = (
        "import logging; from detent.main.logs import log_to_stderr; log_to_stderr()\n"
        "log = logging.getLogger('detent.some')\n"
        "try:\n    {}['what a driver quoted']\n"
        "except KeyError:\n    log.exception('a step\\nfailed')\n"
        "log.info('too small to be told')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=surroundings(), cwd=tmp_path
    )
    (line,) = done.stderr.splitlines()
    assert line.endswith(r'level=error logger=detent.some event="a step\nfailed" error=KeyError at=<module>:4')
