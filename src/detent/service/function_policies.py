"""Functions' resource policies, made a statement at a time: AddPermission, RemovePermission, GetPolicy."""

import json
import re
from dataclasses import replace
from typing import Any, NamedTuple

from detent.model.document import NamedPrincipal, PrincipalKind
from detent.model.errors import (
    BadParameter,
    Exists,
    FunctionPolicyTooLong,
    MalformedPolicy,
    NotFound,
)
from detent.model.function import UserFunction
from detent.model.identity import root_arn
from detent.model.policy import Principal
from detent.service.documents import DocumentKind, opened, parsed
from detent.service.env import Env
from detent.service.function_lookup import find, find_own
from detent.service.functions import checked_revision, saved
from detent.service.vetting import is_known

_LONGEST = 20_480  # bytes
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_BAD_PRINCIPAL = "The provided principal was invalid. Please check the principal and try again."


class Added(NamedTuple):
    """A statement that was added to a function's policy, as its text."""

    function: UserFunction
    statement: str


def add_permission(
    env: Env,
    caller: Principal,
    *,
    function_name: str,
    statement_id: str,
    action: str,
    principal: str,
    source_arn: str | None = None,
    source_account: str | None = None,
    qualifier: str | None = None,
    revision_id: str | None = None,
    event_source_token: str | None = None,
    principal_org_id: str | None = None,
    function_url_auth_type: str | None = None,
    invoked_via_function_url: bool | None = None,
) -> Added:
    """Let somebody do something with a function; what would narrow it and nothing here can check is refused."""
    function = find_own(env, caller, "AddPermission", function_name, qualifier)
    checked_revision(function, revision_id)
    if event_source_token or principal_org_id or function_url_auth_type or invoked_via_function_url:
        raise BadParameter("This server knows no event sources' tokens, no organizations and no function URLs.")
    statements = _statements(function)
    if any(one["Sid"] == statement_id for one in statements):
        raise Exists(
            f"The statement id ({statement_id}) provided already exists. Please provide a new statement id, or remove"
            " the existing statement."
        )
    made: dict[str, Any] = {
        "Sid": statement_id,
        "Effect": "Allow",
        "Principal": _principal(env, principal),
        "Action": action,
        "Resource": function.arn,
    }
    conditions = _conditions(source_account, source_arn)
    if conditions:
        made["Condition"] = conditions
    return Added(_with(env, function, [*statements, made]), _text(made))


def remove_permission(
    env: Env,
    caller: Principal,
    *,
    function_name: str,
    statement_id: str,
    qualifier: str | None = None,
    revision_id: str | None = None,
) -> UserFunction:
    """Take a statement away."""
    function = find_own(env, caller, "RemovePermission", function_name, qualifier)
    checked_revision(function, revision_id)
    statements = _statements(function)
    left = [one for one in statements if one["Sid"] != statement_id]
    if len(left) == len(statements):
        raise NotFound(f"Statement {statement_id} is not found in resource policy.")
    return _with(env, function, left)


def get_policy(env: Env, caller: Principal, *, function_name: str, qualifier: str | None = None) -> UserFunction:
    """Give a function that has a policy."""
    function = find(env, caller, "GetPolicy", function_name, qualifier)
    if not function.policy:
        raise NotFound("The resource you requested does not exist.")
    return function


def _statements(function: UserFunction) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(function.policy)["Statement"] if function.policy else []
    return found


def _with(env: Env, function: UserFunction, statements: list[dict[str, Any]]) -> UserFunction:
    text = _text({"Version": "2012-10-17", "Id": "default", "Statement": statements}) if statements else ""
    if len(text) > _LONGEST:
        raise FunctionPolicyTooLong
    if text:
        try:
            parsed(opened(text), DocumentKind.FUNCTION)
        except MalformedPolicy as error:
            raise BadParameter(f"The permission makes no policy: {error}") from None
    return saved(env, replace(function, policy=text))


def _principal(env: Env, name: str) -> str | dict[str, str]:
    """Give a principal as a statement names it. Raises BadParameter for one that is not known here."""
    if name == "*":
        return name
    if _ACCOUNT.fullmatch(name):
        name = root_arn(name)
    kind = PrincipalKind.AWS if name.startswith("arn:") else PrincipalKind.SERVICE
    if not is_known(env, NamedPrincipal(kind, name)):
        raise BadParameter(_BAD_PRINCIPAL)
    return {kind.value: name}


def _conditions(account: str | None, arn: str | None) -> dict[str, dict[str, str]]:
    conditions = {}
    if account:
        conditions["StringEquals"] = {"AWS:SourceAccount": account}
    if arn:
        conditions["ArnLike"] = {"AWS:SourceArn": arn}
    return conditions


def _text(members: object) -> str:
    return json.dumps(members, separators=(",", ":"))
