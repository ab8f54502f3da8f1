"""One SSH connection: the host proven by its pinned key, the user by its private key, each exchange within the time."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Timer
from typing import Any, Final

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.engines.ssh.authorized_keys import blob_in, kind_of
from detent.functions.engines.ssh.pairs import NoKey, private_key
from detent.functions.errors import EngineUnavailable, LoginRejected
from detent.functions.outbound import reachable_address

MODE: Final = "none (SSH, by the pinned host key)"
_LATE: Final = "no answer in time: check the address, the port and firewalls"
_RSA: Final = ("rsa-sha2-512", "rsa-sha2-256")  # OpenSSH: one kind of key, which signs in two ways


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
        with _within(self.transport, time_limit(self.remaining)) as late:
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
            return EngineUnavailable(_LATE, MODE)
        if not self.transport.is_active():
            return EngineUnavailable("the connection was lost", MODE)
        return Refused(str(error) or type(error).__name__, is_missing=isinstance(error, FileNotFoundError))


def logged_in(login: Login, remaining: Remaining) -> Wire:
    """Log in, one attempt. Raises LoginRejected, EngineUnavailable."""
    key = _own_key(login)
    address = reachable_address(login.host, login.port, time_limit(remaining))
    limit = time_limit(remaining)
    transport = _connected(address, login.port, limit)
    try:
        failure = _proven(transport, login, key, limit)
    except BaseException:
        transport.close()
        raise
    if failure:
        transport.close()
        raise failure
    return Wire(transport, login, remaining)


def _own_key(login: Login) -> Any:  # noqa: ANN401 - the driver is untyped
    """Read the login's key. By its name the key in use is spared, so one that is named wrongly is no login."""
    try:
        key = private_key(login.password)
    except NoKey as error:
        reason = str(error)
    else:
        if key.fingerprint == login.settings["fingerprint"]:
            return key
        reason = f'"private_key" is {key.fingerprint}, which "fingerprint" does not say'
    raise LoginRejected(f"login refused: {reason}", MODE)


@contextmanager
def _within(transport: Any, limit: float) -> Iterator[list[bool]]:  # noqa: ANN401 - the driver is untyped
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


def _connected(address: str, port: int, limit: float) -> Any:  # noqa: ANN401 - the driver is untyped
    from paramiko import Transport  # noqa: PLC0415 - as above

    try:
        transport = Transport(socket.create_connection((address, port), limit))
    except ConnectionRefusedError:
        reason = "unreachable: nothing listens on that port"
    except TimeoutError:
        reason = _LATE
    except OSError as error:
        reason = f"unreachable: {error.strerror}"
    else:
        transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = limit
        return transport
    raise EngineUnavailable(reason)


def _proven(transport: Any, login: Login, key: Any, limit: float) -> Exception | None:  # noqa: ANN401 - as above
    """Let the host prove itself, then the user. Gives why not: raised in here it would drag the driver's along."""
    import paramiko  # noqa: PLC0415 - as above

    pinned = _pinned(login.settings)
    transport.get_security_options().key_types = _signing(pinned)
    with _within(transport, limit) as late:
        try:
            transport.start_client(timeout=limit)
            if transport.initial_kex_done and transport.get_remote_server_key().asbytes() not in pinned:
                return EngineUnavailable(_STRANGER, MODE)
            more = transport.auth_publickey(login.username, key)
        except (paramiko.SSHException, OSError, EOFError) as error:
            return _failure(error, transport, is_late=bool(late))
    return EngineUnavailable(f"the server asks for more than the key: {', '.join(more)}", MODE) if more else None


_STRANGER: Final = (
    'the host key is not the one that the secret pins: if the server really has a new one, put it into "host_key"; '
    "if not, somebody else answers there"
)


def _failure(error: Exception, transport: Any, *, is_late: bool) -> Exception:  # noqa: ANN401 - the driver is untyped
    import paramiko  # noqa: PLC0415 - as above

    if is_late or "timeout" in str(error).lower() or isinstance(error, TimeoutError):
        return EngineUnavailable(_LATE, MODE)
    if isinstance(error, paramiko.BadAuthenticationType):
        return EngineUnavailable("the server takes no public keys of this user (PubkeyAuthentication)", MODE)
    if isinstance(error, paramiko.AuthenticationException) and transport.is_active():
        return LoginRejected("login refused: the server does not take this key of this user, or has no such user", MODE)
    if "no acceptable host key" in str(error).lower() or isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return EngineUnavailable(f"{_STRANGER} ({error})", MODE)
    if isinstance(error, EOFError | ConnectionError) or not str(error):
        return EngineUnavailable("the connection was lost before the login", MODE)
    return EngineUnavailable(f"no login; the driver said: {error}", MODE)


def _pinned(settings: Mapping[str, Any]) -> set[bytes]:
    named = settings["host_key"]
    found = (blob_in(line) for line in (named if isinstance(named, list) else [named]))
    return {blob for blob in found if blob}


def _signing(pinned: set[bytes]) -> tuple[str, ...]:
    """Name what to ask the server for: it shows one host key, which must be of a kind that is pinned."""
    kinds = dict.fromkeys(kind_of(blob) for blob in sorted(pinned))
    return tuple(way for kind in kinds for way in (_RSA if kind == "ssh-rsa" else (kind,)))
