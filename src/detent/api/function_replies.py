"""What the service answers about functions, as the wire's replies."""

from datetime import datetime

from detent.api import function_shapes as shapes
from detent.api.replies import seconds
from detent.model.function import UserFunction
from detent.service.function_logs import Entry
from detent.service.function_lookup import LATEST
from detent.service.function_policies import Added
from detent.service.functions import Described
from detent.service.paging import Paged


def function(found: Described) -> shapes.FunctionReply:
    """Answer with one function. Choice: one that runs elsewhere, or is built in, has no runtime."""
    one, variables = found.function, found.variables
    return shapes.FunctionReply(
        function_name=one.key.name,
        function_arn=one.arn,
        runtime=one.runtime or None,
        role=one.role,
        handler=one.handler,
        code_size=one.code_bytes,
        description=one.description,
        timeout=int(one.timeout.total_seconds()),
        memory_size=one.memory,
        last_modified=_moment(one.modified),
        code_sha256=one.code_sha256,
        version=LATEST,
        revision_id=one.revision,
        state="Active",
        last_update_status="Successful",
        package_type="Zip",
        environment=shapes.EnvironmentShown(variables=dict(variables)) if variables else None,
        layers=[shapes.LayerShown(arn=arn) for arn in one.layers] or None,
        state_reason=found.warning,
    )


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def function_got(found: Described) -> shapes.GetFunctionReply:
    """Answer GetFunction."""
    remote = found.function.remote
    if remote is not None:
        code = shapes.CodeShown(repository_type="Remote", location=remote.url or remote.arn)
    else:
        code = shapes.CodeShown(repository_type="Builtin" if found.is_builtin else "Detent")
    tags = dict(found.function.tags) or None
    return shapes.GetFunctionReply(configuration=function(found), code=code, tags=tags)


def functions(page: Paged[Described]) -> shapes.ListFunctionsReply:
    """Answer ListFunctions."""
    return shapes.ListFunctionsReply(functions=[function(one) for one in page.items], next_marker=page.next_token)


def added(made: Added) -> shapes.StatementReply:
    """Answer AddPermission."""
    return shapes.StatementReply(statement=made.statement)


def policy(found: UserFunction) -> shapes.PolicyReply:
    """Answer GetPolicy."""
    return shapes.PolicyReply(policy=found.policy, revision_id=found.revision)


def remote_function(found: UserFunction) -> shapes.RemoteFunctionReply:
    """Answer PutRemoteFunction."""
    if found.remote is None:
        raise AssertionError("a remote function is kept with its place")
    return shapes.RemoteFunctionReply(
        function_name=found.key.name,
        arn=found.arn,
        timeout=int(found.timeout.total_seconds()),
        revision_id=found.revision,
        url=found.remote.url or None,
        function_arn=found.remote.arn or None,
        profile=found.remote.profile or None,
    )


def logs(entries: list[Entry]) -> shapes.GetFunctionLogsReply:
    """Answer GetFunctionLogs."""
    return shapes.GetFunctionLogsReply(
        events=[
            shapes.FunctionLogEventReply(
                timestamp=seconds(entry.moment), request_id=entry.request_id, message=entry.message
            )
            for entry in entries
        ]
    )
