"""A user's own rotation function, as Lambda's API tells of it. Its code and its environment lie apart."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from detent.model.arn import function_arn


class FunctionKey(NamedTuple):
    """What names a function."""

    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """The unqualified ARN."""
        return function_arn(*self)


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a function runs that is not run here: an HTTP endpoint that speaks Lambda's Invoke, or AWS Lambda itself.

    Of `url` and `arn` one is set. `profile` names the AWS profile whose credentials call the ARN; empty: the
    environment's.
    """

    url: str = ""
    arn: str = ""
    profile: str = ""


@dataclass(frozen=True, slots=True)
class UserFunction:
    """One function. A change of anything gives another `revision`; `code_sha256` is base64, as Lambda tells it."""

    key: FunctionKey
    runtime: str  # "python3.11", "provided.al2023", …; empty for a remote one
    handler: str
    timeout: timedelta
    memory: int  # MiB
    code_sha256: str
    code_bytes: int
    revision: str
    modified: datetime
    role: str = ""
    description: str = ""
    layers: tuple[str, ...] = ()  # ARNs of layers, the first below the others
    remote: Remote | None = None
    policy: str = ""  # the resource policy that AddPermission made, JSON; empty: there is none
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """The unqualified ARN."""
        return self.key.arn
