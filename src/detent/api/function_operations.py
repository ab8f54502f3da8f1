"""Lambda's operations, and the paths of its REST protocol under which they are asked for."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from detent.api import function_replies as replies
from detent.api import function_shapes as shapes
from detent.api.operations import LAMBDA, Operation, Runs
from detent.api.shapes import Request
from detent.service import function_calls, function_events, function_policies, functions

MAX_UPLOAD = 70 * 2**20  # bytes: a zip of 50 MiB in base64, and AWS's own bound
MAX_EVENT = 6 * 2**20  # bytes, AWS's; one that is handled later may have as many as any request
# How the service takes members that are made of members.
_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "code": msgspec.structs.asdict,
    "environment": lambda given: given.variables or {},
}


def _nothing(_: object) -> None:
    """Answer with an empty body."""


def _row(name: str, shape: type[Request], run: Any, reply: Any, runs: Runs, **more: Any) -> Operation:  # noqa: ANN401 - a table's row
    return Operation(LAMBDA, name, shape, run, reply, runs, plain=_PLAIN, **more)


_INVOKE = _row("Invoke", shapes.Invoke, function_calls.invoke, _nothing, Runs.INVOKING, most=MAX_EVENT)
INVOCATIONS = {  # by X-Amz-Invocation-Type
    b"Event": _row("Invoke", shapes.Invoke, function_events.invoke_later, _nothing, Runs.ON_WRITER, status=202),
    b"DryRun": _row(
        "Invoke", shapes.Invoke, function_calls.invoke, _nothing, Runs.ON_THREAD, status=204, most=MAX_EVENT
    ),
}
# What asks the runner is on no loop: its first answer may take a trial.
# Under /2015-03-31/functions: the method, and the path's parts, of which * is a function's or a statement's name.
ROUTES: Mapping[tuple[str, ...], Operation] = {
    ("POST",): _row(
        "CreateFunction",
        shapes.CreateFunction,
        functions.create_function,
        replies.function,
        Runs.ON_WRITER,
        status=201,
        most=MAX_UPLOAD,
    ),
    ("GET",): _row("ListFunctions", shapes.ListFunctions, functions.list_functions, replies.functions, Runs.ON_THREAD),
    ("GET", "*"): _row("GetFunction", shapes.FunctionNamed, functions.get_function, replies.function_got, Runs.ON_LOOP),
    ("DELETE", "*"): _row(
        "DeleteFunction", shapes.FunctionNamed, functions.delete_function, _nothing, Runs.ON_WRITER, status=204
    ),
    ("GET", "*", "configuration"): _row(
        "GetFunctionConfiguration",
        shapes.FunctionNamed,
        functions.get_function_configuration,
        replies.function,
        Runs.ON_THREAD,
    ),
    ("PUT", "*", "configuration"): _row(
        "UpdateFunctionConfiguration",
        shapes.UpdateFunctionConfiguration,
        functions.update_function_configuration,
        replies.function,
        Runs.ON_WRITER,
    ),
    ("PUT", "*", "code"): _row(
        "UpdateFunctionCode",
        shapes.UpdateFunctionCode,
        functions.update_function_code,
        replies.function,
        Runs.ON_WRITER,
        most=MAX_UPLOAD,
    ),
    ("POST", "*", "invocations"): _INVOKE,
    ("POST", "*", "policy"): _row(
        "AddPermission",
        shapes.AddPermission,
        function_policies.add_permission,
        replies.added,
        Runs.ON_WRITER,
        status=201,
    ),
    ("GET", "*", "policy"): _row(
        "GetPolicy", shapes.FunctionNamed, function_policies.get_policy, replies.policy, Runs.ON_LOOP
    ),
    ("DELETE", "*", "policy", "*"): _row(
        "RemovePermission",
        shapes.RemovePermission,
        function_policies.remove_permission,
        _nothing,
        Runs.ON_WRITER,
        status=204,
    ),
}
UNKNOWN_PATH = _row("", Request, _nothing, _nothing, Runs.ON_LOOP)
