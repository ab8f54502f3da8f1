"""RotateSecret and CancelRotateSecret: B.11, B.12 and D.2 to D.8 of the API reference.

The secrets here name a database that is not there: a rotation fails at once and waits ten seconds for its next try.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import (
    INCOMPLETE,
    MARKED,
    NO_TOKEN,
    NOT_FOUND,
    SHORT_TOKEN,
    constraint,
    new_name,
    new_token,
    refused,
    token_used,
)
from wire.raw import raw_client

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"
CANNOT_INVOKE = (
    "AccessDeniedException",
    (
        "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access"
        " to the principal secretsmanager.amazonaws.com."
    ),
)


@pytest.fixture
def secret(client, unreachable: str) -> str:
    name = new_name()
    client.create_secret(Name=name, SecretString=unreachable, ClientRequestToken="a" * 32)
    return name


def _described(client, name: str) -> dict[str, Any]:
    described: dict[str, Any] = client.describe_secret(SecretId=name)
    del described["ResponseMetadata"]
    return described


def _settled(client, name: str, label: str = "AWSPENDING") -> dict[str, Any]:
    """Wait until no version carries the label any more."""
    deadline = time.monotonic() + 20
    while label in str((described := _described(client, name)).get("VersionIdsToStages")):
        assert time.monotonic() < deadline, "the label is still there"
        time.sleep(0.02)
    return described


def test_a_rotation_begins_with_an_empty_pending_version_under_the_token(client, secret: str) -> None:
    token = new_token()
    arn = client.describe_secret(SecretId=secret)["ARN"]
    reply = client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION, ClientRequestToken=token)
    del reply["ResponseMetadata"]
    assert reply == {"ARN": arn, "Name": secret, "VersionId": token}
    described = _described(client, secret)
    assert described["VersionIdsToStages"] == {"a" * 32: ["AWSCURRENT"], token: ["AWSPENDING"]}
    assert (described["RotationEnabled"], described["RotationLambdaARN"]) == (True, FUNCTION)
    assert {"RotationRules", "LastRotatedDate", "NextRotationDate"}.isdisjoint(described)


def test_the_current_value_stays_readable_while_a_rotation_fails(client, secret: str, unreachable: str) -> None:
    client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION)
    assert client.get_secret_value(SecretId=secret)["SecretString"] == unreachable


def test_an_empty_pending_version_is_not_found_by_label_or_id(client) -> None:
    name, token = new_name(), new_token()
    client.create_secret(Name=name)  # without a current value the function cannot fill the pending version
    client.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION, ClientRequestToken=token)
    by_label = ("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for")
    for asked, rest in (
        ({"VersionStage": "AWSPENDING"}, " staging label: AWSPENDING"),
        ({"VersionId": token}, f" VersionId: {token}"),
        ({"VersionId": token, "VersionStage": "AWSPENDING"}, f" VersionId: {token}"),
    ):
        with refused((by_label[0], by_label[1] + rest)):
            client.get_secret_value(SecretId=name, **asked)
    with refused(
        (
            "InvalidRequestException",
            "You provided a VersionStage that is not associated to the provided VersionId.",
        )
    ):
        client.get_secret_value(SecretId=name, VersionId=token, VersionStage="AWSCURRENT")


def test_current_never_moves_to_a_version_without_a_value(client) -> None:
    name, token = new_name(), new_token()
    client.create_secret(Name=name)
    client.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION, ClientRequestToken=token)
    with refused(
        (
            "InvalidRequestException",
            f"Version {token} has no value yet, and the current value must stay readable.",
        )
    ):
        client.update_secret_version_stage(SecretId=name, VersionStage="AWSCURRENT", MoveToVersionId=token)


def test_the_same_token_again_starts_nothing(client, secret: str) -> None:
    asked = {"SecretId": secret, "RotationLambdaARN": FUNCTION, "ClientRequestToken": new_token()}
    first, second = client.rotate_secret(**asked), client.rotate_secret(**asked)
    assert [first[member] == second[member] for member in ("ARN", "Name", "VersionId")] == [True] * 3
    assert len(client.list_secret_version_ids(SecretId=secret, IncludeDeprecated=True)["Versions"]) == 2


def test_the_token_of_a_version_made_otherwise_is_refused(client, secret: str) -> None:
    arn = client.describe_secret(SecretId=secret)["ARN"]
    with refused(token_used("a" * 32, arn)):
        client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION, ClientRequestToken="a" * 32)


def test_a_rotation_that_is_not_complete_blocks_the_next_and_its_settings(client, secret: str) -> None:
    client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION, RotationRules={"AutomaticallyAfterDays": 30})
    settings = ("RotationRules", "RotationLambdaARN", "NextRotationDate", "VersionIdsToStages")
    before = _described(client, secret)
    for asked in (
        {"RotationRules": {"AutomaticallyAfterDays": 5}},
        {"RotationRules": {"AutomaticallyAfterDays": 5}, "RotateImmediately": False},
        {},
    ):
        with refused(INCOMPLETE):
            client.rotate_secret(SecretId=secret, **asked)
    after = _described(client, secret)
    assert [after[member] for member in settings] == [before[member] for member in settings]


def test_pending_on_the_current_version_does_not_block(client, secret: str) -> None:
    client.update_secret_version_stage(SecretId=secret, VersionStage="AWSPENDING", MoveToVersionId="a" * 32)
    token = new_token()
    client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION, ClientRequestToken=token)
    stages = _described(client, secret)["VersionIdsToStages"]
    assert stages == {"a" * 32: ["AWSCURRENT"], token: ["AWSPENDING"]}


def test_taking_the_pending_label_off_unblocks(client, secret: str) -> None:
    token = client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION)["VersionId"]
    client.update_secret_version_stage(SecretId=secret, VersionStage="AWSPENDING", RemoveFromVersionId=token)
    assert client.rotate_secret(SecretId=secret)["VersionId"] != token


def test_a_value_written_by_hand_abandons_the_rotation_and_unblocks(client, canary: Canary, secret: str) -> None:
    token = client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION)["VersionId"]
    client.put_secret_value(SecretId=secret, SecretString=canary.value(), ClientRequestToken="b" * 32)
    stages = _described(client, secret)["VersionIdsToStages"]
    assert stages == {"a" * 32: ["AWSPREVIOUS"], "b" * 32: ["AWSCURRENT"]}
    assert client.rotate_secret(SecretId=secret)["VersionId"] != token


def test_a_cancelled_rotation_leaves_its_label_settings_and_no_dates(client, secret: str) -> None:
    token = new_token()
    client.rotate_secret(
        SecretId=secret,
        RotationLambdaARN=FUNCTION,
        ClientRequestToken=token,
        RotationRules={"AutomaticallyAfterDays": 30},
    )
    assert "NextRotationDate" in _described(client, secret)
    cancelled = client.cancel_rotate_secret(SecretId=secret)
    described = _described(client, secret)
    assert (cancelled["Name"], cancelled["VersionId"]) == (secret, token)
    assert described["RotationEnabled"] is False
    assert (described["RotationLambdaARN"], described["RotationRules"]) == (FUNCTION, {"AutomaticallyAfterDays": 30})
    assert {"NextRotationDate", "LastRotatedDate"}.isdisjoint(described)
    assert described["VersionIdsToStages"][token] == ["AWSPENDING"]
    with refused(INCOMPLETE):
        client.rotate_secret(SecretId=secret)
    client.update_secret_version_stage(SecretId=secret, VersionStage="AWSPENDING", RemoveFromVersionId=token)
    client.rotate_secret(SecretId=secret)
    described = _described(client, secret)
    assert (described["RotationEnabled"], described["RotationLambdaARN"]) == (True, FUNCTION)


def test_cancelling_what_was_never_configured_is_a_success_that_creates_nothing(client, secret: str) -> None:
    reply = client.cancel_rotate_secret(SecretId=secret)
    assert reply["Name"] == secret
    assert "VersionId" not in reply
    assert "RotationEnabled" not in _described(client, secret)
    with refused(NOT_FOUND):
        client.cancel_rotate_secret(SecretId=new_name())


def test_a_configuration_test_leaves_no_trace_and_never_moves_current(client, secret: str) -> None:
    reply = client.rotate_secret(
        SecretId=secret,
        RotationLambdaARN=FUNCTION,
        RotateImmediately=False,
        RotationRules={"ScheduleExpression": "rate(10 days)"},
    )
    described = _settled(client, secret)
    assert described["VersionIdsToStages"] == {"a" * 32: ["AWSCURRENT"]}
    assert described["RotationEnabled"] is True
    assert "LastRotatedDate" not in described
    versions = client.list_secret_version_ids(SecretId=secret, IncludeDeprecated=True)["Versions"]
    assert [version["VersionId"] for version in versions] == ["a" * 32]
    assert reply["VersionId"] != "a" * 32


def test_a_configuration_without_a_value_to_test_is_stored(client) -> None:
    name = new_name()
    client.create_secret(Name=name)
    reply = client.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION, RotateImmediately=False)
    assert "VersionId" not in reply
    assert _described(client, name)["RotationEnabled"] is True
    assert "VersionIdsToStages" not in _described(client, name)


REFUSED_FUNCTIONS = [
    (None, ("InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.")),
    ("", ("InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.")),
    (FUNCTION.replace("detent-postgres", "unknown"), CANNOT_INVOKE),
]
MALFORMED = (
    "InvalidParameterException",
    (
        "Invalid rotation Lambda ARN. Ensure the ARN matches format"
        " arn:aws:lambda:us-east-1:000000000000:function:<functionName>."
    ),
)
REFUSED_FUNCTIONS += [
    (wrong, MALFORMED)
    for wrong in (
        "detent-postgres-single-user",
        FUNCTION.replace("us-east-1", "eu-west-1"),
        FUNCTION.replace("lambda", "sqs"),
        FUNCTION.replace(":function:", ":layer:"),
        FUNCTION.replace("000000000000", "1"),
        FUNCTION + "/x",
        FUNCTION.rpartition(":")[0] + ":",
    )
]


@pytest.mark.parametrize(("function", "expected"), REFUSED_FUNCTIONS)
def test_a_function_that_cannot_be_called_is_refused_and_nothing_is_stored(
    client, secret: str, function: str | None, expected: tuple[str, str]
) -> None:
    before = _described(client, secret)
    with refused(expected):
        client.rotate_secret(SecretId=secret, **({} if function is None else {"RotationLambdaARN": function}))
    assert _described(client, secret) == before


def test_a_refused_function_leaves_the_stored_configuration(client, secret: str) -> None:
    client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION, RotateImmediately=False)
    before = _settled(client, secret)
    with refused(CANNOT_INVOKE):
        client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION + "-not")
    assert _described(client, secret) == before


BOTH_FORMS = "You cannot specify both rotation frequency and schedule expression together."
HOURS = "Rate in hour should be least 4 and less than 24."
DAYS = "Rate in day should be greater than 0 and less than 1000."
BAD_EXPRESSION = "Invalid schedule expression."
DURATION = "Duration must be at least 1 hour, at most 24 hour."
WITHIN_A_DAY = "Starting hour and duration must be within a day."
REFUSED_RULES = [
    ({"AutomaticallyAfterDays": 1, "ScheduleExpression": "rate(1 day)"}, BOTH_FORMS),
    ({"ScheduleExpression": "rate(3 hours)"}, HOURS),
    ({"ScheduleExpression": "rate(24 hours)"}, HOURS),
    ({"ScheduleExpression": "rate(0 hour)"}, HOURS),
    ({"ScheduleExpression": "rate(0 days)"}, DAYS),
    ({"ScheduleExpression": "rate(1000 days)"}, DAYS),
    *(
        ({"ScheduleExpression": expression}, BAD_EXPRESSION)
        for expression in (
            "rate(5 minutes)",
            "rate(2 weeks)",
            "rate(10  hours)",
            "rate(10hours)",
            "rate( 10 hours)",
            "rate(10 hours) ",
            "rate(-1 days)",
            "rate(ten days)",
            "Rate(10 days)",
            "rate()",
            "every day",
            "10",
            "cron(0 8 * * ?)",
            "cron(30 8 * * ? *)",
            "cron(0 * * * ? *)",
            "cron(0 0/3 * * ? *)",
            "cron(0 8-16 * * ? *)",
            "cron(0 8 * * * *)",
            "cron(0 8 ? * ? *)",
            "cron(0 8 30 FEB ? *)",
            "cron(0 8 1W * ? *)",
            "cron(0 8 * * ? 2030)",
        )
    ),
    ({"AutomaticallyAfterDays": 1, "Duration": "0h"}, DURATION),
    ({"AutomaticallyAfterDays": 1, "Duration": "25h"}, DURATION),
    ({"ScheduleExpression": "rate(4 hours)", "Duration": "5h"}, "Duration cannot be greater than Rate in hour."),
    ({"ScheduleExpression": "cron(0 8/8 * * ? *)", "Duration": "9h"}, "Duration cannot be greater than Rate in hour."),
    ({"ScheduleExpression": "cron(0 21 * * ? *)", "Duration": "4h"}, WITHIN_A_DAY),
    ({"ScheduleExpression": "cron(0 2/10 * * ? *)", "Duration": "3h"}, WITHIN_A_DAY),
]


@pytest.mark.parametrize(("rules", "message"), REFUSED_RULES)
def test_rules_that_cannot_be_followed_are_refused_and_not_stored(client, secret: str, rules, message: str) -> None:
    with refused(("InvalidParameterException", message)):
        client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION, RotationRules=rules)
    assert "RotationEnabled" not in _described(client, secret)


@pytest.mark.parametrize(
    ("rules", "failure"),
    [
        (
            {"AutomaticallyAfterDays": 0},
            (
                "Value '0' at 'rotationRules.automaticallyAfterDays' failed to satisfy constraint:"
                " Member must have value greater than or equal to 1"
            ),
        ),
        (
            {"AutomaticallyAfterDays": 1001},
            (
                "Value '1001' at 'rotationRules.automaticallyAfterDays' failed to satisfy constraint:"
                " Member must have value less than or equal to 1000"
            ),
        ),
        (
            {"Duration": "100h"},
            (
                "Value '100h' at 'rotationRules.duration' failed to satisfy constraint:"
                " Member must have length less than or equal to 3"
            ),
        ),
        (
            {"Duration": "1d"},
            (
                "Value '1d' at 'rotationRules.duration' failed to satisfy constraint:"
                " Member must satisfy regular expression pattern: [0-9]+h"
            ),
        ),
        (
            {"Duration": "4h\n"},
            (
                "Value '4h\n' at 'rotationRules.duration' failed to satisfy constraint:"
                " Member must satisfy regular expression pattern: [0-9]+h"
            ),
        ),
        (
            {"ScheduleExpression": "rate(1 day);"},
            (
                "Value 'rate(1 day);' at 'rotationRules.scheduleExpression' failed to satisfy constraint:"
                r" Member must satisfy regular expression pattern: [0-9A-Za-z\(\)#\?\*\-\/, ]+"
            ),
        ),
    ],
)
def test_rules_against_their_constraints_are_refused(detent: RunningDetent, rules, failure: str) -> None:
    asked = {"SecretId": "any", "RotationLambdaARN": FUNCTION, "RotationRules": rules}
    assert raw_client(detent).call("RotateSecret", asked).error == constraint(failure)


def _midnight(days: int) -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)


LAST_SECOND = timedelta(days=1) - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("rules", "shown", "days"),
    [
        ({"AutomaticallyAfterDays": 1}, {"AutomaticallyAfterDays": 1}, 1),
        ({"AutomaticallyAfterDays": 30}, {"AutomaticallyAfterDays": 30}, 30),
        ({"AutomaticallyAfterDays": 1000}, {"AutomaticallyAfterDays": 1000}, 1000),
        (
            {"ScheduleExpression": "rate(10 days)"},
            {"ScheduleExpression": "rate(10 days)", "AutomaticallyAfterDays": 10},
            10,
        ),
        ({"ScheduleExpression": "rate(1 day)"}, {"ScheduleExpression": "rate(1 day)", "AutomaticallyAfterDays": 1}, 1),
        (
            {"ScheduleExpression": "rate(999 days)"},
            {"ScheduleExpression": "rate(999 days)", "AutomaticallyAfterDays": 999},
            999,
        ),
    ],
)
def test_rules_in_days_are_echoed_and_give_the_last_second_of_the_due_day(
    client, secret: str, rules, shown, days: int
) -> None:
    client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION, RotationRules=rules)
    described = _described(client, secret)
    assert described["RotationRules"] == shown
    assert described["NextRotationDate"] == _midnight(days) + LAST_SECOND
    listed = client.list_secrets()["SecretList"]
    assert all(entry["RotationRules"] == shown for entry in listed if entry["Name"] == secret)


def test_a_duration_ends_the_window_earlier(client, secret: str) -> None:
    rules = {"AutomaticallyAfterDays": 30, "Duration": "4h"}
    client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION, RotationRules=rules)
    described = _described(client, secret)
    assert described["RotationRules"] == rules
    assert described["NextRotationDate"] == _midnight(30) + timedelta(hours=4, seconds=-1)


@pytest.mark.parametrize(("duration", "length"), [(None, 1), ("3h", 3), ("10h", 10)])
def test_rules_in_hours_open_a_window_every_so_many_hours_from_midnight(
    client, secret: str, duration: str | None, length: int
) -> None:
    rules = {"ScheduleExpression": "rate(10 hours)", **({} if duration is None else {"Duration": duration})}
    client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION, RotationRules=rules)
    described = _described(client, secret)
    opens = described["NextRotationDate"] + timedelta(seconds=1) - timedelta(hours=length)
    assert opens - _midnight(0) in {timedelta(hours=hours) for hours in (10, 20, 30)}
    assert datetime.now(UTC) < opens <= datetime.now(UTC) + timedelta(hours=10)
    assert described["RotationRules"] == {**rules, "AutomaticallyAfterDays": 1}


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("cron(0 8/8 * * ? *)", 1),
        ("cron(0 18 ? * SAT *)", 7),
        ("cron(0 16 1,15 * ? *)", range(13, 18)),
        ("cron(0 17 L * ? *)", range(28, 32)),
        ("cron(0 1 ? 1/3 SUN#1 *)", range(84, 99)),
        ("cron(0 0 ? * 2#1 *)", range(28, 36)),
    ],
)
def test_an_expression_of_the_guide_is_echoed_with_days_derived_from_it(
    client, secret: str, expression: str, days: int | range
) -> None:
    rules = {"ScheduleExpression": expression}
    client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION, RotationRules=rules)
    described = _described(client, secret)
    shown = described["RotationRules"].pop("AutomaticallyAfterDays")
    assert shown == days if isinstance(days, int) else shown in days
    assert described["RotationRules"] == rules
    assert described["NextRotationDate"] > datetime.now(UTC)
    client.cancel_rotate_secret(SecretId=secret)
    assert _described(client, secret)["RotationRules"].keys() == {"ScheduleExpression", "AutomaticallyAfterDays"}


def test_the_rules_as_shown_cannot_be_sent_back(client, secret: str) -> None:
    rules = {"ScheduleExpression": "cron(0 18 ? * SAT *)"}
    client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION, RotationRules=rules)
    with refused(("InvalidParameterException", BOTH_FORMS)):
        client.rotate_secret(SecretId=secret, RotationRules=_described(client, secret)["RotationRules"])


def test_settings_that_are_not_given_stay(client, secret: str) -> None:
    rules = {"AutomaticallyAfterDays": 30}
    client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION, RotationRules=rules, RotateImmediately=False)
    _settled(client, secret)
    client.rotate_secret(SecretId=secret, RotationRules={}, RotateImmediately=False)
    assert _settled(client, secret)["RotationRules"] == rules
    client.rotate_secret(SecretId=secret, RotationRules={"AutomaticallyAfterDays": 7}, RotateImmediately=False)
    described = _settled(client, secret)
    assert (described["RotationLambdaARN"], described["RotationRules"]) == (FUNCTION, {"AutomaticallyAfterDays": 7})


def test_a_raw_request_needs_a_token_of_the_right_length(detent: RunningDetent, secret: str) -> None:
    raw = raw_client(detent)
    asked = {"SecretId": secret, "RotationLambdaARN": FUNCTION}
    assert raw.call("RotateSecret", asked).error == ("InvalidParameterException", NO_TOKEN)
    assert raw.call("RotateSecret", {**asked, "ClientRequestToken": "short"}).error == SHORT_TOKEN


def test_a_secret_marked_for_deletion_ends_its_rotation_and_restoring_it_allows_the_next(client, secret: str) -> None:
    token = client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION)["VersionId"]
    client.delete_secret(SecretId=secret)
    with refused(MARKED):
        client.rotate_secret(SecretId=secret)
    client.restore_secret(SecretId=secret)
    client.update_secret_version_stage(SecretId=secret, VersionStage="AWSPENDING", RemoveFromVersionId=token)
    client.rotate_secret(SecretId=secret)


def test_the_admin_secret_of_a_rotation_must_exist(client, canary: Canary) -> None:
    name = new_name()
    admin = f"arn:aws:secretsmanager:us-east-1:000000000000:secret:{new_name()}"
    client.create_secret(Name=name, SecretString=f'{{"password": "{canary.value()}", "masterarn": "{admin}"}}')
    with refused(
        (
            "InvalidRequestException",
            f"The admin secret {admin}, named by masterarn in the secret's value, does not exist.",
        )
    ):
        client.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION)
    assert "RotationEnabled" not in _described(client, name)


def test_detents_own_api_shows_the_rotation(detent: RunningDetent, client, secret: str) -> None:
    token = client.rotate_secret(SecretId=secret, RotationLambdaARN=FUNCTION)["VersionId"]
    raw = raw_client(detent, service="detent")
    deadline = time.monotonic() + 20
    while not (told := raw.call("DescribeRotation", {"SecretId": secret}).members)["Attempts"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (told["Name"], told["VersionId"], told["State"]) == (secret, token, "in-progress")
    assert told["Attempts"][0]["Step"] == "createSecret"
    listed = raw.call("ListRotations", {"SecretId": secret}).members["Rotations"]
    assert [entry["VersionId"] for entry in listed] == [token]
    missing = raw.call("DescribeRotation", {"SecretId": secret, "VersionId": "0" * 32})
    assert missing.error == (
        "ResourceNotFoundException",
        f"There is no rotation of {secret} with VersionId {'0' * 32}.",
    )
