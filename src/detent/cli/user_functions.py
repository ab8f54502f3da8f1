"""What `detent functions` does with users' own functions, through the Lambda-compatible API."""

import base64
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.text import Text

from detent.cli import own_folder
from detent.cli.connection import Server
from detent.cli.failure import CommandFailed
from detent.cli.function_code import BOOTSTRAP, Code, packed
from detent.cli.screen import facts, moment, screen
from detent.functions.builtin import BUILTIN
from detent.main.layers import arn as layer_arn

_RUNTIME: Final = f"python3.{sys.version_info.minor}"  # every python3.* runs on this one
_OWN_RUNTIME: Final = "provided.al2023"
_HANDLER: Final = "lambda_function.lambda_handler"  # as AWS's own functions have it
_TIMEOUT: Final = 30  # seconds; Lambda's own 3 are short for a database that is far away
_ROLE: Final = "arn:aws:iam::{account}:role/detent-function"  # AWS: a role must be named; here it gives no rights
_SPAN: Final = re.compile(r"(\d+)([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Wanted:
    """What a function shall be; None: as it is, or the default."""

    name: str
    path: Path | None = None
    url: str | None = None
    arn: str | None = None
    profile: str | None = None
    handler: str | None = None
    runtime: str | None = None
    timeout: int | None = None
    memory: int | None = None
    env: Sequence[str] = ()
    layers: Sequence[str] = ()
    requirements: Path | None = None
    description: str | None = None

    @property
    def is_remote(self) -> bool:
        """Whether it shall run elsewhere."""
        return self.url is not None or self.arn is not None


def add(server: Server, wanted: Wanted) -> None:
    """Make a function, or change one that is there."""
    _check(wanted)
    arn = put(server, wanted)
    screen().print(Text(f"{wanted.name} is ready: {arn}"))
    screen().print(Text("A secret rotates with it by RotateSecret with this ARN as RotationLambdaARN.", "dim"))


def put(server: Server, wanted: Wanted) -> str:
    """Do it without a word; gives the ARN."""
    return _put_remote(server, wanted) if wanted.is_remote else _put_local(server, wanted)


def rows(server: Server) -> list[tuple[Text, Text, Text]]:
    """Give the users' own functions: name, where each runs, when it was changed."""
    pages = server.functions.get_paginator("list_functions").paginate()
    found = [one for page in pages for one in page["Functions"] if one["FunctionName"] not in BUILTIN]
    return [(Text(one["FunctionName"]), Text(_where(server, one)), Text(_changed(one))) for one in found]


def show(server: Server, name: str) -> None:
    """Show one function's configuration. Values of variables are not shown: they may be secrets."""
    found = server.functions.get_function_configuration(FunctionName=name)
    shown = {
        "ARN": found["FunctionArn"],
        "runs": _where(server, found),
        "description": found.get("Description", ""),
        "timeout": f"{found['Timeout']} s",
        "memory": f"{found['MemorySize']} MiB" if found.get("Runtime") else "",
        "code": f"{found['CodeSize']} bytes, SHA-256 {found['CodeSha256']}" if found.get("CodeSize") else "",
        "variables": ", ".join(sorted(found.get("Environment", {}).get("Variables", {}))),
        "layers": ", ".join(layer["Arn"] for layer in found.get("Layers", [])),
        "changed": _changed(found),
        "state": _state(found),
    }
    screen().print(facts({fact: text for fact, text in shown.items() if text}))


def logs(server: Server, name: str, since: str | None, limit: int) -> None:
    """Print what a function wrote, the oldest first."""
    asked: dict[str, Any] = {"FunctionName": name, "Limit": limit}
    if since is not None:
        asked["StartTime"] = _moment(since)
    for event in server.own.get_function_logs(**asked)["Events"]:
        sys.stdout.write(f"{moment(event['Timestamp'])} {event['RequestId']}\n")
        sys.stdout.writelines(f"  {line}\n" for line in event["Message"].splitlines())


def invoke(server: Server, name: str, event: str | None, *, tail: bool) -> None:
    """Call a function, and print what it returned; its log goes to standard error. Raises CommandFailed."""
    asked = {"FunctionName": name, "Payload": _event(event), **({"LogType": "Tail"} if tail else {})}
    answer = server.functions.invoke(**asked)
    payload = answer["Payload"].read().decode(errors="replace")
    sys.stderr.write(base64.b64decode(answer.get("LogResult", "")).decode(errors="replace"))
    if "FunctionError" in answer:
        raise CommandFailed(f"{name} failed: {_reason(payload)}")
    sys.stdout.write(f"{payload}\n")


def remove(server: Server, name: str) -> None:
    """Delete a function."""
    server.functions.delete_function(FunctionName=name)
    screen().print(Text(f"{name} is deleted. A secret that rotates with it fails at its next rotation."))


def _check(wanted: Wanted) -> None:
    if sum(one is not None for one in (wanted.path, wanted.url, wanted.arn)) > 1:
        raise CommandFailed("give one of --path, --url and --lambda: a function runs in one place")
    if wanted.profile is not None and wanted.arn is None:
        raise CommandFailed("--profile is for --lambda: nothing else is called with credentials of AWS")
    needless = {
        "--handler": wanted.handler, "--runtime": wanted.runtime, "--memory": wanted.memory, "--env": wanted.env,
        "--layer": wanted.layers, "--requirements": wanted.requirements, "--description": wanted.description,
    }  # fmt: skip
    given = next((option for option, value in needless.items() if value), None)
    if wanted.is_remote and given is not None:
        raise CommandFailed(f"{given} is for a function that runs here: one that runs elsewhere has its own there")
    if wanted.requirements is not None and wanted.path is None:
        raise CommandFailed("--requirements goes with --path DIR")


def _put_remote(server: Server, wanted: Wanted) -> str:
    asked = {
        "FunctionName": wanted.name,
        "Url": wanted.url,
        "FunctionArn": wanted.arn,
        "Profile": wanted.profile,
        "Timeout": wanted.timeout,
    }
    return str(server.own.put_remote_function(**_given(asked))["ARN"])


def _put_local(server: Server, wanted: Wanted) -> str:
    code = None if wanted.path is None else packed(wanted.path, wanted.requirements)
    if _exists(server, wanted.name):
        return _update(server, wanted, code)
    if code is None:
        raise CommandFailed(f"there is no function {wanted.name} yet: give --path, --url or --lambda")
    return _create(server, wanted, code)


def _exists(server: Server, name: str) -> bool:
    try:
        server.functions.get_function_configuration(FunctionName=name)
    except server.functions.exceptions.ResourceNotFoundException:
        return False
    return True


def _create(server: Server, wanted: Wanted, code: Code) -> str:
    handler = own_folder.HANDLER if code.is_own else _HANDLER
    defaults = (_OWN_RUNTIME, BOOTSTRAP) if code.has_bootstrap else (_RUNTIME, handler)
    made = server.functions.create_function(
        FunctionName=wanted.name,
        Role=_ROLE.format(account=server.account),
        Code={"ZipFile": code.content},
        **{
            "Runtime": defaults[0],
            "Handler": defaults[1],
            "Timeout": _TIMEOUT,
            **_configuration(server, wanted),
        },
    )
    return str(made["FunctionArn"])


def _update(server: Server, wanted: Wanted, code: Code | None) -> str:
    """Send the code first: should the second call fail, another run of the command mends it."""
    changed: dict[str, Any] = {}
    if code is not None:
        changed = server.functions.update_function_code(FunctionName=wanted.name, ZipFile=code.content)
    configuration = _configuration(server, wanted)
    if not (code or configuration):
        raise CommandFailed(f"{wanted.name} is there, and nothing was given that would change it")
    if configuration:
        changed = server.functions.update_function_configuration(FunctionName=wanted.name, **configuration)
    return str(changed["FunctionArn"])


def _configuration(server: Server, wanted: Wanted) -> dict[str, Any]:
    layers = [_layer(server, name) for name in wanted.layers]
    return _given(
        {
            "Runtime": wanted.runtime,
            "Handler": wanted.handler,
            "Timeout": wanted.timeout,
            "MemorySize": wanted.memory,
            "Description": wanted.description,
            "Environment": {"Variables": dict(_variables(wanted.env))} if wanted.env else None,
            "Layers": layers or None,
        }
    )


def _layer(server: Server, name: str) -> str:
    if name.startswith("arn:"):
        return name
    return layer_arn(server.account, server.functions.meta.region_name, name)


def _given(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value is not None}


def _variables(given: Sequence[str]) -> Iterator[tuple[str, str]]:
    for one in given:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise CommandFailed("--env must be NAME=VALUE")  # what was given may be a secret: it is not repeated
        yield name, value


def _where(server: Server, function: dict[str, Any]) -> str:
    if function.get("Runtime"):
        return f"{function['Runtime']}, {function['Handler']}"
    described = server.functions.get_function(FunctionName=function["FunctionName"])
    return str(described["Code"].get("Location", ""))  # only here it is told where a function runs that is elsewhere


def _changed(function: dict[str, Any]) -> str:
    return moment(datetime.fromisoformat(function["LastModified"]))


def _state(function: dict[str, Any]) -> str:
    reason = function.get("StateReason") or function.get("LastUpdateStatusReason")
    state = function.get("State", "")
    return f"{state}: {reason}" if reason else state


def _moment(since: str) -> datetime:
    """Take a span back from now, such as 90s, 15m, 2h or 1d, or a moment in ISO form."""
    span = _SPAN.fullmatch(since)
    if span is not None:
        return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        return datetime.fromisoformat(since).astimezone(UTC)
    except ValueError:
        raise CommandFailed(
            "--since must be a span such as 90s, 15m, 2h or 1d, or a moment such as 2026-01-31T12:00"
        ) from None


def _event(given: str | None) -> bytes:
    """Read the event: JSON as it stands, or a file that holds it."""
    if given is None:
        return b"{}"
    try:
        text = given if given.lstrip().startswith(("{", "[", '"')) else Path(given).read_text(encoding="utf-8")
        return json.dumps(json.loads(text)).encode()
    except OSError as error:
        raise CommandFailed(f"cannot read {given}: {error.strerror}") from None
    except ValueError as error:
        raise CommandFailed(f"the event is no JSON: {error}") from None


def _reason(payload: str) -> str:
    try:
        told = json.loads(payload)
    except ValueError:
        return payload
    if not isinstance(told, dict):
        return payload
    return ": ".join(str(told[part]) for part in ("errorType", "errorMessage") if told.get(part)) or payload
