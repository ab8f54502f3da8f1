"""Any service whose HTTP API issues keys: a file of the operator's describes it, and the secret names that file.

* Whoever may write a secret chooses no more than one of the descriptions, a host that it admits, and texts that are put
  into it quoted. What is asked, and of which hosts, stands in the operator's files alone (``description``).
* HTTPS, verified by ``tls``; ``"ssl": false`` is plain HTTP, on loopback only. No proxy is used and no redirect
  followed.
* A key carries its mark in its own name, given in the request that makes it: so one whose answer was lost is found.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining, time_limit
from detent.functions.engines.http.description import FOLDER, described, is_name
from detent.functions.engines.http.exchange import Exchange
from detent.functions.engines.http.session import HttpSession
from detent.functions.errors import EngineUnavailable
from detent.functions.outbound import is_loopback, reachable_address
from detent.functions.tls import TLS_KEYS, tls_faults, tls_mode

FACTS: Final = Facts(
    names=("http",),
    default_port=443,
    run_against=("forge 1, a service of the tests",),
    example={
        "engine": "http",
        "service": "forge",
        "host": "forge.example.com",
        "username": "ci",
        "key_id": "7",
        "api_key": "…",
    },
    session=HttpSession,
    keys={
        "service": f"the description that is followed: SERVICE.toml in the folder that {FOLDER} names",
        "key_id": "what the service calls the key",
        "api_key": "the key",
        **TLS_KEYS,
        "ssl": "false: plain HTTP, to loopback only; else HTTPS, verified in full",
    },
    privileges={
        "issued-keys": Privileges(
            own=("let {user} list, issue and revoke its own keys",),
            admin=("let {admin} list, issue and revoke the keys of {user}",),
        ),
    },
    open_connections="None stay open: every request carries the key, and a revoked key's are refused.",
    server_log="What the service writes down is its own; the key travels in headers and bodies, never in a path.",
    password_key="api_key",
    key_id="key_id",
    settle_seconds=30,
)

_PLAIN: Final = "disable"
_TEXT: Final = re.compile(r"(?!\.{1,2}$)[^\x00-\x1f\x7f]{1,256}")  # a path's dots would lead out of it


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check what would be put into a request. The description is read when it is needed."""
    found = []
    if not is_name(value.get("service")):
        found.append('"service" must name a description: lower-case letters, digits, - and _')
    odd = [key for key in ("username", "key_id") if not _TEXT.fullmatch(str(value.get(key, "x")))]
    found += [f'"{key}" must be no more than 256 characters, and none that controls' for key in odd]
    return found + tls_faults(value)


def connect(login: Login, remaining: Remaining) -> HttpSession:
    """Log in once, within the remaining time: by the request of the description's [test]."""
    description = described(login.settings["service"])
    description.require_host(login.host, login.port)
    mode = tls_mode(login.settings, loopback=False)
    address = reachable_address(login.host, login.port, time_limit(remaining))
    if mode == _PLAIN and not is_loopback(address):
        raise EngineUnavailable('plain HTTP is spoken to loopback only: take "ssl": false out of the secret', mode)
    session = HttpSession(Exchange(address, login, mode, remaining), description, login)
    try:
        session.prove()
    except BaseException:
        session.close()
        raise
    return session
