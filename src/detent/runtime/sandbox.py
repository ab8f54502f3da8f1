"""One warm process of one function, and the API that it talks to."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from detent.model.function import UserFunction
from detent.model.ports import Invocation, Invoked
from detent.runtime import telling
from detent.runtime.cells import Cell, Job
from detent.runtime.endpoint import CREDENTIALS, Endpoint
from detent.runtime.environment import Doors, environment
from detent.runtime.exchange import Answer, Event, Exchange, Outcome
from detent.runtime.limits import MIB, Limits
from detent.runtime.output import Output
from detent.runtime.processes import allow_processor_time, most_memory


@dataclass(frozen=True, slots=True)
class Settings:
    """What all sandboxes have in common."""

    server: str  # the server's URL
    own_certificates: bool
    limits: Limits
    warning: str = ""  # said at the start of each process


class NotTaken(Exception):
    """The process had ended before it took the event: another may be asked the same."""


class Sandbox:
    """Runs one invocation at a time."""

    def __init__(
        self, function: UserFunction, own: Mapping[str, str], region: str, cell: Cell, settings: Settings
    ) -> None:
        """Own the cell."""
        self.function, self.region = function, region
        self._cell, self._settings, self._limits = cell, settings, settings.limits
        self._process: int | None = None
        self._exchange = Exchange(self._allow)
        self._endpoint = Endpoint(self._exchange, cell.holds, self._limits.payload_bytes)
        self._environment = environment(function, own, cell.world, self._doors(), region)
        self._started: float | None = None
        self._output: Output | None = None
        self._ending = threading.Lock()
        self._ended = False
        self.retired = False  # to be ended after what it runs now
        self.idle_since = time.monotonic()

    def _doors(self) -> Doors:
        address = self._endpoint.address
        credentials = f"http://{address}{CREDENTIALS}"
        settings = self._settings
        return Doors(address, credentials, self._endpoint.token, settings.server, settings.own_certificates)

    def start(self, command: list[str]) -> None:
        """Start the process. Only from a thread that lives as long as the process shall."""
        job = Job(command, self._environment, _limits(self.function, self._limits), self._endpoint.token)
        self._started = time.monotonic()
        self._output = Output(self._cell.start(job), self._limits.log_bytes)
        threading.Thread(target=self._watch, name="function end", daemon=True).start()

    def _watch(self) -> None:
        self._exchange.exited(self._cell.wait())

    def _allow(self, seconds: float) -> None:
        self._process = self._process or self._cell.process()
        if self._process:
            allow_processor_time(self._process, seconds)

    def run(self, call: Invocation, latest: float) -> Invoked:
        """Run one invocation until `latest` by the monotonic clock. Raises NotTaken only where it is not the first."""
        first, self._started = self._started, None
        timeout = self.function.timeout.total_seconds()
        event = Event(call.request_id, call.payload, self.function.arn, timeout, latest, call.credentials)
        begun = time.monotonic()
        outcome = self._exchange.ask(event, begun + max(self._limits.init_seconds, timeout))
        if first is None and outcome.taken is None and outcome.exited is not None:
            self.end()
            raise NotTaken
        answer, said = self._judged(event, outcome, begun)
        most = most_memory(self._process) if self._process else 0
        if answer.ends:
            self.end()
        log = self._log(event, said, self._settings.warning if first else "")
        spent = outcome.ended - (outcome.taken or begun)
        start_seconds = outcome.taken - first if outcome.taken and first else None
        log += telling.ended(event.request_id, spent, self.function.memory, most, start_seconds)
        return Invoked(answer.payload, telling.UNHANDLED if answer.failed else None, log)

    def _log(self, event: Event, said: str, warning: str) -> str:
        printed = self._output.cut() if self._output else ""
        lines = [telling.started(event.request_id), warning, printed, said]
        return "".join(line if line.endswith("\n") or not line else f"{line}\n" for line in lines)

    def _judged(self, event: Event, outcome: Outcome, begun: float) -> tuple[Answer, str]:
        """Give what the caller gets, and what the log says of it besides the function's own words."""
        if outcome.answer is not None:
            return outcome.answer, ""
        if outcome.exited is not None:
            said = telling.exited(event.request_id, outcome.exited)
            return Answer(telling.failure("Runtime.ExitError", said), failed=True, ends=True), said
        allowed = outcome.ended - (outcome.taken or begun)
        said = telling.timed_out(event.request_id, allowed)
        return Answer(telling.told(said), failed=True, ends=True), said

    @property
    def ended(self) -> bool:
        """Say whether it can run nothing more."""
        return self._ended or self._exchange.has_ended

    def end(self) -> None:
        """End the process and all that it has started."""
        with self._ending:
            if not self._ended:
                self._ended = True
                self._endpoint.close()
                self._cell.end()


def _limits(function: UserFunction, limits: Limits) -> dict[str, tuple[int, int | None]]:
    """Give the limits by the names of the module `resource`."""
    memory = function.memory * MIB
    given: dict[str, tuple[int, int | None]] = {
        "RLIMIT_DATA": (memory + limits.memory_room, memory + limits.memory_room),
        "RLIMIT_FSIZE": (limits.file_bytes, limits.file_bytes),
        "RLIMIT_NPROC": (limits.processes, limits.processes),
        "RLIMIT_NOFILE": (limits.open_files, limits.open_files),
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_CPU": (int(limits.init_seconds) + 1, None),  # until the first event
    }
    if function.runtime.startswith("python"):  # others reserve far more than they use
        given["RLIMIT_AS"] = (memory + limits.address_room, memory + limits.address_room)
    return given
