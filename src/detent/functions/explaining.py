"""Which of a secret's credentials the target takes now, and why not the others: the step explainSecret."""

from collections.abc import Mapping
from typing import Any

from detent.functions.errors import EngineUnavailable, LoginRejected
from detent.functions.staged import Candidate, Skipped
from detent.functions.strategies import Turn


def explained(turn: Turn) -> Mapping[str, Any]:
    """Try current, pending and previous once each; change nothing.

    Gives ``Candidates``: for each ``Label``, ``VersionId``, ``Target``, ``LogsIn`` and, where it does not, ``Reason``.
    LogsIn is None where that could not be found out, as with a server that does not answer.
    """
    return {"Candidates": [_tried(turn, found) for found in turn.secret.labelled_versions()]}


def _tried(turn: Turn, found: Candidate | Skipped) -> dict[str, Any]:
    if isinstance(found, Skipped):
        return {"Label": found.label, "VersionId": found.version_id, "LogsIn": False, "Reason": found.reason}
    told = {"Label": found.label, "VersionId": found.version_id, "Target": str(found.login)}
    try:
        turn.engine.connect(found.login, turn.remaining).close()
    except LoginRejected as error:
        return {**told, "LogsIn": False, "Reason": str(error)}
    except EngineUnavailable as error:
        return {**told, "LogsIn": None, "Reason": str(error)}
    return {**told, "LogsIn": True}
