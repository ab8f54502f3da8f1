"""Logging in at one server.

redis-py brings the protocol only: its own ways to log in and to speak TLS send more commands than a restricted user
may run, and make a TLS context for each connection.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.engines.redis.failures import OPEN_DOOR, Refusal, not_reached, not_usable
from detent.functions.engines.redis.wire import Wire
from detent.functions.errors import EngineUnavailable, LoginRejected
from detent.functions.network import PLAIN, located
from detent.functions.passwords import Password
from detent.functions.tls import context_for


def logged_in(login: Login, remaining: Remaining) -> Wire:
    """Log in, one attempt. Raises LoginRejected, EngineUnavailable; that too where any password would do."""
    wire = _authenticated(login, remaining)
    if _asks_for_the_password(wire, remaining):
        return wire
    wire.close()
    raise EngineUnavailable(OPEN_DOOR, wire.mode)


def _authenticated(login: Login, remaining: Remaining) -> Wire:
    wire = _connected(login, remaining)
    try:
        wire.ask("AUTH", login.username, login.password.reveal())
    except Refusal as said:
        failure = not_usable(said, wire.mode)
    else:
        wire.is_proven = True
        return wire
    wire.close()
    raise failure


def _asks_for_the_password(wire: Wire, remaining: Remaining) -> bool:
    """Read the user's state; who may not read it is seen not to get in by a password that nobody knows."""
    try:
        user = wire.user(wire.login.username)
    except Refusal:
        stranger = replace(wire.login, password=Password(secrets.token_hex(16)))
    else:
        return user is None or "nopass" not in user.flags
    try:
        _authenticated(stranger, remaining).close()
    except LoginRejected:
        return True
    return False


def _connected(login: Login, remaining: Remaining) -> Wire:
    try:
        import redis  # noqa: PLC0415 - an optional driver
    except ImportError:
        raise EngineUnavailable("the driver redis is not installed: pip install 'detent[redis]'") from None
    wait = time_limit(remaining)
    address, mode = located(login, wait)
    try:
        connection: Any = redis.Connection(  # type: ignore[no-untyped-call]
            host=address,
            port=login.port,
            socket_timeout=wait,
            socket_connect_timeout=wait,
            protocol=2,
            redis_connect_func=_securing(login, mode),  # in place of redis-py's own greeting
        )
        connection.connect()
    except (redis.RedisError, OSError) as error:
        failure = not_reached(error, mode)
    else:
        return Wire(connection, address, login, mode, remaining)
    raise failure


def _securing(login: Login, mode: str) -> Callable[[Any], None]:
    context = None if mode == PLAIN else context_for(login.settings, mode)

    def secure(connection: Any) -> None:  # noqa: ANN401 - half typed
        if context is not None:
            connection._sock = context.wrap_socket(connection._sock, server_hostname=login.host)  # noqa: SLF001
        connection._parser.on_connect(connection)  # noqa: SLF001 - as redis-py's own greeting does first of all

    return secure
