"""What a Python function sees, on every confinement."""

import os
import re
from pathlib import Path

import pytest

from runtime.workshop import Workshop, credentials


def test_a_handler_gets_the_event_and_gives_its_answer(confined: Workshop) -> None:
    function = confined.function("def handler(event, context): return {'got': event}")
    assert confined.invoke(function, {"Step": "createSecret"}).value == {"got": {"Step": "createSecret"}}


def test_the_context_is_that_of_lambda(confined: Workshop) -> None:
    function = confined.function(
        """
        def handler(event, context):
            names = ("aws_request_id", "function_name", "function_version", "invoked_function_arn",
                     "memory_limit_in_mb", "log_group_name", "log_stream_name")
            return {**{name: getattr(context, name) for name in names}, "left": context.get_remaining_time_in_millis()}
        """,
        name="teller",
        memory=256,
    )
    told = confined.invoke(function, request_id="11111111-2222-3333-4444-555555555555").value
    assert 15_000 < told.pop("left") <= 20_000
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", told.pop("log_stream_name"))
    assert told == {
        "aws_request_id": "11111111-2222-3333-4444-555555555555",
        "function_name": "teller",
        "function_version": "$LATEST",
        "invoked_function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:teller",
        "memory_limit_in_mb": "256",
        "log_group_name": "/aws/lambda/teller",
    }


def test_the_deadline_of_the_caller_is_told_when_it_is_sooner(workshop: Workshop) -> None:
    function = workshop.function("def handler(event, context): return context.get_remaining_time_in_millis()")
    assert workshop.invoke(function, within=5).value <= 5000


def test_an_error_is_told_as_lambda_tells_it(confined: Workshop) -> None:
    function = confined.function("def handler(event, context): raise ValueError('no such user')")
    answer = confined.invoke(function)
    told = answer.failure
    assert (told["errorType"], told["errorMessage"]) == ("ValueError", "no such user")
    assert "raise ValueError('no such user')" in told["stackTrace"][-1]
    assert "[ERROR] ValueError: no such user\nTraceback (most recent call last):\n  File" in answer.log


def test_the_log_has_the_lines_of_lambda_around_what_was_printed(confined: Workshop) -> None:
    function = confined.function(
        """
        import logging, sys
        print("importing")
        def handler(event, context):
            print("to stdout")
            print("to stderr", file=sys.stderr)
            logging.getLogger().warning("by logging")
        """
    )
    lines = confined.invoke(function, request_id="the-request").log.splitlines()
    assert lines[0] == "START RequestId: the-request Version: $LATEST"
    assert [line for line in lines if line in ("importing", "to stdout", "to stderr")] == [
        "importing",
        "to stdout",
        "to stderr",
    ]
    assert any(line.startswith("[WARNING]") and line.endswith("the-request\tby logging") for line in lines)
    assert lines[-2] == "END RequestId: the-request"
    report = re.fullmatch(
        r"REPORT RequestId: the-request\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB"
        r"\tMax Memory Used: (\d+) MB\tInit Duration: [\d.]+ ms",
        lines[-1],
    )
    assert report
    assert 5 < int(report[1]) < 100
    again = confined.invoke(function).log
    assert "importing" not in again
    assert "Init Duration" not in again


def test_a_process_stays_warm_and_keeps_its_globals(confined: Workshop) -> None:
    function = confined.function(
        """
        import os
        calls = []
        def handler(event, context):
            calls.append(event)
            return [os.getpid(), len(calls)]
        """
    )
    (first, one), (second, two) = confined.invoke(function).value, confined.invoke(function).value
    assert (first, one, two) == (second, 1, 2)


def test_two_functions_with_one_name_for_everything_do_not_meet(confined: Workshop) -> None:
    source = """
        import builtins, logging, os, tempfile
        from pathlib import Path
        def handler(event, context):
            os.environ["SHARED"] = event
            builtins.shared = getattr(builtins, "shared", []) + [event]
            note = Path(tempfile.gettempdir()) / "note"
            before = note.read_text() if note.exists() else None
            note.write_text(event)
            return [os.environ["WHO"], builtins.shared, before]
        """
    one, two = confined.function(source), confined.function(source)
    assert confined.invoke(one, "a", environment={"WHO": "one"}).value == ["one", ["a"], None]
    assert confined.invoke(two, "b", environment={"WHO": "two"}).value == ["two", ["b"], None]
    assert confined.invoke(one, "c", environment={"WHO": "one"}).value == ["one", ["a", "c"], "a"]


SEES = """
    import os
    def handler(event, context):
        return {"environment": dict(os.environ), "folder": os.getcwd(), "user": os.getuid()}
    """


def test_the_environment_is_that_of_lambda_and_nothing_of_the_server(
    confined: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DETENT_PASSPHRASE", "of the server")
    function = confined.function(SEES, name="seer", runtime="python3.12")
    own = {"EXCLUDE_CHARACTERS": "/@", "AWS_REGION": "mars", "_HANDLER": "x.y", "AWS_ACCESS_KEY_ID": "AKIAOWN"}
    seen = confined.invoke(function, environment=own).value
    environment = seen["environment"]
    assert environment["LAMBDA_TASK_ROOT"] == seen["folder"]
    expected = {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_NAME": "seer",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/seer",
        "AWS_REGION": "eu-west-1",
        "EXCLUDE_CHARACTERS": "/@",
        "SECRETS_MANAGER_ENDPOINT": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://127.0.0.1:9",
        "TZ": ":UTC",
        "_HANDLER": "app.handler",
    }
    assert {name: environment.get(name) for name in expected} == expected
    others = """AWS_CONTAINER_AUTHORIZATION_TOKEN AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_LAMBDA_INITIALIZATION_TYPE
        AWS_LAMBDA_LOG_STREAM_NAME AWS_LAMBDA_RUNTIME_API HOME LAMBDA_RUNTIME_DIR LAMBDA_TASK_ROOT LANG LC_CTYPE
        LD_LIBRARY_PATH NODE_PATH PATH PYTHONPATH TMPDIR _X_AMZN_TRACE_ID""".split()  # noqa: SIM905 - names read better than quotes
    assert set(environment) - {"LC_CTYPE"} == {*expected, *others} - {"LC_CTYPE"}


@pytest.mark.parametrize(
    ("own", "seen"),
    [
        ("https://secretsmanager.us-east-1.amazonaws.com", "http://127.0.0.1:9"),
        ("https://secretsmanager-fips.us-east-1.amazonaws.com/", "http://127.0.0.1:9"),
        ("https://proxy.example.com", "https://proxy.example.com"),
    ],
)
def test_the_address_that_a_template_was_given_on_aws_means_this_server(
    workshop: Workshop, own: str, seen: str
) -> None:
    answer = workshop.invoke(workshop.function(SEES), environment={"SECRETS_MANAGER_ENDPOINT": own})
    assert answer.value["environment"]["SECRETS_MANAGER_ENDPOINT"] == seen


def test_its_own_endpoints_of_other_services_reach_the_clients_that_it_makes(workshop: Workshop) -> None:
    source = """
    import boto3
    def handler(event, context):
        return boto3.client("rds").meta.endpoint_url
    """
    own = {"AWS_ENDPOINT_URL_RDS": "http://127.0.0.1:7"}
    assert workshop.invoke(workshop.function(source), environment=own).value == "http://127.0.0.1:7"


def test_the_region_is_that_of_the_step(workshop: Workshop) -> None:
    function = workshop.function(SEES)
    seen = [workshop.invoke(function, session=credentials(region=name)).value for name in ("us-west-2", "eu-north-1")]
    assert [one["environment"]["AWS_REGION"] for one in seen] == ["us-west-2", "eu-north-1"]


def test_a_function_is_never_root_where_it_is_confined(confined: Workshop) -> None:
    user = confined.invoke(confined.function(SEES)).value["user"]
    assert (user == os.getuid()) == (confined.options["confinement"] == "unconfined")


def test_no_descriptor_but_its_own_is_open(confined: Workshop, tmp_path: Path) -> None:
    function = confined.function(
        """
        import os
        def handler(event, context):
            return [os.readlink(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd")
                    if os.path.exists(f"/proc/self/fd/{one}")]
        """
    )
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        opened = confined.invoke(function).value
    kinds = {re.sub(r"\[?:?\[?\d+\]?$", "", one) for one in opened}
    assert kinds <= {"/dev/null", "pipe", "socket", "anon_inode:[eventpoll]", "anon_inode:[eventfd]"}, opened


def test_pythonpath_is_what_was_given_and_the_layers(confined: Workshop) -> None:
    function = confined.function(
        {"app.py": "import lent\ndef handler(event, context): return lent.NAME", "deep/lent.py": "NAME = 'found'"},
        runtime="python3.11",
    )
    root = "/var/task" if confined.options["confinement"] == "bubblewrap" else "deep/.."
    given = ":".join(filter(None, [f"{root}/deep", confined.environment.get("PYTHONPATH")]))
    assert confined.invoke(function, environment={"PYTHONPATH": given}).value == "found"
