"""Probes: what an operator wants to see work with the new credential, as a part of the step that proves it.

One that fails fails the step, which is tried again and, at the end, healed like any other failure of it.
"""

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from detent.functions.abilities import Probes
from detent.functions.engines import engine_named
from detent.functions.errors import EngineUnavailable, LoginRejected, ProbeFailed, StepFailed, UnusableValue
from detent.functions.redaction import Redactor
from detent.functions.values import login_of, parsed_value
from detent.main.outbound import outbound
from detent.main.ways import way
from detent.model.checks import Check, CheckKind
from detent.model.errors import FunctionFailed
from detent.model.ports import FunctionCaller, SessionCredentials, StepCall, Traits
from detent.model.rotation import Step
from detent.runtime.posting import Endpoint
from detent.runtime.telling import TimeOver
from detent.service.checks import checks_of
from detent.service.env import Server
from detent.service.lookup import with_arn
from detent.store.protocol import Store

_LONGEST: Final = 10.0  # seconds for one probe
_DONE: Final = range(200, 300)
_REFUSALS = (EngineUnavailable, LoginRejected, ProbeFailed, StepFailed, UnusableValue)


class ProbedFunctions(NamedTuple):
    """`ports.FunctionCaller` whose testSecret succeeds only when the secret's probes do as well."""

    functions: FunctionCaller
    probing: "Probing"

    def exists(self, function: str) -> bool:
        """Say whether a function of this ARN can be called."""
        return self.functions.exists(function)

    def traits(self, tx: Any, function: str) -> Traits:  # noqa: ANN401 - the store's transaction
        """Tell what is known of a function."""
        return self.functions.traits(tx, function)

    def call(self, step: StepCall) -> Mapping[str, Any] | None:
        """Run one step to its end, and after testSecret the probes. Raises FunctionFailed with a one-line reason."""
        told = self.functions.call(step)
        if step.event["Step"] == Step.TEST:
            self.probing.run(step)
        return told


class Probing(NamedTuple):
    """Runs probes, by the rights of the step that they belong to."""

    server: Server
    store: Store
    client: Callable[[SessionCredentials], Any]
    certificates: Path | None

    def run(self, step: StepCall) -> None:
        """Run every probe of the step's secret with the value that it proves. Raises FunctionFailed."""
        probes = self._probes(step)
        if not probes:
            return
        redactor = Redactor()
        for number, probe in enumerate(probes, 1):
            try:
                value = self._value(step, redactor)
                self._probe(probe, value, step)
            except (*_REFUSALS, FunctionFailed) as failure:
                raise FunctionFailed(redactor.scrub(f"probe {number} of {len(probes)}: {failure}")) from None

    def _probes(self, step: StepCall) -> list[Check]:
        with self.store.read() as tx:
            env = self.server.env(tx, step.credentials.region)
            secret = with_arn(env, step.event["SecretId"])
            found = () if secret is None else checks_of(env, secret)
        return [check for check in found if check.kind is CheckKind.PROBE]

    def _value(self, step: StepCall, redactor: Redactor) -> str:
        client = self.client(step.credentials)
        try:
            read = client.get_secret_value(SecretId=step.event["SecretId"], VersionId=step.event["ClientRequestToken"])
        except client.exceptions.ClientError as refusal:
            raise FunctionFailed(f"the new version cannot be read: {refusal}") from None
        value = read.get("SecretString")
        if value is None:
            raise FunctionFailed("the new version is binary, and probes need a JSON object")
        redactor.learn_value(value)
        return str(value)

    def _probe(self, probe: Check, value: str, step: StepCall) -> None:
        seconds = min(_LONGEST, (step.deadline - self.server.clock.now()).total_seconds())
        if seconds <= 0:
            raise FunctionFailed("no time is left before the step's deadline")
        if probe.url:
            self._get(probe.url, value, seconds)
        else:
            _run_statement(probe.statement, value, seconds)

    def _get(self, url: str, value: str, seconds: float) -> None:
        try:
            endpoint = Endpoint.of(url)
            answer = way(outbound, self.certificates).send("GET", endpoint, _headers(value), None, seconds)
        except ValueError as fault:
            raise FunctionFailed(str(fault)) from None
        except TimeOver:
            raise FunctionFailed(f"{Endpoint.of(url)} did not answer within {seconds:.0f} seconds") from None
        if answer.status not in _DONE:
            raise FunctionFailed(f"{endpoint} answered {answer.status}")


def _headers(value: str) -> Mapping[str, str]:
    """Log in as HTTP's Basic scheme does, where the value has a user and a password."""
    fields = _fields(value)
    user, password = fields.get("username"), fields.get("password")
    if not (isinstance(user, str) and isinstance(password, str)):
        raise FunctionFailed('the new value has no "username" and "password" to log in with')
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}", "User-Agent": "detent", "Accept": "*/*"}


def _run_statement(statement: str, value: str, seconds: float) -> None:
    """Run it as the application does, at the engine that the value names."""
    named = _fields(value).get("engine")
    if not isinstance(named, str):
        raise FunctionFailed('the new value has no "engine" whose statements could be run')
    engine = engine_named(named)
    session = engine.connect(login_of(parsed_value(value, "the new version", engine), engine), lambda: seconds)
    try:
        if not isinstance(session, Probes):
            raise FunctionFailed(f"the engine {named} runs no statements")
        session.probe(statement)
    finally:
        session.close()


def _fields(value: str) -> Mapping[str, Any]:
    try:
        fields = json.loads(value)
    except (ValueError, RecursionError):
        fields = None
    return fields if isinstance(fields, dict) else {}
