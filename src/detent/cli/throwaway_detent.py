"""`detent serve` to try things on: a process of its own on a temp data folder and a free port, gone at exit."""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, Self

from detent.cli.ending import end
from detent.cli.failure import CommandFailed

_READY: Final = "Detent serves on "
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 15.0


class ThrowawayDetent:
    """A context manager: the server runs inside. Raises CommandFailed on entry."""

    def __init__(self, *options: str) -> None:
        """Start nothing yet; the options are those of `detent serve`."""
        self._options = options
        self._folder = Path()
        self._process: subprocess.Popen[str] | None = None
        self.endpoint = ""

    @property
    def data(self) -> Path:
        """The data folder."""
        return self._folder / "data"

    def __enter__(self) -> Self:
        """Start the server and wait until it serves."""
        self._folder = Path(tempfile.mkdtemp(prefix="detent-demo-"))
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End it by its own process id, and remove what it kept."""
        if self._process is not None:
            end(self._process, signal.SIGTERM, seconds=_STOP_SECONDS)
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        log = self._folder / "log"
        command = [sys.executable, "-m", "detent.cli", "serve", "--port", "0", "--data", str(self.data)]
        command += self._options
        with log.open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=self._folder,
                env={name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DETENT_"))},
                process_group=0,  # a Ctrl-C in the terminal is for us, who then end the server
            )
        self.endpoint = _announced(self._process)
        if not self.endpoint:
            said = log.read_text(errors="replace").splitlines() or ["it said nothing"]
            raise CommandFailed(f"detent serve did not start: {said[-1]}")


def _announced(process: subprocess.Popen[str]) -> str:
    """Give the endpoint that the server announces; empty when it ends, or says nothing in time."""
    if process.stdout is None or not select.select([process.stdout], [], [], _START_SECONDS)[0]:
        return ""
    line = process.stdout.readline()
    return line.removeprefix(_READY).strip() if line.startswith(_READY) else ""
