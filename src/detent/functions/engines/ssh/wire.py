"""One SSH connection that is logged in: each exchange within the time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any, Final

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.errors import EngineUnavailable

MODE: Final = "none (SSH, by the pinned host key)"
LATE: Final = "no answer in time: check the address, the port and firewalls"


class Refused(Exception):
    """The server's SFTP said no."""

    def __init__(self, said: str, *, is_missing: bool) -> None:
        super().__init__(said)
        self.is_missing = is_missing


class Wire:
    """A connection that is logged in. ``sftp`` is opened when it is first asked for."""

    def __init__(self, transport: Any, login: Login, remaining: Remaining) -> None:  # noqa: ANN401 - the driver is untyped
        self.transport = transport
        self.login = login
        self.remaining = remaining
        self._files: Any = None

    def ping(self) -> None:
        """Open a channel, as every command would, and close it."""
        self.asked(lambda: self.transport.open_session().close())

    def files(self, work: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - the driver is untyped
        """Do something by SFTP. Raises Refused, EngineUnavailable."""
        return self.asked(lambda: work(self._sftp()))

    def asked(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - the driver is untyped
        """Do something within the time. Raises Refused where the server says no, EngineUnavailable where it is gone."""
        import paramiko  # noqa: PLC0415 - an optional driver

        failure: Exception
        with within(self.transport, time_limit(self.remaining)) as late:
            try:
                return work()
            except (paramiko.SSHException, OSError, EOFError) as error:
                failure = self._failure(error, is_late=bool(late))
        raise failure

    def close(self) -> None:
        """End the connection."""
        self.transport.close()

    def _sftp(self) -> Any:  # noqa: ANN401 - the driver is untyped
        if self._files is None:
            from paramiko import SFTPClient  # noqa: PLC0415 - as above

            self._files = SFTPClient.from_transport(self.transport)
        return self._files

    def _failure(self, error: Exception, *, is_late: bool) -> Exception:
        if is_late:
            return EngineUnavailable(LATE, MODE)
        if not self.transport.is_active():
            return EngineUnavailable("the connection was lost", MODE)
        return Refused(str(error) or type(error).__name__, is_missing=isinstance(error, FileNotFoundError))


@contextmanager
def within(transport: Any, limit: float) -> Iterator[list[bool]]:  # noqa: ANN401 - the driver is untyped
    """End the connection when time is over: some of the driver's calls would wait for ever. Gives whether it was."""
    late: list[bool] = []

    def end() -> None:
        late.append(True)
        transport.close()

    timer = Timer(limit, end)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
