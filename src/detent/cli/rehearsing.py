"""`detent functions try`: a whole rotation on the real target, of a user or a key that is thrown away afterwards.

The secret is only read. What rotates is a stand-in for it, on a server of its own that lives as long as the command.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.text import Text

from detent.cli import user_functions
from detent.cli.acting import Acting, acting
from detent.cli.connection import Server, connected
from detent.cli.failure import CommandFailed
from detent.cli.rehearsed import Rehearsed, rehearsed
from detent.cli.screen import reason, screen
from detent.cli.stand_in import StandIn
from detent.cli.steps import Rotation, failures, follow, view
from detent.cli.throwaway_detent import ThrowawayDetent
from detent.functions.errors import UnusableValue
from detent.functions.values import parsed_value

Value = dict[str, Any]

_BUILTIN: Final = "arn:aws:lambda:us-east-1:000000000000:function:{name}"
_SECRET, _ADMIN, _FUNCTION = "rehearsal/secret", "rehearsal/admin", "rehearsal"


@dataclass(frozen=True)
class Wanted:
    """What shall be rehearsed; ``admin`` None: the admin secret that the secret names."""

    function: str
    secret: str
    admin: str | None
    env: tuple[str, ...]


def rehearse(data: Path | None, wanted: Wanted) -> None:
    """Rehearse, and say how it went. Raises CommandFailed where it did not go well."""
    with acting(data, None) as caller:
        before = _labels(caller, wanted.secret)
        value = _value(caller, wanted.secret)
        named = wanted.admin or value.get("masterarn")
        admin = _value(caller, named) if named else None
    function = rehearsed(wanted.function, value)
    _require_usable(function, wanted.secret, value)
    with StandIn(function.engine, value, admin) as stand_in:
        screen().print(Text(f"AWSCURRENT of {wanted.secret} logs in. {stand_in.told}"))
        rotation = _rotated(function, wanted, stand_in, admin)
    with acting(data, None) as caller:
        _require_untouched(stand_in, before == _labels(caller, wanted.secret), wanted.secret)
    if rotation["State"] != "succeeded":
        failed = failures(rotation["Attempts"])
        why = reason(rotation, failed[-1] if failed else rotation)
        raise CommandFailed(f"the rehearsal failed at {rotation['Step']}: {why}")
    screen().print(Text(f"{wanted.function} rotates {wanted.secret}. Nothing of the rehearsal is left at the target."))


def _labels(caller: Acting, secret: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = caller.secrets.describe_secret(SecretId=secret)["VersionIdsToStages"]
    except caller.secrets.exceptions.ResourceNotFoundException:
        raise CommandFailed(f"there is no secret {secret}") from None
    return found


def _value(caller: Acting, secret: str) -> Value:
    try:
        found = json.loads(caller.secrets.get_secret_value(SecretId=secret).get("SecretString", ""))
    except caller.secrets.exceptions.ResourceNotFoundException:
        raise CommandFailed(f"there is no secret {secret}, or it has no value") from None
    except ValueError:
        raise CommandFailed(f"the value of {secret} is no JSON, so nothing says where it logs in") from None
    if not isinstance(found, dict):
        raise CommandFailed(f"the value of {secret} is no JSON object, so nothing says where it logs in")
    return found


def _require_usable(function: Rehearsed, secret: str, value: Value) -> None:
    try:
        parsed_value(json.dumps(value), secret, function.engine)
    except UnusableValue as fault:
        raise CommandFailed(str(fault)) from None


def _rotated(function: Rehearsed, wanted: Wanted, stand_in: StandIn, admin: Value | None) -> Rotation:
    """Rotate the stand-in once; whatever users and keys that made are told to it."""
    with ThrowawayDetent("--functions-unconfined") as detent, connected(detent.data) as server:
        try:
            begun = _begin(server, function, wanted, stand_in.value, admin)
            with view(screen()) as shown:
                return follow(server, _SECRET, begun, 0, shown)
        finally:
            stand_in.learn(_versions(server))


def _begin(server: Server, function: Rehearsed, wanted: Wanted, value: Value, admin: Value | None) -> str:
    if admin is not None:
        made = server.secrets.create_secret(Name=_ADMIN, SecretString=json.dumps(admin))
        value = {**value, "masterarn": made["ARN"]}
    server.secrets.create_secret(Name=_SECRET, SecretString=json.dumps(value))
    arn = _BUILTIN.format(name=wanted.function)
    if function.folder is not None:
        arn = user_functions.put(server, user_functions.Wanted(_FUNCTION, path=function.folder, env=wanted.env))
    return str(server.secrets.rotate_secret(SecretId=_SECRET, RotationLambdaARN=arn)["VersionId"])


def _versions(server: Server) -> list[Value]:
    """Give the values of the stand-in's versions."""
    found = []
    for one in server.secrets.list_secret_version_ids(SecretId=_SECRET)["Versions"]:
        try:
            value = server.secrets.get_secret_value(SecretId=_SECRET, VersionId=one["VersionId"])
        except server.secrets.exceptions.ResourceNotFoundException:
            continue  # the rotation failed before there was one
        found.append(json.loads(value["SecretString"]))
    return found


def _require_untouched(stand_in: StandIn, same_labels: bool, secret: str) -> None:
    if not stand_in.current_logs_in():
        raise CommandFailed(
            f"AWSCURRENT of {secret} does not log in any more, which a rehearsal never causes: detent explain {secret}"
        )
    if not same_labels:
        raise CommandFailed(f"{secret} was rotated by something else meanwhile: rehearse again")
