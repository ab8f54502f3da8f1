"""After `eval "$(detent env)"` plain AWS clients talk to the server, whatever the shell had set before."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.command import detent, refusal, success, surroundings
from detent.cli.shell import UNSET
from servers.certificates import Certificates
from servers.detent import RunningDetent, running

PROGRAMS = Path(sys.executable).parent  # where this environment's `detent` and `aws` are
BOTO3 = 'import boto3; print(*(s["Name"] for s in boto3.client("secretsmanager").list_secrets()["SecretList"]))'

HOSTILE = {
    **dict.fromkeys(UNSET, "hostile"),
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://127.0.0.1:9",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_CA_BUNDLE": "/nonexistent/bundle.pem",
    "REQUESTS_CA_BUNDLE": "/nonexistent/bundle.pem",  # other programs' too, so it stays; the config file goes before it
    "AWS_CONFIG_FILE": "/nonexistent/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "no_proxy": "example.com",
}


@pytest.fixture(scope="module")
def spaced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDetent]:
    """A server whose folder's name a shell must have quoted."""
    with running(tmp_path_factory.mktemp("it's a folder; of") / "data") as server:
        server.client().create_secret(Name="found/by/env")
        yield server


def in_shell(data: Path, command: str, **env: str) -> str:
    path = f"{PROGRAMS}:{os.environ['PATH']}"
    script = f'set -eu; eval "$(detent env --data {shlex.quote(str(data))})"; {command}'
    done = subprocess.run(
        ["bash", "-c", script],
        env=surroundings(**{**env, "PATH": path, "AWS_PAGER": ""}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("before", [{}, HOSTILE], ids=["clean", "hostile"])
def test_the_aws_cli_finds_the_server(spaced: RunningDetent, before: dict[str, str]) -> None:
    listed = json.loads(in_shell(spaced.data, "aws secretsmanager list-secrets", **before))
    assert [secret["Name"] for secret in listed["SecretList"]] == ["found/by/env"]


@pytest.mark.parametrize("before", [{}, HOSTILE], ids=["clean", "hostile"])
def test_boto3_finds_the_server(spaced: RunningDetent, before: dict[str, str]) -> None:
    assert in_shell(spaced.data, f"{sys.executable} -c {shlex.quote(BOTO3)}", **before) == "found/by/env\n"


def test_detents_own_commands_find_the_server(spaced: RunningDetent) -> None:
    assert "found/by/env" in in_shell(spaced.data, "detent secrets", **HOSTILE)


def test_a_server_with_a_certificate_of_its_own_is_verified(tmp_path: Path, certificates: Certificates) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_text(certificates.server.read_text() + certificates.ca)
    files = ["--host", "localhost", "--tls-cert", str(chain), "--tls-key", str(certificates.server_key)]
    with running(tmp_path / "data", *files) as server:
        assert server.endpoint.startswith("https://localhost:")
        assert in_shell(server.data, "aws secretsmanager list-secrets", **HOSTILE) == '{\n    "SecretList": []\n}\n'
        assert in_shell(server.data, f"{sys.executable} -c {shlex.quote(BOTO3)}", **HOSTILE) == "\n"
        assert success(detent("secrets", "--data", server.data)) == "There are no secrets.\n"
        keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
        unverified = detent("secrets", env={**keys, "AWS_ENDPOINT_URL": server.endpoint})
        assert refusal(unverified).startswith(f"TLS with {server.endpoint} failed: ")


def test_past_a_proxy_only_the_server_is_reached_directly(spaced: RunningDetent) -> None:
    proxied = {"http_proxy": "http://127.0.0.1:9", "no_proxy": "example.com"}
    assert in_shell(spaced.data, 'echo "$no_proxy $NO_PROXY"', **proxied) == (
        "example.com,127.0.0.1 example.com,127.0.0.1\n"
    )
    assert "no_proxy" not in success(detent("env", "--data", spaced.data))
    assert "no_proxy" not in success(detent("env", "--data", spaced.data, env={**proxied, "no_proxy": "127.0.0.1"}))


def test_a_folder_that_no_server_has_used_is_refused(tmp_path: Path) -> None:
    said = refusal(detent("env", "--data", tmp_path))
    assert said == f"no server was ever started on the data folder {tmp_path}: detent serve --data {tmp_path}"


def test_the_folder_comes_from_the_variable_or_the_home(spaced: RunningDetent, tmp_path: Path) -> None:
    assert str(spaced.data) in shlex.split(success(detent("env", env={"DETENT_DATA": str(spaced.data)})))[-1]
    (tmp_path / ".detent").symlink_to(spaced.data)
    assert f"AWS_CONFIG_FILE={tmp_path}/.detent/config" in success(detent("env", env={"HOME": str(tmp_path)}))


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[other]\n")
    assert refusal(detent("env", "--data", tmp_path)).startswith(f"{tmp_path / 'config'} is not what a server writes")
    (tmp_path / "config").unlink()
    (tmp_path / "config").mkdir()
    assert refusal(detent("env", "--data", tmp_path)) == f"cannot read {tmp_path / 'config'}: Is a directory"
