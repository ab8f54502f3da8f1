"""Functions that run elsewhere: behind an HTTP endpoint that speaks Lambda's Invoke, or in AWS Lambda itself."""

import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from detent.model.arn import function_parts
from detent.model.errors import BadParameter, Exists
from detent.model.function import Remote, UserFunction
from detent.model.policy import Principal
from detent.service.env import Env
from detent.service.function_checks import refused
from detent.service.function_lookup import builtin, meant_by, permit
from detent.service.functions import require_own_account, saved

_TIMEOUT = timedelta(seconds=30)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def put_remote_function(
    env: Env,
    caller: Principal,
    *,
    function_name: str,
    url: str | None = None,
    function_arn: str | None = None,
    profile: str | None = None,
    timeout: int | None = None,
) -> UserFunction:
    """Make a function that runs elsewhere, or change where."""
    key = meant_by(env, caller, function_name)
    found = env.tx.functions.find(key)
    permit(env, caller, "detent:PutRemoteFunction", key, found)
    require_own_account(caller, key)
    if builtin(env, key) is not None or (found is not None and found.remote is None):
        raise Exists(f"There is a function {key.name} already, whose code is here: delete it first.")
    if _NAME.fullmatch(key.name) is None:
        raise BadParameter("A function's name can have at most 64 characters.")
    remote = _checked(url, function_arn, profile)
    known = found or UserFunction(key, "", "", _TIMEOUT, 128, "", 0, "", env.now)
    changed = replace(known, remote=remote, timeout=timedelta(seconds=timeout) if timeout else known.timeout)
    refusal = refused(env, changed)
    if refusal is not None:
        raise BadParameter(refusal)
    return saved(env, changed)


def _checked(url: str | None, arn: str | None, profile: str | None) -> Remote:
    if bool(url) == bool(arn):
        raise BadParameter("Give either a Url or a FunctionArn.")
    if url and profile:
        raise BadParameter("A Profile is for a FunctionArn: an endpoint gets no credentials.")
    if arn and function_parts(arn) is None:
        raise BadParameter("The FunctionArn is not the ARN of a Lambda function.")
    if url:
        _check_url(url)
    return Remote(url or "", arn or "", profile or "")


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise BadParameter(
            "The Url must be an http or https address, such as https://host:8080/2015-03-31/functions/f/invocations."
        )
    if "@" in parts.netloc:
        raise BadParameter(
            "The Url must hold no user name and password: everyone who may describe the function reads it."
        )
