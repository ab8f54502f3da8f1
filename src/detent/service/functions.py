"""Users' own functions as Lambda's API keeps them: made, changed, described, listed, deleted."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from detent.model.errors import BadParameter, Exists, StaleFunction
from detent.model.function import FunctionKey, UserFunction
from detent.model.policy import Ask, Principal
from detent.service.authorization import allow
from detent.service.conditions import tags_sent
from detent.service.env import Env
from detent.service.function_checks import check_variables, checked_runtime, refuse_unsupported, refused
from detent.service.function_code import Code, checked_code
from detent.service.function_lookup import builtin, find, find_own, is_builtin, meant_by, permit
from detent.service.function_sealing import opened_environment, sealed_environment
from detent.service.paging import Paged, page_start, token_for

_PAGE = 50  # functions, AWS's; a larger MaxItems gives no more
_LONGEST_NAME = 64
_MEMORY = 128  # MiB
_TIMEOUT = 3  # seconds


class Described(NamedTuple):
    """A function and its variables; None: they are not told."""

    function: UserFunction
    variables: Mapping[str, str] | None = None
    is_builtin: bool = False
    warning: str | None = None  # what it will miss when it runs here


def create_function(
    env: Env,
    caller: Principal,
    *,
    function_name: str,
    code: Mapping[str, Any],
    role: str,
    runtime: str | None = None,
    handler: str | None = None,
    description: str | None = None,
    timeout: int | None = None,
    memory_size: int | None = None,
    environment: Mapping[str, str] | None = None,
    layers: list[str] | None = None,
    tags: Mapping[str, str] | None = None,
    package_type: str | None = None,
    publish: bool | None = None,  # noqa: ARG001 - there are no versions to publish
    **others: object,
) -> Described:
    """Make a function."""
    key = meant_by(env, caller, function_name)
    permit(env, caller, "lambda:CreateFunction", key, None, sent=tags_sent(tags))
    require_own_account(caller, key)
    if env.tx.functions.find(key) is not None or builtin(env, key) is not None:
        raise Exists(f"Function already exist: {key.name}")
    if len(key.name) > _LONGEST_NAME:
        raise BadParameter(f"A function's name can have at most {_LONGEST_NAME} characters.")
    refuse_unsupported(others)
    if package_type == "Image" or not (runtime and handler):
        raise BadParameter(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    checked = checked_code(env, code.get("zip_file"), [one for name, one in code.items() if name != "zip_file" and one])
    made = UserFunction(
        key,
        checked_runtime(runtime),
        handler,
        timedelta(seconds=timeout or _TIMEOUT),
        memory_size or _MEMORY,
        checked.sha256,
        len(checked.content),
        "",
        env.now,
        role,
        description or "",
        tuple(layers or ()),
        tags=tags or {},
    )
    return _runnable(env, made, environment or {}, checked)


def update_function_code(
    env: Env,
    caller: Principal,
    *,
    function_name: str,
    zip_file: bytes | None = None,
    s3_bucket: str | None = None,
    s3_key: str | None = None,
    image_uri: str | None = None,
    publish: bool | None = None,  # noqa: ARG001 - there are no versions to publish
    dry_run: bool | None = None,
    revision_id: str | None = None,
    architectures: list[str] | None = None,  # noqa: ARG001 - it runs on this machine's
) -> Described:
    """Give a function other code; a dry run only checks it."""
    function = _changeable(env, caller, "UpdateFunctionCode", function_name, revision_id)
    checked = checked_code(env, zip_file, s3_bucket or s3_key or image_uri)
    changed = replace(function, code_sha256=checked.sha256, code_bytes=len(checked.content))
    variables = opened_environment(env, function.key)
    return Described(changed, variables) if dry_run else _runnable(env, changed, variables, checked)


def update_function_configuration(
    env: Env,
    caller: Principal,
    *,
    function_name: str,
    role: str | None = None,
    handler: str | None = None,
    description: str | None = None,
    timeout: int | None = None,
    memory_size: int | None = None,
    runtime: str | None = None,
    environment: Mapping[str, str] | None = None,
    layers: list[str] | None = None,
    revision_id: str | None = None,
    **others: object,
) -> Described:
    """Change what was sent, and nothing else; variables and layers are replaced as a whole."""
    function = _changeable(env, caller, "UpdateFunctionConfiguration", function_name, revision_id)
    refuse_unsupported(others)
    changed = replace(
        function,
        role=role or function.role,
        handler=handler or function.handler,
        description=function.description if description is None else description,
        timeout=timedelta(seconds=timeout) if timeout else function.timeout,
        memory=memory_size or function.memory,
        runtime=checked_runtime(runtime) if runtime else function.runtime,
        layers=function.layers if layers is None else tuple(layers),
    )
    return _runnable(env, changed, opened_environment(env, function.key) if environment is None else environment)


def get_function(env: Env, caller: Principal, *, function_name: str, qualifier: str | None = None) -> Described:
    """Describe a function, and where its code lies."""
    return _described(env, find(env, caller, "GetFunction", function_name, qualifier))


def get_function_configuration(
    env: Env, caller: Principal, *, function_name: str, qualifier: str | None = None
) -> Described:
    """Describe a function."""
    return _described(env, find(env, caller, "GetFunctionConfiguration", function_name, qualifier))


def list_functions(
    env: Env,
    caller: Principal,
    *,
    marker: str | None = None,
    max_items: int | None = None,
    function_version: str | None = None,  # noqa: ARG001 - each has the one version
    master_region: str | None = None,  # noqa: ARG001 - no function is of another region
) -> Paged[Described]:
    """List functions by name, those built in too; a Choice: without variables, which take leave to GetFunction."""
    allow(env, caller, Ask("lambda:ListFunctions", "*", caller.account))
    bound = f"ListFunctions {caller.account} {env.region}"
    after = page_start(env, marker, bound) or ""
    most = min(max_items or _PAGE, _PAGE)
    own = env.tx.functions.page(caller.account, env.region, after, most + 1)
    known = (builtin(env, FunctionKey(caller.account, env.region, name)) for name in env.server.builtin if name > after)
    both = sorted([*own, *(one for one in known if one is not None)], key=lambda one: one.key.name)
    page = [Described(one, None, is_builtin(one)) for one in both[:most]]
    return Paged(page, token_for(env, page[-1].function.key.name, bound) if len(both) > most else None)


def delete_function(env: Env, caller: Principal, *, function_name: str, qualifier: str | None = None) -> UserFunction:
    """Delete a function with its log. A secret that rotates with it is told so by its next rotation."""
    function = find_own(env, caller, "DeleteFunction", function_name, qualifier)
    env.tx.functions.drop(function.key)
    _forget(env, function)
    return function


def checked_revision(function: UserFunction, revision_id: str | None) -> None:
    """Raise StaleFunction where the caller has seen another revision of the function."""
    if revision_id is not None and revision_id != function.revision:
        raise StaleFunction


def require_own_account(caller: Principal, key: FunctionKey) -> None:
    """Raise BadParameter for a function that would be made in another account."""
    if key.account != caller.account:
        raise BadParameter(f"A function can be made in one's own account only, and not in {key.account}.")


def saved(env: Env, function: UserFunction, variables: Mapping[str, str] | None = None) -> UserFunction:
    """Keep a changed function under another revision; None: with the variables it has."""
    kept = opened_environment(env, function.key) if variables is None else variables
    changed = replace(function, revision=str(uuid4()), modified=env.now)
    env.tx.functions.put(changed, sealed_environment(env, function.key, kept))
    return changed


def _runnable(env: Env, function: UserFunction, variables: Mapping[str, str], code: Code | None = None) -> Described:
    """Keep a function, with other code if there is any, if it can be run here. Raises BadParameter."""
    check_variables(variables)
    refusal = refused(env, function)
    if refusal is not None:
        raise BadParameter(refusal)
    if code is not None:
        env.tx.functions.keep_code(code.sha256, code.content)
    changed = saved(env, function, variables)
    _forget(env, function)
    return _described(env, changed)


def _forget(env: Env, function: UserFunction) -> None:
    if env.server.runner is not None:
        env.server.runner.forget(function)


def _described(env: Env, function: UserFunction) -> Described:
    runner, builtin = env.server.runner, is_builtin(function)
    warning = None if runner is None or builtin else runner.warning(function)
    return Described(function, opened_environment(env, function.key), builtin, warning)


def _changeable(
    env: Env, caller: Principal, operation: str, function_name: str, revision_id: str | None
) -> UserFunction:
    function = find_own(env, caller, operation, function_name)
    checked_revision(function, revision_id)
    if function.remote is not None:
        raise BadParameter(f"The function {function.key.name} runs elsewhere: change it with PutRemoteFunction.")
    return function
