"""Our shapes and errors against AWS's own service model, as botocore has it."""

from collections.abc import Iterator
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

# Members of AWS's that are not served: ignored when sent (A.1), or never sent.
NOT_TAKEN = {
    "CreateSecret": {"ForceOverwriteReplicaSecret", "CrossAccountPrimaryARN"},
    "RotateSecret": {"ExternalSecretRotationMetadata", "ExternalSecretRotationRoleArn"},
}
NOT_GIVEN = {
    "CreateSecret": {"ReplicationStatus"},
    "DescribeSecret": {
        "OwningService",
        "PrimaryRegion",
        "ReplicationStatus",
        "ExternalSecretRotationMetadata",
        "ExternalSecretRotationRoleArn",
        "CrossAccountPrimary",
        "CrossAccountReplicas",
    },
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


def test_every_row_is_an_operation_of_aws() -> None:
    assert {row.name for row in ROWS} <= set(MODEL.operation_names)
    assert len(ROWS) == 21


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_request_has_the_members_and_limits_of_aws(row: Operation) -> None:
    theirs = MODEL.operation_model(row.name).input_shape
    fields = fields_of(row.shape)
    assert set(theirs.members) - set(fields) == NOT_TAKEN.get(row.name, set())
    assert set(fields) - set(theirs.members) == set()
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
    assert theirs == {wire_name(name) for name in SENSITIVE} - {"RandomPassword"}


def reply_of(row: Operation) -> type[msgspec.Struct] | None:
    return row.reply.__annotations__["return"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_reply_has_no_member_that_aws_does_not_have(row: Operation) -> None:
    reply, theirs = reply_of(row), MODEL.operation_model(row.name).output_shape
    if theirs is None:
        assert reply is None
        return
    assert reply is not None
    shared = {"VersionStages", "VersionId", "SecretVersionsToStages", "VersionIdsToStages"}  # shapes serve several rows
    ours = set(fields_of(reply))
    assert ours - set(theirs.members) <= shared
    assert set(theirs.members) - ours == NOT_GIVEN.get(row.name, set())


def test_every_code_is_one_of_awss() -> None:
    modelled = {shape.name for shape in MODEL.error_shapes}
    unmodelled = {"AccessDeniedException", "ValidationException"}
    assert set(errors.CODES.values()) | {errors.INTERNAL} <= modelled | unmodelled
