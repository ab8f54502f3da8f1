"""Our shapes and errors against AWS's own service model, as botocore has it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import msgspec
import pytest
from msgspec import inspect

from detent.api import errors
from detent.api.operations import OPERATIONS, SECRETS_MANAGER, Operation
from detent.api.shapes import SENSITIVE, wire_name

MODEL = botocore.session.get_session().get_service_model("secretsmanager")
ROWS = [row for row in OPERATIONS.values() if row.service == SECRETS_MANAGER]

# What AWS's model has and Detent does not serve, each with its reason: nothing else may be missing.
DECLINED_OPERATIONS: dict[str, str] = {}
DECLINED_MEMBERS = {
    "DescribeSecretResponse.OwningService": "no secret here is owned by another service, so it would never be sent",
    "SecretListEntry.OwningService": "no secret here is owned by another service, so it would never be sent",
}
DECLINED_ERRORS = {
    "PreconditionNotMetException": "no source says which prerequisite it means; nothing here waits for one",
}
# Limits that have an error of their own, in the service's words (B.1, B.2, A.7).
OWN_ERRORS = {"ClientRequestToken", "SecretString", "SecretBinary"}
JSON_KINDS = {
    "string": inspect.StrType,
    "boolean": inspect.BoolType,
    "integer": inspect.IntType,
    "long": inspect.IntType,
    "list": inspect.ListType,
    "structure": inspect.StructType,
    "blob": inspect.BytesType,
}


def fields_of(shape: type[msgspec.Struct] | inspect.StructType) -> dict[str, inspect.Field]:
    kind = shape if isinstance(shape, inspect.StructType) else inspect.type_info(shape)
    assert isinstance(kind, inspect.StructType)
    return {field.encode_name: field for field in kind.fields}


def bare(kind: inspect.Type) -> inspect.Type:
    if isinstance(kind, inspect.UnionType):
        return next(part for part in kind.types if not isinstance(part, inspect.NoneType))
    return kind


def differences(theirs: Any, ours: inspect.Type, path: str) -> Iterator[str]:
    ours = bare(ours)
    if not isinstance(ours, JSON_KINDS[theirs.type_name] | inspect.LiteralType):
        yield f"{path} is {theirs.type_name}, not {type(ours).__name__}"
        return
    limits = {name: theirs.metadata.get(name) for name in ("min", "max", "pattern")}
    limits["enum"] = sorted(theirs.metadata.get("enum", ()))
    if isinstance(ours, inspect.LiteralType):
        found = {"enum": sorted(ours.values)}  # msgspec keeps no order
    elif isinstance(ours, inspect.IntType):
        found = {"min": ours.ge, "max": ours.le}
    elif isinstance(ours, inspect.StrType):
        pattern = ours.pattern and ours.pattern.removeprefix(r"\A").removesuffix(r"\Z")
        found = {"min": ours.min_length, "max": ours.max_length, "pattern": pattern}
    elif isinstance(ours, inspect.ListType):
        found = {"min": ours.min_length, "max": ours.max_length}
        yield from differences(theirs.member, ours.item_type, f"{path}[]")
    else:
        found = limits
        if isinstance(ours, inspect.StructType):
            members = fields_of(ours)
            if set(members) != set(theirs.members):
                yield f"{path} has {sorted(set(members) ^ set(theirs.members))} on one side only"
            for name in set(members) & set(theirs.members):
                yield from differences(theirs.members[name], members[name].type, f"{path}.{name}")
    if {name: limits[name] or None for name in limits} != {name: found.get(name) or None for name in limits}:
        yield f"{path} has limits {limits}, not {found}"


def test_every_operation_of_aws_is_served_or_declined_with_its_reason() -> None:
    assert {row.name for row in ROWS} | set(DECLINED_OPERATIONS) == set(MODEL.operation_names)
    assert len(ROWS) == 26 - len(DECLINED_OPERATIONS)


def test_nothing_is_declined_that_aws_does_not_have() -> None:
    shapes = [MODEL.shape_for(name) for name in MODEL.shape_names]
    members = {f"{shape.name}.{name}" for shape in shapes if shape.type_name == "structure" for name in shape.members}
    assert set(DECLINED_MEMBERS) <= members
    assert set(DECLINED_ERRORS) <= {shape.name for shape in MODEL.error_shapes}
    assert all([*DECLINED_OPERATIONS.values(), *DECLINED_MEMBERS.values(), *DECLINED_ERRORS.values()])


def test_the_reference_names_every_operation_and_what_is_declined_with_its_reason() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "reference" / "secrets-manager-api.md").read_text()
    declined = {**DECLINED_OPERATIONS, **DECLINED_MEMBERS, **DECLINED_ERRORS}
    assert [name for name in MODEL.operation_names if f"`{name}`" not in page] == []
    for name, reason in declined.items():
        assert f"`{name.rpartition('.')[2]}`" in page
        assert f"| {reason} |" in page


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_request_has_the_members_and_limits_of_aws(row: Operation) -> None:
    theirs = MODEL.operation_model(row.name).input_shape
    fields = fields_of(row.shape)
    assert set(theirs.members) == set(fields)
    assert {name for name, field in fields.items() if field.required} == set(theirs.required_members)
    checked = set(fields) - OWN_ERRORS
    found = [line for name in checked for line in differences(theirs.members[name], fields[name].type, name)]
    assert found == []


def test_what_aws_calls_sensitive_is_never_shown() -> None:
    theirs = {
        name
        for row in ROWS
        for name, member in MODEL.operation_model(row.name).input_shape.members.items()
        if member.metadata.get("sensitive")
    }
    of_own = {"SigningSecret"}
    of_replies, of_lambda = (
        {"RandomPassword", "SecretAccessKey", "SessionToken"},
        {"Code", "Environment", "Payload", "ZipFile"},
    )
    assert theirs == {wire_name(name) for name in SENSITIVE} - of_replies - of_lambda - of_own


def reply_of(row: Operation) -> type[msgspec.Struct] | None:
    return row.reply.__annotations__["return"]


# One shape serves two rows here: what is left for the other is never sent by this one.
OF_ANOTHER_ROW = {
    "SecretReply": {"VersionIdsToStages", "SecretVersionsToStages"},
    "NamedReply": {"VersionId", "VersionStages"},
    "CrossAccountReply": {"ReplicationStatus"},
}
ONLY_DESCRIBED = {"ReplicationStatus", "CrossAccountPrimary", "CrossAccountReplicas"}  # never in a list's entry


def missing(theirs: Any, ours: inspect.Type, path: str) -> Iterator[str]:
    """Name what a reply of AWS's has and ours has not, or the other way round, however deep."""
    ours = bare(ours)
    if isinstance(ours, inspect.ListType):
        yield from missing(theirs.member, ours.item_type, f"{path}[]")
    if isinstance(ours, inspect.StructType):
        fields = fields_of(ours)
        spare = OF_ANOTHER_ROW.get(ours.cls.__name__, set()) | (ONLY_DESCRIBED if "[]" in path else set())
        declined = {name.partition(".")[2] for name in DECLINED_MEMBERS if name.startswith(f"{theirs.name}.")}
        yield from (f"{path} lacks {name}" for name in set(theirs.members) - set(fields) - declined)
        yield from (f"{path} has {name}" for name in set(fields) - set(theirs.members) - spare)
        for name in set(fields) & set(theirs.members):
            yield from missing(theirs.members[name], fields[name].type, f"{path}.{name}")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_reply_has_the_members_of_aws(row: Operation) -> None:
    reply, theirs = reply_of(row), MODEL.operation_model(row.name).output_shape
    if theirs is None:
        assert reply is None
        return
    assert reply is not None
    assert list(missing(theirs, inspect.type_info(reply), row.name)) == []


def test_every_error_of_aws_is_served_or_declined_with_its_reason() -> None:
    modelled = {shape.name for shape in MODEL.error_shapes}
    served = set(errors.CODES.values()) | {errors.INTERNAL}
    assert modelled == (served & modelled) | set(DECLINED_ERRORS)
    assert served - modelled == {"AccessDeniedException", "ValidationException"}
