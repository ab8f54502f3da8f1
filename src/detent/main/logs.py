"""The server's own log: one line an event, on standard error, in the form that its reader likes."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

_FIRST = ["timestamp", "level", "logger", "event"]


def log_to_stderr(form: str = "logfmt", level: str = "warning") -> None:
    """Send the log to standard error: as `logfmt`, `json` or, for people, `console`."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                _placed,
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(form)],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler])


def _renderer(form: str) -> Any:  # noqa: ANN401 - a structlog processor
    if form == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    if form == "console":
        return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    return structlog.processors.LogfmtRenderer(key_order=_FIRST)


def _placed(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Show an exception by its kind and place: its text, and the values on its stack, may hold a secret."""
    info = event.pop("exc_info", None)
    if isinstance(info, tuple) and info[0] is not None:
        frames = traceback.extract_tb(info[2])[-3:]
        event["error"] = info[0].__name__
        event["at"] = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    return event
