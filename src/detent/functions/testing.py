"""For a function's own test: the secrets manager's six calls in memory, and whole rotations against them.

Labels, tokens and empty versions behave as AWS's do, errors are botocore's ClientErrors, as boto3 raises them. What a
credential logs into is not simulated: that is the test's to start.
"""

import datetime as dt
import json
import secrets
import string
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from detent.functions.engines import Remaining
from detent.functions.staged import SecretClient

STEPS: Final = ("createSecret", "setSecret", "testSecret", "finishSecret")


class Function(Protocol):
    """A rotation function, as ``RotationFunction`` is one."""

    def run(self, event: Mapping[str, Any], client: SecretClient, remaining: Remaining) -> Any:
        """Do one step."""


def rotated(
    function: Function,
    value: Mapping[str, Any],
    *,
    admin: Mapping[str, Any] | None = None,
    steps: Sequence[str] = STEPS,
) -> dict[str, Any]:
    """Rotate a secret of this value, and give the new one. Every step runs twice, as it may in earnest.

    ``admin`` is the admin secret's value, where one is needed. With fewer ``steps`` what AWSPENDING is then is given.
    Raises StepFailed as the function does.
    """
    simulator = SecretsSimulator()
    linked = {} if admin is None else {"masterarn": simulator.create(dict(admin), "admin")}
    arn = simulator.create({**value, **linked})
    token = simulator.start_rotation(arn)
    for step in (step for step in steps for _ in range(2)):
        function.run({"Step": step, "SecretId": arn, "ClientRequestToken": token}, simulator, lambda: 30.0)
    new = simulator.value(arn, "AWSCURRENT" if "finishSecret" in steps else "AWSPENDING")
    return {key: one for key, one in new.items() if key not in linked}


class ResourceNotFoundException(ClientError):  # type: ignore[misc]  # botocore has no types
    """There is no such secret or version."""


def _error(code: str, message: str, operation: str = "Call") -> ClientError:
    shape = ResourceNotFoundException if code == "ResourceNotFoundException" else ClientError
    return shape({"Error": {"Code": code, "Message": message}}, operation)


@dataclass
class SimulatedSecret:
    """One secret: its versions' values, when each was made, and the labels."""

    versions: dict[str, str | None] = field(default_factory=dict)  # None: the empty version of a rotation
    created: dict[str, dt.datetime] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    rotation_enabled: bool | None = True  # None: DescribeSecret does not say


class SecretsSimulator:
    """A client with the six calls. ``calls`` records them; those named in ``denied`` are refused."""

    exceptions = SimpleNamespace(ResourceNotFoundException=ResourceNotFoundException)

    def __init__(self) -> None:
        """Begin with no secret."""
        self.secrets: dict[str, SimulatedSecret] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.denied: set[str] = set()
        self.now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    # What a test does as the owner of a secret

    def create(self, value: dict[str, Any] | str, name: str = "app") -> str:
        """Make a secret; gives its ARN."""
        arn = f"arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-AbCdEf"
        self.secrets[arn] = SimulatedSecret()
        self.store(arn, value)
        return arn

    def store(self, arn: str, value: dict[str, Any] | str) -> str:
        """Write a new AWSCURRENT; a pending rotation is abandoned, as D.8 says."""
        version = str(uuid.uuid4())
        secret = self.secrets[arn]
        self._add(secret, version, value if isinstance(value, str) else json.dumps(value))
        self._move_current(secret, version)
        secret.labels.pop("AWSPENDING", None)
        return version

    def start_rotation(self, arn: str) -> str:
        """Make the empty pending version, as RotateSecret does; gives its token."""
        token = str(uuid.uuid4())
        secret = self.secrets[arn]
        self._add(secret, token, None)
        secret.labels["AWSPENDING"] = token
        return token

    def value(self, arn: str, label: str = "AWSCURRENT") -> dict[str, Any]:
        """Give a version's value."""
        secret = self.secrets[arn]
        decoded: dict[str, Any] = json.loads(secret.versions[secret.labels[label]] or "")
        return decoded

    # The six calls

    def describe_secret(self, **members: Any) -> dict[str, Any]:
        """Give the versions and their labels."""
        secret = self._called("describe_secret", members)
        reply: dict[str, Any] = {"VersionIdsToStages": self._stages(secret)}
        if secret.rotation_enabled is not None:
            reply["RotationEnabled"] = secret.rotation_enabled
        return reply

    def get_secret_value(self, **members: Any) -> dict[str, Any]:
        """Give a version's value."""
        secret = self._called("get_secret_value", members)
        label = members.get("VersionStage")
        version = members.get("VersionId") or secret.labels.get(label or "AWSCURRENT")
        if version is None or secret.versions.get(version) is None:
            raise _error("ResourceNotFoundException", "Secrets Manager can't find the specified secret value")
        if label and secret.labels.get(label) != version:
            raise _error("InvalidRequestException", "You provided a VersionStage that is not associated")
        return {"VersionId": version, "SecretString": secret.versions[version]}

    def put_secret_value(self, **members: Any) -> dict[str, Any]:
        """Fill a version."""
        secret = self._called("put_secret_value", members)
        token, text = members["ClientRequestToken"], members["SecretString"]
        if secret.versions.get(token) not in {None, text}:
            raise _error("ResourceExistsException", f"You can't use ClientRequestToken {token}")
        if secret.versions.get(token) is None:
            self._add(secret, token, text)
            for label in members["VersionStages"]:
                secret.labels[label] = token
        return {"VersionId": token}

    def update_secret_version_stage(self, **members: Any) -> dict[str, Any]:
        """Move AWSCURRENT."""
        secret = self._called("update_secret_version_stage", members)
        if secret.labels.get(members["VersionStage"]) != members.get("RemoveFromVersionId"):
            raise _error("InvalidParameterException", "RemoveFromVersionId must be the version with the label")
        if members["VersionStage"] != "AWSCURRENT":
            raise _error("InvalidParameterException", "a rotation moves AWSCURRENT and no other label")
        self._move_current(secret, members["MoveToVersionId"])
        return {}

    def get_random_password(self, **members: Any) -> dict[str, Any]:
        """Make one."""
        self._called("get_random_password", members)
        classes = [
            alphabet
            for switch, alphabet in (
                ("ExcludeNumbers", string.digits),
                ("ExcludePunctuation", string.punctuation),
                ("ExcludeUppercase", string.ascii_uppercase),
                ("ExcludeLowercase", string.ascii_lowercase),
            )
            if not members.get(switch)
        ]
        letters = [letter for letter in "".join(classes) if letter not in members.get("ExcludeCharacters", "")]
        return {"RandomPassword": "".join(secrets.choice(letters) for _ in range(members["PasswordLength"]))}

    def list_secret_version_ids(self, **members: Any) -> dict[str, Any]:
        """Give one version a page, so that callers must turn pages."""
        secret = self._called("list_secret_version_ids", members)
        stages = self._stages(secret)
        shown = [version for version in secret.versions if version in stages or members.get("IncludeDeprecated")]
        page = int(members.get("NextToken", 0))
        entry: dict[str, Any] = {"VersionId": shown[page], "CreatedDate": secret.created[shown[page]]}
        if shown[page] in stages:
            entry["VersionStages"] = stages[shown[page]]
        more = {"NextToken": str(page + 1)} if page + 1 < len(shown) else {}
        return {"Versions": [entry], **more}

    def _called(self, name: str, members: dict[str, Any]) -> SimulatedSecret:
        self.calls.append((name, members))
        if name in self.denied:
            raise _error("AccessDeniedException", f"User is not authorized to perform: {name}")
        if name == "get_random_password":
            return SimulatedSecret()
        if members["SecretId"] not in self.secrets:
            raise _error("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return self.secrets[members["SecretId"]]

    def _add(self, secret: SimulatedSecret, version: str, text: str | None) -> None:
        self.now += dt.timedelta(seconds=1)
        secret.versions[version] = text
        secret.created.setdefault(version, self.now)

    def _move_current(self, secret: SimulatedSecret, version: str) -> None:
        former = secret.labels.get("AWSCURRENT")
        if former is not None and former != version:
            secret.labels["AWSPREVIOUS"] = former
        secret.labels["AWSCURRENT"] = version

    def _stages(self, secret: SimulatedSecret) -> dict[str, list[str]]:
        stages: dict[str, list[str]] = {}
        for label, version in sorted(secret.labels.items()):
            stages.setdefault(version, []).append(label)
        return stages
