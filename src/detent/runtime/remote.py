"""Functions that run elsewhere: behind an HTTP endpoint that speaks Lambda's Invoke, or on AWS Lambda.

They get the event and nothing else of this server: no credentials. A function there signs with an access key of its
own, as it would anywhere. The Runtime Interface Emulator tells failures with status 200 and without Lambda's header:
what is shaped like Lambda's errors counts as one (seen in its issues 20 and 21), and so does what is no JSON.
"""

import base64
import binascii
import json
import ssl
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from detent.model.arn import function_parts
from detent.model.errors import FunctionFailed
from detent.model.function import Remote, UserFunction
from detent.model.ports import Clock, Invocation, Invoked, Outbound
from detent.runtime import aws_lambda, telling
from detent.runtime.limits import Limits
from detent.runtime.posting import Answer, Endpoint, Way
from detent.runtime.telling import UNHANDLED, TimeOver

_HEADERS: Final = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "User-Agent": "detent",
    "X-Amz-Invocation-Type": "RequestResponse",
    "X-Amz-Log-Type": "Tail",
}
_LONGEST_REASON: Final = 500  # characters of what an endpoint says why it refuses


class RemoteRuntime:
    """`ports.FunctionRunner` for functions that have a `remote`."""

    def __init__(
        self, outbound: Outbound, clock: Clock, certificates: Path | None = None, limits: Limits | None = None
    ) -> None:
        """Take the rule of where to connect to. `certificates`: the operator's, trusted besides the system's."""
        self._outbound, self._clock, self._operators = outbound, clock, certificates
        self._limits = limits or Limits()

    def refusal(self, function: UserFunction) -> str | None:
        """Say what is wrong with where it runs; what is not there is found at the call."""
        remote = _remote(function)
        if remote.arn:
            return None if function_parts(remote.arn) else f"{remote.arn} is no ARN of a Lambda function"
        try:
            Endpoint.of(remote.url)
        except ValueError as fault:
            return str(fault)
        return None

    def invoke(self, invocation: Invocation) -> Invoked:
        """Call it and wait for its answer."""
        refusal = self.refusal(invocation.function)
        if refusal is not None:
            raise FunctionFailed(refusal)
        seconds = self._seconds(invocation)
        try:
            return self._call(invocation, _remote(invocation.function), seconds)
        except TimeOver:
            said = telling.timed_out(invocation.request_id, seconds)
            return Invoked(telling.told(said), UNHANDLED, f"{said}\n")

    def forget(self, function: UserFunction) -> None:
        """Nothing is kept but AWS's clients."""
        if function.remote is not None and function.remote.arn:
            aws_lambda.forget()

    def close(self) -> None:
        """Nothing was started."""

    def _call(self, invocation: Invocation, remote: Remote, seconds: float) -> Invoked:
        if seconds <= 0:
            raise TimeOver
        if remote.arn:
            return aws_lambda.invoke(invocation, remote.arn, remote.profile, seconds)
        endpoint = Endpoint.of(remote.url)
        answer = self._way.post(endpoint, _HEADERS, invocation.payload, seconds)
        if answer.is_cut:
            return Invoked(telling.too_large(self._limits.payload_bytes), UNHANDLED, _log(answer))
        return _read(endpoint, answer)

    def _seconds(self, invocation: Invocation) -> float:
        left = (invocation.deadline - self._clock.now()).total_seconds()
        return max(0.0, min(left, invocation.function.timeout.total_seconds()))

    @cached_property
    def _way(self) -> Way:
        context = ssl.create_default_context()  # 40 ms, so there is one
        if self._operators is not None:
            try:
                context.load_verify_locations(self._operators)
            except OSError as error:
                raise FunctionFailed(
                    f"the certificates {self._operators} cannot be used: {error.strerror or error}"
                ) from None
        return Way(self._outbound, context, self._limits.payload_bytes)


def _remote(function: UserFunction) -> Remote:
    if function.remote is None:
        raise AssertionError("the router gives it functions that run elsewhere")
    return function.remote


def _read(endpoint: Endpoint, answer: Answer) -> Invoked:
    error, log = answer.headers.get("X-Amz-Function-Error"), _log(answer)
    is_json, told = _parsed(answer.body)
    if error or _is_error(told):
        return Invoked(answer.body, error or UNHANDLED, log)
    if answer.body.startswith(b"Task timed out after "):
        return Invoked(telling.told(answer.body.decode(errors="replace")), UNHANDLED, log)
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's successes
        raise FunctionFailed(_refused(endpoint, answer.status, told))
    if not is_json:
        raise FunctionFailed(f"what answers at {endpoint} is no function: its answer is no JSON")
    return Invoked(answer.body or b"null", None, log)


def _parsed(body: bytes) -> tuple[bool, Any]:
    """Say whether it is JSON, as an empty answer counts, and what it says."""
    try:
        return True, json.loads(body) if body else None
    except ValueError:
        return False, None


def _is_error(told: Any) -> bool:  # noqa: ANN401 - any JSON
    return isinstance(told, dict) and "errorType" in told and isinstance(told.get("errorMessage"), str)


def _refused(endpoint: Endpoint, status: int, told: Any) -> str:  # noqa: ANN401 - as above
    if 300 <= status < 400:  # noqa: PLR2004 - HTTP's redirects
        return f"{endpoint} answered {status}, a redirect, which is not followed: give the URL that it leads to"
    said = (told.get("Message") or told.get("message") or "") if isinstance(told, dict) else ""
    reason = " ".join(str(said).split())[:_LONGEST_REASON]
    return f"{endpoint} answered {status}{': ' if reason else ''}{reason}"


def _log(answer: Answer) -> str:
    try:
        return base64.b64decode(answer.headers.get("X-Amz-Log-Result", "")).decode(errors="replace")
    except (binascii.Error, ValueError):
        return ""
