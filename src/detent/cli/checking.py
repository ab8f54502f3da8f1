"""`detent can`: may somebody do something."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.text import Text

from detent.cli.acting import Acting, acting
from detent.cli.screen import screen

_SECRET: Final = "arn:aws:secretsmanager:"


def can(data: Path | None, account: str | None, principal: str, action: str, resource: str) -> bool:
    """Print the answer, and give it."""
    with acting(data, account) as caller:
        verdict = caller.own.check_access(
            PrincipalArn=_arn(caller, principal),
            Action=action if ":" in action else f"secretsmanager:{action}",
            **_on(resource),
        )
    answer = "yes" if verdict["Allowed"] else "no"
    line = Text.assemble((answer, "green" if verdict["Allowed"] else "red"), f" {verdict['Reason']}{_where(verdict)}")
    screen().print(line)
    return bool(verdict["Allowed"])


def _arn(caller: Acting, principal: str) -> str:
    return principal if principal.startswith("arn:") else f"arn:aws:iam::{caller.account}:{principal}"


def _on(resource: str) -> dict[str, str]:
    is_secret = resource.startswith(_SECRET) or not (resource == "*" or resource.startswith("arn:"))
    return {"SecretId" if is_secret else "Resource": resource}


def _where(verdict: Mapping[str, Any]) -> str:
    """Name the statement that decides it."""
    if "Statement" not in verdict:
        return ""
    return f": policy {verdict['PolicyName']}, statement {verdict['Statement']}"
