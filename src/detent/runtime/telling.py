"""Failures and log lines in Lambda's words."""

import json
import signal
from datetime import UTC, datetime

UNHANDLED = "Unhandled"
_SIGNALS_FROM = 128  # a shell's exit code for a signal is so much more


class TimeOver(Exception):
    """The time that a call may take is over."""


def failure(kind: str, message: str) -> bytes:
    """Give the payload of a failure that the function did not tell itself."""
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def told(message: str) -> bytes:
    """Give the payload of a failure that has no type."""
    return json.dumps({"errorMessage": message}).encode()


def timed_out(request_id: str, seconds: float) -> str:
    """Say that a function did not answer in time."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{moment} {request_id} Task timed out after {seconds:.2f} seconds"


def without_bootstrap(request_id: str) -> str:
    """Say that there is nothing to run in the code."""
    return (
        f"RequestId: {request_id} Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]."
        " The zip must hold an executable file of that name (chmod 755)."
    )


def too_large(most: int) -> bytes:
    """Give the payload of a function that returned more than a payload may have."""
    return failure(
        "Function.ResponseSizeTooLarge", f"Response payload size exceeded maximum allowed payload size ({most} bytes)."
    )


def exited(request_id: str, code: int) -> str:
    """Say that a function's process ended without an answer."""
    if code == 0:
        return f"RequestId: {request_id} Error: Runtime exited without providing a reason"
    return f"RequestId: {request_id} Error: Runtime exited with error: {_how(code)}"


def _how(code: int) -> str:
    said = signal.strsignal(code - _SIGNALS_FROM) if code > _SIGNALS_FROM else None
    return f"signal: {said.lower()}" if said else f"exit status {code}"


def started(request_id: str) -> str:
    """Give the line before an invocation's output."""
    return f"START RequestId: {request_id} Version: $LATEST\n"


def ended(request_id: str, seconds: float, memory: int, most: int, start_seconds: float | None) -> str:
    """Give the lines after it."""
    spent = seconds * 1000
    report = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {spent:.2f} ms",
        f"Billed Duration: {int(-(-spent // 1))} ms",
        f"Memory Size: {memory} MB",
        f"Max Memory Used: {most} MB",
    ]
    report += [f"Init Duration: {start_seconds * 1000:.2f} ms"] if start_seconds is not None else []
    return f"END RequestId: {request_id}\n" + "\t".join(report) + "\n"
