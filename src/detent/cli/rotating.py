"""`detent rotate`: begin a rotation, or go on with an incomplete one, and wait for its end."""

from dataclasses import dataclass

from botocore.exceptions import ClientError
from rich.console import Console
from rich.text import Text

from detent.cli.connection import Server
from detent.cli.failure import CommandFailed
from detent.cli.screen import reason, until
from detent.cli.steps import Rotation, failures, follow, view

_INCOMPLETE = "A previous rotation isn't complete"  # AWS: only the message tells this refusal from others of its code


@dataclass(frozen=True)
class Begun:
    """A rotation that is under way; of its attempts the first `known` were made before."""

    version: str
    known: int
    resumed: bool


def rotate(server: Server, console: Console, name: str, *, wait: bool) -> None:
    """Rotate a secret. Raises CommandFailed when it was waited for and did not succeed."""
    begun = begin(server, name)
    verb = "is not complete and is tried again" if begun.resumed else "has begun"
    console.print(Text(f"The rotation of {name} {verb} (version {begun.version})."))
    if not wait:
        console.print(Text(f"How it goes: detent rotations {name}"))
        return
    with view(console) as shown:
        rotation = follow(server, name, begun.version, begun.known, shown)
        if _tested(rotation):  # it was under way already, and the rotation was not begun
            begun = begin(server, name)
            rotation = follow(server, name, begun.version, begun.known, shown)
    if rotation["State"] != "succeeded" or rotation["Purpose"] != "rotation":
        raise CommandFailed(outcome(name, rotation, begun))
    console.print(Text(f"{name} is rotated: version {begun.version} is current."))


def _tested(rotation: Rotation) -> bool:
    """Say whether it was a test of the configuration, and went well."""
    return bool(rotation["Purpose"] == "test" and rotation["State"] == "succeeded")


def begin(server: Server, name: str) -> Begun:
    """Begin a rotation, or have the incomplete one tried again. Raises CommandFailed, ClientError."""
    pending = _pending(server, name)
    before = None if pending is None else _rotation_of(server, name, pending)
    try:
        return Begun(server.secrets.rotate_secret(SecretId=name)["VersionId"], 0, resumed=False)
    except ClientError as refusal:
        if _INCOMPLETE not in str(refusal):
            raise
    if before is None:  # it may have begun in between
        pending = _pending(server, name)
        before = None if pending is None else _rotation_of(server, name, pending)
    if pending is None or before is None:
        raise CommandFailed(
            f"{name} has a pending version ({pending}) that no rotation made: take its label AWSPENDING away by"
            " UpdateSecretVersionStage, then rotate"
        )
    return Begun(pending, len(before["Attempts"]), resumed=True)


def _pending(server: Server, name: str) -> str | None:
    stages = server.secrets.describe_secret(SecretId=name).get("VersionIdsToStages", {})
    return next((version for version, labels in stages.items() if "AWSPENDING" in labels), None)


def _rotation_of(server: Server, name: str, version: str) -> Rotation | None:
    try:
        found: Rotation = server.own.describe_rotation(SecretId=name, VersionId=version)
    except server.own.exceptions.ResourceNotFoundException:
        return None
    return found


def outcome(name: str, rotation: Rotation, begun: Begun) -> str:
    """Say why a rotation that was waited for is not done, and what happens next."""
    if _tested(rotation):
        return f"{name} was not rotated: a test of its configuration was under way. It has succeeded: rotate again."
    if rotation.get("WaitsFor") == "approve":
        return f"the rotation of {name} waits for an approval: detent approve {name}"
    failed = failures(rotation["Attempts"][begun.known :])
    if "WaitsFor" in rotation and not failed:
        return f"the rotation of {name} waits, as its checks say, and goes on {until(rotation['NextAttemptDate'])}"
    why = reason(rotation, failed[-1] if failed else rotation) or "no reason is known"
    ended = f"failed at {failed[-1]['Step']}" if failed else f"is {rotation['State']}"
    again = rotation.get("NextAttemptDate")
    after = f"The server tries again {until(again)}." if again else "It is tried again only when you rotate again."
    return f"the rotation of {name} {ended}: {why.rstrip('.')}. {after}"
