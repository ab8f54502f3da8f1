"""RabbitMQ, by the HTTP API of its management plug-in.

* A login is proven by whoami. Users without the tag ``management``, as applications are, are refused there, but only
  after their password was found right, and the server says which it was; it logs a warning of each. So they need no
  tag, and no port of AMQP need be known.
* The server gets a salted hash of a password. Its credential validators are asked of clear text only.
* Its own users are changed, not those of LDAP or OAuth 2. Who changes one, itself too, must be an ``administrator``.
* With rabbitmq_auth_backend_cache, AMQP takes a former password until what is cached of it has expired.
"""

from collections.abc import Mapping
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining
from detent.functions.engines.rabbitmq.session import MAKE_ADMINISTRATOR, RabbitmqSession
from detent.functions.httpapi import HttpApi
from detent.functions.tls import TLS_KEYS, tls_faults

_ADMIN: Final = ("rabbitmqctl add_user {admin}", MAKE_ADMINISTRATOR.format("{admin}"))  # the first asks for a password

FACTS: Final = Facts(
    names=("rabbitmq",),
    default_port=15671,
    run_against=("RabbitMQ 3.10",),
    example={
        "engine": "rabbitmq",
        "host": "queue.example.com",
        "port": 15671,
        "username": "app",
        "password": "…",
    },
    session=RabbitmqSession,
    keys={
        "port": "that of the management API: 15671 where it is missing, which speaks TLS; in plaintext mostly 15672",
        **TLS_KEYS,
        "ssl": "true: TLS, verified in full; false: none. Missing: verified in full, on loopback none",
    },
    privileges={
        "single-user": Privileges(own=(MAKE_ADMINISTRATOR.format("{user}"),), admin=_ADMIN),
        "alternating-users": Privileges(own=None, admin=_ADMIN),
    },
    open_connections=(
        "Connections of AMQP go on; the management API asks for the password at each request, and refuses the former."
    ),
    server_log="It gets salted SHA-256 hashes; that a user was changed is written down, and each login without a tag.",
)


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check the user's name and the keys of TLS."""
    found = ['"username" must not hold a colon: HTTP ends a user name there'] if _has_colon(value) else []
    return found + tls_faults(value)


def connect(login: Login, remaining: Remaining) -> RabbitmqSession:
    """Log in once, within the remaining time: ask who we are."""
    session = RabbitmqSession(HttpApi(login, remaining), login)
    try:
        session.prove()
    except BaseException:
        session.close()
        raise
    return session


def _has_colon(value: Mapping[str, Any]) -> bool:
    return any(isinstance(name, str) and ":" in name for name in (value.get("username"), *_pair(value)))


def _pair(value: Mapping[str, Any]) -> list[Any]:
    named = value.get("usernames")
    return named if isinstance(named, list) else []
