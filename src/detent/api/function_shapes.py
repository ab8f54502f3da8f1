"""The wire's shapes of Lambda's operations, with AWS's constraints, and of Detent's own on functions."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from detent.api.shapes import Reply, Request

_NAME = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)
_LAYER = r"arn:(aws[a-zA-Z-]*)?:lambda:[a-z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+"
FunctionName = Annotated[str, Meta(min_length=1, max_length=140, pattern=rf"\A{_NAME}\Z")]
Qualifier = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"\A\$?[a-zA-Z0-9-_.]+\Z")]
Role = Annotated[
    str, Meta(max_length=10_000, pattern=r"\Aarn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+\Z")
]
Handler = Annotated[str, Meta(max_length=128, pattern=r"\A[^\s]+\Z")]
Description = Annotated[str, Meta(max_length=256)]
Timeout = Annotated[int, Meta(ge=1, le=900)]
MemorySize = Annotated[int, Meta(ge=128, le=10_240)]
Layers = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=2048, pattern=rf"\A{_LAYER}\Z")]], Meta(max_length=5)
]
StatementId = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\A[a-zA-Z0-9-_.]+\Z")]
SourceArn = Annotated[str, Meta(max_length=10_000, pattern=r"\Aarn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:.*\Z")]


class Code(Request):
    """Where a new function's code is: of all that AWS knows, only the zip itself is taken."""

    zip_file: bytes | None = None
    s3_bucket: str | None = None
    s3_key: str | None = None
    s3_object_version: str | None = None
    image_uri: str | None = None


class Environment(Request):
    """A function's variables."""

    variables: dict[str, str] | None = None


class CreateFunction(Request):
    """A new function. What this server has not is taken only where it says nothing."""

    function_name: FunctionName
    role: Role
    code: Code
    runtime: str | None = None
    handler: Handler | None = None
    description: Description | None = None
    timeout: Timeout | None = None
    memory_size: MemorySize | None = None
    publish: bool | None = None
    package_type: Literal["Zip", "Image"] | None = None
    environment: Environment | None = None
    layers: Layers | None = None
    tags: dict[str, str] | None = None
    vpc_config: dict[str, Any] | None = None
    file_system_configs: list[Any] | None = None
    dead_letter_config: dict[str, Any] | None = None
    image_config: dict[str, Any] | None = None
    code_signing_config_arn: str | None = None
    kms_key_arn: str | None = None


class UpdateFunctionCode(Request):
    """Other code for a function."""

    function_name: FunctionName
    zip_file: bytes | None = None
    s3_bucket: str | None = None
    s3_key: str | None = None
    image_uri: str | None = None
    publish: bool | None = None
    dry_run: bool | None = None
    revision_id: str | None = None
    architectures: list[str] | None = None


class UpdateFunctionConfiguration(Request):
    """What shall change of a function."""

    function_name: FunctionName
    role: Role | None = None
    handler: Handler | None = None
    description: Description | None = None
    timeout: Timeout | None = None
    memory_size: MemorySize | None = None
    runtime: str | None = None
    environment: Environment | None = None
    layers: Layers | None = None
    revision_id: str | None = None
    vpc_config: dict[str, Any] | None = None
    file_system_configs: list[Any] | None = None
    dead_letter_config: dict[str, Any] | None = None
    image_config: dict[str, Any] | None = None
    kms_key_arn: str | None = None


class FunctionNamed(Request):
    """A function."""

    function_name: FunctionName
    qualifier: Qualifier | None = None


class ListFunctions(Request):
    """Which page of the functions."""

    marker: str | None = None
    max_items: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    function_version: Literal["ALL"] | None = None
    master_region: str | None = None


class Invoke(Request):
    """An event for a function."""

    function_name: FunctionName
    qualifier: Qualifier | None = None
    invocation_type: Literal["Event", "RequestResponse", "DryRun"] | None = None
    log_type: Literal["None", "Tail"] | None = None
    client_context: str | None = None
    payload: bytes | None = None


class AddPermission(Request):
    """Whom to let do what."""

    function_name: FunctionName
    statement_id: StatementId
    action: Annotated[str, Meta(max_length=10_000, pattern=r"\A(lambda:[*]|lambda:[a-zA-Z]+|[*])\Z")]
    principal: Annotated[str, Meta(max_length=2048, pattern=r"\A[^\s]+\Z")]
    source_arn: SourceArn | None = None
    source_account: Annotated[str, Meta(max_length=12, pattern=r"\A\d{12}\Z")] | None = None
    qualifier: Qualifier | None = None
    revision_id: str | None = None
    event_source_token: str | None = None
    principal_org_id: str | None = None
    function_url_auth_type: str | None = None
    invoked_via_function_url: bool | None = None


class RemovePermission(Request):
    """A statement of a function's policy."""

    function_name: FunctionName
    statement_id: StatementId
    qualifier: Qualifier | None = None
    revision_id: str | None = None


class PutRemoteFunction(Request):
    """A function that runs elsewhere: behind a URL, or in AWS Lambda."""

    function_name: FunctionName
    url: Annotated[str, Meta(min_length=1, max_length=2048)] | None = None
    function_arn: Annotated[str, Meta(min_length=20, max_length=2048)] | None = None
    profile: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    timeout: Timeout | None = None


class GetFunctionLogs(Request):
    """Which entries of a function's log."""

    function_name: FunctionName
    start_time: float | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] | None = None


class EnvironmentShown(Reply):
    """A function's variables."""

    variables: dict[str, str]


class LayerShown(Reply, rename=str.capitalize):
    """A layer of a function."""

    arn: str


class FunctionReply(Reply):
    """A function."""

    function_name: str
    function_arn: str
    role: str
    handler: str
    code_size: int
    description: str
    timeout: int
    memory_size: int
    last_modified: str
    code_sha256: str
    version: str
    revision_id: str
    state: str
    last_update_status: str
    package_type: str
    runtime: str | None = None
    environment: EnvironmentShown | None = None
    layers: list[LayerShown] | None = None
    state_reason: str | None = None


class CodeShown(Reply):
    """Where a function's code is."""

    repository_type: str
    location: str | None = None


class GetFunctionReply(Reply):
    """A function, where its code is, and its tags."""

    configuration: FunctionReply
    code: CodeShown
    tags: dict[str, str] | None = None


class ListFunctionsReply(Reply):
    """A page of functions."""

    functions: list[FunctionReply]
    next_marker: str | None = None


class StatementReply(Reply):
    """A statement that was added to a policy."""

    statement: str


class PolicyReply(Reply):
    """A function's policy."""

    policy: str
    revision_id: str


class RemoteFunctionReply(Reply):
    """A function that runs elsewhere."""

    function_name: str
    arn: str
    timeout: int
    revision_id: str
    url: str | None = None
    function_arn: str | None = None
    profile: str | None = None


class FunctionLogEventReply(Reply):
    """What a function wrote during one invocation."""

    timestamp: float
    request_id: str
    message: str


class GetFunctionLogsReply(Reply):
    """A function's log."""

    events: list[FunctionLogEventReply]
