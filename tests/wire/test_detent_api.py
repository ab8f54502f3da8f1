"""Detent's own API: the published service model says what is served, and boto3 and the AWS CLI can use it."""

import json
import os
import subprocess
import sys
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError, ProfileNotFound
from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StructureShape

import detent as package
from detent.api.errors import CODES, INTERNAL
from detent.api.operations import DETENT, OPERATIONS, Operation
from detent.api.shapes import wire_name
from detent.client import MODELS, SERVICE_MODEL, NoEndpoint
from detent.model.checks import CheckKind
from detent.model.judgement import PolicyKind
from detent.model.news import Kind
from detent.model.rotation import Purpose, State, Step
from detent.service.explaining import Cure, LogsIn
from servers.detent import RunningDetent
from wire.answers import new_name

PUBLISHED = json.loads(Path(__file__).with_name("published.json").read_text())
REFERENCE = Path(__file__).parent.parent.parent / "docs" / "reference" / "detent-api.md"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"
KINDS = (
    "State",
    "Step",
    "Purpose",
    "Outcome",
    "KeyState",
    "AccessKeyState",
    "PolicyType",
    "NewsKind",
    "CheckType",
    "RotationStatus",
    "Cure",
    "LogsIn",
)
STRUCTURES = (
    "Attempt",
    "ComingWindow",
    "Key",
    "DescribedKey",
    "User",
    "AccessKey",
    "LastUsed",
    "Tag",
    "TagInput",
    "Role",
    "Policy",
    "AdminSecret",
    "FunctionLogEvent",
    "RemoteFunction",
    "Webhook",
    "Check",
    "CheckInput",
    "RotationChecks",
    "PassedCheck",
    "ExplainedVersion",
)
ROWS = {row.name: row for row in OPERATIONS.values() if row.service == DETENT}


@pytest.fixture(scope="session")
def model() -> ServiceModel:
    return ServiceModel(json.loads(SERVICE_MODEL.read_text()), DETENT)


@pytest.fixture(scope="module")
def rotated(shared_detent: RunningDetent) -> Iterator[str]:
    """A secret with three rotations; each failed at once, since its value is no login."""
    client, own = shared_detent.client(), detent_client(shared_detent)
    name = new_name()
    client.create_secret(Name=name, SecretString="no login")
    for _ in range(3):
        version = client.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION)["VersionId"]
        while not own.describe_rotation(SecretId=name, VersionId=version)["Attempts"]:
            pass
        client.cancel_rotate_secret(SecretId=name)
        client.update_secret_version_stage(SecretId=name, VersionStage="AWSPENDING", RemoveFromVersionId=version)
    yield name
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def detent_client(server: RunningDetent, **changed: Any) -> Any:
    access_key, secret_key = server.credentials
    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key, "region_name": "us-east-1"}
    return package.client(server.endpoint, **{**keys, **changed})


def reply_of(row: Operation) -> type[msgspec.Struct]:
    found: type[msgspec.Struct] = get_type_hints(row.reply)["return"]
    return found


def described(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Give a served shape as the model would have it: kinds, bounds, and which members are required."""
    hints = get_type_hints(struct, include_extras=True)
    required = {field.name for field in msgspec.structs.fields(struct) if field.required}
    return {wire_name(name): (*kind_of(name, hint), name in required) for name, hint in hints.items()}


def kind_of(name: str, hint: Any) -> tuple[Any, Any]:
    """Give a member's kind and its bounds."""
    if get_origin(hint) in {Union, types.UnionType}:
        hint = next(part for part in get_args(hint) if part is not type(None))
    bounds = None
    if hasattr(hint, "__metadata__"):
        meta = hint.__metadata__[0]
        bounds = (meta.ge or meta.min_length, meta.le or meta.max_length)
        hint = hint.__origin__
    if get_origin(hint) is list:
        return [kind_of(name, get_args(hint)[0])[0]], bounds
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return described(hint), bounds
    if hint is float:
        return "timestamp" if name.endswith(("date", "timestamp", "start_time")) else "double", bounds
    return {str: "string", int: "integer", bool: "boolean", Literal: "string"}[get_origin(hint) or hint], bounds


def modelled(shape: StructureShape, *, asked: bool) -> dict[str, Any]:
    """Give a shape of the model in the same form; bounds only where something is asked for."""
    members = shape.members.items()
    return {name: (*modelled_kind(inner, asked=asked), name in shape.required_members) for name, inner in members}


def modelled_kind(shape: Shape, *, asked: bool) -> tuple[Any, Any]:
    bounds = (shape.metadata.get("min"), shape.metadata.get("max"))
    kind: Any = shape.type_name
    if isinstance(shape, ListShape):
        kind = [modelled_kind(shape.member, asked=asked)[0]]
    elif isinstance(shape, StructureShape):
        kind = modelled(shape, asked=asked)
    return kind, bounds if asked and bounds != (None, None) else None


def test_the_model_has_the_operations_that_are_served(model: ServiceModel) -> None:
    assert set(model.operation_names) == set(ROWS)
    assert (model.signing_name, model.metadata["targetPrefix"], model.metadata["jsonVersion"]) == (
        DETENT,
        DETENT,
        "1.1",
    )


@pytest.mark.parametrize("name", ROWS)
def test_the_model_has_the_members_that_are_taken_and_given(model: ServiceModel, name: str) -> None:
    operation = model.operation_model(name)
    assert modelled(operation.input_shape, asked=True) == described(ROWS[name].shape)
    assert modelled(operation.output_shape, asked=False) == described(reply_of(ROWS[name]))


def test_the_model_has_the_words_that_are_given(model: ServiceModel) -> None:
    words = {name: set(model.shape_for(name).enum) for name in KINDS}
    assert words == {
        "State": set(State),
        "Step": set(Step),
        "Purpose": set(Purpose),
        "Outcome": {"succeeded", "failed"},
        "KeyState": {"enabled", "disabled", "pending-deletion"},
        "AccessKeyState": {"active", "inactive"},
        "PolicyType": set(PolicyKind),
        "NewsKind": set(Kind),
        "CheckType": set(CheckKind),
        "RotationStatus": {"due", "failed", "running"},
        "Cure": set(Cure),
        "LogsIn": set(LogsIn),
    }


def test_the_model_names_errors_that_the_server_has(model: ServiceModel) -> None:
    for name in model.operation_names:
        assert {shape.name for shape in model.operation_model(name).error_shapes} <= {*CODES.values(), INTERNAL}


def test_everything_in_the_model_is_documented(model: ServiceModel) -> None:
    for name in model.operation_names:
        operation = model.operation_model(name)
        assert operation.documentation
        for shape in (operation.input_shape, operation.output_shape, *map(model.shape_for, STRUCTURES)):
            assert [member for member, inner in shape.members.items() if not inner.documentation] == []


def test_everything_in_the_model_is_in_the_reference(model: ServiceModel) -> None:
    reference = REFERENCE.read_text()
    for name in model.operation_names:
        operation = model.operation_model(name)
        shapes = (operation.input_shape, operation.output_shape, *map(model.shape_for, STRUCTURES))
        words = [name, *(shape.name for shape in operation.error_shapes)]
        words += [member for shape in shapes for member in shape.members]
        words += [word for kind in KINDS for word in model.shape_for(kind).enum]
        assert [word for word in words if f"`{word}`" not in reference and f"## {word}\n" not in reference] == []


def test_what_was_published_is_still_there(model: ServiceModel) -> None:
    """`published.json` is only ever added to: a client that was made for an earlier model must go on working."""
    assert model.api_version == PUBLISHED["apiVersion"]
    for name, published in PUBLISHED["operations"].items():
        operation = model.operation_model(name)
        assert set(published["input"]) <= set(operation.input_shape.members)
        assert set(published["required"]) == set(operation.input_shape.required_members)
        assert set(published["output"]) <= set(operation.output_shape.members)
        assert set(published["errors"]) <= {shape.name for shape in operation.error_shapes}
    for name, members in PUBLISHED["structures"].items():
        assert set(members) <= set(model.shape_for(name).members)


def test_all_that_the_model_has_is_noted_as_published(model: ServiceModel) -> None:
    for name in model.operation_names:
        operation, published = model.operation_model(name), PUBLISHED["operations"][name]
        assert set(operation.input_shape.members) == set(published["input"])
        assert set(operation.output_shape.members) == set(published["output"])
    for name in STRUCTURES:
        assert set(model.shape_for(name).members) == set(PUBLISHED["structures"][name])


def test_botocore_finds_the_model_and_its_paginator() -> None:
    loader = Loader([str(MODELS)], include_default_search_paths=False)
    assert loader.list_available_services("service-2") == [DETENT]
    assert list(loader.load_service_model(DETENT, "paginators-1")["pagination"]) == ["ListRotations", "PreviewSchedule"]


def test_a_rotation_is_described_with_its_attempts(shared_detent: RunningDetent, rotated: str) -> None:
    told = detent_client(shared_detent).describe_rotation(SecretId=rotated)
    assert (told["Name"], told["Purpose"], told["State"], told["Step"]) == (
        *(rotated, "rotation"),
        *("cancelled", "createSecret"),
    )
    assert told["StartedDate"] <= told["EndedDate"] <= datetime.now(UTC)
    attempt = told["Attempts"][0]
    assert (attempt["Step"], attempt["Number"], attempt["Outcome"]) == ("createSecret", 1, "failed")
    assert attempt["DurationMillis"] > 0
    assert "no login" not in attempt["Reason"]


def test_an_earlier_rotation_is_described_by_its_version(shared_detent: RunningDetent, rotated: str) -> None:
    own = detent_client(shared_detent)
    versions = [rotation["VersionId"] for rotation in own.list_rotations(SecretId=rotated)["Rotations"]]
    assert own.describe_rotation(SecretId=rotated)["VersionId"] == versions[0]
    assert own.describe_rotation(SecretId=rotated, VersionId=versions[2])["VersionId"] == versions[2]


def test_rotations_are_listed_in_pages_newest_first(shared_detent: RunningDetent, rotated: str) -> None:
    pages = detent_client(shared_detent).get_paginator("list_rotations")
    found = list(pages.paginate(SecretId=rotated, PaginationConfig={"PageSize": 1}))
    assert [len(page["Rotations"]) for page in found] == [1, 1, 1]
    dates = [page["Rotations"][0]["StartedDate"] for page in found]
    assert dates == sorted(dates, reverse=True)
    assert all("Attempts" not in page["Rotations"][0] for page in found)
    everything = pages.paginate(PaginationConfig={"PageSize": 2}).build_full_result()["Rotations"]
    assert [rotation["Name"] for rotation in everything].count(rotated) == 3


def test_each_error_is_the_one_that_the_model_names(shared_detent: RunningDetent, rotated: str) -> None:
    own = detent_client(shared_detent)
    for call in (own.list_rotations, own.describe_rotation):
        with pytest.raises(own.exceptions.ResourceNotFoundException, match="can't find the specified secret"):
            call(SecretId="none")
        with pytest.raises(own.exceptions.ValidationException):
            call(SecretId="a name")
    with pytest.raises(own.exceptions.ResourceNotFoundException, match=r"There is no rotation of .* with VersionId"):
        own.describe_rotation(SecretId=rotated, VersionId="0" * 32)
    with pytest.raises(own.exceptions.InvalidNextTokenException):
        own.list_rotations(NextToken="none")
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        detent_client(shared_detent, aws_access_key_id="AKIANONE").list_rotations()
    with pytest.raises(own.exceptions.ValidationException, match="less than or equal to 100"):
        own.list_rotations(MaxResults=101)


def test_the_aws_cli_speaks_it_once_the_model_is_added(
    shared_detent: RunningDetent, rotated: str, tmp_path: Path
) -> None:
    access_key, secret_key = shared_detent.credentials
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env = {
        **kept,
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_ENDPOINT_URL": shared_detent.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_PAGER": "",
    }

    def aws(*words: str) -> str:
        program = Path(sys.executable).with_name("aws")
        done = subprocess.run([program, *words], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    aws("configure", "add-model", "--service-model", f"file://{SERVICE_MODEL}")
    listed = json.loads(aws("detent", "list-rotations", "--secret-id", rotated))["Rotations"]
    assert [rotation["Name"] for rotation in listed] == [rotated] * 3
    told = json.loads(aws("detent", "describe-rotation", "--secret-id", rotated))
    assert told["VersionId"] == listed[0]["VersionId"]


def test_the_endpoint_comes_from_the_argument_the_environment_or_the_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nregion = us-east-1\nendpoint_url = http://config:1\n")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(NoEndpoint, match="give endpoint_url, set AWS_ENDPOINT_URL, or put endpoint_url into the AWS"):
        package.client(region_name="us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    assert package.client().meta.endpoint_url == "http://config:1"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://environment:1")
    assert package.client().meta.endpoint_url == "http://environment:1"
    monkeypatch.setenv("AWS_ENDPOINT_URL_DETENT", "http://own:1")
    assert package.client().meta.endpoint_url == "http://own:1"
    assert package.client("http://argument:1").meta.endpoint_url == "http://argument:1"
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("AWS_ENDPOINT_URL_DETENT")
    monkeypatch.setenv("AWS_PROFILE", "none")
    with pytest.raises(ProfileNotFound):
        package.client()


def test_making_a_client_leaves_other_sessions_as_they_were(shared_detent: RunningDetent) -> None:
    detent_client(shared_detent)
    assert DETENT not in boto3.session.Session().get_available_services()


def test_importing_the_package_imports_no_boto3() -> None:
    program = "import sys, detent; print(callable(detent.client), 'boto3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True False\n"
