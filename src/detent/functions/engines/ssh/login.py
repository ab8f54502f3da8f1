"""Logging in at an sshd: the host is proven by its pinned key, then the user by its private key."""

import socket
from collections.abc import Mapping
from typing import Any, Final

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.engines.ssh.authorized_keys import blob_in, kind_of
from detent.functions.engines.ssh.pairs import NoKey, private_key
from detent.functions.engines.ssh.wire import LATE, MODE, Wire, within
from detent.functions.errors import EngineUnavailable, LoginRejected
from detent.functions.outbound import reachable_address

_LOST: Final = "the connection was lost before the login; with sshd's MaxAuthTries at 1, by a key that it does not take"
_STRANGER: Final = (
    'the host key is not the one that the secret pins: if the server really has a new one, put it into "host_key"; '
    "if not, somebody else answers there"
)
_RSA: Final = ("rsa-sha2-512", "rsa-sha2-256")  # OpenSSH: one kind of key, which signs in two ways


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


def _connected(address: str, port: int, limit: float) -> Any:  # noqa: ANN401 - the driver is untyped
    from paramiko import Transport  # noqa: PLC0415 - as above

    try:
        transport = Transport(socket.create_connection((address, port), limit))
    except ConnectionRefusedError:
        reason = "unreachable: nothing listens on that port"
    except TimeoutError:
        reason = LATE
    except OSError as error:
        reason = f"unreachable: {error.strerror}"
    else:
        transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = limit
        return transport
    raise EngineUnavailable(reason)


def _proven(transport: Any, login: Login, key: Any, limit: float) -> Exception | None:  # noqa: ANN401 - as above
    """Let the host prove itself, then the user. Gives why not: raised in here it would drag the driver's along."""
    import paramiko  # noqa: PLC0415 - as above

    pinned, options = _pinned(login.settings), transport.get_security_options()
    options.key_types = [way for way in options.key_types if way in _signing(pinned)]
    with within(transport, limit) as late:
        try:
            transport.start_client(timeout=limit)
            if not transport.initial_kex_done:
                return EngineUnavailable(LATE, MODE)
            if transport.get_remote_server_key().asbytes() not in pinned:
                return EngineUnavailable(_STRANGER, MODE)
            more = transport.auth_publickey(login.username, key)
        except (paramiko.SSHException, OSError, EOFError) as error:
            return _failure(error, transport, is_late=bool(late))
    return EngineUnavailable(f"the server asks for more than the key: {', '.join(more)}", MODE) if more else None


def _failure(error: Exception, transport: Any, *, is_late: bool) -> Exception:  # noqa: ANN401 - the driver is untyped
    import paramiko  # noqa: PLC0415 - as above

    if is_late or "timeout" in str(error).lower() or isinstance(error, TimeoutError):
        return EngineUnavailable(LATE, MODE)
    if isinstance(error, paramiko.BadAuthenticationType):
        return EngineUnavailable("the server takes no public keys of this user (PubkeyAuthentication)", MODE)
    if isinstance(error, paramiko.AuthenticationException) and transport.is_active():
        return LoginRejected("login refused: the server does not take this key of this user, or has no such user", MODE)
    if "no acceptable host key" in str(error).lower() or isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return EngineUnavailable(f"{_STRANGER} ({error})", MODE)
    if isinstance(error, EOFError | ConnectionError | paramiko.AuthenticationException) or not str(error):
        return EngineUnavailable(_LOST, MODE)
    return EngineUnavailable(f"no login; the driver said: {error}", MODE)


def _pinned(settings: Mapping[str, Any]) -> set[bytes]:
    named = settings["host_key"]
    found = (blob_in(line) for line in (named if isinstance(named, list) else [named]))
    return {blob for blob in found if blob}


def _signing(pinned: set[bytes]) -> set[str]:
    """Name what to ask the server for: it shows one host key, which must be of a kind that is pinned."""
    kinds = {kind_of(blob) for blob in pinned}
    return {*kinds, *_RSA} if "ssh-rsa" in kinds else kinds
