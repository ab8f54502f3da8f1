"""Lambda's API on the same port: boto3's unmodified client keeps functions, and invokes them."""

import base64
import hashlib
import json
import random
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from detent.functions.builtin import BUILTIN
from servers.canary import Canary
from servers.own_functions import ECHO, ROLE, FunctionHouse, function_house, zipped
from wire.answers import new_name

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
FAILING = "def handler(event, context):\n    print('before')\n    raise ValueError('not today')\n"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FunctionHouse]:
    with function_house(tmp_path_factory.mktemp("functions") / "data") as found:
        yield found


@pytest.fixture(scope="module")
def functions(house: FunctionHouse) -> Any:
    return house.functions


@pytest.fixture
def name(house: FunctionHouse) -> str:
    """An echo function of this test's own."""
    name = f"f-{new_name()[-20:].replace('/', '-')}"
    house.made(name, Environment={"Variables": {"PLACE": "here"}}, Tags={"team": "a"}, Timeout=7, MemorySize=256)
    return name


def test_a_function_is_described_as_it_was_made(functions: Any, name: str) -> None:
    told = functions.get_function(FunctionName=name)
    found = told["Configuration"]
    code = zipped()
    assert (found["FunctionName"], found["FunctionArn"]) == (name, ARN + name)
    assert (found["Runtime"], found["Handler"], found["Role"]) == ("python3.12", "function.handler", ROLE)
    assert (found["Timeout"], found["MemorySize"], found["CodeSize"]) == (7, 256, len(code))
    assert found["CodeSha256"] == base64.b64encode(hashlib.sha256(code).digest()).decode()
    assert (found["Version"], found["State"], found["LastUpdateStatus"]) == ("$LATEST", "Active", "Successful")
    assert found["Environment"] == {"Variables": {"PLACE": "here"}}
    assert told["Tags"] == {"team": "a"}
    configuration = functions.get_function_configuration(FunctionName=name)
    assert {**configuration, "ResponseMetadata": None} == {**found, "ResponseMetadata": None}
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)


def test_what_is_not_said_has_awss_defaults(house: FunctionHouse, functions: Any) -> None:
    name = f"plain-{new_name()[-10:]}".replace("/", "-")
    house.made(name)
    found = functions.get_function_configuration(FunctionName=name)
    assert (found["Timeout"], found["MemorySize"], found["Description"]) == (3, 128, "")
    assert "Environment" not in found
    assert "Layers" not in found


@pytest.mark.parametrize(
    "form",
    [
        "{name}",
        "000000000000:function:{name}",
        ARN + "{name}",
        ARN + "{name}:$LATEST",
        "function:{name}",
        "{name}:$LATEST",
    ],
)
def test_a_function_is_named_by_name_arn_or_part_of_one(functions: Any, name: str, form: str) -> None:
    asked = form.format(name=name)
    assert functions.get_function(FunctionName=asked)["Configuration"]["FunctionArn"] == ARN + name
    told = functions.invoke(FunctionName=asked, Payload=b'{"a": 1}', Qualifier="$LATEST")
    assert json.load(told["Payload"]) == {"event": {"a": 1}}


def test_what_is_not_there_is_told_so_and_other_versions_and_regions_too(functions: Any, name: str) -> None:
    missing = functions.exceptions.ResourceNotFoundException
    for asked in ("none", f"{name}:7", ARN.replace("us-east-1", "eu-west-1") + name):
        with pytest.raises(missing):
            functions.get_function(FunctionName=asked)
    with pytest.raises(missing, match="Function not found: " + ARN + "none"):
        functions.invoke(FunctionName="none")
    with pytest.raises(missing):
        functions.get_function(FunctionName=name, Qualifier="live")


def test_code_is_replaced_and_what_is_stale_is_refused(house: FunctionHouse, functions: Any, name: str) -> None:
    before = functions.get_function_configuration(FunctionName=name)
    code = zipped(FAILING)
    dry = functions.update_function_code(FunctionName=name, ZipFile=code, DryRun=True)
    assert dry["RevisionId"] == before["RevisionId"]
    changed = functions.update_function_code(FunctionName=name, ZipFile=code, RevisionId=before["RevisionId"])
    assert changed["CodeSha256"] == dry["CodeSha256"] != before["CodeSha256"]
    assert changed["RevisionId"] != before["RevisionId"]
    assert changed["Environment"] == before["Environment"]
    with pytest.raises(functions.exceptions.PreconditionFailedException, match="does not match the latest RevisionId"):
        functions.update_function_code(FunctionName=name, ZipFile=code, RevisionId=before["RevisionId"])
    assert functions.invoke(FunctionName=name)["FunctionError"] == "Unhandled"
    assert name in [function.key.name for function in house.runner.forgotten]


def test_a_configuration_changes_in_what_was_sent_only(functions: Any, name: str) -> None:
    layer = "arn:aws:lambda:us-east-1:000000000000:layer:drivers:1"
    changed = functions.update_function_configuration(FunctionName=name, Timeout=900, Layers=[layer])
    assert (changed["Timeout"], changed["MemorySize"]) == (900, 256)
    assert changed["Layers"] == [{"Arn": layer}]
    assert changed["Environment"] == {"Variables": {"PLACE": "here"}}
    changed = functions.update_function_configuration(
        FunctionName=name,
        Handler="other.main",
        Runtime="provided.al2023",
        Description="turns",
        MemorySize=512,
        Environment={"Variables": {}},
        Layers=[],
        Role=ROLE + "2",
    )
    assert (changed["Handler"], changed["Runtime"], changed["Description"]) == (
        "other.main",
        "provided.al2023",
        "turns",
    )
    assert (changed["MemorySize"], changed["Timeout"], changed["Role"]) == (512, 900, ROLE + "2")
    assert "Environment" not in changed
    assert "Layers" not in changed


def test_reserved_variables_are_taken_and_shown(functions: Any, name: str) -> None:
    variables = {"AWS_REGION": "elsewhere", "LAMBDA_TASK_ROOT": "/", "SECRETS_MANAGER_ENDPOINT": "http://own"}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    assert functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"] == variables


def test_functions_are_listed_in_pages_with_those_built_in_among_them(
    house: FunctionHouse, functions: Any, name: str
) -> None:
    house.made(f"aa-{name}")
    pages = list(functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}))
    assert {len(page["Functions"]) for page in pages[:-1]} == {2}
    found = [one for page in pages for one in page["Functions"]]
    names = [one["FunctionName"] for one in found]
    assert names == sorted(names)
    assert {name, f"aa-{name}", *BUILTIN} <= set(names)
    assert all("Environment" not in one for one in found)
    with pytest.raises(functions.exceptions.InvalidParameterValueException, match="NextToken is invalid"):
        functions.list_functions(Marker="none")


def test_a_deleted_function_is_gone(functions: Any, name: str) -> None:
    assert functions.delete_function(FunctionName=name)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for gone in (functions.delete_function, functions.get_function, functions.invoke):
        with pytest.raises(functions.exceptions.ResourceNotFoundException):
            gone(FunctionName=name)


def test_a_built_in_function_is_described_and_changed_by_nobody(functions: Any) -> None:
    name = next(iter(BUILTIN))
    told = functions.get_function(FunctionName=name)
    assert told["Configuration"]["Description"] == BUILTIN[name].about
    assert told["Code"]["RepositoryType"] == "Builtin"
    assert "Runtime" not in told["Configuration"]
    refused = functions.exceptions.InvalidParameterValueException
    for change, members in (
        (functions.update_function_code, {"ZipFile": zipped()}),
        (functions.update_function_configuration, {"Timeout": 4}),
        (functions.delete_function, {}),
        (functions.add_permission, {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}),
    ):
        with pytest.raises(refused, match=f"The function {name} is built in"):
            change(FunctionName=name, **members)
    with pytest.raises(refused, match="it runs as a rotation's step only"):
        functions.invoke(FunctionName=name)
    with pytest.raises(functions.exceptions.ResourceConflictException, match=f"Function already exist: {name}"):
        functions.create_function(
            FunctionName=name, Runtime="python3.12", Role=ROLE, Handler="a.b", Code={"ZipFile": zipped()}
        )


def test_a_name_is_given_once(house: FunctionHouse, functions: Any, name: str) -> None:
    with pytest.raises(functions.exceptions.ResourceConflictException, match=f"Function already exist: {name}"):
        house.made(name)


BAD = {
    "no zip": ({"Code": {"ZipFile": b"no zip"}}, "The code is no zip file"),
    "too large a zip": ({"Code": {"ZipFile": bytes(50 * 2**20 + 1)}}, "can have at most 52428800"),
    "a directory of many entries": ({"Code": {"ZipFile": b"PK\5\6" + bytes(8) + b"\xff" * 4 + bytes(6)}}, "too many"),
    "code in S3": ({"Code": {"S3Bucket": "bucket", "S3Key": "key"}}, "takes code as ZipFile only"),
    "both": ({"Code": {"ZipFile": zipped(), "S3Bucket": "bucket"}}, "takes code as ZipFile only"),
    "an image": ({"PackageType": "Image", "Code": {"ImageUri": "image"}}, "Runtime and Handler are mandatory"),
    "another language": ({"Runtime": "nodejs22.x"}, "runs the runtimes python3.x, provided.* not nodejs22.x"),
    "no handler": ({"Handler": None}, "Runtime and Handler are mandatory"),
    "a long name": ({"FunctionName": "n" * 65}, "at most 64 characters"),
    "another account": ({"FunctionName": "111111111111:function:x"}, None),
    "large variables": (
        {"Environment": {"Variables": {"LARGE": "x" * 4092}}},
        "the 4KB limit: they have 4097",
    ),
    "a variable's name": ({"Environment": {"Variables": {"a b": "x"}}}, "A variable's name must be a letter"),
    "a null character": ({"Environment": {"Variables": {"AA": "\0"}}}, "A variable's name must be a letter"),
    "a VPC": ({"VpcConfig": {"SubnetIds": ["s"]}}, "it joins no VPC"),
    "a file system": ({"FileSystemConfigs": [{"Arn": "a"}]}, "it mounts no file systems"),
    "a dead-letter queue": ({"DeadLetterConfig": {"TargetArn": "a"}}, "no queues for events that failed"),
    "a KMS key": ({"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"}, "sealed under the root keyset"),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_this_server_cannot_do_is_refused_by_a_clear_line(functions: Any, bad: str) -> None:
    members, line = BAD[bad]
    good = {
        "FunctionName": "bad",
        "Runtime": "python3.12",
        "Role": ROLE,
        "Handler": "a.b",
        "Code": {"ZipFile": zipped()},
    }
    asked = {name: value for name, value in {**good, **members}.items() if value is not None}
    if line is None:
        with pytest.raises(functions.exceptions.ClientError, match="AccessDenied"):
            functions.create_function(**asked)
    else:
        with pytest.raises(functions.exceptions.InvalidParameterValueException, match=line):
            functions.create_function(**asked)
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_function(FunctionName="bad")


def test_what_says_nothing_of_what_this_server_has_not_is_taken(house: FunctionHouse, functions: Any) -> None:
    name = f"quiet-{new_name()[-10:]}".replace("/", "-")
    house.made(
        name,
        VpcConfig={"SubnetIds": [], "SecurityGroupIds": []},
        FileSystemConfigs=[],
        Publish=True,
        TracingConfig={"Mode": "PassThrough"},
        Architectures=["x86_64"],
        EphemeralStorage={"Size": 512},
    )
    assert functions.get_function_configuration(FunctionName=name)["Version"] == "$LATEST"


def test_what_a_function_will_miss_here_is_told_as_the_reason_of_its_state(
    house: FunctionHouse, functions: Any, name: str
) -> None:
    house.runner.warnings[name] = "WARNING: no certificates"
    assert functions.get_function_configuration(FunctionName=name)["StateReason"] == "WARNING: no certificates"
    assert functions.update_function_configuration(FunctionName=name, Timeout=5)["StateReason"].startswith("WARNING")


def test_members_out_of_bounds_are_named(functions: Any, name: str) -> None:
    for members in ({"Timeout": 901}, {"Timeout": 0}, {"MemorySize": 127}, {"Handler": "a b"}):
        with pytest.raises(functions.exceptions.ClientError, match=r"ValidationException.*1 validation error detected"):
            functions.update_function_configuration(FunctionName=name, **members)
    with pytest.raises(functions.exceptions.ClientError, match="ValidationException"):
        functions.get_function(FunctionName="a b")


def test_what_the_runner_cannot_run_is_neither_kept_nor_invoked(
    house: FunctionHouse, functions: Any, name: str
) -> None:
    house.runner.refusals = {name: "no isolation here: install bubblewrap", "refused": "no isolation here"}
    try:
        with pytest.raises(functions.exceptions.InvalidParameterValueException, match="no isolation here"):
            house.made("refused")
        with pytest.raises(functions.exceptions.InvalidParameterValueException, match="install bubblewrap"):
            functions.invoke(FunctionName=name)
    finally:
        house.runner.refusals = {}


def test_an_invocation_gives_the_answer_the_log_and_the_version(functions: Any, name: str) -> None:
    told = functions.invoke(FunctionName=name, Payload=b'{"a": "b"}', LogType="Tail")
    assert (told["StatusCode"], told["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in told
    assert json.load(told["Payload"]) == {"event": {"a": "b"}}
    log = base64.b64decode(told["LogResult"]).decode()
    request_id = told["ResponseMetadata"]["RequestId"]
    assert log == f"START RequestId: {request_id}\ncalled {{'a': 'b'}}\nEND RequestId: {request_id}\n"


def test_an_invocation_without_an_event_gets_an_empty_one_and_no_log_unasked(functions: Any, name: str) -> None:
    told = functions.invoke(FunctionName=name)
    assert json.load(told["Payload"]) == {"event": {}}
    assert "LogResult" not in told


def test_of_a_long_log_the_end_is_given(functions: Any, name: str) -> None:
    code = zipped("def handler(event, context):\n    print('x' * 10000)\n    print('last')\n")
    functions.update_function_code(FunctionName=name, ZipFile=code)
    log = base64.b64decode(functions.invoke(FunctionName=name, LogType="Tail")["LogResult"])
    assert len(log) == 4096
    assert b"last\nEND" in log


def test_a_function_that_fails_is_an_answer_with_its_error(functions: Any, name: str) -> None:
    functions.update_function_code(FunctionName=name, ZipFile=zipped(FAILING))
    told = functions.invoke(FunctionName=name, LogType="Tail")
    assert (told["StatusCode"], told["FunctionError"]) == (200, "Unhandled")
    assert json.load(told["Payload"]) == {"errorType": "ValueError", "errorMessage": "not today"}
    assert b"before" in base64.b64decode(told["LogResult"])


def test_a_function_gets_its_variables_and_none_of_the_servers_credentials(
    house: FunctionHouse, functions: Any, name: str
) -> None:
    functions.invoke(FunctionName=name)
    seen = house.runner.seen[-1]
    assert (dict(seen.environment), seen.credentials) == ({"PLACE": "here"}, None)
    assert seen.function.arn == ARN + name


def test_a_dry_run_calls_nothing(house: FunctionHouse, functions: Any, name: str) -> None:
    calls = len(house.runner.seen)
    assert functions.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
    assert len(house.runner.seen) == calls


def test_an_event_that_is_no_json_or_too_large_is_refused(functions: Any, name: str) -> None:
    with pytest.raises(functions.exceptions.InvalidRequestContentException, match="Could not parse request body"):
        functions.invoke(FunctionName=name, Payload=b"no json")
    with pytest.raises(functions.exceptions.RequestTooLargeException):
        functions.invoke(FunctionName=name, Payload=json.dumps("x" * 6 * 2**20).encode())
    with pytest.raises(functions.exceptions.RequestTooLargeException):
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps("x" * 2**20).encode())
    large = json.dumps("x" * (6 * 2**20 - 2)).encode()
    assert "FunctionError" not in functions.invoke(FunctionName=name, Payload=large)
    with pytest.raises(functions.exceptions.ClientError, match=r"ValidationException.*invocationType"):
        functions.invoke(FunctionName=name, InvocationType="Later")


def test_an_event_for_later_is_handled_and_its_log_kept(house: FunctionHouse, functions: Any, name: str) -> None:
    told = functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"later": true}')
    assert told["StatusCode"] == 202
    events = house.house.events()
    assert events is not None
    assert events.handle_one()
    assert not events.handle_one()
    entries = house.client("detent").get_function_logs(FunctionName=name)["Events"]
    assert [entry["RequestId"] for entry in entries] == [told["ResponseMetadata"]["RequestId"]]
    assert "called {'later': True}" in entries[0]["Message"]


def test_a_zip_of_megabytes_is_taken(functions: Any, name: str) -> None:
    code = zipped(ECHO, large=random.Random(1).randbytes(8 * 2**20).hex())
    assert functions.update_function_code(FunctionName=name, ZipFile=code)["CodeSize"] == len(code)
    assert json.load(functions.invoke(FunctionName=name)["Payload"]) == {"event": {}}


def test_an_unknown_path_is_told_in_lambdas_words(functions: Any, house: FunctionHouse) -> None:
    with pytest.raises(functions.exceptions.ClientError, match="UnknownOperationException"):
        functions.list_layers()
    with pytest.raises(functions.exceptions.ClientError, match="UnrecognizedClientException"):
        house.client(aws_access_key_id="AKIANONE").list_functions()
    with pytest.raises(functions.exceptions.ClientError, match="InvalidSignatureException") as refused:
        house.client(aws_secret_access_key="x").list_functions()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_each_call_is_in_the_audit_trail_without_code_variables_and_events(
    house: FunctionHouse, functions: Any, canary: Canary
) -> None:
    canary.folders.append(house.house.folder.path)
    name = f"audited-{uuid4().hex}"
    variables = {"SECRET": canary.value()}
    house.made(name, Environment={"Variables": variables})
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables}, Timeout=9)
    functions.invoke(FunctionName=name, Payload=json.dumps(canary.value()).encode())
    functions.invoke(FunctionName=name, Payload=json.dumps(canary.value()).encode(), InvocationType="Event")
    functions.get_function(FunctionName=name)
    with pytest.raises(functions.exceptions.InvalidParameterValueException):
        functions.update_function_configuration(FunctionName=name, Runtime="none")
    functions.delete_function(FunctionName=name)
    found = [json.loads(line) for line in house.house.folder.audit.read_text().splitlines() if name in line]
    assert [(one["eventSource"], one["eventName"], one["readOnly"]) for one in found] == [
        ("lambda.amazonaws.com", "CreateFunction", False),
        ("lambda.amazonaws.com", "UpdateFunctionConfiguration", False),
        ("lambda.amazonaws.com", "Invoke", False),
        ("lambda.amazonaws.com", "Invoke", False),
        ("lambda.amazonaws.com", "GetFunction", True),
        ("lambda.amazonaws.com", "UpdateFunctionConfiguration", False),
        ("lambda.amazonaws.com", "DeleteFunction", False),
    ]
    assert found[0]["requestParameters"] == {
        "functionName": name,
        "role": ROLE,
        "runtime": "python3.12",
        "handler": "function.handler",
    }
    assert found[0]["responseElements"]["functionArn"] == ARN + name
    assert found[1]["requestParameters"] == {"functionName": name, "timeout": 9}
    assert found[5]["errorCode"] == "InvalidParameterValueException"


def test_large_uploads_are_taken_in_a_few_at_a_time(functions: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detent.api.app._MOST_LARGE", 0)
    with pytest.raises(functions.exceptions.TooManyRequestsException, match="Other large requests"):
        functions.update_function_code(FunctionName=name, ZipFile=bytes(2**20))
    functions.update_function_code(FunctionName=name, ZipFile=zipped())
    monkeypatch.setattr("detent.api.app._MOST_LARGE", 2)
    with pytest.raises(functions.exceptions.RequestTooLargeException):
        functions.update_function_code(FunctionName=name, ZipFile=bytes(56 * 2**20))
