"""One secret as a rotation sees it: current, pending, previous, other versions, admin.

Everything that a rotation reads from the secrets manager is read here, by the six calls of ``SecretClient``, and told
to the redactor before anything else is done with it.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Final, Protocol

from detent.functions.engines import Engine, Login
from detent.functions.errors import StepFailed, UnusableValue
from detent.functions.passwords import Password, PasswordPolicy, PasswordRules
from detent.functions.redaction import Redactor
from detent.functions.values import Probe, login_of, parsed_value, probes_of

CURRENT: Final = "AWSCURRENT"
PENDING: Final = "AWSPENDING"
PREVIOUS: Final = "AWSPREVIOUS"

_MOST_OTHERS: Final = 5  # every attempt counts where the server locks accounts
_MOST_PASSWORDS: Final = 50  # made until one has what the server demands; one in a few does


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

    label: str
    version_id: str
    reason: str

    def __str__(self) -> str:
        return f"{self.label} (version {self.version_id}) {self.reason}"


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
        return self._required(CURRENT, version, VersionStage=CURRENT)

    def has_pending_value(self) -> bool:
        """Say whether createSecret has stored a value under this rotation's token."""
        return self._value(self.id, VersionId=self.token, VersionStage=PENDING) is not None

    def pending(self) -> Candidate:
        """Return this rotation's own version. Raises StepFailed if it is empty or its value is unusable."""
        return self._required(PENDING, self.token, VersionStage=PENDING)

    def wanted(self) -> Candidate:
        """Return the event's version, whatever its label is: this rotation's own, or what to roll back to."""
        return self._required(", ".join(self._stages.get(self.token) or ["unlabelled"]), self.token)

    def labelled_versions(self) -> Iterator[Candidate | Skipped]:
        """Yield current, pending and previous as they are, of whichever user."""
        for label in (CURRENT, PENDING, PREVIOUS):
            version = self.labelled(label)
            if version is not None and (label == CURRENT or version != self.labelled(CURRENT)):
                yield self._candidate(label, version)

    def known_logins(self) -> Iterator[Candidate | Skipped]:
        """Yield what may log in before there is a pending value: current, previous, then unlabelled, newest first."""
        current = self.current()
        yield current
        for label, version in self._older():
            found = self._candidate(label, version)
            if not isinstance(found, Candidate) or found.login.same_target(current.login):
                yield found

    def candidates(self, *users: str) -> Iterator[Candidate | Skipped]:
        """Yield what may log in, known-good first: current, wanted, pending, previous, then unlabelled, newest first.

        A version that repeats an earlier login, is empty or names another server is no candidate, nor is one of
        another user than current's and those given.
        """
        current, wanted = self.current(), self.wanted()
        allowed = {current.login.username, *users}
        seen = [current.login]
        yield current
        for label, version in chain([(wanted.label, self.token)], self._older()):  # lazily: mostly one login is enough
            found = self._candidate(label, version)
            if isinstance(found, Candidate):
                if not found.login.same_server(current.login) or found.login.username not in allowed:
                    yield _foreign(found)
                    continue
                if any(_same(found.login, login) for login in seen):
                    continue
                seen.append(found.login)
                found = _connecting_as(current, found)
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

    def probes(self) -> list[Probe]:
        """Return what the pending value and the environment (TEST_PROBES) declare. Raises StepFailed."""
        own = probes_of(self.pending().value.get("probes", []))
        declared = os.environ.get("TEST_PROBES")
        if not declared:
            return own
        try:
            return own + probes_of(json.loads(declared))
        except ValueError as fault:
            raise StepFailed(f"TEST_PROBES in the environment is not usable: {fault}") from None

    def new_password(self, rules: PasswordRules, policy: PasswordPolicy) -> Password:
        """Return a fresh password from GetRandomPassword that has what the server demands. Raises StepFailed."""
        for _ in range(_MOST_PASSWORDS):
            made: str = self._client.get_random_password(**rules.at_least(policy.length).members())["RandomPassword"]
            self._redactor.learn(made)
            if policy.admits(Password(made)):
                return Password(made)
        raise StepFailed(
            f"no password made by the environment's rules has what the server demands ({policy}): allow more kinds of "
            "characters (EXCLUDE_CHARACTERS and its kin)"
        )

    def require_unchanged(self) -> None:
        """Ask again, right before an effect: another worker may have the rotation by now, or somebody has ended it.

        Raises StepFailed, or what the secrets manager refuses a session with that is over.
        """
        stages = self._client.describe_secret(SecretId=self.id).get("VersionIdsToStages", {})
        if set(stages.get(self.token, ())) != set(self._stages.get(self.token, ())):
            raise StepFailed(
                f"the labels of the version {self.token} have changed since this step began, so nothing was changed at "
                "the target: the rotation was ended, or another worker has gone on with it"
            )

    def learn(self, secret: Password) -> None:
        """Redact what a service has just made."""
        self._redactor.learn(secret.reveal())

    def put_pending(self, value: Mapping[str, Any]) -> None:
        """Store this rotation's value as AWSPENDING, the last act of its step.

        Where another worker was faster, its value stands.
        """
        text = json.dumps(value)
        self._redactor.learn_value(text)
        members = {"RotationToken": self._rotation_token} if self._rotation_token else {}
        try:
            _last(self._client).put_secret_value(
                SecretId=self.id, ClientRequestToken=self.token, SecretString=text, VersionStages=[PENDING], **members
            )
        except Exception as error:  # boto3 makes its errors at run time; the rest is raised again
            if error_code(error) != "ResourceExistsException" or not self.has_pending_value():
                raise

    def move_current(self) -> None:
        """Move AWSCURRENT to this rotation's version, the last act of its step.

        AWSPENDING is left where it is (AWS: its templates do so).
        """
        current = self.labelled(CURRENT)
        origin = {"RemoveFromVersionId": current} if current else {}
        _last(self._client).update_secret_version_stage(
            SecretId=self.id, VersionStage=CURRENT, MoveToVersionId=self.token, **origin
        )

    def _required(self, label: str, version: str, **labelled: str) -> Candidate:
        text = self._value(self.id, VersionId=version, **labelled)
        if text is None:
            raise StepFailed(f"the {label} version {version} has no value: createSecret must come first")
        try:
            return self._parsed(label, version, text)
        except UnusableValue as fault:
            raise StepFailed(str(fault)) from fault

    def _older(self) -> Iterator[tuple[str, str]]:
        known = {self.labelled(CURRENT), self.token}
        for label in (PENDING, PREVIOUS):
            version = self.labelled(label)
            if version is not None and version not in known:
                known.add(version)
                yield label, version
        others = [listed for listed in self._listed() if listed["VersionId"] not in known]
        others.sort(key=lambda listed: listed["CreatedDate"], reverse=True)
        for listed in others[:_MOST_OTHERS]:
            labels = listed.get("VersionStages") or ["unlabelled"]
            yield ", ".join(labels), listed["VersionId"]

    def _candidate(self, label: str, version: str) -> Candidate | Skipped:
        text = self._value(self.id, VersionId=version)
        if text is None:
            return Skipped(label, version, "has no value")
        try:
            return self._parsed(label, version, text)
        except UnusableValue as fault:
            return Skipped(label, version, f"is not usable: {fault}")

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
        return Candidate(label, version, login_of(value, self._engine), value)


def _last(client: SecretClient) -> SecretClient:
    """Give the client for a call after which a step does nothing more: Detent's makes it as it records the step."""
    last: SecretClient = getattr(client, "last", client)
    return last


def _foreign(found: Candidate) -> Skipped:
    reason = f"was not tried: {found.login} is another user or server than AWSCURRENT's"
    return Skipped(found.label, found.version_id, reason)


def _same(one: Login, other: Login) -> bool:
    return one.username == other.username and one.password == other.password


def _connecting_as(current: Candidate, older: Candidate) -> Candidate:
    """Connect the way that current says: an older value may know less of TLS."""
    login = replace(current.login, username=older.login.username, password=older.login.password)
    return replace(older, login=login)


def error_code(error: Exception) -> str:
    """Return AWS's code of an error in boto3's shape, else the name of its class."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", ""))
    return type(error).__name__
