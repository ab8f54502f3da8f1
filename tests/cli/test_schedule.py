"""`detent schedule preview` and PreviewSchedule on a running server."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

import detent
from cli.command import detent as command
from cli.command import success
from detent.cli.calendar import months
from servers.detent import RunningDetent, running
from wire.raw import raw_client

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"
PAIRED, ALONE = ("crm", "shop"), "alone"
DAILY = {"ScheduleExpression": "cron(0 3 * * ? *)", "Duration": "2h"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDetent]:
    with running(tmp_path_factory.mktemp("schedule") / "data") as server:
        client = server.client()
        for name in (*PAIRED, ALONE):
            host = "one.example" if name in PAIRED else "two.example"
            client.create_secret(Name=name, SecretString=json.dumps({"host": host, "port": 5432}))
            client.rotate_secret(
                SecretId=name, RotationLambdaARN=FUNCTION, RotationRules=DAILY, RotateImmediately=False
            )
        client.create_secret(Name="unrotated", SecretString="x")
        client.create_secret(Name="cancelled", SecretString="x")
        client.rotate_secret(
            SecretId="cancelled", RotationLambdaARN=FUNCTION, RotationRules=DAILY, RotateImmediately=False
        )
        client.cancel_rotate_secret(SecretId="cancelled")
        yield server


def own(server: RunningDetent) -> Any:
    access_key, secret_key = server.credentials
    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key, "region_name": "us-east-1"}
    return detent.client(endpoint_url=server.endpoint, **keys)


def test_every_coming_window_is_listed_with_the_moment_it_may_begin(server: RunningDetent) -> None:
    windows = own(server).preview_schedule(Days=10)["Windows"]
    assert Counter(one["Name"] for one in windows) == {"alone": 10, "crm": 10, "shop": 10}
    for one in windows:
        assert (one["OpensDate"].astimezone(UTC).hour, one["ClosesDate"] - one["OpensDate"]) == (3, timedelta(hours=2))
        assert one["OpensDate"] <= one["DueDate"] <= one["OpensDate"] + timedelta(seconds=300)
    targets = {one["Name"]: one["Target"] for one in windows}
    assert targets["crm"] == targets["shop"] != targets["alone"]
    opens = [one["OpensDate"] for one in windows if one["Name"] == "crm"]
    assert opens == [opens[0] + timedelta(days=number) for number in range(10)]
    assert opens[0] > datetime.now(UTC) - timedelta(hours=2)


def test_one_secret_can_be_asked_about_and_pages_hold_each_secret_whole(server: RunningDetent) -> None:
    api = own(server)
    assert {one["Name"] for one in api.preview_schedule(SecretId="crm")["Windows"]} == {"crm"}
    assert api.preview_schedule(SecretId="unrotated")["Windows"] == []
    pages = list(api.get_paginator("preview_schedule").paginate(Days=3, PaginationConfig={"PageSize": 1}))
    assert [{one["Name"] for one in page["Windows"]} for page in pages if page["Windows"]] == [
        {"alone"},
        {"crm"},
        {"shop"},
    ]


def test_windows_collisions_and_a_calendar_are_shown(server: RunningDetent) -> None:
    shown = success(command("schedule", "preview", "--days", "9", "--data", server.data))
    lines = shown.splitlines()
    assert lines[0].split() == ["opens", "closes", "from", "secret"]
    assert sum("03:00" in line and "05:00" in line for line in lines) == 27
    assert sum(line.split()[2:] == ["one.example:5432", "2", "crm,", "shop"] for line in lines) == 9
    assert "two.example" not in shown  # nothing collides there
    assert "Mo  Tu  We  Th  Fr  Sa  Su" in shown
    assert "! " in shown


def test_collisions_are_named_by_secrets_alone_to_whoever_may_not_read_them(server: RunningDetent) -> None:
    api = own(server)
    api.create_user(UserName="planner")
    allowed = {"Effect": "Allow", "Action": "detent:PreviewSchedule", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    api.create_policy(PolicyName="plans", PolicyDocument=document)
    api.attach_policy(PolicyName="plans", UserName="planner")
    key = api.create_access_key(UserName="planner")
    environment = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    shown = success(command("schedule", "preview", "--days", "9", env=environment))
    assert sum(line.split()[2:] == ["not", "shown", "2", "crm,", "shop"] for line in shown.splitlines()) == 9
    assert "one.example" not in shown


def test_one_secrets_windows_are_shown_and_it_is_said_when_there_are_none(server: RunningDetent) -> None:
    shown = success(command("schedule", "preview", "alone", "--days", "3", "--data", server.data))
    assert "crm" not in shown
    assert "which" not in shown
    none = success(command("schedule", "preview", "unrotated", "--data", server.data))
    assert none.strip() == "No window opens within 90 days."


def test_the_calendar_marks_days_by_how_much_there_is() -> None:
    console = Console(width=120, record=True, color_system=None)
    busy = {date(2028, 2, 29): 1, date(2028, 3, 1): 4, date(2028, 6, 30): 12, date(2028, 5, 2): 2}
    for row in months(busy, {date(2028, 5, 2)}):
        console.print(row)
    shown = console.export_text()
    assert [word in shown for word in ("February 2028", "29·", " 1:", "30#", " 2!")] == [True] * 5
    assert "January" not in shown
    assert "July" not in shown


def test_no_more_than_a_year_and_no_less_than_a_day_is_previewed(server: RunningDetent) -> None:
    call = raw_client(server, service="detent").call
    assert [call("PreviewSchedule", {"Days": days}).status for days in (0, 1, 366, 367)] == [400, 200, 200, 400]
