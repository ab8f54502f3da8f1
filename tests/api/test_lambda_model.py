"""Our shapes of Lambda's operations, their paths and errors, against AWS's own service model, as botocore has it."""

from typing import Any, get_type_hints

import botocore.session
import msgspec
import pytest
from botocore.model import StructureShape

from detent.api import errors, rest
from detent.api.function_operations import INVOCATIONS, ROUTES
from detent.api.operations import Operation
from detent.api.shapes import SENSITIVE, wire_name

MODEL = botocore.session.get_session().get_service_model("lambda")
ROWS = [*ROUTES.values(), *INVOCATIONS.values()]
# Members that would be of no use here, each with its reason: nothing else may be missing.
DECLINED = {
    "CreateFunction": {
        "AcceleratorConfig": "no accelerators",
        "Architectures": "functions run on this machine's",
        "CapacityProviderConfig": "no fleets",
        "DurableConfig": "no durable executions",
        "EphemeralStorage": "bounded for every function alike",
        "LoggingConfig": "logs are text",
        "PublishTo": "no versions",
        "RuntimeConfig": "no runtimes of one's own but `provided`",
        "SnapStart": "processes are kept warm instead",
        "TenancyConfig": "no tenants",
        "TracingConfig": "no tracing",
    },
    "UpdateFunctionCode": {
        "PublishTo": "no versions",
        "S3ObjectStorageMode": "no S3",
        "S3ObjectVersion": "no S3",
        "SourceKMSKeyArn": "no S3",
    },
    "Invoke": {"DurableExecutionName": "no durable executions", "TenantId": "no tenants"},
}
DECLINED["UpdateFunctionConfiguration"] = DECLINED["CreateFunction"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_request_has_the_members_of_aws(row: Operation) -> None:
    theirs = MODEL.operation_model(row.name).input_shape
    fields = {field.encode_name: field for field in msgspec.structs.fields(row.shape)}
    assert set(theirs.members) - set(DECLINED.get(row.name, ())) == set(fields)
    assert {name for name, field in fields.items() if field.required} == set(theirs.required_members)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_operation_is_asked_for_as_aws_has_it(row: Operation) -> None:
    http = MODEL.operation_model(row.name).http
    path = http["requestUri"].replace("{FunctionName}", "arn%3Aaws%3Alambda").replace("{StatementId}", "one")
    headers = {b"x-amz-invocation-type": b"RequestResponse"}
    found = rest.asked(http["method"], path.encode(), headers)
    assert found.name == row.name
    assert rest.is_rest(path.encode())
    assert row.name == "DeleteFunction" or row.status in {http.get("responseCode", 200), 202, 204}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_reply_has_members_of_awss_only(row: Operation) -> None:
    reply = get_type_hints(row.reply)["return"]
    theirs = MODEL.operation_model(row.name).output_shape
    if isinstance(reply, type) and issubclass(reply, msgspec.Struct):
        assert list(foreign(theirs, reply)) == []


def foreign(theirs: StructureShape, ours: type[msgspec.Struct]) -> list[str]:
    """Name members that AWS does not have, however deep."""
    found = []
    for field in msgspec.structs.fields(ours):
        known = theirs.members.get(field.encode_name)
        found += [f"{ours.__name__}.{field.encode_name}"] if known is None else []
        for inner in structs_in(field.type):
            shape: Any = known.member if known.type_name == "list" else known
            found += foreign(shape, inner)
    return found


def structs_in(kind: Any) -> list[type[msgspec.Struct]]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [kind]
    return [struct for part in getattr(kind, "__args__", ()) for struct in structs_in(part)]


def test_each_error_has_awss_status_and_spelling() -> None:
    codes = {*errors._LAMBDA_CODES.values(), *rest._FRONT_END.values(), "InvalidRequestContentException"}
    shapes = {shape.name: shape for shape in MODEL.error_shapes}
    for code in codes & set(shapes):
        shape = shapes[code]
        assert errors.LAMBDA_STATUSES.get(code, 400) == shape.metadata["error"]["httpStatusCode"], code
        assert ("Message" in shape.members) == (code in rest._CAPITAL), code
    assert codes - set(shapes) == {"AccessDeniedException", "ValidationException"}  # every service of AWS's has these


def test_what_aws_calls_sensitive_is_never_shown() -> None:
    theirs = {
        name
        for row in ROWS
        for name, member in MODEL.operation_model(row.name).input_shape.members.items()
        if member.metadata.get("sensitive")
    }
    assert theirs | {"Code", "Environment"} <= {wire_name(name) for name in SENSITIVE}
