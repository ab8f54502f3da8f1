"""Request rates as an unmodified boto3 client meets them: A.4 and I of the API reference."""

import json
import time
from pathlib import Path

import botocore.config
import pytest

from servers.detent import running
from wire.answers import refused

PATIENCE = 60


@pytest.mark.parametrize("mode", ["legacy", "standard"])
def test_boto3_tries_a_throttled_call_again_until_it_gets_through(tmp_path: Path, mode: str) -> None:
    with running(tmp_path / "data", "--rate-limit-factor", "0.04") as server:  # two passwords a second
        patient = server.client(config=botocore.config.Config(retries={"mode": mode, "total_max_attempts": 10}))
        retried, deadline = 0, time.monotonic() + PATIENCE
        while not retried:
            assert time.monotonic() < deadline
            answer = patient.get_random_password()
            assert len(answer["RandomPassword"]) == 32
            retried = answer["ResponseMetadata"]["RetryAttempts"]
        lines = [json.loads(line) for line in (server.data / "audit.log").read_text().splitlines()]
        throttled = [line for line in lines if line.get("errorCode") == "ThrottlingException"]
        assert len(throttled) >= retried


def test_a_client_that_does_not_try_again_is_told(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--rate-limit-factor", "0.0002") as server:  # a password in 100 seconds
        client = server.client()
        assert client.get_random_password()["RandomPassword"]
        with refused(("ThrottlingException", "Rate exceeded")):
            client.get_random_password()
        assert client.list_secrets()["SecretList"] == []
