"""One secret as a rotation sees it: current, pending, previous, other versions, admin.

Everything that a rotation reads from the secrets manager is read here, by the six calls of ``SecretClient``, and told
to the redactor before anything else is done with it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from detent.functions.engines import Engine, Login
from detent.functions.errors import StepFailed, UnusableValue
from detent.functions.passwords import Password, PasswordRules
from detent.functions.redaction import Redactor

CURRENT: Final = "AWSCURRENT"
PENDING: Final = "AWSPENDING"
PREVIOUS: Final = "AWSPREVIOUS"

_MOST_OTHERS: Final = 5  # every attempt counts where the server locks accounts
_HIGHEST_PORT: Final = 65535


class SecretClient(Protocol):
    """The six calls, in boto3's shape: AWS's member names as keywords, dict replies, AWS's errors.

    ``exceptions.ResourceNotFoundException`` is raised by get_secret_value for the empty version of a rotation; other
    errors carry AWS's code in ``response["Error"]["Code"]`` as botocore's ClientError does.
    """

    @property
    def exceptions(self) -> Any:  # noqa: ANN401 - boto3 makes these classes at run time
        """The modelled errors as classes."""

    def describe_secret(self, **members: object) -> dict[str, Any]:
        """Return metadata, with VersionIdsToStages."""

    def get_secret_value(self, **members: object) -> dict[str, Any]:
        """Return one version's value."""

    def put_secret_value(self, **members: object) -> dict[str, Any]:
        """Store a version's value under its token."""

    def update_secret_version_stage(self, **members: object) -> dict[str, Any]:
        """Move a staging label."""

    def get_random_password(self, **members: object) -> dict[str, Any]:
        """Return a password made by the server."""

    def list_secret_version_ids(self, **members: object) -> dict[str, Any]:
        """Return the versions, with IncludeDeprecated those without a label too; may be denied."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One version's value as a login. ``label`` says in the secrets manager's words which version it is."""

    label: str
    version_id: str
    login: Login
    value: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.label} (version {self.version_id}), {self.login}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A version that is no candidate, and why: for the reasons of a failed step."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class StagedSecret:
    """The secret of one running step. Reads lazily: a step that is content with one version reads no other."""

    def __init__(
        self,
        client: SecretClient,
        event: Mapping[str, Any],
        stages: Mapping[str, Sequence[str]],
        engine: Engine,
        redactor: Redactor,
    ) -> None:
        """Take the versions and their labels from DescribeSecret as ``stages``."""
        self.id: str = event["SecretId"]
        self.token: str = event["ClientRequestToken"]
        self._rotation_token: str | None = event.get("RotationToken")
        self._client = client
        self._stages = stages
        self._engine = engine
        self._redactor = redactor
        self._read: dict[tuple[str, str], str] = {}

    def labelled(self, label: str) -> str | None:
        """Return the id of the version with the label, None if no version has it."""
        return next((version for version, labels in self._stages.items() if label in labels), None)

    def current(self) -> Candidate:
        """Return the version with AWSCURRENT. Raises StepFailed if there is none or its value is unusable."""
        version = self.labelled(CURRENT)
        if version is None:
            raise StepFailed("the secret has no AWSCURRENT version: store a value first (PutSecretValue)")
        return self._required(CURRENT, version)

    def has_pending_value(self) -> bool:
        """Say whether createSecret has stored a value under this rotation's token."""
        return self._value(self.id, VersionId=self.token, VersionStage=PENDING) is not None

    def pending(self) -> Candidate:
        """Return this rotation's own version. Raises StepFailed if it is empty or its value is unusable."""
        return self._required(PENDING, self.token)

    def candidates(self) -> Iterator[Candidate | Skipped]:
        """Yield what may log in, known-good first: current, pending, previous, then unlabelled versions, newest first.

        A version that repeats an earlier login, is empty or names another user or server is no candidate.
        """
        current, pending = self.current(), self.pending()
        seen = [current.login]
        yield current
        if pending.login.password != current.login.password:
            seen.append(pending.login)
            yield pending
        for label, version in self._older():
            found = self._older_candidate(label, version, current.login)
            if isinstance(found, Candidate):
                if any(found.login.password == login.password for login in seen):
                    continue
                seen.append(found.login)
            yield found

    def admin(self) -> Candidate | None:
        """Return the admin secret that the current value names by ``masterarn``, None if it names none."""
        arn = self.current().value.get("masterarn")
        if arn is None:
            return None
        text = self._value(arn, VersionStage=CURRENT)
        if text is None:
            raise StepFailed(f"the admin secret {arn} (key masterarn) has no AWSCURRENT value")
        try:
            return self._parsed("admin secret", arn, text)
        except UnusableValue as fault:
            raise StepFailed(str(fault)) from fault

    def new_password(self, rules: PasswordRules) -> Password:
        """Return a fresh password from GetRandomPassword."""
        made: str = self._client.get_random_password(**rules.members())["RandomPassword"]
        self._redactor.learn(made)
        return Password(made)

    def put_pending(self, value: Mapping[str, Any]) -> None:
        """Store this rotation's value as AWSPENDING; where another worker was faster, its value stands."""
        text = json.dumps(value)
        self._redactor.learn_value(text)
        members = {"RotationToken": self._rotation_token} if self._rotation_token else {}
        try:
            self._client.put_secret_value(
                SecretId=self.id, ClientRequestToken=self.token, SecretString=text, VersionStages=[PENDING], **members
            )
        except Exception as error:  # boto3 makes its errors at run time; the rest is raised again
            if error_code(error) != "ResourceExistsException" or not self.has_pending_value():
                raise

    def move_current(self) -> None:
        """Move AWSCURRENT to this rotation's version. AWSPENDING is left where it is (AWS: its templates do so)."""
        current = self.labelled(CURRENT)
        origin = {"RemoveFromVersionId": current} if current else {}
        self._client.update_secret_version_stage(
            SecretId=self.id, VersionStage=CURRENT, MoveToVersionId=self.token, **origin
        )

    def _required(self, label: str, version: str) -> Candidate:
        text = self._value(self.id, VersionId=version, VersionStage=label)
        if text is None:
            raise StepFailed(f"the {label} version {version} has no value: createSecret must come first")
        try:
            return self._parsed(label, version, text)
        except UnusableValue as fault:
            raise StepFailed(str(fault)) from fault

    def _older(self) -> Iterator[tuple[str, str]]:
        previous = self.labelled(PREVIOUS)
        known = {self.labelled(CURRENT), self.token, previous}
        if previous is not None and previous != self.token:
            yield PREVIOUS, previous
        others = [version for version in self._listed() if version["VersionId"] not in known]
        others.sort(key=lambda version: version["CreatedDate"], reverse=True)
        for version in others[:_MOST_OTHERS]:
            labels = version.get("VersionStages") or ["unlabelled"]
            yield ", ".join(labels), version["VersionId"]

    def _older_candidate(self, label: str, version: str, current: Login) -> Candidate | Skipped:
        text = self._value(self.id, VersionId=version)
        if text is None:
            return Skipped(f"{label} (version {version}) has no value")
        try:
            candidate = self._parsed(label, version, text)
        except UnusableValue as fault:
            return Skipped(f"{label} (version {version}) is not usable: {fault}")
        if not candidate.login.same_target(current):
            return Skipped(f"{candidate} was not tried: it is another user or server than AWSCURRENT's")
        # The way of connecting is current's: an older value may know less of TLS.
        login = Login(current.host, current.port, current.username, candidate.login.password, current.settings)
        return Candidate(label, version, login, candidate.value)

    def _listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {}
        while True:
            try:
                reply = self._client.list_secret_version_ids(SecretId=self.id, IncludeDeprecated=True, **page)
            except Exception as error:  # boto3 makes its errors at run time; the rest is raised again
                if error_code(error) == "AccessDeniedException":
                    return []  # AWS: its templates' roles do not permit this call
                raise
            found += reply["Versions"]
            if not reply.get("NextToken"):
                return found
            page = {"NextToken": reply["NextToken"]}

    def _value(self, secret: str, **version: str) -> str | None:
        """Return the text, "" for a binary value, None for an empty version. A value never changes: one read each."""
        known = (secret, version.get("VersionId", ""))
        if known in self._read:
            return self._read[known]
        try:
            reply = self._client.get_secret_value(SecretId=secret, **version)
        except self._client.exceptions.ResourceNotFoundException:
            return None
        text: str = reply.get("SecretString", "")
        self._redactor.learn_value(text)
        self._read[known] = text
        return text

    def _parsed(self, label: str, version: str, text: str) -> Candidate:
        value = parsed_value(text, f"{label} (version {version})", self._engine)
        login = Login(
            host=value["host"],
            port=int(value.get("port") or self._engine.DEFAULT_PORT),
            username=value["username"],
            password=Password(value["password"]),
            settings=value,
        )
        return Candidate(label, version, login, value)


def parsed_value(text: str, which: str, engine: Engine) -> dict[str, Any]:
    """Return the JSON object of a version's value. Raises UnusableValue that names all faults and shows an example."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    faults = _faults(value, engine) if isinstance(value, dict) else ["it is not a JSON object"]
    if not faults:
        return dict(value)
    example = json.dumps(dict(engine.EXAMPLE), ensure_ascii=False)
    raise UnusableValue(f"the value of {which} is not usable: {'; '.join(faults)}. A complete value: {example}")


def error_code(error: Exception) -> str:
    """Return AWS's code of an error in boto3's shape, else the name of its class."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", ""))
    return type(error).__name__


def _faults(value: dict[str, Any], engine: Engine) -> list[str]:
    found = []
    for key in ("engine", "host", "username", "password"):
        if key not in value:
            found.append(f'"{key}" is missing')
        elif not isinstance(value[key], str) or not value[key]:
            found.append(f'"{key}" must be text')
        elif "\0" in value[key]:
            found.append(f'"{key}" must not hold a NUL character')
    if isinstance(value.get("engine"), str) and value["engine"] not in engine.NAMES:
        found.append(f'"engine" must be {" or ".join(repr(name) for name in engine.NAMES)}')
    if not _is_port(value.get("port", engine.DEFAULT_PORT)):
        found.append(f'"port" must be a number from 1 to {_HIGHEST_PORT}')
    if not isinstance(value.get("masterarn", ""), str):
        found.append('"masterarn" must be the ARN of the admin secret')
    return found + engine.faults(value)


def _is_port(port: object) -> bool:
    """AWS: its templates take the port as a number or as text."""
    if isinstance(port, bool) or not isinstance(port, int | str):
        return False
    text = str(port)
    return text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _HIGHEST_PORT
