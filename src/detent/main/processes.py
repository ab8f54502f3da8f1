"""One command, several processes: API workers and a rotator, forked from a parent that only watches them.

The parent holds no store and no thread, so that a fork is safe at any time. A child that dies is replaced; children
whose parent dies end by themselves.
"""

import gc
import logging
import multiprocessing
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from types import FrameType

from detent.crypto.keyset import Keyset
from detent.main import metrics
from detent.main.folder import Folder
from detent.main.house import House, Runners
from detent.main.http import work
from detent.main.runners import runners
from detent.main.settings import CannotStart, Settings

_STOP_SECONDS = 75  # for children, above all a rotation step; then they are killed, and the lease runs out
_RESTART_PAUSE = 0.2
_LOOK_SECONDS = 0.2
_TOLD = (signal.SIGTERM, signal.SIGINT)
_fork = multiprocessing.get_context("fork")


def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `announce` is told the endpoint once it answers. Raises CannotStart."""
    os.umask(0o077)
    _check_certificates(settings)
    listening = _listen((settings.host, settings.port))
    watched = None if settings.metrics_address is None else _listen(settings.metrics_address)
    folder = Folder(settings.data)
    keyset = folder.open()
    port = listening.getsockname()[1]
    house = House(settings, keyset)
    folder.initialise(house.server, house.store)
    house.close()
    folder.write_config(settings, port)
    with metrics.counting(settings):
        family = Family(settings, keyset, listening, runners(settings, port), watched)
        family.run(lambda: announce(settings.endpoint(port)))


def _check_certificates(settings: Settings) -> None:
    """Load what the workers and functions will load: they would end at once, again and again."""
    if settings.tls_cert is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key, "")
        except OSError as error:  # ssl's errors too
            raise CannotStart(
                f"cannot use the certificate {settings.tls_cert} with the key {settings.tls_key}: {error.strerror}"
            ) from None
    if settings.ca_bundle is not None:
        try:
            ssl.create_default_context(cafile=settings.ca_bundle)
        except OSError as error:
            raise CannotStart(f"cannot use the CA bundle {settings.ca_bundle}: {error.strerror or error}") from None


def _listen(address: tuple[str, int]) -> socket.socket:
    """Bind before anything is started, so that a port in use is one line and nothing else."""
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise CannotStart(f"cannot listen on {host}:{port}: {error.strerror}") from None
    listening.listen(2048)
    return listening


@dataclass
class Family:
    """The parent's view: which children there should be, and which there are."""

    settings: Settings
    keyset: Keyset
    listening: socket.socket
    runners: Runners
    watched: socket.socket | None = None  # where metrics are served
    stopping: bool = False
    _children: dict[str, BaseProcess] = field(default_factory=dict)
    _alive: tuple[int, int] = field(default_factory=os.pipe)  # children read it; it ends with the parent
    _commits: int = field(default_factory=lambda: os.eventfd(0, os.EFD_NONBLOCK))  # rises with each worker's commits
    _ready: tuple[int, int] = field(default_factory=os.pipe)  # a worker writes to it once it serves

    def run(self, ready: Callable[[], None]) -> None:
        """Start the children, replace those that die, end them when told to stop."""
        gc.freeze()
        for told in _TOLD:
            signal.signal(told, self._stop)
        try:
            for name in (*(f"worker-{number}" for number in range(self.settings.workers)), "rotator"):
                self._start(name)
            self._watch(ready)
        finally:
            self._end()

    def _watch(self, ready: Callable[[], None]) -> None:
        while not self.stopping and not wait([self._ready[0]], timeout=_LOOK_SECONDS):
            self._replace_dead()
        if not self.stopping:
            ready()
        while not self.stopping:
            wait([child.sentinel for child in self._children.values()], timeout=_LOOK_SECONDS)
            self._replace_dead()

    def _start(self, name: str) -> None:
        """Fork a child; it hears no signal before it has a handler of its own, so that none meets the parent's."""
        child = _fork.Process(target=self._child, args=(name,), name=name)
        signal.pthread_sigmask(signal.SIG_BLOCK, _TOLD)
        try:
            child.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _TOLD)
        self._children[name] = child

    def _replace_dead(self) -> None:
        for name, child in list(self._children.items()):
            if child.exitcode is not None and not self.stopping:
                logging.getLogger(__name__).warning("%s ended with %s and is started again", name, child.exitcode)
                time.sleep(_RESTART_PAUSE)
                self._start(name)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def _end(self) -> None:
        self.listening.close()
        for child in self._children.values():
            child.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for child in self._children.values():
            child.join(max(0.0, deadline - time.monotonic()))
            if child.exitcode is None:
                child.kill()
                child.join()

    def _child(self, name: str) -> None:
        """Run as a child; whichever it is, it ends when the parent's end of the pipe closes."""
        for told in _TOLD:
            signal.signal(told, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _TOLD)
        os.close(self._alive[1])
        threading.Thread(target=_end_with_parent, args=(self._alive[0],), daemon=True).start()
        meter = None if self.watched is None else metrics.Counters()
        if name == "rotator":
            self.listening.close()
            # Its own commits, many a rotation, need not wake it.
            house = House(self.settings, self.keyset, meter=meter, runners=self.runners)
            if self.watched is not None:
                metrics.serve(self.watched, house.standing())
            run = partial(_rotate, house, self._wait_for_commit, self._say_committed)
        else:
            house = House(self.settings, self.keyset, committed=self._say_committed, meter=meter, runners=self.runners)
            run = partial(work, house, self.listening, self._ready[1])
        try:
            run()
        finally:
            house.close()

    def _say_committed(self) -> None:
        with suppress(BlockingIOError):  # it cannot rise any more: the rotator will look anyhow
            os.eventfd_write(self._commits, 1)

    def _wait_for_commit(self, seconds: float) -> None:
        if wait([self._commits], timeout=seconds):
            with suppress(BlockingIOError):
                os.eventfd_read(self._commits)


def _end_with_parent(descriptor: int) -> None:
    os.read(descriptor, 1)  # nothing is ever written: it returns when the parent has gone
    os.kill(os.getpid(), signal.SIGTERM)


def _rotate(house: House, wait: Callable[[float], None], wake: Callable[[], None]) -> None:
    scheduler = house.scheduler(wait, wake)
    for told in _TOLD:
        signal.signal(told, lambda _number, _frame: scheduler.stopping.set())
    sweeping = threading.Thread(target=house.sweeper().run, args=(scheduler.stopping,), name="sweeper", daemon=True)
    sweeping.start()
    events = house.events()
    handling = [] if events is None else events.start(scheduler.stopping)
    handling += house.deliveries().start(scheduler.stopping)
    scheduler.run()
    house.end_functions()  # a step was waited for; an event is handled again by whoever comes next
    for thread in (sweeping, *handling):
        thread.join()
