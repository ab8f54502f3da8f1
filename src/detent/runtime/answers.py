"""What a function's end looks like in Lambda's words."""

import json
from datetime import UTC, datetime
from typing import Final

from detent.model.ports import Invoked

LARGEST_ANSWER: Final = 6 * 1024 * 1024  # bytes; Lambda's limit of a payload
UNHANDLED: Final = "Unhandled"


class TimeOver(Exception):
    """The time that a call may take is over."""


def failed(kind: str, message: str, log: str = "") -> Invoked:
    """Give the answer of a function that failed."""
    return Invoked(json.dumps({"errorType": kind, "errorMessage": message}).encode(), UNHANDLED, log)


def timed_out(request_id: str, moment: datetime, seconds: float, log: str = "") -> Invoked:
    """Give the answer of a function that did not end in time. AWS: this one has no errorType."""
    when = moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message = f"{when} {request_id} Task timed out after {seconds:.2f} seconds"
    return Invoked(json.dumps({"errorMessage": message}).encode(), UNHANDLED, log)


def too_large(log: str = "") -> Invoked:
    """Give the answer of a function that returned more than a payload may have."""
    return failed(
        "Function.ResponseSizeTooLarge",
        f"Response payload size exceeded maximum allowed payload size ({LARGEST_ANSWER} bytes).",
        log,
    )
