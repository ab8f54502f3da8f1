"""Asking a function which versions log in, where it declares that step."""

from detent.model.errors import FunctionFailed
from detent.model.ports import EXPLAIN, FunctionCaller, StepCall, Traits


def is_refuted(functions: FunctionCaller, traits: Traits, call: StepCall) -> bool:
    """Say whether the version of a step that failed certainly does not log in; costs a login of each labelled one."""
    if EXPLAIN not in traits.declares:
        return False
    asked = StepCall(call.function, {**call.event, "Step": EXPLAIN}, call.credentials, call.deadline)
    try:
        told = functions.call(asked) or {}
    except FunctionFailed:
        return False
    tried = {found.get("VersionId"): found.get("LogsIn") for found in told.get("Candidates", ())}
    return tried.get(call.event["ClientRequestToken"]) is False
