"""Functions that run on this host."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from detent.model.errors import FunctionFailed
from detent.model.function import UserFunction
from detent.model.ports import Clock, Invocation, Invoked
from detent.runtime import commands, telling, unpacking
from detent.runtime.cells import Cell, Parts
from detent.runtime.certificates import bundle
from detent.runtime.confinement import Choice, Confinement
from detent.runtime.layering import Layers
from detent.runtime.limits import Limits
from detent.runtime.mounts import CERTIFICATES
from detent.runtime.pool import Pool
from detent.runtime.sandbox import NotTaken, Sandbox, Settings
from detent.runtime.unpacked import UnpackedCode

_NO_CERTIFICATES = (
    f"WARNING: {CERTIFICATES} is missing on this host, where AWS has its certificates, and cannot be put there"
    " without bwrap: a function that looks for it fails, or speaks without TLS. Install bubblewrap, or put one there."
)


class LocalRuntime:
    """`ports.FunctionRunner` for functions with code. Starts nothing, no thread either, before the first invocation."""

    def __init__(
        self,
        code: Callable[[UserFunction], bytes],
        folder: Path,
        server: str,
        clock: Clock,
        *,
        hidden: tuple[Path, ...] = (),
        confinement: Choice = "auto",
        certificates: Path | None = None,
        layer: Callable[[str], Path | None] = lambda _: None,
        limits: Limits | None = None,
    ) -> None:
        """Take what gives a function's zip, and where functions reach the server.

        `folder` is made; unpacked code lies there. `hidden`: what functions must not see wherever it lies, the data
        folder. `certificates`: the operator's, which the server's URL needs. `layer` finds a layer by its ARN.
        """
        self._clock, self._server, self._folder, self._operators = clock, server, folder, certificates
        self._limits = limits or Limits()
        self._code = UnpackedCode(folder / "code", code, self._limits)
        self._layers = Layers(folder / "layers", layer)
        self._confinement = Confinement(confinement, folder, hidden)
        self._pool = Pool(self._start, self._limits)
        self._starting = threading.Lock()
        self._bundle: Path | None = None
        self._starter: ThreadPoolExecutor | None = None

    def refusal(self, function: UserFunction) -> str | None:
        """Say in one line why this function cannot be run here, with the cure; None: it can."""
        return commands.refusal(function) or self._confinement.refusal()

    def warning(self, function: UserFunction) -> str | None:
        """Say what this function will miss here; None: nothing. It is also said in its log."""
        lacks = self.refusal(function) is None and not self._confinement.places_certificates
        return _NO_CERTIFICATES if lacks and not Path(CERTIFICATES).exists() else None

    def flaw(self, code: bytes) -> str | None:
        """Say in one line why a zip cannot be used, as far as its table of contents tells; None: it can."""
        return unpacking.flaw(code, self._limits)

    def invoke(self, invocation: Invocation) -> Invoked:
        """Run it to its end or its deadline. Raises FunctionFailed where it could not be run at all."""
        function = invocation.function
        refusal = self.refusal(function)
        if refusal is not None:
            raise FunctionFailed(refusal)
        latest = time.monotonic() + (invocation.deadline - self._clock.now()).total_seconds()
        given = invocation.credentials
        region = given.region if given is not None else function.key.region
        try:
            return self._run(invocation, region, latest)
        except commands.NoBootstrap:
            said = telling.without_bootstrap(invocation.request_id)
            return Invoked(telling.failure("Runtime.InvalidEntrypoint", said), telling.UNHANDLED, f"{said}\n")
        except (OSError, RuntimeError) as error:  # of this host, such as that it has no room for one more process
            raise FunctionFailed(f"The function {function.key.name} cannot be started: {error}") from None

    def _run(self, invocation: Invocation, region: str, latest: float) -> Invoked:
        while True:
            sandbox = self._pool.borrow(invocation, region, latest)
            try:
                return sandbox.run(invocation, latest)
            except NotTaken:  # it had ended while it was idle; the next one is another
                continue
            finally:
                self._pool.give_back(sandbox)

    def _start(self, invocation: Invocation, region: str) -> Sandbox:
        function = invocation.function
        opt = self._layers.of(function)
        parts = Parts(function.arn, self._code.of(function), opt, self._certificates(), self._limits.file_bytes)
        cell = self._confinement.cell(parts)
        started: Cell | Sandbox = cell
        try:
            command = commands.command(function, parts.code, opt, cell.world)
            settings = Settings(self._server, self._operators is not None, self._limits, self.warning(function) or "")
            started = sandbox = Sandbox(function, invocation.environment, region, cell, settings)
            self._thread().submit(sandbox.start, command).result()
        except BaseException:
            started.end()
            raise
        return sandbox

    def _thread(self) -> ThreadPoolExecutor:
        """Give the thread that starts processes: the kernel ends them when the thread that started them ends."""
        with self._starting:
            if self._starter is None:
                self._starter = ThreadPoolExecutor(1, "function starter")
            return self._starter

    def _certificates(self) -> Path | None:
        with self._starting:
            if self._bundle is None:
                self._bundle = bundle(self._folder, self._operators)
            return self._bundle

    def forget(self, function: UserFunction) -> None:
        """End what is kept warm of this function."""
        self._pool.forget(function.key)

    def close(self) -> None:
        """End everything that was started."""
        self._pool.close()
        if self._starter is not None:
            self._starter.shutdown()
