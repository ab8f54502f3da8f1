"""Users' own functions as Lambda's API keeps them: made, changed, described, listed, deleted."""

import re
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
from detent.service.function_code import Code, checked_code
from detent.service.function_lookup import builtin, find, find_own, is_builtin, meant_by, permit
from detent.service.function_sealing import opened_environment, sealed_environment
from detent.service.paging import Paged, page_start, token_for

_PAGE = 50  # functions, AWS's; a larger MaxItems gives no more
_ENVIRONMENT_BYTES = 4096  # AWS's
_LONGEST_NAME = 64
_MEMORY = 128  # MiB
_TIMEOUT = 3  # seconds
_RUNTIME = re.compile(r"python3\.\d+|provided(\.al2|\.al2023)?", re.ASCII)
_VARIABLE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+", re.ASCII)
# What would change how a function runs, and this server has not: refused with a word on each.
_UNSUPPORTED = {
    "vpc_config": "it joins no VPC",
    "file_system_configs": "it mounts no file systems",
    "dead_letter_config": "it has no queues for events that failed",
    "image_config": "it runs no images",
    "code_signing_config_arn": "it checks no code signatures",
    "kms_key_arn": "variables are sealed under the root keyset",
}


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
    _refuse_unsupported(others)
    if package_type == "Image" or not (runtime and handler):
        raise BadParameter(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    checked = checked_code(env, code.get("zip_file"), [one for name, one in code.items() if name != "zip_file" and one])
    made = UserFunction(
        key,
        _checked_runtime(runtime),
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
    _refuse_unsupported(others)
    changed = replace(
        function,
        role=role or function.role,
        handler=handler or function.handler,
        description=function.description if description is None else description,
        timeout=timedelta(seconds=timeout) if timeout else function.timeout,
        memory=memory_size or function.memory,
        runtime=_checked_runtime(runtime) if runtime else function.runtime,
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
    _check_variables(variables)
    refusal = refused(env, function)
    if refusal is not None:
        raise BadParameter(refusal)
    if code is not None:
        env.tx.functions.keep_code(code.sha256, code.content)
    changed = saved(env, function, variables)
    _forget(env, function)
    return _described(env, changed)


def refused(env: Env, function: UserFunction) -> str | None:
    """Say why a function cannot be run here; None: it can."""
    if env.server.runner is None:
        return "This server runs no functions of its users."
    return env.server.runner.refusal(function)


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


def _checked_runtime(runtime: str) -> str:
    if _RUNTIME.fullmatch(runtime) is None:
        raise BadParameter(
            f"This server runs the runtimes python3.x, provided, provided.al2 and provided.al2023, not {runtime}: for"
            " any other language take provided.al2023, with a `bootstrap` that is the language's runtime client."
        )
    return runtime


def _check_variables(variables: Mapping[str, str]) -> None:
    """Raise BadParameter for variables that no process can have; reserved ones are kept, and have no effect."""
    for name, value in variables.items():
        if _VARIABLE.fullmatch(name) is None or "\0" in value:
            raise BadParameter(
                "A variable's name must be a letter and then letters, digits or underscores, two characters at least,"
                " and its value without a null character."
            )
    size = sum(len(part.encode(errors="surrogatepass")) for pair in variables.items() for part in pair)
    if size > _ENVIRONMENT_BYTES:
        raise BadParameter(
            "Lambda was unable to configure your environment variables because the environment variables you have"
            f" provided exceeded the 4KB limit: they have {size} bytes."
        )


def _refuse_unsupported(others: Mapping[str, object]) -> None:
    for name, why in _UNSUPPORTED.items():
        if _says_something(others.get(name)):
            raise BadParameter(f"This server does not do what {name.replace('_', ' ')} asks for: {why}.")


def _says_something(given: object) -> bool:
    if isinstance(given, dict):
        return any(_says_something(value) for value in given.values())
    return bool(given)
