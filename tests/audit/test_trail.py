import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from detent.audit.chain import Chain
from detent.audit.journal import Journal
from detent.audit.trail import AuditTrail
from detent.model.policy import Principal
from detent.model.ports import AuditedCall
from servers.writers import a_secret

NOW = datetime(2026, 3, 10, 12, 0, 1, 999999, tzinfo=UTC)
ROOT = Principal("0" * 12, f"arn:aws:iam::{'0' * 12}:root", "AKIA")


def a_call(**changed: object) -> AuditedCall:
    members: dict[str, object] = {
        "moment": NOW,
        "service": "secretsmanager",
        "operation": "GetSecretValue",
        "region": "us-east-1",
        "account": "0" * 12,
        "request_id": "r1",
        "event_id": "e1",
        "peer": "127.0.0.1",
        "user_agent": "agent",
        "principal": ROOT,
        "parameters": {"secretId": "s"},
        "reply": None,
        "read_only": True,
    }
    return AuditedCall(**{**members, **changed})  # type: ignore[arg-type]


def trail_at(path: Path) -> AuditTrail:
    return AuditTrail(Journal(path, Chain(bytes(32))))


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_call_is_one_line_in_cloudtrails_shape(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    trail_at(path).call(a_call(error=("AccessDeniedException", "no")))
    [record] = records(path)
    assert record.pop("eventID") == "e1"
    assert [record.pop("sequence"), record.pop("previous"), len(record.pop("mac"))] == [1, "0" * 32, 32]  # type: ignore[arg-type]
    assert record == {
        "eventVersion": "1.08",
        "userIdentity": {
            "type": "Root",
            "principalId": "0" * 12,
            "arn": ROOT.arn,
            "accountId": "0" * 12,
            "accessKeyId": "AKIA",
        },
        "eventTime": "2026-03-10T12:00:01Z",
        "eventSource": "secretsmanager.amazonaws.com",
        "eventName": "GetSecretValue",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "127.0.0.1",
        "userAgent": "agent",
        "requestParameters": {"secretId": "s"},
        "responseElements": None,
        "requestID": "r1",
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "0" * 12,
        "eventCategory": "Management",
        "errorCode": "AccessDeniedException",
        "errorMessage": "no",
    }
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_rotation_event_has_the_references_fields(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    trail_at(path).event("RotationFailed", a_secret(), "t1", NOW, "Error when …")  # type: ignore[arg-type]
    [record] = records(path)
    arn = a_secret().arn
    assert record["requestID"] == f"Rotation-{arn}-t1"
    assert record["additionalEventData"] == {"SecretId": arn}
    assert (record["eventType"], record["eventName"]) == ("AwsServiceEvent", "RotationFailed")
    assert record["errorMessage"] == "Error when …"
    assert record["userIdentity"] == {"accountId": "0" * 12, "invokedBy": "secretsmanager.amazonaws.com"}


def test_writers_never_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    trails = [trail_at(path) for _ in range(4)]

    def write(trail: AuditTrail) -> None:
        for number in range(200):
            trail.call(a_call(request_id=str(number), user_agent="x" * 300))

    threads = [threading.Thread(target=write, args=(trail,)) for trail in trails]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(records(path)) == 800


def test_a_record_that_cannot_be_written_is_an_error_and_never_silent(tmp_path: Path) -> None:
    (tmp_path / "audit.log").symlink_to("/dev/full")
    trail = trail_at(tmp_path / "audit.log")
    with pytest.raises(OSError, match="No space left"):
        trail.call(a_call())
