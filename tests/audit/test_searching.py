import json

import pytest

from detent.audit.searching import Wanted, search, secret_of

ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:prod/db-AbCdEf"
ROOT = {"type": "Root", "arn": "arn:aws:iam::000000000000:root", "accessKeyId": "AKIAROOT", "principalId": "0" * 12}
ANN = {"type": "IAMUser", "arn": "arn:aws:iam::000000000000:user/ann", "userName": "ann", "accessKeyId": "AKIAANN"}
APP = {"type": "AssumedRole", "arn": "arn:aws:sts::000000000000:assumed-role/app/s1", "accessKeyId": "ASIAAPP"}


def record(who: dict[str, str], action: str, at: str, **more: object) -> bytes:
    told = {
        "userIdentity": who,
        "eventName": action,
        "eventTime": f"2026-03-{at}Z",
        "eventSource": "detent",
        "sourceIPAddress": "",
        **more,
    }
    return json.dumps(told).encode() + b"\n"


TRAIL = [
    record(
        ROOT,
        "CreateSecret",
        "01T00:00:00",
        requestParameters={"name": "prod/db"},
        responseElements={"arn": ARN, "name": "prod/db"},
        eventSource="secretsmanager.amazonaws.com",
    ),
    record(ANN, "GetSecretValue", "02T00:00:00", requestParameters={"secretId": "prod/db"}),
    record(APP, "GetSecretValue", "03T00:00:00", requestParameters={"secretId": ARN}, errorCode="AccessDenied"),
    record(ANN, "GetSecretValue", "04T00:00:00", requestParameters={"secretId": "prod/db2"}),
    record(
        {"accountId": "000000000000", "invokedBy": "secretsmanager.amazonaws.com"},
        "RotationFailed",
        "05T00:00:00",
        additionalEventData={"SecretId": ARN},
        errorMessage="no",
    ),
    b"no record\n",
    b"[]\n",
    b'{"eventTime":"2026"}\n',
]


@pytest.mark.parametrize(
    ("wanted", "days"),
    [
        (Wanted(), [1, 2, 3, 4, 5]),
        (Wanted(principal="root"), [1]),
        (Wanted(principal="ann"), [2, 4]),
        (Wanted(principal="user/ann"), [2, 4]),
        (Wanted(principal="AKIAANN"), [2, 4]),
        (Wanted(principal="an"), []),
        (Wanted(principal="ANN"), []),
        (Wanted(principal="role/app"), [3]),
        (Wanted(principal="arn:aws:sts::000000000000:assumed-role/app/s1"), [3]),
        (Wanted(secret="prod/db"), [1, 2, 3, 5]),
        (Wanted(secret=ARN), [1, 2, 3, 5]),
        (Wanted(secret="prod"), []),
        (Wanted(action="GetSecretValue"), [2, 3, 4]),
        (Wanted(action="secretsmanager:CreateSecret"), [1]),
        (Wanted(action="detent:CreateSecret"), []),
        (Wanted(since="2026-03-02T00:00:00Z", until="2026-03-04T00:00:00Z"), [2, 3]),
        (Wanted(only_refused=True), [3, 5]),
        (Wanted(principal="ann", secret="prod/db", action="GetSecretValue"), [2]),
    ],
)
def test_records_are_found_by_what_they_say(wanted: Wanted, days: list[int]) -> None:
    assert [int(found["eventTime"][8:10]) for found in search(TRAIL, wanted)] == days


def test_the_secret_of_a_record_is_as_the_call_named_it() -> None:
    told = [secret_of(found) for found in search(TRAIL, Wanted())]
    assert told == ["prod/db", "prod/db", ARN, "prod/db2", ARN]
