"""What a server counts, and where Prometheus fetches it.

Every process counts in files of its own, in a folder for all that lasts as long as the server; the rotator serves their
sum, and what it reads of the store and the disk when asked. A secret's name is in no label.
"""

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any, Final, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from detent import __version__
from detent.main.settings import Settings
from detent.model.ports import Audit, AuditedCall, Clock, FunctionCaller, Meter, StepCall, Traits
from detent.model.rotation import Rotation, State
from detent.model.secret import Secret, VersionId
from detent.store.protocol import ROTATION_PAUSED, Store, Tx

_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client reads it when it is imported
_PATH: Final = "/metrics"
Drive = Callable[[Rotation, Callable[[], bool], Any], None]
# Name and help of everything that is served; the how-to page has the same, and a test compares them.
COUNTED: Final = {
    "detent_requests_total": "Calls answered, by operation and outcome.",
    "detent_request_seconds": "How long an answer took, from the request's head on.",
    "detent_rotation_events_total": "Rotation's events in the audit trail, such as RotationFailed.",
    "detent_rotation_step_seconds": "How long rotation functions ran, by step and outcome.",
    "detent_rotation_retries_total": "Rotations taken up again at a step that had failed.",
}
READ: Final = {
    "detent_rotations_due": "Rotations that are due and that nobody works on.",
    "detent_rotations_overdue": "Rotations that were not done when their window closed, and still are not.",
    "detent_leases_taken_over": "How often a lost rotator's lease was taken over, among the rotations that are kept.",
    "detent_oldest_credential_seconds": "Age of the oldest current version of all secrets that rotate.",
    "detent_webhooks_failing": "Webhooks that did not take what they were sent last.",
    "detent_rotation_paused": "1 while rotation is paused after a restore.",
    "detent_store_bytes": "Size of the store, its log included.",
    "detent_audit_free_bytes": "Space left on the audit trail's disk.",
    "detent_info": "1, with the version.",
}
_STEP_BUCKETS: Final = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120)
_CALL_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5)


class Counters:
    """`ports.Meter` of one process; made after the fork, for its files are the process's own."""

    def __init__(self) -> None:
        """Begin to count."""
        from prometheus_client import CollectorRegistry, Counter, Histogram  # noqa: PLC0415 - see `_FOLDER`

        unread = CollectorRegistry()  # what is served is read from the files
        requests, seconds, events, steps, retries = COUNTED.items()
        self._requests = Counter(*requests, ["operation", "outcome"], registry=unread)
        self._seconds = Histogram(*seconds, registry=unread, buckets=_CALL_BUCKETS)
        self._events = Counter(*events, ["event"], registry=unread)
        self._steps = Histogram(*steps, ["step", "outcome"], registry=unread, buckets=_STEP_BUCKETS)
        self._retries = Counter(*retries, registry=unread)

    def call(self, operation: str, status: int, seconds: float) -> None:
        """Count an answer."""
        outcome = "done" if status < 400 else "refused" if status < 500 else "failed"  # noqa: PLR2004 - HTTP's
        self._requests.labels(operation or "unknown", outcome).inc()
        self._seconds.observe(seconds)

    def event(self, name: str) -> None:
        """Count an event of the audit trail."""
        self._events.labels(name).inc()

    def step(self, step: str, seconds: float, *, failed: bool) -> None:
        """Count one call of a rotation function."""
        self._steps.labels(step, "failed" if failed else "done").observe(seconds)

    def retry(self) -> None:
        """Count a rotation that was claimed because its step had failed before."""
        self._retries.inc()


class CountingAudit:
    """`ports.Audit` that counts the rotator's events."""

    def __init__(self, audit: Audit, meter: Meter) -> None:
        """Pass everything on to this trail."""
        self._audit, self._meter = audit, meter

    def call(self, call: AuditedCall) -> None:
        """Append one call."""
        self._audit.call(call)

    def event(
        self, name: str, secret: Secret, version: VersionId | None, moment: datetime, error: str | None = None
    ) -> None:
        """Append one service event, and count it."""
        self._audit.event(name, secret, version, moment, error)
        self._meter.event(name)


class TimedFunctions(NamedTuple):
    """`ports.FunctionCaller` that takes the time."""

    functions: FunctionCaller
    meter: Meter
    clock: Any  # time.monotonic, or a test's

    def exists(self, function: str) -> bool:
        """Say whether a function of this ARN can be called."""
        return self.functions.exists(function)

    def traits(self, tx: Any, function: str) -> Traits:  # noqa: ANN401 - the store's transaction
        """Tell what is known of a function."""
        return self.functions.traits(tx, function)

    def call(self, step: StepCall) -> Mapping[str, Any] | None:
        """Run one step to its end. Raises FunctionFailed with a one-line reason."""
        started, failed = self.clock(), True
        try:
            told = self.functions.call(step)
            failed = False
            return told
        finally:
            self.meter.step(step.event["Step"], self.clock() - started, failed=failed)


def counted(drive: Drive, meter: Meter) -> Drive:
    """Give what drives a claimed rotation, and counts those whose step had failed before."""

    def counting(rotation: Rotation, may_go_on: Callable[[], bool], begun: Any) -> None:  # noqa: ANN401 - the runner's
        if rotation.failures or rotation.state is State.FAILED:
            meter.retry()
        drive(rotation, may_go_on, begun)

    return counting


class Standing:
    """A collector of what is read when asked."""

    def __init__(self, store: Store, clock: Clock, file: Path, folder: Path) -> None:
        """Read this store, its file, and the disk of this folder."""
        self._store, self._clock, self._file, self._folder = store, clock, file, folder

    def collect(self) -> Iterator[Any]:
        """Give each figure, in prometheus-client's form."""
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - see `_FOLDER`

        with self._store.read() as tx:
            due, paused = tx.rotations.overdue(), tx.fact(ROTATION_PAUSED) is not None
            overdue, failing = tx.history.count_overdue(), tx.webhooks.count_failing()
            taken_over, age = tx.history.count_taken_over(), self._age(tx)
        log = self._file.with_name(f"{self._file.name}-wal")
        size = sum(file.stat().st_size for file in (self._file, log) if file.exists())
        values = (due, overdue, taken_over, age, failing, int(paused), size, shutil.disk_usage(self._folder).free)
        for (name, told), value in zip(READ.items(), values, strict=False):
            yield GaugeMetricFamily(name, told, value=value)
        info = GaugeMetricFamily("detent_info", READ["detent_info"], labels=["version"])
        info.add_metric([__version__], 1)
        yield info

    def _age(self, tx: Tx) -> float:
        oldest = tx.history.oldest_credential()
        return 0.0 if oldest is None else (self._clock.now() - oldest).total_seconds()


@contextmanager
def counting(settings: Settings) -> Iterator[None]:
    """Keep the folder in which processes count, if anybody wants to know; for the parent, before it forks."""
    if not settings.metrics:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="detent-metrics-") as folder:
        os.environ[_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[_FOLDER]


def serve(listening: socket.socket, standing: Standing) -> None:
    """Serve `GET /metrics` in a thread of its own, as long as the process lasts."""
    from prometheus_client import CollectorRegistry, make_wsgi_app  # noqa: PLC0415 - see `_FOLDER`
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(standing)
    told = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start: Any) -> Any:  # noqa: ANN401 - WSGI's
        if (environ["REQUEST_METHOD"], environ["PATH_INFO"]) != ("GET", _PATH):
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"GET /metrics\n"]
        return told(environ, start)

    server = _Server(listening.getsockname()[:2], _Quiet, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.setup_environ()
    server.set_app(app)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    server_name, server_port = "detent", 0  # WSGI wants them; a name would be looked up


class _Quiet(WSGIRequestHandler):
    timeout = 10  # seconds for a request to arrive

    def log_message(self, *_: object) -> None:
        """Say nothing: the log is for what matters."""
