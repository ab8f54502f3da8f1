"""What users' own functions wrote, an entry an invocation: kept for a while, and told to those who may read it."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from detent.model.errors import CannotOpen
from detent.model.function import FunctionKey
from detent.model.policy import Principal
from detent.service.env import Env
from detent.service.function_lookup import find
from detent.service.function_sealing import opened_text, sealed_text
from detent.store.protocol import FunctionLog

LOG_AGE = timedelta(days=14)
LOG_BYTES = 2**20  # of one function
_TOLD_IN = timedelta(milliseconds=1)  # times are told rounded: who asks from one on means the entry that has it
_LIMIT = 100  # entries
_LATEST_START = 253_402_300_799.0  # seconds: the end of the year 9999
_UNREADABLE = "This entry does not open: its key is missing from this server's keyset."


class Entry(NamedTuple):
    """What a function wrote during one invocation."""

    moment: datetime
    request_id: str
    message: str


def keep_log(env: Env, key: FunctionKey, request_id: str, text: str) -> None:
    """Keep what a function wrote, and of what it wrote before what is not too old and not too much."""
    if text:
        log = FunctionLog(request_id, env.now, sealed_text(env, "log", key, request_id, text))
        env.tx.functions.log(key, log, env.now - LOG_AGE, LOG_BYTES)


def get_function_logs(
    env: Env, caller: Principal, *, function_name: str, start_time: float | None = None, limit: int | None = None
) -> list[Entry]:
    """Give the newest entries from a moment on, in the order in which they were made."""
    function = find(env, caller, "GetFunctionLogs", function_name, service="detent")
    since = datetime.fromtimestamp(min(max(start_time or 0.0, 0.0), _LATEST_START), UTC) - _TOLD_IN
    return [_entry(env, function.key, log) for log in env.tx.functions.logs(function.key, since, limit or _LIMIT)]


def _entry(env: Env, key: FunctionKey, log: FunctionLog) -> Entry:
    try:
        message = opened_text(env, "log", key, log.request_id, log.sealed)
    except CannotOpen:
        message = _UNREADABLE
    return Entry(log.moment, log.request_id, message)
