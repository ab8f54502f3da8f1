"""A call that cannot be recorded is not answered, and what it would have done is not done."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from servers.canary import Canary
from servers.detent import running

FULL = Path("/dev/full")


def test_a_full_audit_trail_stops_reads_and_undoes_writes(tmp_path: Path, canary: Canary) -> None:
    data = tmp_path / "data"
    with running(data) as server:
        server.client().create_secret(Name="kept", SecretString=canary.value())
        server.client().get_secret_value(SecretId="kept")  # notes the day, so that the next read writes nothing
        server.stop()
    (data / "audit.log").rename(data / "audit.log.full")
    (data / "audit.log").symlink_to(FULL)
    with running(data) as server:
        client = server.client()
        with pytest.raises(HTTPClientError):  # the connection is closed without a reply
            client.get_secret_value(SecretId="kept")
        with pytest.raises(ClientError, match="InternalServiceError"):
            client.create_secret(Name="unrecorded", SecretString=canary.value())
        canary.texts.append(server.log.read_text())
    (data / "audit.log").unlink()
    with running(data) as server:
        assert [one["Name"] for one in server.client().list_secrets()["SecretList"]] == ["kept"]
        assert server.client().get_secret_value(SecretId="kept")["SecretString"] == canary.value()
